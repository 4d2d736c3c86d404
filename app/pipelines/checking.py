"""Gates on a repository as a person has it, without a run: to see what they find."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from app.db import Database
from app.errors import Invalid
from app.pipelines import gates
from app.pipelines.environments import declared
from app.tables import Project
from app.workspace.checkout import checkout
from app.workspace.copying import copy_working_tree
from app.workspace.environment import Environment
from app.workspace.gates import run_gates
from app.workspace.gates.gate import Bench, GateResult, GateSpec
from app.workspace.repository import LINK, SUBMODULE, head_commit, open_repository, tracked_files
from app.workspace.sandbox.limits import Limits
from app.workspace.sandbox.project_limits import SandboxLimits
from app.workspace.sandbox.sandbox import Sandbox

WALL_S = 600.0


@dataclass(frozen=True)
class Checked:
    """What the gates said. A gate without a file that it looks at said nothing."""

    commit: str | None
    """None: the working copy."""
    results: tuple[GateResult, ...]
    passed_by: tuple[str, ...]
    """Gates that no file matches."""


async def check_repository(
    database: Database,
    sandbox: Sandbox,
    python: Path,
    path: Path,
    names: Sequence[str],
    revision: str | None,
) -> Checked:
    """Every file of the working copy or of the commit counts as changed. No names: the project's own gates.

    Interpreter and limits are those of the project at `path`, where there is one; else `python`.
    """
    project, specs = await _found(database, path, names)
    repository = await open_repository(path)
    commit = None if revision is None else await head_commit(repository, revision)
    with tempfile.TemporaryDirectory(prefix="workbench-check-") as made:
        root = Path(made) / "files"
        if commit is None:
            paths = await copy_working_tree(repository, root)
        else:
            await checkout(repository, commit, root)
            kept = [
                one for one in await tracked_files(repository, commit) if one.mode not in (LINK, SUBMODULE)
            ]
            paths = [one.path for one in kept]
        results = await run_gates(specs, root, paths, _bench(project, sandbox, python))
    heard = {result.name for result in results}
    return Checked(commit, results, tuple(spec.name for spec in specs if spec.name not in heard))


async def _found(
    database: Database, path: Path, names: Sequence[str]
) -> tuple[Project | None, tuple[GateSpec, ...]]:
    async with database.transaction() as session:
        known = select(Project).where(Project.path == str(path)).order_by(Project.name)
        project = (await session.scalars(known)).first()
        wanted = names or (project.gates if project else ())
        if not wanted:
            raise Invalid("name the gates to check: the project there has none of its own", place="names")
        return project, tuple([await gates.spec(session, name) for name in dict.fromkeys(wanted)])


def _bench(project: Project | None, sandbox: Sandbox, python: Path) -> Bench:
    own = SandboxLimits.model_validate(project.sandbox if project else {})
    found = (declared(project) if project else None) or Environment(python)
    limits = own.over(Limits(wall_s=WALL_S))
    return Bench(sandbox, limits, found.python, found.variables, found.access)
