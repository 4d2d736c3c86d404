"""Which backends there are, and when they come to life."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from app.errors import NotFound
from app.llm.backends import create_backends, pick
from app.llm.errors import UnknownRecording
from app.llm.types import Call, Message, Profile
from app.settings import ROOT, Settings

CALL = Call(Profile("p", "recorded", "m"), "", [Message("user", "?")], "s", {})


def test_there_are_four_backends_and_no_key_is_needed_to_make_them() -> None:
    backends = create_backends(Settings(_env_file=None))
    assert sorted(backends) == ["anthropic", "ollama", "openai", "recorded"]
    assert all(backends[name].name == name for name in backends)


def test_an_unknown_name_is_answered_with_those_that_exist() -> None:
    backends = create_backends(Settings(_env_file=None))
    assert pick(backends, "ollama") is backends["ollama"]
    with pytest.raises(NotFound, match="there are: anthropic, ollama, openai, recorded"):
        pick(backends, "gpt")


def test_no_sdk_is_imported_before_a_backend_is_used() -> None:
    code = (
        "import sys; from app.llm.backends import create_backends; from app.settings import Settings;"
        "create_backends(Settings(_env_file=None));"
        "print({'anthropic', 'openai', 'ollama', 'httpx', 'httpx2'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


async def test_calls_that_come_together_make_a_backend_once(tmp_path: Path) -> None:
    backend = create_backends(Settings(_env_file=None, cassette=tmp_path / "none"))["recorded"]
    results = await asyncio.gather(*(backend.answer(CALL) for _ in range(3)), return_exceptions=True)
    assert {type(result) for result in results} == {UnknownRecording}
    await backend.close()
    await backend.close()


def test_another_package_adds_a_backend_and_can_not_replace_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    package = tmp_path / "guest-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: guest\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text(
        "[workbench.backends]\nguest = guest:make\nollama = guest:make\n"
    )
    (tmp_path / "guest.py").write_text(
        "class Guest:\n    name = 'guest'\n    async def models(self): return ['theirs']\n"
        "    async def close(self): pass\n"
        "def make(settings): return Guest()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    backends = create_backends(Settings(_env_file=None))
    assert asyncio.run(pick(backends, "guest").models()) == ["theirs"]
    assert len(backends) == 5
    assert "ignored: the name is taken" in caplog.text
