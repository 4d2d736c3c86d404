"""`workbench ask`: the result alone on stdout, all else on stderr, nothing sent that must not be."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.e2e.cli.answers import cassette
from tests.e2e.cli.command import Done, InProcess, Process, Workbench
from tests.stub.server import Request, Stub
from tests.stub.shapes import Shape

TASK = "Say hello"
RESULT = "Hello\n\tworld — ça va?"
LAST = """
    SELECT role, phase, backend, outcome, pipeline_id FROM pipeline_prompt_usage ORDER BY id DESC LIMIT 1
"""
RECORDED = ("--local", "--profile", "recorded")


@pytest.fixture
def recording(tmp_path: Path) -> dict[str, str]:
    """What the recorded backend answers to the task."""
    answer = {"definition": "ask", "phase": "ask", "json": {"answer": RESULT}}
    return {"WORKBENCH_CASSETTE": cassette(tmp_path / "ask.jsonl", TASK, answer)}


def last_call(surroundings: dict[str, str]) -> tuple[Any, ...]:
    with psycopg.connect(surroundings["WORKBENCH_DATABASE_URL"]) as connection:
        return connection.execute(LAST).fetchone() or ()


def texts(request: Request) -> str:
    return json.dumps(request.body, ensure_ascii=False)


async def over_the_wire(
    process: Process, protocol: str, answer: object, *arguments: str, stdin: str = "", **environment: str
) -> tuple[Done, Stub]:
    address = {"ollama": "WORKBENCH_OLLAMA_HOST", "anthropic": "WORKBENCH_ANTHROPIC_BASE_URL"}[protocol]
    scenario = answer if isinstance(answer, str) else Shape(text=json.dumps(answer))
    async with Stub(protocol, scenario) as stub:
        reached = {address: stub.url, "WORKBENCH_ANTHROPIC_API_KEY": "sk-test"} | environment
        done = await asyncio.to_thread(process, "ask", *arguments, stdin=stdin, **reached)
    return done, stub


def test_the_result_stands_alone_on_stdout(
    workbench: Workbench, recording: dict[str, str], surroundings: dict[str, str]
) -> None:
    done = workbench("ask", *RECORDED, TASK, **recording)
    assert (done.code, done.out) == (0, f"{RESULT}\n")
    assert "asking recorded" in done.err
    assert "$0.0000" in done.err
    assert last_call(surroundings) == ("ask", "ask", "recorded", "ok", None)


def test_json_has_the_result_and_what_it_took(workbench: Workbench, recording: dict[str, str]) -> None:
    done = workbench("ask", *RECORDED, TASK, "--json", **recording)
    assert done.json["result"] == RESULT
    assert (done.json["profile"], done.json["usage"]["calls"]) == ("recorded", 1)
    assert (done.json["files"], done.json["left_out"]) == ([], [])


async def test_a_local_question_goes_to_the_profile_of_the_setting_with_files_and_stdin(
    process: Process, tmp_path: Path
) -> None:
    note = tmp_path / "note.txt"
    note.write_text("the number is 42")
    done, stub = await over_the_wire(
        process, "ollama", {"answer": "42"}, "--local", TASK, str(note), "-",
        stdin="from a pipe", WORKBENCH_OLLAMA_PROFILE="fast",
    )  # fmt: skip
    assert (done.code, done.out) == (0, "42\n"), done.err
    assert "asking ollama-fast" in done.err
    (sent,) = stub.requests
    assert "the number is 42" in texts(sent)
    assert "from a pipe" in texts(sent)


async def test_what_does_not_fit_a_local_model_is_left_out_and_listed(
    process: Process, tmp_path: Path
) -> None:
    small, large = tmp_path / "small.txt", tmp_path / "large.txt"
    small.write_text("tiny fact")
    large.write_text("huge fact " * 20_000)
    done, stub = await over_the_wire(
        process, "ollama", {"answer": "ok"}, "--local", TASK, str(large), str(small)
    )
    assert (done.code, done.out) == (0, "ok\n"), done.err
    assert f"left out {large}: about 57," in done.err
    assert "with 1 of 2 files" in done.err
    (sent,) = stub.requests
    assert "tiny fact" in texts(sent)
    assert "huge fact" not in texts(sent)


async def test_a_budget_leaves_less_room(process: Process, tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text(name * 50)
    files = [str(tmp_path / name) for name in ("one.txt", "two.txt")]
    done, _ = await over_the_wire(
        process, "ollama", {"answer": "ok"}, "--local", "--budget-tokens", "150", TASK, *files
    )
    assert done.code == 0, done.err
    assert "with 1 of 2 files" in done.err


async def test_the_api_gets_everything_or_nothing(process: Process, tmp_path: Path) -> None:
    middle, huge = tmp_path / "middle.txt", tmp_path / "huge.txt"
    middle.write_text("some fact " * 20_000)
    huge.write_text("x" * 5_000_000)
    done, stub = await over_the_wire(process, "anthropic", {"answer": "ok"}, "--api", TASK, str(middle))
    assert (done.code, done.out) == (0, "ok\n"), done.err
    assert "asking claude" in done.err
    assert texts(stub.requests[0]).count("some fact") == 20_000
    done, stub = await over_the_wire(
        process, "anthropic", {"answer": "ok"}, "--api", TASK, str(middle), str(huge)
    )
    assert (done.code, done.out) == (1, "")
    assert "nothing was sent" in done.err
    assert str(huge) in done.err
    assert stub.requests == []


async def test_code_comes_without_a_fence_and_assumptions_on_stderr(process: Process) -> None:
    answer = {"language": "python", "code": "```python\nprint(1)\n```", "assumptions": ["One is enough."]}
    done, _ = await over_the_wire(process, "ollama", answer, "--local", "--code", TASK)
    assert (done.code, done.out) == (0, "print(1)\n"), done.err
    assert "One is enough." in done.err


async def test_an_answer_of_another_shape_is_asked_again_and_then_a_typed_failure(process: Process) -> None:
    done, stub = await over_the_wire(process, "ollama", {"reply": "?"}, "--local", TASK)
    assert (done.code, done.out) == (1, "")
    assert "no valid row:reply" in done.err
    assert len(stub.requests) > 1
    assert "Traceback" not in done.err


def test_a_server_that_is_down_is_said_with_what_to_start(process: Process) -> None:
    done = process("ask", "--local", TASK)
    assert (done.code, done.out) == (1, "")
    assert "ollama serve" in done.err


def test_without_a_key_the_way_out_is_one_that_ask_has(workbench: Workbench) -> None:
    done = workbench("ask", "--api", TASK)
    assert (done.code, done.out) == (1, "")
    assert "or ask a free model: --local" in done.err


def test_the_kill_switch_holds(workbench: Workbench, recording: dict[str, str]) -> None:
    done = workbench("ask", *RECORDED, TASK, WORKBENCH_LLM_DISABLED="true", **recording)
    assert (done.code, done.out) == (1, "")
    assert "switched off" in done.err


def test_a_paid_profile_is_not_local(workbench: Workbench) -> None:
    done = workbench("ask", "--local", "--profile", "claude", TASK)
    assert done.code == 1
    assert "use --api" in done.err


def test_a_file_that_is_no_text_or_not_there_is_refused_by_name(workbench: Workbench, tmp_path: Path) -> None:
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\x00")
    for name, why in (("picture.png", "no UTF-8 text"), ("gone.txt", "No such file"), ("", "directory")):
        done = workbench("ask", *RECORDED, TASK, str(tmp_path / name))
        assert (done.code, done.out) == (1, "")
        assert str(tmp_path / name) in done.err
        assert why in done.err


def test_a_file_with_keys_is_refused_unless_it_is_named_as_one(
    workbench: Workbench, recording: dict[str, str], tmp_path: Path
) -> None:
    secret, alias = tmp_path / ".env", tmp_path / "notes.txt"
    secret.write_text("TOKEN=1234")
    alias.symlink_to(secret)
    for path in (secret, alias):
        done = workbench("ask", *RECORDED, TASK, str(path), **recording)
        assert (done.code, done.out) == (1, "")
        assert f"--include-secret {path}" in done.err
        assert "1234" not in done.err
    assert workbench("ask", *RECORDED, f"@{secret}", **recording).code == 1
    done = workbench("ask", *RECORDED, TASK, "--include-secret", str(secret), "--json", **recording)
    assert done.json["files"] == [str(secret)]


@pytest.mark.parametrize(
    "arguments",
    [("--local", "--api", TASK), ("--task", "code", "--profile", "claude", TASK), ("-", "-"), ()],
)
def test_wrong_usage_ends_with_2(workbench: InProcess, arguments: tuple[str, ...]) -> None:
    assert workbench("ask", *arguments).code == 2


def test_an_unknown_kind_of_work_names_those_there_are(workbench: Workbench) -> None:
    done = workbench("ask", "--task", "poetry", TASK)
    assert done.code == 1
    assert "there are: " in done.err
    assert "review" in done.err
