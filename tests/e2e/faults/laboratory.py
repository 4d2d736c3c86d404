"""Where experiments take place: a database that is copied for each, and a repository of its own."""

from __future__ import annotations

import asyncio
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from app.pipelines import definitions
from app.pipelines.definition import Definition, Phase
from app.pipelines.deliveries import store as deliveries
from app.pipelines.deliveries.destination import read
from app.pipelines.phases.kind import PhaseKind
from app.services import RECORDED_PROFILE, Services, git_access, open_services
from app.settings import Settings
from tests.db.software import SHOUT, Shop, Team, code
from tests.remotes.http import TOKEN, USER, bare

LEASE_S = 1.0
DEFINITION = "announced"
ANNOUNCE = Phase(
    name="announce",
    kind="deliver",
    inputs=("commit",),
    destination="hook",
    artifact="receipt",
    schema_name="DeliveryRecord",
)


class Developer(Team):
    """Answers every question with the same code, in whatever process it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self._answers = {"developer": _Always(code(SHOUT))}  # type: ignore[dict-item]


class _Always:
    def __init__(self, answer: object) -> None:
        self._answer = answer

    def pop(self, index: int) -> object:
        return self._answer


@dataclass(frozen=True)
class Bench:
    """One experiment's own database, state folder and repository, with one run that is queued."""

    settings: Settings
    run: UUID
    repository: Path
    canary: Path
    name: str
    """The receiver knows it by this."""
    remote: Path
    """The bare repository that its runs are pushed to."""

    def kinds(self, services: Services) -> dict[str, PhaseKind]:
        shop = Shop.__new__(Shop)
        shop.services = services
        shop.access = git_access(services.settings)
        return shop.kinds(Developer())


class Laboratory:
    """Makes benches. Its databases are gone with the server."""

    def __init__(self, server_url: str, folder: Path, hook_url: str, remotes: Path, remote_host: str) -> None:
        """What the runs send goes to the hook, and their branches to repositories below `remotes`."""
        self._remotes = remotes
        self._remote_host = remote_host
        self._server_url = server_url
        self._hook_url = hook_url
        self._folder = folder
        self._template = f"faults_{secrets.token_hex(4)}"
        self._run: UUID | None = None

    def prepare(self) -> None:
        """A database with the definition, the project and one queued run in it."""
        self._execute("CREATE DATABASE {}", self._template)
        self._run = asyncio.run(self._fill())

    def bench(self, name: str) -> Bench:
        """A copy of everything. Raises `RuntimeError` before `prepare`."""
        if self._run is None:
            raise RuntimeError("prepare the laboratory first")
        database = f"{self._template}_{secrets.token_hex(4)}"
        self._execute("CREATE DATABASE {} TEMPLATE {}", database, self._template)
        home = self._folder / name
        home.mkdir(mode=0o711)
        shutil.copytree(self._folder / "model" / "the shop", home / "the shop", symlinks=True)
        shutil.copytree(self._folder / "model" / "canary", home / "canary")
        settings = self._settings(database, home / "state")
        with psycopg.connect(self._url(database), autocommit=True) as connection:
            push_to = f"http://{self._remote_host}/{name}.git"
            connection.execute(
                "UPDATE projects SET path = %s, push_to = %s", (str(home / "the shop"), push_to)
            )
            to = "UPDATE destinations SET config = jsonb_set(config, '{url}', to_jsonb(%s::text))"
            connection.execute(to, (f"{self._hook_url}/{name}",))
        remote = bare(self._remotes, f"{name}.git", copied_from=home / "the shop")
        return Bench(settings, self._run, home / "the shop", home / "canary", name, remote)

    def drop(self, bench: Bench) -> None:
        name = make_url(self._url_of(bench)).database
        self._execute("DROP DATABASE {} WITH (FORCE)", str(name))

    async def _fill(self) -> UUID:
        model = self._folder / "model"
        model.mkdir(mode=0o711)
        async with open_services(self._settings(self._template, model / "state")) as services:
            await Shop(services, model).register()
            await self._define(services)
            run = await services.pipelines.create(
                "Greet in capitals", definition=DEFINITION, project="shop", profile=RECORDED_PROFILE
            )
            await services.pipelines.start(run.id)
        return run.id

    async def _define(self, services: Services) -> None:
        """developer → test → commit → announce, which sends what was committed."""
        config = {"url": f"{self._hook_url}/model", "allow_private": True, "timeout_s": 10}
        hook = read({"name": "hook", "adapter": "http", "config": config, "dry_run": False})
        async with services.database.transaction() as session:
            await deliveries.save(session, hook)
            tiny = await definitions.get(session, "tiny")
            announced = Definition(
                name=DEFINITION, description="Tells of its commit", phases=(*tiny.phases, ANNOUNCE)
            )
            await definitions.save(session, announced, services.kinds, by_person=True)

    def _settings(self, database: str, state: Path) -> Settings:
        state.mkdir(mode=0o711)
        return Settings(
            database_url=self._url(database),
            state_dir=state,
            lease_s=LEASE_S,
            git_username=USER,
            git_token=TOKEN,
            git_token_host=self._remote_host,
            _env_file=None,
        )

    def _url(self, database: str) -> str:
        return make_url(self._server_url).set(database=database).render_as_string(hide_password=False)

    def _url_of(self, bench: Bench) -> str:
        assert bench.settings.database_url is not None
        return bench.settings.database_url.get_secret_value()

    def _execute(self, statement: str, *names: str) -> None:
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
