"""The pages name what there is and nothing else, and link to what exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from app.cli.program import program
from app.errors import WorkbenchError
from app.limits.limits import LimitWaitExceeded
from app.llm.errors import LLMError
from app.main import create
from app.pipelines.definition import Phase
from app.pipelines.phases import KINDS
from app.pipelines.snapshot import Limits
from app.settings import PREFIX, ROOT, SCRIPTS_ONLY, Settings
from app.tables import Base
from app.usage.budget import BudgetExceeded

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
SETTINGS = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
every_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


@pytest.mark.parametrize("name", sorted(SETTINGS))
def test_every_setting_is_documented(name: str) -> None:
    assert f"| `{name}` |" in page("reference/settings.md")


def test_no_setting_is_documented_that_does_not_exist() -> None:
    rows = set(re.findall(rf"^\| `({PREFIX}\w+)` \|", page("reference/settings.md"), re.MULTILINE))
    assert rows - SCRIPTS_ONLY == SETTINGS


@every_page
def test_a_page_names_only_settings_that_exist(path: Path) -> None:
    assert set(re.findall(rf"{PREFIX}[A-Z_]+", path.read_text("utf-8"))) <= SETTINGS | SCRIPTS_ONLY


def test_the_sample_env_file_names_every_setting_once_and_no_other() -> None:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("# ")] == []
    assert sorted(found[1] for line in lines if (found := re.match(r"# (\w+)=", line))) == sorted(SETTINGS)


@pytest.mark.parametrize("table", sorted(Base.metadata.tables))
def test_of_every_table_it_is_said_whether_it_grows_and_until_when(table: str) -> None:
    rows = re.findall(
        r"^\| (`.*?) \|", page("how-to/retention.md").partition("## Every table")[2], re.MULTILINE
    )
    assert f"`{table}`" in ", ".join(rows)


def errors_of(kind: type[WorkbenchError]) -> set[str]:
    return {kind.code}.union(*(errors_of(each) for each in kind.__subclasses__()))


def test_of_every_way_in_which_a_model_call_fails_it_is_said_what_to_do() -> None:
    codes = errors_of(LLMError) - {LLMError.code} | {BudgetExceeded.code, LimitWaitExceeded.code}
    table = page("models.md").partition("### Every code")[2]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == codes | {"not_accepted"}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_phase_kind_is_documented(kind: str) -> None:
    assert f"**`{kind}`**" in page("reference/phases.md")


def test_every_field_of_a_phase_is_documented() -> None:
    text = page("reference/phases.md")
    fields = {field.alias or name for name, field in Phase.model_fields.items()}
    assert [name for name in sorted(fields) if f"| `{name}` |" not in text] == []
    assert [name for name in Limits.model_fields if f"`{name}`" not in text] == []


@every_page
def test_a_page_shows_only_commands_and_options_that_exist(path: Path) -> None:
    assert [fault for words in shown(path.read_text("utf-8")) if (fault := fault_of(words))] == []


@every_page
def test_a_page_names_only_routes_that_exist(path: Path) -> None:
    routes = {(method, shape(url)) for url, way in create_paths().items() for method in way}
    named = re.findall(r"`(GET|POST|PUT|DELETE) (/[^`?\s]*)", path.read_text("utf-8"))
    known = routes | {("get", "/docs"), ("get", "/openapi.json")}
    assert [f"{method} {url}" for method, url in named if (method.lower(), shape(url)) not in known] == []


@every_page
def test_every_link_to_a_file_leads_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


@every_page
def test_every_link_to_a_heading_leads_to_one(path: Path) -> None:
    links = re.findall(r"\]\(([^)#:]*)#([^)]+)\)", path.read_text("utf-8"))
    missing = [f"{to}#{name}" for to, name in links if name not in headings(path.parent / to if to else path)]
    assert missing == []


def test_the_picture_of_the_demo_needs_no_network() -> None:
    picture = page("demo.svg")
    assert len(picture) < 80_000
    assert set(re.findall(r"https?://[^\"' )<]+", picture)) == {"http://www.w3.org/2000/svg"}
    assert "url(//" not in picture


def shown(text: str) -> Iterator[list[str]]:
    """The words after each `./run.sh` and `workbench` in code, comments and pipes cut off."""
    blocks = re.findall(r"^```(?:bash|sh)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    for code in [*lines, *re.findall(r"`([^`\n]+)`", text)]:
        found = re.match(r"(?:[A-Z_]+=\S+ )*(?:\./run\.sh|workbench)(?= |$)(.*)", code.strip())
        if found:
            yield re.split(r"[;|>&#]", re.sub(r"\"[^\"]*\"", "text", found[1]))[0].split()


def fault_of(words: list[str]) -> str:
    """What is wrong with a command; empty: nothing."""
    command: Any = typer.main.get_command(program)
    known = {"-h", "--help", "--debug"}
    for place, word in enumerate(words):
        children = getattr(command, "commands", {})
        if word.startswith("-") and word.partition("=")[0] not in known:
            return f"{' '.join(words)}: no option {word}"
        if word in ("COMMAND", "X", "…") or word.startswith(("-", "[")):
            continue
        if children and word not in children:
            return f"{' '.join(words)}: no command {word} at place {place + 1}"
        command = children.get(word, command)
        known |= {name for option in command.params for name in option.opts}
    return ""


def create_paths() -> dict[str, Any]:
    paths: dict[str, Any] = create(Settings()).openapi()["paths"]
    return paths


def shape(url: str) -> str:
    """A route with its parameters, and concrete values in a page, made alike."""
    parts = url.strip("/").split("/")
    return "/".join(part if place % 2 == 0 else "*" for place, part in enumerate(parts))


def headings(path: Path) -> set[str]:
    """Anchors as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in found}
