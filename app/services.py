"""Builds everything once, in the order in which it depends on each other, and takes it down again."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from app.artifacts.documents import trusted_digests
from app.db import Database
from app.embedded import EmbeddedPostgres, kept
from app.errors import WorkbenchError
from app.limits.limits import CallLimits
from app.llm.backends import create_backends
from app.llm.cache import ResponseCache
from app.llm.caller import LLMCaller
from app.llm.capabilities import Capabilities
from app.llm.cassette import Recording
from app.llm.health import Circuits
from app.llm.probing.prober import Prober
from app.llm.types import Backend, BackendName
from app.pipelines import projects
from app.pipelines.asking import Asker
from app.pipelines.batches.service import BatchService
from app.pipelines.comparing import Comparer
from app.pipelines.configuration import ConfigurationLoader, ConfigurationSource
from app.pipelines.estimating import Estimator
from app.pipelines.improvements.service import ImprovementService
from app.pipelines.phases import Tools, create_kinds
from app.pipelines.phases.kind import PhaseKind
from app.pipelines.projects import SAMPLE, ProjectDraft
from app.pipelines.pushing import Pusher
from app.pipelines.retention.policy import cache_bytes, policy_of
from app.pipelines.retention.pruner import Pruner
from app.pipelines.router import Router
from app.pipelines.rows import RowSource
from app.pipelines.service import Defaults, PipelineService
from app.pipelines.snapshot import Policy
from app.queue.listener import Listener
from app.queue.signals import Signals
from app.rendering.renderer import Renderer, template_digest
from app.seeding.demo import create_sample_repository, file_digests
from app.seeding.files import load_seeds
from app.seeding.own import own_project
from app.seeding.rows import Report, seed
from app.seeding.source import FileSource
from app.seeding.values import Seeds
from app.settings import Settings
from app.tables import Project
from app.usage.budget import defaults_of
from app.usage.prices import PriceBook
from app.usage.recorder import UsageRecorder
from app.workspace.access import GitAccess
from app.workspace.sandbox.configured import configured
from app.workspace.sandbox.sandbox import Sandbox

log = logging.getLogger(__name__)

SAMPLE_PROJECT = SAMPLE
RECORDED_PROFILE = "recorded"


@dataclass(frozen=True)
class Services:
    """What surfaces work with."""

    settings: Settings
    database: Database
    listener: Listener
    signals: Signals
    renderer: Renderer
    backends: Mapping[BackendName, Backend]
    caller: LLMCaller
    asker: Asker
    comparer: Comparer
    cache: ResponseCache
    circuits: Circuits
    capabilities: Capabilities
    prober: Prober
    sandbox: Sandbox
    kinds: Mapping[str, PhaseKind]
    loader: ConfigurationLoader
    pipelines: PipelineService
    batches: BatchService
    estimator: Estimator
    improvements: ImprovementService
    router: Router
    pusher: Pusher
    pruner: Pruner
    seeds: Seeds
    seeded: Report
    """What seeding did when the services were opened."""

    async def register_sample(self) -> Path:
        """The sample repository in the state folder, as a project. Keeps what a person changed."""
        path = await asyncio.to_thread(
            create_sample_repository, self.settings.state_dir / "demo" / "orders service"
        )
        draft = ProjectDraft(name=SAMPLE_PROJECT, path=str(path), python=sys.executable)
        await projects.provide(self.database, draft)  # it needs nothing that does not come with the service
        return path

    async def register_self(self) -> Project | None:
        """The checkout this runs from, as a project. Keeps what a person changed.

        None: it runs from no checkout, or from one that git does not take.
        """
        draft = own_project(self.seeds.gates)
        if draft is None:
            return None
        try:
            return await projects.provide(self.database, draft)
        except WorkbenchError as error:
            log.warning("the service's own checkout is no project: %s", error.message)
            return None


@asynccontextmanager
async def open_services(settings: Settings, sandbox: Sandbox | None = None) -> AsyncIterator[Services]:
    """Database at head, seeded, everything wired. Raises `Unavailable` that says what is missing.

    A sandbox that is given has tried its walls already, perhaps, and need not do it again.
    """
    async with AsyncExitStack() as stack:
        url = await _database_url(settings, stack)
        database = Database(url, pool_size=max(10, settings.worker_concurrency))
        stack.push_async_callback(database.close)
        await database.migrate()
        services = await _wire(settings, database, sandbox or configured(settings), stack)
        if settings.demo:
            await services.register_sample()
        yield services


async def _database_url(settings: Settings, stack: AsyncExitStack) -> str:
    """The configured server, or one of our own that stops with its last user."""
    if settings.database_url is not None:
        return settings.database_url.get_secret_value()
    return await stack.enter_async_context(kept(EmbeddedPostgres(settings.state_dir)))


async def _wire(settings: Settings, database: Database, sandbox: Sandbox, stack: AsyncExitStack) -> Services:
    seeds = load_seeds()
    listener = Listener(database.url)
    stack.push_async_callback(listener.close)
    renderer = Renderer(trusted=_trusted(seeds))
    stack.push_async_callback(renderer.close)
    backends = _backends(settings)
    for backend in backends.values():
        stack.push_async_callback(backend.close)
    limits = CallLimits(database, listener, wait_s=settings.limit_wait_s)
    stack.push_async_callback(limits.close)
    cache = ResponseCache(database, timedelta(hours=settings.response_cache_hours), cache_bytes(settings))
    recorder = UsageRecorder(database, defaults_of(settings))
    circuits, capabilities, book = Circuits(), Capabilities(database), PriceBook(database)
    caller = LLMCaller(
        settings,
        backends,
        recorder,
        limits=limits,
        circuits=circuits,
        cache=cache,
        capabilities=capabilities,
        prices=book,
    )
    tools = Tools(
        database=database,
        caller=caller,
        renderer=renderer,
        sandbox=sandbox,
        state_dir=settings.state_dir,
        demo_digests=file_digests(),
        access=git_access(settings),
        own_port=settings.port,
    )
    source: ConfigurationSource = RowSource() if settings.data_driven_orchestration else FileSource(seeds)
    loader = ConfigurationLoader(source)
    signals = Signals(listener)
    kinds = create_kinds(tools)
    router = Router(source, settings, backends)
    pipelines = PipelineService(database, loader, signals, _defaults(settings))
    batches = BatchService(database, pipelines, defaults_of(settings))
    estimator = Estimator(database, pipelines, renderer, book, settings.state_dir)
    return Services(
        settings=settings,
        database=database,
        listener=listener,
        signals=signals,
        renderer=renderer,
        backends=backends,
        caller=caller,
        asker=Asker(settings, database, loader, caller, renderer, router),
        comparer=Comparer(database, loader, caller, renderer, book),
        cache=cache,
        circuits=circuits,
        capabilities=capabilities,
        prober=Prober(settings, backends, database, recorder, book, limits),
        sandbox=sandbox,
        kinds=kinds,
        loader=loader,
        pipelines=pipelines,
        batches=batches,
        estimator=estimator,
        improvements=ImprovementService(database, batches, estimator),
        router=router,
        pusher=Pusher(database, tools.access),
        pruner=Pruner(database, settings.state_dir, policy_of(settings)),
        seeds=seeds,
        seeded=await seed(database, seeds, kinds),
    )


def _backends(settings: Settings) -> dict[BackendName, Backend]:
    """Every backend; when answers are to be kept, each is wrapped to write them to the cassette."""
    backends = create_backends(settings)
    if settings.record_to is None:
        return backends
    return {
        name: backend if name == "recorded" else Recording(backend, settings.record_to)
        for name, backend in backends.items()
    }


def git_access(settings: Settings) -> GitAccess:
    """What the service proves to remotes with."""
    return GitAccess(
        username=settings.git_username,
        token=settings.git_token.get_secret_value() if settings.git_token else None,
        token_host=settings.git_token_host,
        ssh_key=settings.git_ssh_key,
        known_hosts=settings.git_known_hosts,
        ssh_agent=settings.ssh_auth_sock,
        timeout_s=settings.git_timeout_s,
    )


def _defaults(settings: Settings) -> Defaults:
    policy = Policy(
        escalate_to_paid=settings.escalate_to_paid, fall_back_to_local=settings.fall_back_to_local
    )
    if settings.demo:
        return Defaults(project=SAMPLE_PROJECT, profile=RECORDED_PROFILE, policy=policy)
    return Defaults(policy=policy)


def _trusted(seeds: Seeds) -> frozenset[str]:
    """Digests of the templates that ship with the service."""
    prompts = (part for prompt in seeds.prompts.values() for part in (prompt.system, prompt.task))
    return trusted_digests() | {template_digest(text) for text in prompts}
