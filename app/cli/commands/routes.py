"""`route`: which model does which kind of work, and where a text would go."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from app.cli.options import EscalateToPaid, FallBackToLocal, Json, ThinkChoice

group = typer.Typer(help="Show, explain and change the routes to the models.", no_args_is_help=True)
keywords = typer.Typer(help="The words that lead free text to a route.", no_args_is_help=True)
group.add_typer(keywords, name="keywords")

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a route.")]
Word = Annotated[str, typer.Argument(metavar="KEYWORD", help="In lower case; `*` is for any text.")]


@group.command("list")
def list_routes(as_json: Json = False) -> None:
    """List the routes: who does the work, how fast, and who is asked next."""
    from app.cli import routes

    routes.list_routes(as_json=as_json)


@group.command("explain")
def explain(
    text: Annotated[
        str | None, typer.Argument(help="A task in words; `@FILE` reads a file, `-` stdin.")
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="Name of a route, such as art-description; before the text.")
    ] = None,
    escalate_to_paid: EscalateToPaid = None,
    fall_back_to_local: FallBackToLocal = None,
    as_json: Json = False,
) -> None:
    """Say which route a text takes, who is asked, and why; no model is asked.

    Exit code 1 when nobody in line can take the text.
    """
    from app.cli import routes

    if text is None and task is None:
        raise typer.BadParameter("give a text, or --task", param_hint="TEXT")
    routes.explain(text, task, escalate_to_paid, fall_back_to_local, as_json=as_json)


@group.command("set")
def set_route(
    name: Name,
    profile: Annotated[
        str | None, typer.Option("--profile", help="Model profile that does the work.")
    ] = None,
    description: Annotated[
        str | None, typer.Option("--description", help="What kind of work it is; a new route needs one.")
    ] = None,
    think: Annotated[
        str | None,
        typer.Option("--think", help="off, on, low, medium, high; `profile`: as the profile says."),
    ] = None,
    latency: Annotated[
        float | None, typer.Option("--latency", min=0, help="Seconds until an answer is late; 0: never.")
    ] = None,
    critical: Annotated[
        bool | None,
        typer.Option(
            "--critical/--not-critical", help="Never answered by a lesser model.", show_default="as it is"
        ),
    ] = None,
    cascade: Annotated[
        list[str] | None,
        typer.Option(
            "--cascade",
            metavar="STEP",
            help="PROFILE[,think=on][,on=OUTCOME+OUTCOME]: asked next. Again for more; `none` empties it.",
        ),
    ] = None,
) -> None:
    """Change a route, or make one; new runs use it, runs under way keep what they pinned."""
    from app.cli import routes
    from app.cli.cascade import read_steps

    thinking = None if think is None else _think(think)
    given: dict[str, Any] = {
        "profile": profile,
        "description": description,
        "critical": critical,
        "cascade": read_steps(cascade) if cascade else None,
    }
    changes = {field: value for field, value in given.items() if value is not None}
    changes |= {} if latency is None else {"latency_s": latency or None}
    changes |= {} if thinking is None else {"think": None if thinking == "profile" else thinking}
    if not changes:
        raise typer.BadParameter(
            "give at least one of --profile, --description, --think, --latency, --critical, --cascade"
        )
    routes.set_route(name, changes)


@keywords.command("list")
def list_keywords(as_json: Json = False) -> None:
    """List the keywords in the order in which they are looked for."""
    from app.cli import routes

    routes.list_keywords(as_json=as_json)


@keywords.command("add")
def add_keyword(
    keyword: Word,
    route: Annotated[str, typer.Argument(metavar="ROUTE", help="Name of a route.")],
    before: Annotated[
        str | None, typer.Option("--before", metavar="KEYWORD", help="Look for it before this one.")
    ] = None,
) -> None:
    """Lead texts with this word to a route; a keyword that is there goes to its new route and place."""
    from app.cli import routes

    routes.add_keyword(keyword, route, before)


@keywords.command("remove")
def remove_keyword(keyword: Word) -> None:
    """Take a keyword away."""
    from app.cli import routes

    routes.remove_keyword(keyword)


def _think(text: str) -> str:
    known = [*(choice.value for choice in ThinkChoice), "profile"]
    if text not in known:
        raise typer.BadParameter(f"one of {', '.join(known)}", param_hint="--think")
    return text
