"""The stub as a command: a whole run can be played through the wire."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from app.llm.backends import create_backends
from app.llm.errors import RequestRefused
from app.llm.types import Call, Message, Profile
from app.settings import ROOT, Settings

LINES = [
    {"cassette": 1, "epics": ["Any"]},
    {"definition": "software", "phase": "pm", "json": {"n": 1}, "tokens": {"input": 11, "output": 5}},
    {"definition": "software", "phase": "qa", "json": {"n": 2}},
]


async def test_a_cassette_is_served_in_the_order_of_its_file_until_sigterm(tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.stub", "--protocol", "openai", "--script", str(script),
        "--seconds", "60", cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert server.stdout is not None
    url = (await server.stdout.readline()).decode().strip()
    backend = create_backends(Settings(_env_file=None, openai_base_url=url))["openai"]
    call = Call(Profile("p", "openai", "tiny"), "", [Message("user", "?")], "s", {"type": "object"})
    answers = [await backend.answer(call) for _ in range(2)]
    assert [json.loads(answer.text) for answer in answers] == [{"n": 1}, {"n": 2}]
    assert answers[0].tokens.output == 5
    with pytest.raises(RequestRefused):
        await backend.answer(call)
    await backend.close()
    server.send_signal(signal.SIGTERM)
    assert await server.wait() == 0
