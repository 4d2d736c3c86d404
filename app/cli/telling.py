"""The events of a run that are told while it is followed, each in one line."""

from __future__ import annotations

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
        case "handed_back":
            return [("handed back; another worker goes on", "yellow")]
        case _:
            return []


def _verdict(data: dict[str, str]) -> Part:
    text = f"{data.get('reason')} {data.get('subject')}: {data.get('decision')}"
    return text, "green" if data.get("decision") == "granted" else "red"
