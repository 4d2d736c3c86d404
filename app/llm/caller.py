"""Asks a model: the profiles of a route one after the other, until one gives an answer that can be used."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from app.limits.limits import CallLimits
from app.llm import cascade
from app.llm.attempts import Attempts
from app.llm.cache import ResponseCache
from app.llm.capabilities import MODES, Capabilities
from app.llm.cascade import Around, Turn
from app.llm.conversation import Conversation, Judged
from app.llm.errors import LLMDisabled, LLMError
from app.llm.health import Circuits
from app.llm.request import Patience, Reply, Request
from app.llm.spending import Spent
from app.llm.types import Backend, BackendName, Mode, Profile
from app.settings import Settings
from app.usage.budget import BudgetExceeded
from app.usage.prices import PriceBook
from app.usage.recorder import UsageRecorder

LOW_CONFIDENCE = "low_confidence"


class LLMCaller:
    """The only place that calls a model."""

    def __init__(
        self,
        settings: Settings,
        backends: Mapping[BackendName, Backend],
        recorder: UsageRecorder,
        patience: Patience | None = None,
        *,
        limits: CallLimits | None = None,
        circuits: Circuits | None = None,
        cache: ResponseCache | None = None,
        capabilities: Capabilities | None = None,
        prices: PriceBook | None = None,
    ) -> None:
        """With no limits given, nothing is limited: for backends that cost and load nothing.

        Without circuits every server is asked however often it failed; without a cache nothing is given
        again; without capabilities every model is asked in the usual modes; without a price book
        profiles and the price list say what an answer costs.
        """
        self._settings = settings
        self._recorder = recorder
        self._attempts = Attempts(
            settings, backends, recorder, patience or Patience(), limits, circuits, prices
        )
        self._cache = cache
        self._capabilities = capabilities

    async def ask(self, request: Request) -> Reply:
        """Ask until the answer is valid and accepted, at most `reasks` times again on each profile.

        Every attempt has its own ledger row. A profile that fails is followed by the next of the
        cascade that is for that outcome. Raises the last `LLMError`: `InvalidAnswer` when no answer
        was valid; `BudgetExceeded` when a budget allows no more; `LimitWaitExceeded` when the limits let
        no attempt start.
        """
        if self._settings.llm_disabled:
            raise LLMDisabled("model calls are switched off (WORKBENCH_LLM_DISABLED)")
        spent = Spent()
        around = Around(self._settings.vram_gb, await self._attempts.prices())
        turn = cascade.first(request, around)
        while True:
            try:
                judged = await (await self._conversation(request, turn, spent)).outcome()
            except (LLMError, BudgetExceeded) as error:
                following = cascade.after(request, turn, cascade.reason_of(error), around)
                if following is None:
                    if isinstance(error, LLMError) and spent.calls:
                        error.tokens = spent.tokens  # of all its answers: the last one alone is no bill
                    raise
            else:
                following = _unsure(request, turn, judged, around)
                if following is None:
                    return _reply(turn, judged, spent)
            turn = following

    async def _conversation(self, request: Request, turn: Turn, spent: Spent) -> Conversation:
        return Conversation(
            request=request,
            turn=turn,
            modes=await self._modes(turn.profile),
            attempts=self._attempts,
            recorder=self._recorder,
            cache=self._cache,
            spent=spent,
        )

    async def _modes(self, profile: Profile) -> tuple[Mode, ...]:
        """Best first: as the model was probed, or the usual ones."""
        if self._capabilities is None:
            return MODES
        return await self._capabilities.modes(profile.backend, profile.model, profile.think)

    async def is_paid(self, profile: Profile) -> bool:
        """Whether an answer costs money, by the prices of today."""
        return Around(prices=await self._attempts.prices()).is_paid(profile)

    async def forget(self, pipeline_id: UUID, phase: str) -> None:
        """A gate behind it failed: what the phase was answered is not given again to anybody."""
        if self._cache is not None:
            await self._cache.evict_of(pipeline_id, phase)


def _unsure(request: Request, turn: Turn, judged: Judged, around: Around) -> Turn | None:
    """Who is asked instead when the model itself is not sure enough; None: the answer stands."""
    wanted = request.cascade.min_confidence
    confidence = judged.data.get("confidence") if isinstance(judged.data, dict) else None
    if wanted is None or not isinstance(confidence, int | float) or confidence >= wanted:
        return None
    return cascade.after(request, turn, LOW_CONFIDENCE, around)


def _reply(turn: Turn, judged: Judged, spent: Spent) -> Reply:
    return Reply(
        data=judged.data,
        model=judged.received.answer.model,
        tokens=spent.tokens,
        cost_usd=spent.cost_usd,
        calls=spent.calls,
        profile=turn.profile.name,
        reason=turn.reason,
    )
