"""The reference pages name everything there is, and the pages link to what exists."""

import re
from pathlib import Path

import pytest

from app.pipelines.definition import Phase
from app.pipelines.phases import KINDS
from app.pipelines.snapshot import Limits
from app.settings import PREFIX, ROOT, Settings

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    assert f"| `{PREFIX}{name.upper()}` |" in page("reference/settings.md")


def test_no_setting_is_documented_that_does_not_exist() -> None:
    rows = set(re.findall(rf"^\| `{PREFIX}(\w+)` \|", page("reference/settings.md"), re.MULTILINE))
    scripts = {"PYTHON", "TEST_DATABASE_URL"}
    assert rows - scripts == {name.upper() for name in Settings.model_fields}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_phase_kind_is_documented(kind: str) -> None:
    assert f"**`{kind}`**" in page("reference/phases.md")


def test_every_field_of_a_phase_is_documented() -> None:
    text = page("reference/phases.md")
    fields = {field.alias or name for name, field in Phase.model_fields.items()}
    assert [name for name in sorted(fields) if f"| `{name}` |" not in text] == []
    assert [name for name in Limits.model_fields if f"`{name}`" not in text] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_link_to_a_file_leads_somewhere(path: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", path.read_text("utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []
