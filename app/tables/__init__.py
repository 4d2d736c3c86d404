"""Every table of the service; importing this folder fills the metadata."""

from app.tables.artifact import Artifact
from app.tables.base import Base
from app.tables.chore import Chore
from app.tables.definition import (
    Apply,
    ArtifactSchema,
    DefinitionSnapshot,
    PhaseConfiguration,
    PipelineDefinition,
)
from app.tables.pipeline import (
    Asked,
    CommitIntent,
    Event,
    Outcome,
    PhaseRun,
    Pipeline,
    Priority,
    State,
    Target,
)
from app.tables.profile import ModelProfile, Route, Thinking
from app.tables.project import Project
from app.tables.prompt import RolePrompt, RolePromptLabel
from app.tables.request import IdempotentRequest
from app.tables.token import ApiToken, TokenRole
from app.tables.usage import ModelAnswer, PromptUsage
from app.tables.wait import Decision, Wait, WaitReason
from app.tables.worker import WorkerRow

__all__ = [
    "ApiToken",
    "Apply",
    "Artifact",
    "ArtifactSchema",
    "Asked",
    "Base",
    "Chore",
    "CommitIntent",
    "Decision",
    "DefinitionSnapshot",
    "Event",
    "IdempotentRequest",
    "ModelAnswer",
    "ModelProfile",
    "Outcome",
    "PhaseConfiguration",
    "PhaseRun",
    "Pipeline",
    "PipelineDefinition",
    "Priority",
    "Project",
    "PromptUsage",
    "RolePrompt",
    "RolePromptLabel",
    "Route",
    "State",
    "Target",
    "Thinking",
    "TokenRole",
    "Wait",
    "WaitReason",
    "WorkerRow",
]
