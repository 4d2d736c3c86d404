"""Every table of the service; importing this folder fills the metadata."""

from app.tables.artifact import Artifact, RunFile
from app.tables.base import Base
from app.tables.batch import Batch, BatchItem, BatchState, ItemState
from app.tables.budget import Budget, ModelPrice
from app.tables.cache import CachedAnswer, CacheSize
from app.tables.capability import Binding, ModelCapability
from app.tables.chore import Chore
from app.tables.definition import (
    Apply,
    ArtifactSchema,
    DefinitionSnapshot,
    PhaseConfiguration,
    PipelineDefinition,
)
from app.tables.delivery import AdapterName, Delivery, DeliveryState, Destination
from app.tables.gate import Gate
from app.tables.improvement import Improvement, Stop
from app.tables.limit import CallLimit, CallRate, CallSlot
from app.tables.pipeline import (
    Asked,
    CommitIntent,
    Event,
    Outcome,
    PhaseRun,
    Pipeline,
    Priority,
    Push,
    PushState,
    State,
    Target,
)
from app.tables.profile import CodeForm, ModelProfile, Route, RouteKeyword, Thinking
from app.tables.project import MovedBase, Project, TestAdapter, TestBaseline
from app.tables.prompt import RolePrompt, RolePromptLabel
from app.tables.request import IdempotentRequest
from app.tables.schedule import Missed, Schedule, ScheduleTick, TickOutcome
from app.tables.token import ApiToken, TokenRole
from app.tables.usage import ModelAnswer, PromptUsage
from app.tables.usage_day import UsageDay
from app.tables.wait import Decision, Wait, WaitReason
from app.tables.worker import WorkerRow

__all__ = [
    "AdapterName",
    "ApiToken",
    "Apply",
    "Artifact",
    "ArtifactSchema",
    "Asked",
    "Base",
    "Batch",
    "BatchItem",
    "BatchState",
    "Binding",
    "Budget",
    "CacheSize",
    "CachedAnswer",
    "CallLimit",
    "CallRate",
    "CallSlot",
    "Chore",
    "CodeForm",
    "CommitIntent",
    "Decision",
    "DefinitionSnapshot",
    "Delivery",
    "DeliveryState",
    "Destination",
    "Event",
    "Gate",
    "IdempotentRequest",
    "Improvement",
    "ItemState",
    "Missed",
    "ModelAnswer",
    "ModelCapability",
    "ModelPrice",
    "ModelProfile",
    "MovedBase",
    "Outcome",
    "PhaseConfiguration",
    "PhaseRun",
    "Pipeline",
    "PipelineDefinition",
    "Priority",
    "Project",
    "PromptUsage",
    "Push",
    "PushState",
    "RolePrompt",
    "RolePromptLabel",
    "Route",
    "RouteKeyword",
    "RunFile",
    "Schedule",
    "ScheduleTick",
    "State",
    "Stop",
    "Target",
    "TestAdapter",
    "TestBaseline",
    "Thinking",
    "TickOutcome",
    "TokenRole",
    "UsageDay",
    "Wait",
    "WaitReason",
    "WorkerRow",
]
