"""One question to a model without a run: which profile answers, what goes with it, and its bill."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from app.db import Database
from app.errors import Invalid, TooLarge
from app.llm.caller import LLMCaller
from app.llm.request import NotAccepted, Request
from app.llm.types import JSON, CallKey, Profile
from app.pipelines.attachments import Selection, select
from app.pipelines.configuration import ConfigurationLoader
from app.pipelines.definition import Definition
from app.pipelines.phases.request import repair_of
from app.pipelines.question import PROMPTS, Form, Prepared, Question, Result, Where
from app.pipelines.router import Router
from app.pipelines.snapshot import Policy, Snapshot
from app.rendering.filling import MAX_OUTPUT_BYTES
from app.rendering.renderer import Renderer
from app.settings import Settings
from app.usage.estimate import estimate_tokens, tokens_of_bytes

NAME = "ask"
"""The definition and the phase that recordings and the ledger know such a question by."""
API_PROFILE = "claude"
BY_KEYWORDS = "auto"
"""In place of a route: the words of the task choose it."""
SPARE_TOKENS = 256
"""For what a server puts around the messages."""
MOST_TOKENS = tokens_of_bytes(MAX_OUTPUT_BYTES) - SPARE_TOKENS
"""A rendered prompt is no longer than this."""
_FENCED = re.compile(r"\s*(```+|~~~+)[^\n`]*\n(?P<code>.*?)\n?\1\s*", re.DOTALL)


class Asker:
    """Prompts, schemas, profiles and routes are rows, read anew for each question."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        loader: ConfigurationLoader,
        caller: LLMCaller,
        renderer: Renderer,
        router: Router,
    ) -> None:
        self._router = router
        self._settings = settings
        self._database = database
        self._loader = loader
        self._caller = caller
        self._renderer = renderer

    async def prepare(self, question: Question) -> Prepared:
        """Sends nothing. Raises `TooLarge` when it does not fit, `Invalid` for a profile of another kind."""
        if not question.task.strip():
            raise Invalid("the task is empty", place="task")
        async with self._database.transaction() as session:
            profile, route = await self._choice(session, question)
            snapshot = await self._loader.pin(
                session, _definition(question.form, route), profile, _policy(self._settings)
            )
        chosen, full = await self._profile(snapshot, question.where)
        request = await self._request(snapshot, chosen, question)
        room = _room(request, question.budget_tokens)
        selection = select(question.attachments, question.task, room)
        _check(selection, chosen, room, full=full)
        context = [attachment.as_json() for attachment in selection.kept]
        return Prepared(
            replace(request, task=await self._task(snapshot, question.task, context)),
            selection,
            question.form,
        )

    async def ask(self, prepared: Prepared) -> Result:
        """One row of the ledger for each attempt. Raises `LLMError`."""
        reply = await self._caller.ask(prepared.request)
        text = reply.data[PROMPTS[prepared.form][2]]
        if prepared.form is Form.CODE:
            text = unfenced(text)
        return Result(text, tuple(reply.data.get("assumptions", ())), reply)

    async def _choice(self, session: AsyncSession, question: Question) -> tuple[str | None, str | None]:
        """Names of the profile and the route: one of them leads to the model."""
        if question.profile is not None:
            return question.profile, None
        match question.where:
            case Where.API:
                return API_PROFILE, None
            case Where.LOCAL:
                return f"ollama-{self._settings.ollama_profile}", None
            case Where.ROUTE:
                named = None if question.route == BY_KEYWORDS else question.route
                return None, (await self._router.choose(session, question.task, named)).name

    async def _profile(self, snapshot: Snapshot, where: Where) -> tuple[Profile, bool]:
        """Who answers, with its deadline; and whether all that was given has to go."""
        pin = snapshot.phases[0].profile
        if pin is None:
            raise Invalid("no profile answers", place="profile")
        profile = pin.profile()
        is_paid = await self._caller.is_paid(profile)
        if where is Where.LOCAL and is_paid:
            raise Invalid(
                f"the profile {profile.name} costs money, so it is not local: use --api, or another profile",
                place="profile",
            )
        full = where is Where.API or (where is Where.ROUTE and is_paid)
        deadline = self._settings.api_timeout_s if full else self._settings.local_timeout_s
        return replace(profile, timeout_s=profile.timeout_s or deadline), full

    async def _request(self, snapshot: Snapshot, profile: Profile, question: Question) -> Request:
        spec = snapshot.phases[0]
        if spec.prompt is None or spec.output is None:
            raise Invalid("the question has no prompt or no schema", place="role")
        schema = spec.output.contract()
        names = {
            "schema": json.dumps(schema.json_schema(), separators=(",", ":"), ensure_ascii=False),
            "schema_name": schema.name,
        }
        result = PROMPTS[question.form][2]

        async def accept(body: JSON) -> None:
            if not body[result].strip():
                raise NotAccepted([f"{result}: it is empty"])

        return Request(
            profile=profile,
            role=spec.prompt.role,
            system=await self._renderer.render(spec.prompt.system, names, name=f"{NAME}.system"),
            task=await self._task(snapshot, question.task, []),
            schema=schema,
            key=CallKey(epic=question.task, definition=NAME, phase=NAME),
            prompt_digest=spec.prompt.digest,
            prompt_version=spec.prompt.version,
            repair=repair_of(self._renderer, snapshot.repair, schema.name),
            accept=accept,
            route=spec.route.name if spec.route else None,
            cascade=snapshot.cascade(spec),
        )

    async def _task(self, snapshot: Snapshot, task: str, context: JSON) -> str:
        prompt = snapshot.phases[0].prompt
        return await self._renderer.render(
            prompt.task if prompt else "", {"task": task, "context": context}, name=f"{NAME}.task"
        )


def unfenced(code: str) -> str:
    """The code without a Markdown fence around all of it."""
    found = _FENCED.fullmatch(code)
    return code if found is None else found["code"]


def _definition(form: Form, route: str | None) -> Definition:
    """One phase, so that it is pinned as a run's would be."""
    role, schema, _ = PROMPTS[form]
    phase = {"name": NAME, "kind": "llm", "role": role, "schema": schema, "route": route or NAME}
    return Definition.model_validate({"name": NAME, "description": "One question", "phases": [phase]})


def _policy(settings: Settings) -> Policy:
    return Policy(escalate_to_paid=settings.escalate_to_paid, fall_back_to_local=settings.fall_back_to_local)


def _room(request: Request, budget: int | None) -> int:
    """Tokens for attachments. Raises `TooLarge` when the task alone is too much."""
    profile = request.profile
    texts = (request.system, request.task, json.dumps(request.schema.json_schema()))
    own = sum(estimate_tokens(text) for text in texts) + SPARE_TOKENS
    room = min(profile.context_tokens - profile.max_output_tokens, MOST_TOKENS) - own
    if room < 0:
        raise TooLarge(
            f"the task alone takes about {own:,} tokens; the profile {profile.name} has "
            f"{profile.context_tokens:,} for the prompt and an answer of {profile.max_output_tokens:,}",
            place="task",
        )
    return room if budget is None else min(room, budget)


def _check(selection: Selection, profile: Profile, room: int, *, full: bool) -> None:
    if not selection.left_out or (selection.kept and not full):
        return
    sizes = ", ".join(f"{one.name} ({one.tokens:,})" for one in selection.left_out[:10])
    total = selection.tokens + sum(one.tokens for one in selection.left_out)
    if full:
        raise TooLarge(
            f"what was given takes about {total:,} tokens, and the profile {profile.name} has room for "
            f"{room:,}; nothing was sent. What does not fit: {sizes}",
            place="files",
        )
    raise TooLarge(
        f"none of the files fits into the {room:,} tokens that the profile {profile.name} has room for: "
        f"{sizes}; give smaller parts, or use --api",
        place="files",
    )
