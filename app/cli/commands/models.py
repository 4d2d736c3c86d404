"""`models`: which model each profile asks."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.options import Json

group = typer.Typer(help="Show and change which model each profile asks.", no_args_is_help=True)


@group.command("list")
def list_profiles(as_json: Json = False) -> None:
    """List the model profiles and the routes that lead to them."""
    from app.cli import profiles

    profiles.list_profiles(as_json=as_json)


@group.command("set")
def set_profile(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="Name of a profile.")],
    model: Annotated[str | None, typer.Option("--model", help="Name of the model on its server.")] = None,
    context_tokens: Annotated[
        int | None, typer.Option("--context-tokens", min=1, help="Context: prompt and answer together.")
    ] = None,
    max_output_tokens: Annotated[
        int | None, typer.Option("--max-output-tokens", min=1, help="Longest answer, thinking included.")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=0.1, help="Total deadline of one call, in seconds.")
    ] = None,
) -> None:
    """Change a profile; new runs use it, runs under way keep what they pinned."""
    from app.cli import profiles

    given = {
        "model": model,
        "context_tokens": context_tokens,
        "max_output_tokens": max_output_tokens,
        "timeout_s": timeout,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise typer.BadParameter(
            "give at least one of --model, --context-tokens, --max-output-tokens, --timeout"
        )
    profiles.set_profile(profile, changes)
