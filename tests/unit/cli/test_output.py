"""What the command line prints, and what it never prints."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from app.cli.epic import read_epic
from app.cli.lines import counted, duration
from app.cli.output import emit, line, one_line, print_json, safe, say, table
from app.cli.prompt_file import read_prompt, write_prompt
from app.errors import Invalid
from app.prompts.prompt import Prompt
from app.settings import ROOT

HOSTILE = "\x1b[31mred\x1b[0m \x1b]0;title\x07 \u202eevil [bold]x[/bold] \x9b1m"


def terminal() -> Console:
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        width=60,
        markup=False,
        highlight=False,
    )


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.abuse(66)
def test_foreign_text_can_not_control_a_terminal_or_set_styles() -> None:
    console = terminal()
    say(console, HOSTILE, (HOSTILE, ""))
    assert not set(printed(console)) & {"\x1b", "\x07", "\u202e", "\x9b"}
    assert "[bold]x[/bold]" in printed(console)


@pytest.mark.abuse(66)
def test_json_keeps_foreign_text_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"text": HOSTILE})
    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert json.loads(out) == {"text": HOSTILE}


def test_a_line_to_be_copied_is_never_folded() -> None:
    console = terminal()
    say(console, "x" * 500)
    assert printed(console) == "x" * 500 + "\n"


def test_columns_leave_no_spaces_at_the_end_of_a_piped_line() -> None:
    console = Console(file=io.StringIO(), width=60)
    made = table("a", "long title")
    made.add_row(line("1"), line("2"))
    emit(console, made)
    assert printed(console) == "a  long title\n1  2\n"


def test_text_is_shortened_to_its_first_line() -> None:
    assert one_line("\n  first \nsecond") == "first"
    assert one_line("x" * 20, 10) == "x" * 9 + "…"
    assert safe("a\tb\nc") == "a    b\nc"


def test_counts_and_times_read_well() -> None:
    assert [counted(number, "test") for number in (0, 1, 2)] == ["no tests", "1 test", "2 tests"]
    assert [duration(seconds) for seconds in (0.04, 59.4, 125)] == ["0.0 s", "59.4 s", "2 m 05 s"]


def test_an_epic_is_a_text_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "epic").write_text("Build it")
    assert read_epic("Build it") == read_epic(f"@{tmp_path / 'epic'}") == "Build it"
    with pytest.raises(Invalid, match="can not be read"):
        read_epic(f"@{tmp_path / 'missing'}")


def test_a_prompt_survives_being_written_and_read(tmp_path: Path) -> None:
    prompt = Prompt("qa", "ROLE {{ schema }}", "{{ issues }}", ("schema", "issues"))
    (tmp_path / "qa.md").write_text(write_prompt(prompt))
    assert read_prompt(tmp_path / "qa.md", "qa") == prompt


def test_the_shipped_prompts_can_be_read_as_files() -> None:
    for path in (ROOT / "seeds" / "prompts").glob("*.md"):
        assert read_prompt(path, path.stem).task


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("no front matter", "front matter"),
        ("---\n[1\n---\nbody", "front matter"),
        ("---\n- a\n---\nbody", "front matter"),
        ("---\nvariables: []\n---\nno task", "body"),
        ("---\nvariables: schema\n---\na\n<!-- task -->\nb", "variables"),
        ("---\nrole: pm\nvariables: []\n---\na\n<!-- task -->\nb", "role"),
    ],
)
def test_a_prompt_file_that_is_wrong_names_the_place(tmp_path: Path, text: str, place: str) -> None:
    (tmp_path / "qa.md").write_text(text)
    with pytest.raises(Invalid) as refused:
        read_prompt(tmp_path / "qa.md", "qa")
    assert refused.value.details["place"] == place


def test_a_missing_prompt_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match="can not be read"):
        read_prompt(tmp_path / "none.md", "qa")


def test_help_imports_nothing_heavy() -> None:
    heavy = "{'sqlalchemy', 'fastapi', 'uvicorn', 'psycopg', 'anthropic', 'openai', 'ollama', 'alembic'}"
    script = f"import sys; import app.cli.program; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
