"""The tree of commands."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from app.cli.commands import (
    ask,
    backends,
    batches,
    budgets,
    changes,
    control,
    decisions,
    definitions,
    destinations,
    gates,
    improve,
    limits,
    models,
    operations,
    prices,
    projects,
    prompts,
    routes,
    runs,
    schedules,
    tokens,
    usage,
    work,
)

program = typer.Typer(
    help="An epic goes in, a tested commit comes out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@program.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Log everything, and show tracebacks.")] = False,
) -> None:
    """Turn an epic into a tested commit, and look after the service that does it."""
    if debug:
        os.environ["WORKBENCH_LOG_LEVEL"] = "debug"


program.command("demo")(work.demo)
program.command("run")(work.run)
program.command("ask")(ask.ask)
program.command("batch")(batches.batch)
program.command("improve")(improve.improve)
program.command("estimate")(improve.estimate)
program.command("scoreboard")(improve.scoreboard)
program.command("runs")(runs.runs)
program.command("show")(runs.show)
program.command("compare")(runs.compare)
program.command("pause")(control.pause)
program.command("resume")(control.resume)
program.command("cancel")(control.cancel)
program.command("retry")(control.retry)
program.command("event")(control.event)
program.command("diff")(changes.diff)
program.command("apply")(changes.apply)
program.command("discard")(changes.discard)
program.command("push")(changes.push)
program.command("waits")(decisions.waits)
program.command("approve")(decisions.approve)
program.command("reject")(decisions.reject)
program.command("backends")(backends.backends)
program.command("usage")(usage.usage)
program.command("serve")(operations.serve)
program.command("worker")(operations.worker)
program.command("seed")(operations.seed)
program.command("prune")(operations.prune)
program.command("cache")(operations.cache)
program.command("doctor")(operations.doctor)
program.command("version")(operations.version)
program.add_typer(batches.group, name="batches")
program.add_typer(improve.group, name="improvements")
program.add_typer(prompts.group, name="prompts")
program.add_typer(projects.group, name="projects")
program.add_typer(definitions.group, name="definitions")
program.add_typer(schedules.group, name="schedules")
program.add_typer(destinations.group, name="destinations")
program.add_typer(gates.group, name="gates")
program.add_typer(models.group, name="models")
program.add_typer(routes.group, name="route")
models.group.add_typer(prices.group, name="price")
program.add_typer(budgets.group, name="budgets")
program.add_typer(limits.group, name="limits")
program.add_typer(tokens.group, name="token")
