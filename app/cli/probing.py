"""Carries out `models probe`: which modes hold for the model of a profile."""

from __future__ import annotations

from collections.abc import Sequence

from app.cli.call_progress import CallProgress
from app.cli.failures import Exit
from app.cli.opening import read_settings, with_services
from app.cli.output import print_json, say, stderr, stdout
from app.cli.probe_view import Result, capabilities, result_json, show
from app.errors import WorkbenchError, unknown
from app.llm.errors import LLMDisabled
from app.llm.probing.prober import Found, Step
from app.llm.types import Profile
from app.pipelines import routing
from app.pipelines.rows import as_profile
from app.seeding.files import load_probes
from app.services import Services


def probe(names: Sequence[str], *, all_local: bool, repeat: int, as_json: bool) -> Exit:
    """Asks the models one after the other. `FAILED` when none gave a single answer."""

    async def act(services: Services) -> list[Result]:
        if services.settings.llm_disabled:
            raise LLMDisabled("model calls are switched off (WORKBENCH_LLM_DISABLED)")
        results: list[Result] = []
        for profile in await _chosen(services, names, all_local=all_local):
            results.append((profile, await _probe(services, profile, repeat)))
            if not as_json:
                show(*results[-1])
        return results

    results = with_services(read_settings(), act)
    if as_json:
        print_json([result_json(profile, result) for profile, result in results])
    elif not results:
        say(stdout(), "no profile has a model of a local server")
    answered = any(one.answered for _, found in results for one in capabilities(found))
    return Exit.SUCCEEDED if answered else Exit.FAILED


async def _chosen(services: Services, names: Sequence[str], *, all_local: bool) -> list[Profile]:
    """The named profiles; or one for each model of a local server. Raises `NotFound`."""
    async with services.database.transaction() as session:
        known = {found.name: as_profile(found) for found in await routing.profiles(session)}
    for name in names:
        if name not in known:
            raise unknown("model profile", name, known)
    chosen = [known[name] for name in dict.fromkeys(names)]
    if all_local:
        seen = {(profile.backend, profile.model) for profile in chosen}
        for profile in known.values():
            model = (profile.backend, profile.model)
            if not profile.is_paid and profile.backend != "recorded" and model not in seen:
                seen.add(model)
                chosen.append(profile)
    return chosen


async def _probe(services: Services, profile: Profile, repeat: int) -> Found | WorkbenchError:
    """What was found; or why nothing was, and the next profile has its turn."""
    cases = load_probes()
    with CallProgress(stderr(), f"{profile.name}  first answer") as progress:

        def watch(step: Step) -> None:
            call = step.call
            thinks = "off" if call.profile.think == "off" else "on"
            group = f"{profile.name}  {call.mode}, think {thinks}"
            progress.show(group, call.key.item, step.number, step.of)

        try:
            return await services.prober.probe(profile, cases, repeat=repeat, watch=watch)
        except WorkbenchError as error:
            return error
        finally:
            services.capabilities.forget()
