"""Cassettes: how they are read, replayed and written."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.errors import Invalid
from app.llm.backends.recorded import DRIFTED, RecordedBackend
from app.llm.cassette import Cassette, Recording
from app.llm.digest import question_digest, request_digest
from app.llm.errors import RateLimited, Refused, Truncated, UnknownRecording
from app.llm.types import Answer, Backend, Call, CallKey, Message, Profile
from app.settings import ROOT
from app.usage.estimate import estimate_tokens
from app.usage.tokens import Tokens
from tests.stub import Stub, entries

HEADER = {"cassette": 1, "epics": ["Add health check endpoint"], "source": "written by hand"}
ENTRY = {"definition": "software", "phase": "pm", "json": {"title": "Health"}}


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def call(epic: str = "Add health check endpoint", **key: Any) -> Call:
    place = CallKey(epic=epic, **{"definition": "software", "phase": "pm"} | key)
    return Call(
        Profile("demo", "recorded", "any"),
        "Plan.",
        [Message("user", epic)],
        "epic",
        {"type": "object"},
        place,
    )


@pytest.fixture
def tape(tmp_path: Path) -> Path:
    return tmp_path / "cassette.jsonl"


async def answer(path: Path, asked: Call) -> Answer:
    return await RecordedBackend(path).answer(asked)


async def test_a_recorded_answer_is_replayed_whatever_the_case_and_spaces_of_the_epic(tape: Path) -> None:
    write(tape, HEADER, "", ENTRY)
    found = await answer(tape, call("  add HEALTH check\nendpoint "))
    assert (json.loads(found.text), found.model) == ({"title": "Health"}, "recorded")


async def test_item_round_and_step_choose_the_answer(tape: Path) -> None:
    write(tape, HEADER, ENTRY, *({**ENTRY, name: 1, "json": {"by": name}} for name in ("round", "step")),
          {**ENTRY, "item": "a", "json": {"by": "item"}})  # fmt: skip
    for key in ({"round": 1}, {"step": 1}, {"item": "a"}):
        assert json.loads((await answer(tape, call(**key))).text) == {"by": next(iter(key))}


async def test_an_unknown_epic_is_answered_with_those_that_are_known(tape: Path) -> None:
    write(tape, HEADER, ENTRY, {"cassette": 1, "epics": ["Another"]}, ENTRY)
    with pytest.raises(UnknownRecording, match="'Add health check endpoint'; 'Another'"):
        await answer(tape, call("Build a rocket"))


async def test_a_missing_call_of_a_known_epic_is_named(tape: Path) -> None:
    write(tape, HEADER, ENTRY)
    with pytest.raises(UnknownRecording, match=r"phase 'qa' of 'software', item 'x', round 2, step 0"):
        await answer(tape, call(phase="qa", item="x", round=2))


async def test_entries_belong_to_the_epics_of_the_header_above_them(tape: Path) -> None:
    write(
        tape,
        {**HEADER, "epics": ["One", "Two"]},
        ENTRY,
        {**HEADER, "epics": ["Three"]},
        {**ENTRY, "json": {"n": 3}},
    )
    assert [json.loads((await answer(tape, call(epic))).text) for epic in ("one", "two", "three")] == [
        {"title": "Health"}, {"title": "Health"}, {"n": 3},
    ]  # fmt: skip


async def test_recorded_counts_are_replayed_and_missing_ones_estimated(tape: Path) -> None:
    write(tape, HEADER, {**ENTRY, "tokens": {"input": 5, "output": 7}}, {**ENTRY, "step": 1})
    assert (await answer(tape, call())).tokens == Tokens(input=5, output=7)
    found = await answer(tape, call(step=1))
    assert found.tokens.output == estimate_tokens(found.text)
    assert found.tokens.input == estimate_tokens("Plan.") + estimate_tokens("Add health check endpoint")


@pytest.mark.parametrize(("stop", "kind"), [("length", Truncated), ("refusal", Refused)])
async def test_a_recorded_failure_fails_again_with_its_bill(
    tape: Path, stop: str, kind: type[Truncated]
) -> None:
    write(tape, HEADER, {"definition": "software", "phase": "pm", "stop": stop, "tokens": {"output": 9}})
    with pytest.raises(kind) as caught:
        await answer(tape, call())
    assert caught.value.tokens == Tokens(output=9)


async def test_drift_is_reported_and_never_a_failure(tape: Path) -> None:
    write(tape, HEADER, {**ENTRY, "request_digest": question_digest(call())})
    assert (await answer(tape, call())).weakened == ()
    changed = replace(call(), system="Plan better.")
    assert (await answer(tape, changed)).weakened == (DRIFTED,)


async def test_a_changed_file_is_read_again(tape: Path) -> None:
    backend = RecordedBackend(write(tape, HEADER, ENTRY))
    assert json.loads((await backend.answer(call())).text) == {"title": "Health"}
    write(tape, HEADER, {**ENTRY, "json": {"title": "Health, twice"}})
    assert json.loads((await backend.answer(call())).text) == {"title": "Health, twice"}
    assert await backend.models() == ["recorded"]
    await backend.close()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "line 1 column 2"),
        ('{"definition": "a", "definition": "b"}', "twice"),
        ('{"phase": "pm", "json": {}}', "definition: Field required"),
        ('{"definition": "a", "phase": "b"}', "exactly one of json and text"),
        ('{"definition": "a", "phase": "b", "text": "", "json": {}}', "exactly one of json and text"),
        ('{"definition": "a", "phase": "b", "json": {}, "stopp": "end"}', "stopp"),
        ('{"cassette": 2, "epics": ["a"]}', "cassette"),
        ('{"cassette": 1, "epics": []}', "epics"),
        ("7", "line 2"),
    ],
)
async def test_a_bad_line_is_named_by_its_number(tape: Path, line: str, reason: str) -> None:
    write(tape, HEADER, line)
    with pytest.raises(UnknownRecording, match="line 2") as caught:
        await answer(tape, call())
    assert reason in caught.value.message


def test_an_entry_before_the_first_header_is_refused() -> None:
    with pytest.raises(Invalid, match="line 1: an entry before the first header"):
        Cassette([json.dumps(ENTRY)])


async def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(UnknownRecording, match="WORKBENCH_CASSETTE"):
        await answer(tmp_path / "none.jsonl", call())


class Scripted:
    """A backend that gives what it is told to, in order."""

    name = "ollama"

    def __init__(self, *results: str | Exception) -> None:
        self._results = list(results)

    async def answer(self, call: Call) -> Answer:
        match self._results.pop(0):
            case str(text):
                return Answer(text, Tokens(input=3, output=4), "tiny")
            case error:
                raise error

    async def models(self) -> list[str]:
        return ["tiny"]

    async def version(self) -> str:
        return ""

    async def close(self) -> None:
        self.closed = True


async def test_what_any_backend_answers_is_recorded_and_replayed(tape: Path) -> None:
    scripted = Scripted('{"a": "ü"}', "prose", Truncated("cut", tokens=Tokens(output=9)), Refused("no"))
    backend: Backend = Recording(scripted, tape)  # type: ignore[arg-type]
    first, second = await backend.answer(call()), await backend.answer(call(step=1))
    for step, kind in ((2, Truncated), (3, Refused)):
        with pytest.raises(kind):
            await backend.answer(call(step=step))
        with pytest.raises(kind):
            await answer(tape, call(step=step))
    assert await answer(tape, call()) == first
    assert await answer(tape, call(step=1)) == second
    assert lines(tape)[0]["epics"] == [call().key.epic]
    assert sum("cassette" in line for line in lines(tape)) == 1


async def test_an_answer_that_never_came_is_not_recorded(tape: Path) -> None:
    with pytest.raises(RateLimited):
        await Recording(Scripted(RateLimited("slow down")), tape).answer(call())  # type: ignore[arg-type]
    assert lines(tape) == []


async def test_each_epic_gets_its_section_though_two_recorders_share_the_file(tape: Path) -> None:
    recorders = [Recording(Scripted(*['{"n": 1}'] * 3), tape) for _ in range(2)]  # type: ignore[arg-type]
    calls = [(recorders[n % 2], call(f"Epic {n % 3}", step=n)) for n in range(6)]
    await asyncio.gather(*(recorder.answer(asked) for recorder, asked in calls))
    for _, asked in calls:
        assert (await answer(tape, asked)).text == '{"n": 1}'
    assert await recorders[0].models() == ["tiny"]
    await recorders[0].close()


async def test_a_cassette_is_also_a_script_for_a_server(tape: Path) -> None:
    write(tape, HEADER, ENTRY, {**ENTRY, "phase": "qa", "text": "no", "json": None, "tokens": {"input": 2}})
    assert [shape.text for shape in entries(tape)] == ['{"title": "Health"}', "no"]
    async with Stub("ollama", script=entries(tape)) as stub:
        assert stub.url.startswith("http://127.0.0.1:")


def test_the_question_is_the_same_for_every_model_and_the_request_is_not() -> None:
    other = replace(call(), profile=Profile("demo", "ollama", "tiny", temperature=0.5))
    assert question_digest(call()) == question_digest(other)
    assert request_digest(call()) != request_digest(other)
    assert request_digest(call()) == request_digest(call())


def test_the_shipped_cassette_is_sound() -> None:
    path = ROOT / "seeds" / "demo" / "cassette.jsonl"
    if os.path.exists(path):
        assert Cassette(path.read_text().split("\n"), path.name).epics
