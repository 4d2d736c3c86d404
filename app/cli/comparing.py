"""Carries out `models compare-channels`: in which form the model of a profile writes code better."""

from __future__ import annotations

from app.cli.call_progress import CallProgress
from app.cli.comparison_view import comparison_json, cost, show
from app.cli.failures import Exit
from app.cli.opening import read_settings, with_services
from app.cli.output import explain, print_json, say, stderr, stdout
from app.cli.person import agrees, attended
from app.errors import Invalid
from app.pipelines.comparing import Compared, Prepared, Step
from app.services import Services


def compare(profile: str, *, rounds: int, epic: str | None, yes: bool, as_json: bool) -> Exit:
    """`FAILED` when no answer was valid. What costs money is asked only by who agreed."""
    prepared, compared = _compare(profile, rounds, epic, yes=yes)
    if compared is None and _agreed(prepared, as_json=as_json):
        prepared, compared = _compare(profile, rounds, epic, yes=True)
    if compared is None:
        say(stdout(), "nothing was asked")
        return Exit.FAILED
    if as_json:
        print_json(comparison_json(prepared, compared))
    else:
        show(prepared, compared)
    valid = any(tally.valid for tally in compared.comparison.tallies)
    return Exit.SUCCEEDED if valid else Exit.FAILED


def _compare(profile: str, rounds: int, epic: str | None, *, yes: bool) -> tuple[Prepared, Compared | None]:
    """Nothing was compared when it costs money and nobody has agreed to that."""

    async def act(services: Services) -> tuple[Prepared, Compared | None]:
        prepared = await services.comparer.prepare(profile, rounds, epic)
        if prepared.is_paid and not yes:
            return prepared, None
        if prepared.is_paid:
            explain(stderr(), _costs(prepared))
        return prepared, await _wait(services, prepared)

    return with_services(read_settings(), act)


async def _wait(services: Services, prepared: Prepared) -> Compared:
    name = prepared.profile.name
    with CallProgress(stderr(), f"{name}  first answer") as progress:

        def watch(step: Step) -> None:
            words = f"round {step.round + 1} of {prepared.rounds}"
            progress.show(f"{name}  {step.channel}, {words}", prepared.profile.model, step.number, step.of)

        return await services.comparer.compare(prepared, watch)


def _agreed(prepared: Prepared, *, as_json: bool) -> bool:
    """Raises `Invalid` where nobody can be asked."""
    if not attended(as_json=as_json):
        raise Invalid(f"{_costs(prepared)}; nothing was asked", hint="agree to that with --yes")
    return agrees(f"{_costs(prepared)}. Ask?")


def _costs(prepared: Prepared) -> str:
    profile, questions = prepared.profile, prepared.rounds * len(prepared.requests)
    return (
        f"{questions} questions to {profile.name} ({profile.model}) cost {cost(prepared)} at most, "
        "if each is asked again and every answer is as long as it may be"
    )
