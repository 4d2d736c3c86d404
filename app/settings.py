"""Every setting of the service, read from the environment and `.env`; the prefix is WORKBENCH_."""

from __future__ import annotations

import difflib
import os
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "WORKBENCH_"
ROOT = Path(__file__).resolve().parent.parent
"""The checkout: holds seeds/, templates/ and migrations/."""


GIVEN_TO_COMMANDS = frozenset({f"{PREFIX}IDEMPOTENCY_KEY", f"{PREFIX}RUN", f"{PREFIX}ARTIFACT"})
"""Variables that an outgoing command gets."""
SCRIPTS_ONLY = GIVEN_TO_COMMANDS | {
    f"{PREFIX}PYTHON",
    f"{PREFIX}TEST_DATABASE_URL",
    f"{PREFIX}IN_SANDBOX",
    f"{PREFIX}ENVIRONMENT",
}
"""Variables that are not read by the service: by scripts, tests, the sandbox and commands."""
ENV_FILE = ROOT / ".env"
"""The checkout's only: a file in a repository that somebody works on must not redirect a key."""


def _alias(name: str) -> AliasChoices:
    """The prefixed name, and the plain name that other tools use too."""
    return AliasChoices(f"{PREFIX}{name}", name)


def default_state_dir() -> Path:
    """`/var/lib/workbench` as root, else the XDG state folder of the person."""
    if os.geteuid() == 0:
        return Path("/var/lib/workbench")
    base = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "workbench"


def _days(given: object) -> object:
    if isinstance(given, str) and not given.strip().isdecimal():
        if given.strip() == "forever":
            return None
        raise ValueError("it is a number of days, or the word forever")
    return given


Days = Annotated[Annotated[int, Field(ge=0, le=36_500)] | None, BeforeValidator(_days)]
"""A number of days; `forever`, here None, means without end."""


class Settings(BaseSettings):
    """Read once at start-up and passed down; nothing else reads the environment."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=ENV_FILE,
        env_ignore_empty=True,  # `NAME=` in a .env means: as if it were not there
        extra="ignore",
        populate_by_name=True,
        hide_input_in_errors=True,
    )

    anthropic_api_key: SecretStr | None = Field(None, validation_alias=_alias("ANTHROPIC_API_KEY"))
    """Key for Claude. Only a phase that calls Claude needs it."""
    anthropic_base_url: str = "https://api.anthropic.com"
    """Where the Claude API answers."""
    ollama_host: str = Field("http://127.0.0.1:11434", validation_alias=_alias("OLLAMA_HOST"))
    """Where Ollama answers."""
    ollama_profile: Literal["code", "uncensored", "fast"] = Field(
        "code", validation_alias=_alias("OLLAMA_PROFILE")
    )
    """Which Ollama profile `--backend ollama` and `ask --local` use."""
    openai_base_url: str = "http://localhost:1234/v1"
    """Where the OpenAI-compatible server answers (LM Studio, llama.cpp, vLLM)."""
    openai_api_key: SecretStr | None = None
    """Key for the OpenAI-compatible server; most local servers need none."""
    llm_disabled: bool = Field(False, validation_alias=_alias("LLM_DISABLED"))
    """Kill switch: every model call fails with a typed error and no traffic."""
    local_timeout_s: float = Field(120.0, gt=0)
    """Total deadline of a call to a local model, in seconds, unless its profile says otherwise."""
    api_timeout_s: float = Field(300.0, gt=0)
    """Total deadline of a call to Claude, in seconds, unless its profile says otherwise."""
    escalate_to_paid: bool = False
    """A paid model may be asked where a free one of the same route failed, unless the run says otherwise."""
    fall_back_to_local: bool = False
    """A free model may be asked where a paid one can not be had, unless the run says otherwise."""
    vram_gb: float | None = Field(None, gt=0)
    """Memory of the graphics card in GB; a profile that needs more is passed over. Empty: unknown."""
    budget_usd_per_run: Decimal | None = Field(None, ge=0)
    """What one run may cost in US dollars; a row of the budgets goes before it. Empty: any amount."""
    budget_usd_per_day: Decimal | None = Field(None, ge=0)
    """What all calls of one day (UTC) may cost in US dollars. Empty: any amount."""
    budget_tokens_per_run: int | None = Field(None, ge=0)
    """Tokens that one run may take, prompts and answers together. Empty: any number."""
    budget_tokens_per_day: int | None = Field(None, ge=0)
    """Tokens that all calls of one day (UTC) may take. Empty: any number."""
    cassette: Path = ROOT / "seeds" / "demo" / "cassette.jsonl"
    """Recorded answers that the `recorded` backend replays."""

    response_cache_hours: float = Field(24.0, ge=0, le=87_600)
    """How long an answer may be given again to the very same question, in hours; 0: never."""
    response_cache_mb: float = Field(256.0, ge=0, le=1_000_000)
    """What these answers may take together, in MB; those that were not used for the longest go first."""

    record_to: Path | None = None
    """Append every answer of a model to this cassette, for the `recorded` backend to replay."""

    database_url: SecretStr | None = None
    """Postgres 15 or newer. Empty: the service starts its own Postgres in the state folder."""
    state_dir: Path = Field(default_factory=default_state_dir)
    """Embedded database, workspaces, demo repository and the first token."""
    data_driven_orchestration: bool = True
    """False reads definitions and prompts from the files in seeds/ instead of the rows."""

    host: str = "127.0.0.1"
    """Address the server binds."""
    port: int = Field(8000, ge=0, le=65535)
    """Port the server binds."""
    auth: Literal["on", "off"] = "on"
    """`off` is accepted only on loopback."""
    demo: bool = False
    """The sample repository is the default project and the recorded backend answers."""
    allowed_hosts: str = ""
    """More values of the Host header to accept, separated by commas."""
    advance_wait_s: float = Field(60.0, ge=0)
    """How long `advance` waits for the phase, in seconds, before it answers 202."""
    worker_concurrency: int = Field(8, ge=2)
    """Runs that one worker process walks at once."""
    lease_s: float = Field(6.0, gt=0)
    """How long a worker holds a run without renewing its lease, in seconds."""
    drain_s: float = Field(30.0, ge=0)
    """How long a worker that is told to stop lets a phase go on before it hands the run back, in seconds."""
    max_attempts: int = Field(5, ge=1)
    """How often a run may be picked up again after its worker died before it fails."""
    limit_wait_s: float = Field(3600.0, gt=0)
    """How long a model call may wait for its turn within the limits, in seconds, before it fails."""
    keep_history_days: Days = 30
    """How long events, earlier artifact versions and stored answers of a finished run are kept."""
    keep_workspaces_days: Days = 7
    """How long the files of a finished run are kept."""
    keep_results_days: Days = 365
    """How long the items of a finished batch are kept, and with them its results."""
    git_username: str = Field("git", pattern=r"^[!-9;-~]+$")
    """Name that goes with the token, where an https remote asks for one."""
    git_token: SecretStr | None = None
    """Token or password for pushes over https. It goes to `git_token_host` and nowhere else."""
    git_token_host: str | None = None
    """Host that the token is for, with its port when that is not the usual one, like github.com."""
    git_ssh_key: Path | None = None
    """Private key for pushes over ssh. Empty: the agent's, or those of the account."""
    git_known_hosts: Path | None = None
    """Host keys of ssh remotes. Empty: the known_hosts of the account. An unknown host is refused."""
    ssh_auth_sock: Path | None = Field(None, validation_alias=_alias("SSH_AUTH_SOCK"))
    """Socket of the ssh agent."""
    git_timeout_s: float = Field(120.0, gt=0)
    """Deadline of a git command that talks to a remote, in seconds."""
    sandbox_mode: Literal["bwrap", "external", "sandbox-exec"] = "bwrap"
    """What commands of projects are shut in by. There is no value for nothing at all."""
    sandbox_command: str = ""
    """Mode `external`: the program and its arguments that each command is put behind."""
    sandbox_concurrency: int = Field(2, ge=1, le=64)
    """How many commands of projects run at once in one process."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """What the log shows."""

    @field_validator("git_token")
    @classmethod
    def _fits_in_a_line(cls, given: SecretStr | None) -> SecretStr | None:
        """Git is given it as a line."""
        if given is not None and not given.get_secret_value().isprintable():
            raise ValueError("it has a line break or another control character")
        return given

    @field_validator("database_url")
    @classmethod
    def _names_a_postgres(cls, given: SecretStr | None) -> SecretStr | None:
        """The message leaves the URL out: it may hold a password."""
        if given is not None:
            parts = urlsplit(given.get_secret_value())
            if parts.scheme not in ("postgresql", "postgres"):
                raise ValueError("it has to begin with postgresql://")
            try:
                _ = parts.port
            except ValueError:  # its text quotes a part of the password when that has a # or a /
                hint = "a password's special characters are written as %23, %2F"
                raise ValueError(f"its port is no number; {hint}") from None
        return given


def unknown_names() -> list[str]:
    """A warning line for each WORKBENCH_ variable that no setting reads, with the nearest known name."""
    known = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields} | SCRIPTS_ONLY
    given = set(os.environ) | set(dotenv_values(ENV_FILE))
    lines = []
    for name in sorted(n for n in given if n.startswith(PREFIX) and n not in known):
        # without the prefix, which would make every name look alike
        near = difflib.get_close_matches(
            name.removeprefix(PREFIX), [k.removeprefix(PREFIX) for k in known], n=1
        )
        hint = f"; did you mean {PREFIX}{near[0]}?" if near else ""
        lines.append(f"unknown setting {name} is ignored{hint}")
    return lines
