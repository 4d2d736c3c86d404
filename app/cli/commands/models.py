"""`models`: which model each profile asks."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from app.cli.options import Json, ThinkChoice, leave

group = typer.Typer(help="Show and change which model each profile asks.", no_args_is_help=True)


class CodeChannelChoice(StrEnum):
    """The forms of `app.tables.CodeForm`."""

    JSON = "json"
    BLOCKS = "blocks"


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
    think: Annotated[
        ThinkChoice | None, typer.Option("--think", help="Whether, or how hard, it thinks.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", min=0, max=2, help="Sampling; Claude takes none.")
    ] = None,
    vram: Annotated[
        float | None, typer.Option("--vram-gb", min=0.01, help="What it takes of the graphics card, in GB.")
    ] = None,
    max_turns: Annotated[
        int | None, typer.Option("--max-turns", min=1, max=10, help="Questions one task may take.")
    ] = None,
    code_channel: Annotated[
        CodeChannelChoice | None,
        typer.Option("--code-channel", help="How it writes files: in JSON strings, or as fenced blocks."),
    ] = None,
) -> None:
    """Change a profile; new runs use it, runs under way keep what they pinned."""
    from app.cli import profiles

    given = {
        "model": model,
        "context_tokens": context_tokens,
        "max_output_tokens": max_output_tokens,
        "timeout_s": timeout,
        "think": think.value if think else None,
        "temperature": temperature,
        "vram_gb": vram,
        "max_turns": max_turns,
        "code_channel": code_channel.value if code_channel else None,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    if not changes:
        raise typer.BadParameter(
            "give at least one of --model, --context-tokens, --max-output-tokens, --timeout, --think, "
            "--temperature, --vram-gb, --max-turns, --code-channel"
        )
    profiles.set_profile(profile, changes)


@group.command("probe")
def probe(
    profiles: Annotated[
        list[str] | None, typer.Argument(metavar="PROFILE…", help="Names of profiles.", show_default=False)
    ] = None,
    all_local: Annotated[
        bool, typer.Option("--all-local", help="Every model of a server of one's own, once each.")
    ] = False,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, max=50, help="How often each question is asked.")
    ] = 1,
    as_json: Json = False,
) -> None:
    """Ask models five questions in every mode, with and without thinking, and keep what holds."""
    from app.cli import probing

    if not profiles and not all_local:
        raise typer.BadParameter("name at least one profile, or give --all-local")
    leave(probing.probe(profiles or [], all_local=all_local, repeat=repeat, as_json=as_json))


@group.command("compare-channels")
def compare_channels(
    profile: Annotated[str, typer.Argument(metavar="PROFILE", help="Name of a profile.")],
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, max=100, help="How often the task is asked in each channel.")
    ] = 3,
    epic: Annotated[
        str | None,
        typer.Option(
            "--epic", help="A task of your own on the sample's file: a text, @FILE, or - for stdin."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Agree to what a paid model may cost.")] = False,
    as_json: Json = False,
) -> None:
    """Ask for the same code as JSON and as blocks, and show in which form the model errs less."""
    from app.cli import comparing
    from app.cli.epic import read_epic

    task = None if epic is None else read_epic(epic)
    leave(comparing.compare(profile, rounds=rounds, epic=task, yes=yes, as_json=as_json))
