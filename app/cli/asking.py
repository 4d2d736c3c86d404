"""Carries out `ask`: the result alone on stdout, all that is said about it on stderr."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

from app.cli.backends import hint_for
from app.cli.opening import read_settings, with_services
from app.cli.output import line, print_json, safe, say, stderr
from app.errors import WorkbenchError
from app.llm.errors import LLMError
from app.pipelines.attachments import Attachment
from app.pipelines.question import Prepared, Question, Result
from app.services import Services

HINTS = {
    "missing_key": "get a key at https://platform.claude.com, then: export WORKBENCH_ANTHROPIC_API_KEY=...; "
    "or ask a free model: --local",
    "out_of_credit": "add credit to the account of the key, or ask a free model: --local",
}
"""Where the usual hint names options that `ask` has not."""


def ask(question: Question, *, as_json: bool) -> None:
    async def act(services: Services) -> tuple[Prepared, Result]:
        prepared = await services.asker.prepare(question)
        _tell_before(prepared)
        return prepared, await _wait(services, prepared)

    prepared, result = with_services(read_settings(), act)
    _tell_after(result)
    if as_json:
        print_json(_as_json(prepared, result))
        return
    text = safe(result.text) if sys.stdout.isatty() else result.text  # a pipe gets every byte
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


async def _wait(services: Services, prepared: Prepared) -> Result:
    console, profile = stderr(), prepared.request.profile
    waiting = console.status(line(f"{profile.model} is at work")) if console.is_terminal else nullcontext()
    try:
        with waiting:
            return await services.asker.ask(prepared)
    except LLMError as error:
        _add_hint(error, profile.backend, services)
        raise


def _add_hint(error: WorkbenchError, backend: str, services: Services) -> None:
    if hint := HINTS.get(error.code) or hint_for(error, backend, services.settings):
        error.details.setdefault("hint", hint)


def _tell_before(prepared: Prepared) -> None:
    console, profile, selection = stderr(), prepared.request.profile, prepared.selection
    given = len(selection.kept) + len(selection.left_out)
    files = f" with {len(selection.kept)} of {given} files" if given else ""
    say(console, f"asking {profile.name} ({profile.model}){files}, about {prepared.tokens:,} tokens")
    for attachment in selection.left_out:
        say(console, ("left out ", "yellow"), f"{attachment.name}: about {attachment.tokens:,} tokens")


def _tell_after(result: Result) -> None:
    console, reply = stderr(), result.reply
    for assumption in result.assumptions:
        say(console, ("assumed ", "dim"), assumption)
    cost = "of unknown price" if reply.cost_usd is None else f"${reply.cost_usd:.4f}"
    calls = "" if reply.calls == 1 else f", {reply.calls} calls"
    tokens = reply.tokens
    say(console, f"{reply.model}: {tokens.total_input:,} tokens in, {tokens.output:,} out, {cost}{calls}")


def _as_json(prepared: Prepared, result: Result) -> dict[str, Any]:
    reply, profile = result.reply, prepared.request.profile
    return {
        "result": result.text,
        "assumptions": list(result.assumptions),
        "model": reply.model,
        "profile": profile.name,
        "backend": profile.backend,
        "route": prepared.request.route,
        "files": [attachment.name for attachment in prepared.selection.kept],
        "left_out": [_left_out(attachment) for attachment in prepared.selection.left_out],
        "usage": {
            "calls": reply.calls,
            **asdict(reply.tokens),
            "cost_usd": None if reply.cost_usd is None else float(reply.cost_usd),
        },
    }


def _left_out(attachment: Attachment) -> dict[str, Any]:
    return {"name": attachment.name, "tokens": attachment.tokens}
