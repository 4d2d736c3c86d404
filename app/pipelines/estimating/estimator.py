"""`Estimator`: renders the prompts of an epic and reckons what their answers will take."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from app.artifacts.registry import artifact_name
from app.db import Database
from app.pipelines import history
from app.pipelines.estimating.estimate import Estimate, PhaseEstimate, Range
from app.pipelines.estimating.past import Answers, Past, past_of
from app.pipelines.phases.inputs import SAMPLE
from app.pipelines.phases.kind import JSON, PhaseContext
from app.pipelines.phases.request import question_of
from app.pipelines.project import ProjectSpec
from app.pipelines.service import PipelineService, check_epic
from app.pipelines.snapshot import PhaseSpec, ProfilePin, Snapshot
from app.rendering.errors import TemplateError
from app.rendering.renderer import Renderer
from app.usage.estimate import estimate_tokens
from app.usage.prices import PriceBook, Prices
from app.usage.tokens import Tokens

NO_RUN = UUID(int=0)


@dataclass(frozen=True)
class _Question:
    """One prompt as it would be sent."""

    spec: PhaseSpec
    profile: ProfilePin
    tokens: int
    is_rendered: bool


class Estimator:
    """Asks git and the ledger, never a model."""

    def __init__(
        self,
        database: Database,
        pipelines: PipelineService,
        renderer: Renderer,
        book: PriceBook,
        state_dir: Path,
    ) -> None:
        self._database = database
        self._pipelines = pipelines
        self._renderer = renderer
        self._book = book
        self._state_dir = state_dir

    async def estimate(
        self,
        epic_description: str,
        *,
        definition: str | None = None,
        project: str | None = None,
        profile: str | None = None,
    ) -> Estimate:
        """What a run with these would take. Raises what creating it would raise."""
        epic = check_epic(epic_description)
        pinned = await self._pipelines.pin(definition, project, profile)
        snapshot = pinned.snapshot
        async with self._database.transaction() as session:
            past = await past_of(session, snapshot.definition)
        spec = await self._project(pinned.project_id)
        questions = [
            await self._question(_context(epic, snapshot, one, spec, pinned.base_commit), one, one.profile)
            for one in snapshot.phases
            if one.kind == "llm" and one.profile is not None
        ]
        prices = await self._book.current()
        return Estimate(
            epic=epic,
            definition=snapshot.definition,
            project=spec.name if spec else None,
            base_commit=pinned.base_commit,
            phases=tuple(_phases(snapshot, questions, past, prices)),
            runs=past.runs,
            reworks=past.reworks,
            reworks_high=past.reworks_p90 if _reworked(snapshot) else 0.0,
        )

    async def _project(self, project_id: int | None) -> ProjectSpec | None:
        if project_id is None:
            return None
        async with self._database.connection() as connection:
            return await history.project(connection, project_id)

    async def _question(self, context: PhaseContext, spec: PhaseSpec, profile: ProfilePin) -> _Question:
        schema = json.dumps(spec.output.json_schema) if spec.output else ""  # sent beside the prompt
        try:
            request = (await question_of(context, self._renderer, self._state_dir)).request
        except TemplateError:
            prompt = spec.prompt
            texts = (prompt.system, prompt.task) if prompt else ()
            size = sum(map(estimate_tokens, (schema, schema, context.epic_description, *texts)))
            return _Question(spec, profile, size + spec.limits.context_tokens, is_rendered=False)
        tokens = sum(map(estimate_tokens, (schema, request.system, request.task)))
        return _Question(spec, profile, tokens, is_rendered=True)


def _context(
    epic: str, snapshot: Snapshot, spec: PhaseSpec, project: ProjectSpec | None, base_commit: str | None
) -> PhaseContext:
    """As the phase will find it, with small examples in place of the artifacts that are not made yet."""
    artifacts: Mapping[str, JSON] = SAMPLE["previous_artifacts"]
    named = {artifact_name(name) for name in spec.inputs}
    return PhaseContext(
        pipeline_id=NO_RUN,
        phase_run_id=0,
        fence=0,
        epic_description=epic,
        snapshot=snapshot,
        spec=spec,
        round=0,
        project=project,
        base_commit=base_commit,
        artifacts={name: body for name, body in artifacts.items() if name in named},
        issues=(),
        progress=_nobody,
    )


async def _nobody(kind: str, data: JSON) -> None:
    """No run whose events anybody reads."""


def _phases(
    snapshot: Snapshot, questions: list[_Question], past: Past, prices: Prices
) -> Iterator[PhaseEstimate]:
    """Each prompt quotes the answers of the phases before it that it reads."""
    reworked = _reworked(snapshot)
    answers = {one.spec.name: past.of(one.spec.name, _most(one)) for one in questions}
    made_by = {one.spec.artifact: one.spec.name for one in questions}
    for one in questions:
        quoted = [made_by.get(artifact_name(name)) for name in one.spec.inputs]
        input_ = one.tokens + round(sum(answers[name].median for name in quoted if name is not None))
        rounds = Range(100, 100, 100)
        if one.spec.name in reworked:
            rounds = Range(100, round(100 * (1 + past.reworks)), round(100 * (1 + past.reworks_p90)))
        yield _phase(one, input_, answers[one.spec.name], rounds, prices)


def _phase(
    one: _Question, input_: int, answer: Answers, percent: Range[int], prices: Prices
) -> PhaseEstimate:
    """`percent`: rounds, in hundredths."""
    asked = round(input_ * answer.calls)
    low = _taken(input_, answer.median, 100)
    expected = _taken(asked, answer.median, percent.expected)
    high = _taken(asked, answer.p90, percent.high)
    return PhaseEstimate(
        phase=one.spec.name,
        profile=one.profile.name,
        model=one.profile.model,
        input_tokens=input_,
        is_rendered=one.is_rendered,
        output_tokens=Range(round(answer.median), round(answer.median), round(answer.p90)),
        tokens=Range(low.total, expected.total, high.total),
        usd=_usd(one.profile, prices, low, expected, high),
        samples=answer.samples,
        escalated=answer.escalated,
    )


def _taken(input_: int, output: float, percent: int) -> Tokens:
    return Tokens(input=round(input_ * percent / 100), output=round(output * percent / 100))


def _usd(
    profile: ProfilePin, prices: Prices, low: Tokens, expected: Tokens, high: Tokens
) -> Range[Decimal] | None:
    at = datetime.now(UTC)

    def cost(tokens: Tokens, *, at_most: bool) -> Decimal | None:
        reckon = prices.cost_at_most if at_most else prices.cost
        own = profile.price_usd_per_mtok
        return reckon(tokens, backend=profile.backend, model=profile.model, prices=own, at=at).usd

    found = (cost(low, at_most=False), cost(expected, at_most=False), cost(high, at_most=True))
    if found[0] is None or found[1] is None or found[2] is None:
        return None
    return Range(found[0], found[1], found[2])


def _most(one: _Question) -> int:
    most = one.profile.max_output_tokens
    return min(one.spec.limits.max_output_tokens or most, most)


def _reworked(snapshot: Snapshot) -> frozenset[str]:
    """The phases that run again when work is sent back: from where it goes to who may send it."""
    again: set[str] = set()
    for number, spec in enumerate(snapshot.phases):
        if spec.on_reject is not None:
            again |= {other.name for other in snapshot.phases[snapshot.index(spec.on_reject) : number + 1]}
    return frozenset(again)
