"""`ask`: one question to a model, without a run."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.options import Json


def ask(
    task: Annotated[str, typer.Argument(help="What is to be done; `@FILE` reads a file, `-` reads stdin.")],
    files: Annotated[
        list[str] | None, typer.Argument(metavar="[FILE]...", help="Texts that go with it; `-` is stdin.")
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Ask a free model, with what fits into its context.")
    ] = False,
    api: Annotated[
        bool, typer.Option("--api", help="Ask Claude, with all that is given, or not at all.")
    ] = False,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile",
            help="Model profile that answers.",
            show_default="WORKBENCH_OLLAMA_PROFILE, or claude",
        ),
    ] = None,
    route: Annotated[
        str | None,
        typer.Option(
            "--task",
            metavar="TYPE",
            help="Kind of work: the route that decides; auto: by the words of the task.",
        ),
    ] = None,
    code: Annotated[bool, typer.Option("--code", help="Code alone, with no fence and no word.")] = False,
    budget_tokens: Annotated[
        int | None, typer.Option("--budget-tokens", min=0, help="Most tokens that the files may take.")
    ] = None,
    include_secret: Annotated[
        list[str] | None,
        typer.Option(
            "--include-secret", metavar="FILE", help="Send this file though it looks like one with keys."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask a model one thing, and print the result alone.

    Exit codes: 0 answered, 1 failed, 2 wrong usage.
    """
    from app.cli import asking
    from app.cli.attaching import STDIN, read_attachments, read_task
    from app.pipelines.question import Form, Question, Where

    if sum((local, api, route is not None)) > 1:
        raise typer.BadParameter("choose one of --local, --api and --task")
    if route is not None and profile is not None:
        raise typer.BadParameter("--task leads to a profile: leave --profile out")
    if task == STDIN and STDIN in (files or ()):
        raise typer.BadParameter("stdin is the task or a file, not both")
    question = Question(
        task=read_task(task, include_secret or ()),
        attachments=read_attachments(files or (), include_secret or ()),
        form=Form.CODE if code else Form.TEXT,
        where=Where.API if api else Where.LOCAL if route is None else Where.ROUTE,
        profile=profile,
        route=route,
        budget_tokens=budget_tokens,
    )
    asking.ask(question, as_json=as_json)
