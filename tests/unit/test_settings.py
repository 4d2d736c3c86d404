"""Where settings come from, and what is said of names that no setting has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app import settings
from app.settings import unknown_names

LOOK = """
import json
from app.settings import Settings, unknown_names
found = Settings()
print(json.dumps([found.anthropic_base_url, found.ollama_host, unknown_names()]))
"""


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("WORKBENCH_")]:
        monkeypatch.delenv(name)


def look(folder: Path, **files: str) -> list[object]:
    """Addresses and warnings in a checkout of its own; `checkout` and `current` are the two .env files."""
    for name in ("checkout", "current"):
        (folder / name / "app").mkdir(parents=True)
        if name in files:
            (folder / name / ".env").write_text(files[name])
    for name in ("__init__.py", "settings.py"):  # a whole package, so that no other checkout's comes first
        shutil.copy(Path(settings.__file__).with_name(name), folder / "checkout" / "app")
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOOK],
        cwd=folder / "current",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(folder / "checkout")},
        check=True,
        capture_output=True,
    )
    found: list[object] = json.loads(done.stdout)
    return found


def test_an_env_file_in_the_current_folder_can_not_redirect_a_key(tmp_path: Path) -> None:
    theirs = "WORKBENCH_ANTHROPIC_BASE_URL=http://evil.invalid\nWORKBENCH_NOISE=1\n"
    assert look(tmp_path, current=theirs)[0] == "https://api.anthropic.com"
    assert look(tmp_path / "again", current=theirs)[2] == []


def test_the_env_file_of_the_checkout_is_read_and_its_typing_errors_are_named(tmp_path: Path) -> None:
    ours = "WORKBENCH_OLLAMA_HOST=http://127.0.0.1:7\nWORKBENCH_PROT=1\n"
    _, host, warnings = look(tmp_path, checkout=ours)
    assert host == "http://127.0.0.1:7"
    assert warnings == ["unknown setting WORKBENCH_PROT is ignored; did you mean WORKBENCH_PORT?"]


def test_the_environment_wins_over_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("WORKBENCH_PORT=1\n")
    monkeypatch.setenv("WORKBENCH_PORT", "2")
    assert settings.Settings(_env_file=tmp_path / ".env").port == 2


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("WORKBENCH_OLAMA_HOST", "; did you mean WORKBENCH_OLLAMA_HOST?"),
        ("WORKBENCH_DATABASE", "; did you mean WORKBENCH_DATABASE_URL?"),
        ("WORKBENCH_XQ", ""),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest_known_one(
    monkeypatch: pytest.MonkeyPatch, name: str, hint: str
) -> None:
    monkeypatch.setenv(name, "1")
    assert f"unknown setting {name} is ignored{hint}" in unknown_names()


@pytest.mark.parametrize("name", ["PYTHON", "TEST_DATABASE_URL", "IN_SANDBOX", "LLM_DISABLED"])
def test_names_that_scripts_and_settings_use_are_known(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(f"WORKBENCH_{name}", "1")
    assert not any(f"WORKBENCH_{name} " in line for line in unknown_names())


@pytest.mark.parametrize(
    ("given", "days"), [("0", 0), ("90", 90), ("forever", None), (" forever ", None), ("", 30)]
)
def test_what_is_kept_is_given_in_days_or_for_ever(
    monkeypatch: pytest.MonkeyPatch, given: str, days: int | None
) -> None:
    monkeypatch.setenv("WORKBENCH_KEEP_HISTORY_DAYS", given)
    assert settings.Settings(_env_file=None).keep_history_days == days


@pytest.mark.parametrize("given", ["-1", "never", "1.5", "99999999"])
def test_an_age_that_is_no_number_of_days_is_refused(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("WORKBENCH_KEEP_HISTORY_DAYS", given)
    with pytest.raises(ValueError, match="keep_history_days"):
        settings.Settings(_env_file=None)
