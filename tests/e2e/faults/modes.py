"""How an effect fails: it raises, the process dies before it or right after it, or sleeps past its lease."""

from __future__ import annotations

import errno
import os
import signal
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

import psycopg
from sqlalchemy.exc import OperationalError

from app.llm.errors import BackendDown
from app.workspace.git import GitError


class Mode(StrEnum):
    RAISE = "raise"
    DIE = "die"
    ZOMBIE = "zombie"
    AFTER = "after"
    """The effect is done, and nobody hears of it any more."""


@dataclass(frozen=True)
class Fault:
    """The n-th time that an effect is reached, counted from 1."""

    effect: str
    number: int
    mode: Mode

    def __str__(self) -> str:
        return f"{self.effect} #{self.number} {self.mode}"


@dataclass
class Trap:
    """Installed as the failpoints' hit: springs once."""

    fault: Fault
    reached: int
    """Descriptor that is written to when a zombie falls asleep."""
    seen: Counter[str] = field(default_factory=Counter)
    sprung: bool = False

    def __call__(self, name: str, done: bool) -> None:
        if name != self.fault.effect or self.sprung:
            return
        if not done:
            self.seen[name] += 1
        if self.seen[name] != self.fault.number or done != (self.fault.mode is Mode.AFTER):
            return
        self.sprung = True
        match self.fault.mode:
            case Mode.RAISE:
                raise error_of(name)
            case Mode.ZOMBIE:
                os.write(self.reached, b"!")
                os.kill(os.getpid(), signal.SIGSTOP)  # no thread of it goes on, and no lease is renewed
            case _:
                os.kill(os.getpid(), signal.SIGKILL)


class Census:
    """Installed as the failpoints' hit: counts the effects of a run that nothing happens to."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def __call__(self, name: str, done: bool) -> None:
        if not done:
            self.counts[name] += 1


def error_of(effect: str) -> Exception:
    """What such an effect raises in real life."""
    match effect.split(".")[0], effect:
        case _, "database.commit":
            return OperationalError("COMMIT", {}, Exception("injected"))
        case "database", _:
            return psycopg.OperationalError("injected")
        case "model", _:
            return BackendDown("injected")
        case "git", _:
            return GitError("injected")
        case _:
            return OSError(errno.EIO, "injected")
