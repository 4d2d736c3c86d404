"""The phase kinds there are: one dict, and the entry points of other packages."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path

from app.db import Database
from app.llm.caller import LLMCaller
from app.pipelines.baselines import StoredBaselines
from app.pipelines.deliveries.sender import Sender
from app.pipelines.environments import Environments
from app.pipelines.phases.approval import ApprovalPhase
from app.pipelines.phases.browser import BrowserPhase
from app.pipelines.phases.command import CommandPhase
from app.pipelines.phases.commit import CommitPhase
from app.pipelines.phases.deliver import DeliverPhase
from app.pipelines.phases.event import EventPhase
from app.pipelines.phases.http import HttpPhase
from app.pipelines.phases.kind import PhaseKind
from app.pipelines.phases.llm import LlmPhase
from app.pipelines.phases.map import MapPhase
from app.pipelines.phases.tests import TestsPhase
from app.pipelines.pushing import Pusher
from app.pipelines.testing import TestBench
from app.rendering.renderer import Renderer
from app.workspace.access import GitAccess
from app.workspace.sandbox.sandbox import Sandbox

ENTRY_POINTS = "workbench.phases"


@dataclass(frozen=True)
class Tools:
    """What phase kinds work with."""

    database: Database
    caller: LLMCaller
    renderer: Renderer
    sandbox: Sandbox
    state_dir: Path
    demo_digests: Mapping[str, Collection[str]]
    """SHA-256 by path of the shipped demo's files, the only ones that may run without a sandbox."""
    own_port: int = 8000
    """Where the service listens on this machine; no phase sends requests there."""
    access: GitAccess = field(default_factory=GitAccess)
    """How remotes are reached."""

    @property
    def bench(self) -> TestBench:
        return TestBench(self.sandbox, self.environments, StoredBaselines(self.database), self.demo_digests)

    @property
    def environments(self) -> Environments:
        return Environments(self.sandbox, self.state_dir)


KINDS: dict[str, Callable[[Tools], PhaseKind]] = {
    "approval": lambda tools: ApprovalPhase(),
    "browser": lambda tools: BrowserPhase(tools.sandbox, tools.state_dir, tools.database),
    "command": lambda tools: CommandPhase(tools.sandbox, tools.state_dir, tools.environments),
    "commit": lambda tools: CommitPhase(
        tools.database, tools.renderer, tools.state_dir, tools.bench, Pusher(tools.database, tools.access)
    ),
    "deliver": lambda tools: DeliverPhase(Sender(tools.database, os.environ)),
    "event": lambda tools: EventPhase(),
    "http": lambda tools: HttpPhase(os.environ, tools.own_port),
    "llm": lambda tools: LlmPhase(tools.caller, tools.renderer, tools.state_dir),
    "map": lambda tools: MapPhase(LlmPhase(tools.caller, tools.renderer, tools.state_dir)),
    "tests": lambda tools: TestsPhase(tools.bench, tools.state_dir, tools.database),
}


def create_kinds(tools: Tools) -> dict[str, PhaseKind]:
    """Every kind by name; a shipped name can not be replaced."""
    others = {point.name: point.load() for point in entry_points(group=ENTRY_POINTS)}
    return {name: factory(tools) for name, factory in {**others, **KINDS}.items()}
