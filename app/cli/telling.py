"""The events of a run that are told while it is followed, each in one line."""

from __future__ import annotations

from typing import Any

from app.cli.output import Part, one_line
from app.tables import Event


def told(event: Event) -> list[Part]:
    """Nothing for an event that the lines of the phases or the ending show."""
    data = {name: one_line(str(value), 200) for name, value in event.data.items() if value is not None}
    by = data.get("by", "somebody")
    match event.kind:
        case "path_refused":
            what = one_line(f"{event.data.get('path')!r}: {event.data.get('reason') or 'not allowed'}")
            return [("refused to write ", "yellow"), what, "; the model is told"]
        case "item":
            return [
                ("item ", "dim"),
                data.get("item", ""),
                f" done ({data.get('number')} of {data.get('of')})",
            ]
        case "changes":
            return [("will change ", "dim"), _sizes(event.data.get("files", []))]
        case "testing_base":
            return [("testing the base commit first ", "dim"), data.get("commit", "")[:12]]
        case "testing_without_settings":
            return [("testing once more without the settings of the run", "dim")]
        case "control_run":
            return [("checking that failing tests are reported", "dim")]
        case "pause_requested":
            return [("pauses after this phase", "yellow")]
        case "pause_taken_back":
            return [("does not pause after all", "yellow")]
        case "cancel_requested":
            return [("cancelling", "yellow")]
        case "decided":
            return [_verdict(data), f" by {by}"]
        case "event_received":
            return [("event ", "dim"), data.get("name", ""), f" came early, by {by}"]
        case "base_moved":
            return [_moved(event)]
        case "pushed":
            return [("pushed ", "green"), data.get("branch", ""), " to ", data.get("url", "")]
        case "push_failed":
            return [("not pushed: ", "yellow"), data.get("error", "")]
        case "handed_back":
            return [("handed back; another worker goes on", "yellow")]
        case _:
            return []


def _sizes(files: list[dict[str, Any]]) -> str:
    """How much changes in how many files, and in which as far as a line holds them."""
    added, removed = (sum(file[side] for file in files) for side in ("added", "removed"))
    names = ", ".join(str(file["path"]) for file in files)
    many = "1 file" if len(files) == 1 else f"{len(files)} files"
    return one_line(f"{many} (+{added} -{removed}): {names}", 150)


def _moved(event: Event) -> Part:
    now = str(event.data.get("to"))[:12]
    if clashes := event.data.get("clashes"):
        return one_line(f"the base is at {now} now, and clashes in {', '.join(map(str, clashes))}"), "yellow"
    return f"merged onto {now}, where the base is now; tests there: {event.data.get('tests')}", "yellow"


def _verdict(data: dict[str, str]) -> Part:
    text = f"{data.get('reason')} {data.get('subject')}: {data.get('decision')}"
    return text, "green" if data.get("decision") == "granted" else "red"
