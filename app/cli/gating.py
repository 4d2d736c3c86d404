"""Carries out `gates`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from app.cli.failures import Exit
from app.cli.gate_view import show_gates
from app.cli.given_yaml import read_yaml
from app.cli.opening import read_settings, with_services
from app.cli.output import emit, print_json, row, safe, say, stdout, table
from app.pipelines import gates
from app.pipelines.checking import Checked, check_repository
from app.pipelines.gates import GateDraft
from app.pipelines.testing import gate_report
from app.services import Services
from app.tables import Gate


def list_gates(*, as_json: bool) -> None:
    async def read(services: Services) -> Sequence[Gate]:
        async with services.database.transaction() as session:
            return await gates.every(session)

    found = with_services(read_settings(), read)
    if as_json:
        print_json([_as_json(gate) for gate in found])
        return
    made = table("gate", "kind", "files", "description")
    for gate in found:
        row(made, gate.name, gate.kind, " ".join(map(str, gate.files)), gate.description)
    emit(stdout(), made)


def show(name: str) -> None:
    async def read(services: Services) -> Gate:
        async with services.database.transaction() as session:
            return await gates.get(session, name)

    body = _as_json(with_services(read_settings(), read))
    sys.stdout.write(safe(yaml.safe_dump(body, sort_keys=False, allow_unicode=True, width=110)))


def put(file: Path) -> None:
    draft = read_yaml(file, GateDraft, "gate")

    async def write(services: Services) -> None:
        async with services.database.transaction() as session:
            await gates.save(session, draft)

    with_services(read_settings(), write)
    say(stdout(), f"{draft.name} stored; projects use it from the next test on")


def remove(name: str) -> None:
    async def write(services: Services) -> None:
        async with services.database.transaction() as session:
            await gates.remove(session, name)

    with_services(read_settings(), write)
    say(stdout(), f"{name} is removed")


def check(names: Sequence[str], repo: Path, commit: str | None, *, as_json: bool) -> Exit:
    path = Path(os.path.realpath(repo))

    async def look(services: Services) -> Checked:
        python = Path(sys.executable)
        return await check_repository(services.database, services.sandbox, python, path, names, commit)

    checked = with_services(read_settings(), look)
    told = _checked_json(checked)
    if as_json:
        print_json(told)
    else:
        show_gates(stdout(), told["gates"], checked.passed_by)
    passed = all(result.outcome == "passed" for result in checked.results)
    return Exit.SUCCEEDED if passed else Exit.FAILED


def _checked_json(checked: Checked) -> dict[str, Any]:
    """The gates as the artifact of a test phase has them."""
    return {
        "commit": checked.commit,
        "gates": [gate_report(result) for result in checked.results],
        "passed_by": list(checked.passed_by),
    }


def _as_json(gate: Gate) -> dict[str, Any]:
    return {field: getattr(gate, field) for field in GateDraft.model_fields}
