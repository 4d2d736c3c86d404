"""Carries out `prompts`."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

from app.cli.opening import read_settings, with_services
from app.cli.output import emit, print_json, row, safe, say, stdout, table
from app.cli.person import person
from app.cli.prompt_file import read_prompt, write_prompt
from app.errors import Invalid
from app.pipelines.phases.inputs import SAMPLE
from app.prompts import store
from app.prompts.check import check
from app.prompts.store import PRODUCTION
from app.services import Services
from app.tables import RolePrompt

STYLES = {"+": "green", "-": "red", "@": "cyan"}


def list_prompts(*, as_json: bool) -> None:
    async def read(services: Services) -> tuple[list[RolePrompt], dict[str, dict[str, int]]]:
        async with services.database.transaction() as session:
            newest = [(await store.versions(session, role))[0] for role in await store.roles(session)]
            return newest, await store.labels(session)

    newest, labels = with_services(read_settings(), read)
    if as_json:
        print_json([{"role": p.role, "newest": p.version, "labels": labels.get(p.role, {})} for p in newest])
        return
    made = table("role", "newest", "labels", "message of the newest", right=("newest",))
    for prompt in newest:
        pointing = ", ".join(f"{label} → {number}" for label, number in labels.get(prompt.role, {}).items())
        row(made, prompt.role, prompt.version, pointing, prompt.message)
    emit(stdout(), made)


def show(role: str, version: int | None) -> None:
    async def read(services: Services) -> str:
        async with services.database.transaction() as session:
            if version is None:
                return write_prompt(await store.active(session, role))
            return write_prompt(store.as_prompt(await store.version(session, role, version)))

    sys.stdout.write(safe(with_services(read_settings(), read)))


def add(role: str, file: Path, message: str, label: str | None) -> None:
    prompt = read_prompt(file, role)
    if not message.strip():
        raise Invalid("the message is empty: say why this version exists", place="message")

    async def write(services: Services) -> RolePrompt:
        await check(services.renderer, prompt, SAMPLE)
        async with services.database.transaction() as session:
            stored = await store.add(session, prompt, message=message.strip(), by=person())
            if label is not None:
                await store.move_label(session, role, label, stored.version, by=person())
            return stored

    stored = with_services(read_settings(), write)
    say(stdout(), f"{role}@{stored.version} stored")
    if label == PRODUCTION:
        say(stdout(), "the next run uses it; runs under way keep what they pinned")
    else:
        say(stdout(), f"runs use it after: workbench prompts label {role} {PRODUCTION} {stored.version}")


def move(role: str, label: str, version: int) -> None:
    async def write(services: Services) -> None:
        async with services.database.transaction() as session:
            await store.move_label(session, role, label, version, by=person())

    with_services(read_settings(), write)
    say(stdout(), f"{label} of {role} points at version {version}")


def diff(role: str, old: int, new: int) -> None:
    async def read(services: Services) -> tuple[str, str]:
        async with services.database.transaction() as session:
            rows = [await store.version(session, role, number) for number in (old, new)]
            return write_prompt(store.as_prompt(rows[0])), write_prompt(store.as_prompt(rows[1]))

    before, after = with_services(read_settings(), read)
    names = f"{role}@{old}", f"{role}@{new}"
    for text in difflib.unified_diff(before.splitlines(), after.splitlines(), *names, lineterm=""):
        say(stdout(), (text, STYLES.get(text[:1], "")))
