"""OLLAMA_PROFILE says which of three models `--backend ollama` means."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.cli.backends import profile_of
from app.cli.options import BackendChoice
from app.seeding.files import load_seeds
from app.settings import Settings

PROFILES = load_seeds().profiles


@pytest.mark.parametrize("variable", ["OLLAMA_PROFILE", "WORKBENCH_OLLAMA_PROFILE"])
@pytest.mark.parametrize(
    ("given", "model"),
    [
        ("", "qwen2.5:14b-instruct-q4_K_M"),  # the default
        ("code", "qwen2.5:14b-instruct-q4_K_M"),
        ("uncensored", "gpt-oss:20b"),
        ("fast", "deepseek-coder:6.7b"),
    ],
)
def test_it_names_one_of_three_models(
    monkeypatch: pytest.MonkeyPatch, variable: str, given: str, model: str
) -> None:
    monkeypatch.setenv(variable, given)
    name = profile_of(Settings(_env_file=None), BackendChoice.OLLAMA, None)
    assert name is not None
    assert (PROFILES[name].backend, PROFILES[name].model) == ("ollama", model)


def test_a_profile_that_is_named_goes_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_PROFILE", "fast")
    settings = Settings(_env_file=None)
    assert profile_of(settings, BackendChoice.OLLAMA, "qwen3-8b") == "qwen3-8b"
    assert profile_of(settings, None, None) is None


def test_another_word_is_refused_with_the_three_that_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_PROFILE", "slow")
    with pytest.raises(ValidationError, match="'code', 'uncensored' or 'fast'"):
        Settings(_env_file=None)
