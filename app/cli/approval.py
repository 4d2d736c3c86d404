"""Shows what an approval is for: the documents of the run and its diff, whole and harmless, by page."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.rule import Rule
from rich.text import Text

from app.cli.ending import documents
from app.cli.invocation import command
from app.cli.output import line, safe
from app.cli.view import RunView, head
from app.pipelines import documents as rendered
from app.services import Services
from app.tables import Wait

DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


async def look_at(services: Services, view: RunView, wait: Wait) -> list[RenderableType]:
    """As source, not as Markdown: a comment or the address of a link would be hidden."""
    parts: list[RenderableType] = []
    shown = documents(view)
    for name in shown:
        text = await rendered.render(services.database, services.renderer, view.run.id, name)
        parts += [_title(f"document {name}"), Text(safe(text).rstrip() + "\n")]
    for name in view.artifacts:
        if name not in shown:
            how = command("show", head(view.run), "--artifact", name)
            parts.append(line(("artifact ", "dim"), name, (", without a document: ", "dim"), how))
    if diff := str(wait.details.get("diff") or ""):
        parts += [_title("changes in the repository"), _diff(diff)]
    if wait.details.get("diff_is_cut"):
        how = command("show", head(view.run), "--artifact", "code")
        parts.append(line(("the diff is cut here; all of the code: ", "bold yellow"), how))
    return parts


def page(console: Console, parts: Sequence[RenderableType]) -> None:
    """With `less` when it is longer than the screen."""
    with console.capture() as captured:
        console.print(Group(*parts))
    text = captured.get()
    pager = shutil.which("less")
    if pager is not None and text.count("\n") >= console.height:
        subprocess.run([pager, "-R"], input=text.encode(), check=False)  # noqa: S603 - a full path, and no shell
    else:
        console.file.write(text)


def _title(text: str) -> Rule:
    return Rule(line((text, "bold")), align="left", style="dim")


def _diff(text: str) -> Text:
    shown = Text()
    for found in safe(text).splitlines():
        style = "bold" if found[:3] in ("+++", "---") else DIFF_STYLES.get(found[:1], "")
        shown.append(found + "\n", style=style)
    return shown
