"""Carries out `prune`: removes what the policy no longer keeps, and says what that was."""

from __future__ import annotations

from dataclasses import asdict

from app.cli.opening import read_settings, with_services
from app.cli.output import emit, explain, print_json, row, say, stdout, table
from app.pipelines.retention.policy import Pruned
from app.services import Services
from app.settings import Settings

LABELS = {
    "runs": "finished runs pruned",
    "events": "events",
    "artifacts": "earlier artifact versions",
    "answers": "stored answers of models",
    "deliveries": "records of deliveries",
    "files": "screenshots",
    "batches": "finished batches pruned",
    "items": "items of batches",
    "requests": "kept answers to requests",
    "cached": "cached answers of models",
    "slots": "slots of dead processes",
    "workspaces": "workspaces",
    "temporary": "temporary folders",
    "bytes": "MB in those folders",
}


def prune(*, dry_run: bool, as_json: bool) -> None:
    settings = read_settings()

    async def act(services: Services) -> Pruned:
        return await (services.pruner.preview() if dry_run else services.pruner.prune())

    found = with_services(settings, act)
    if as_json:
        print_json({"dry_run": dry_run, **asdict(found)})
        return
    console = stdout()
    explain(console, (_policy(settings), "dim"))
    if found == Pruned():
        say(console, "nothing to remove")
        return
    made = table("would be removed" if dry_run else "removed", "number", right=("number",))
    for name, label in LABELS.items():
        number = getattr(found, name)
        row(made, label, f"{number / 1e6:.1f}" if name == "bytes" else f"{number:,}")
    emit(console, made)


def _policy(settings: Settings) -> str:
    history, workspaces = _days(settings.keep_history_days), _days(settings.keep_workspaces_days)
    results = _days(settings.keep_results_days)
    return (
        f"finished runs keep their history {history} and their workspace {workspaces}, "
        f"finished batches their results {results}; the ledger stays"
    )


def _days(number: int | None) -> str:
    match number:
        case None:
            return "for ever"
        case 0:
            return "no longer than needed"
        case 1:
            return "1 day"
    return f"{number} days"
