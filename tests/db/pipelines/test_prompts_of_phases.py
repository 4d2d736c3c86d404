"""What a phase tells its model: everything it needs, in a prompt whose prefix stays the same."""

from __future__ import annotations

import json

from sqlalchemy import delete

from app.pipelines import definitions, routing
from app.pipelines.definition import Definition
from app.pipelines.profile import ProfileChange
from app.prompts import store as prompts
from app.prompts.prompt import Prompt
from app.services import open_services
from app.tables import PhaseConfiguration
from tests.db.software import ARCHITECTURE, BROKEN, EPIC, SHOUT, Shop, Team, code, review

STORY = "Greet in capitals {{ 7 * 7 }} please"


def told(call) -> str:  # type: ignore[no-untyped-def]
    return call.messages[0].content


def full_team() -> Team:
    return Team(pm=[EPIC], architect=[ARCHITECTURE], developer=[code(SHOUT)], qa=[review()])


async def test_the_architect_is_told_the_epic_the_earlier_artifacts_and_the_baseline_code(shop: Shop) -> None:
    team = full_team()
    run = await shop.run(team, "software", epic=STORY)
    assert (run.state, run.error) == ("succeeded", None)
    [call] = team.asked("architect")
    assert json.dumps(STORY) in told(call)
    assert "As a guest, I want capitals" in told(call)
    assert "def greet(name)" in told(call)
    assert "billing/total.py" in told(call)


async def test_the_stable_prefix_holds_nothing_that_changes_from_run_to_run(shop: Shop) -> None:
    first, second = full_team(), full_team()
    await shop.run(first, "software", epic=STORY)
    await shop.run(second, "software", epic="Quite another epic")
    assert [call.system for call in first.calls] == [call.system for call in second.calls]
    for call in first.calls:
        assert "capitals" not in call.system
        assert call.schema_name in call.system
    assert [told(call) for call in first.calls] != [told(call) for call in second.calls]


async def test_the_architecture_is_committed_as_a_document(shop: Shop) -> None:
    run = await shop.run(full_team(), "software", epic=STORY)
    path = f"docs/ARCH-{str(run.id)[:8]}.md"
    assert path in shop.person.files(f"workbench/{run.id}")
    assert "Makes greetings." in shop.person.git("show", f"workbench/{run.id}:{path}")


async def test_failing_tests_go_straight_back_to_the_developer_with_names_and_messages(shop: Shop) -> None:
    team = Team(developer=[code(BROKEN), code(SHOUT)], qa=[review()])
    run = await shop.run(team, "software-small")
    assert run.state == "succeeded"
    assert [call.key.phase for call in team.calls] == ["developer", "developer", "qa"]
    again = team.asked("developer")[1]
    assert "developer whose change was sent back" in again.system
    assert "test_shouts" in told(again)
    assert "hello a" in told(again)
    assert ".lower()" in told(again)


async def test_a_rejection_of_the_review_is_told_to_the_developer(shop: Shop) -> None:
    team = Team(developer=[code(SHOUT), code(SHOUT)], qa=[review(False, "Nobody is greeted."), review()])
    run = await shop.run(team, "software-small")
    assert run.state == "succeeded"
    assert "[high] shop/greeting.py:5: Nobody is greeted." in told(team.asked("developer")[1])


async def test_reviews_that_reject_once_too_often_fail_the_run(shop: Shop) -> None:
    async with shop.services.database.transaction() as session:
        small = await definitions.get(session, "software-small")
        once = next(phase for phase in small.phases if phase.name == "qa").model_copy(
            update={"max_rework": 1}
        )
        await definitions.save_phase(session, "software-small", "qa", once, shop.services.kinds)
    reviews = [review(False, f"Fault {number}.") for number in range(2)]
    run = await shop.run(Team(developer=[code(SHOUT)] * 2, qa=reviews), "software-small")
    assert run.error is not None
    assert (run.error["phase"], run.error["code"]) == ("qa", "rejected")
    assert "after 1 rework: [high] shop/greeting.py:5: Fault 1." in run.error["message"]


async def test_a_phase_without_a_budget_for_the_repository_is_told_nothing_of_it(shop: Shop) -> None:
    async with shop.services.database.transaction() as session:
        tiny = await definitions.get(session, "tiny")
        await definitions.save(session, limited(tiny, context_tokens=0), shop.services.kinds, by_person=True)
    team = Team(developer=[code(SHOUT)])
    await shop.run(team)
    assert "billing" not in told(team.calls[0])
    assert "def greet(name)" not in told(team.calls[0])


async def test_the_repository_gives_way_to_what_a_small_model_has_to_be_told_beside_it(shop: Shop) -> None:
    small = ProfileChange(context_tokens=12_000, max_output_tokens=2_000)
    async with shop.services.database.transaction() as session:
        await routing.change_profile(session, "recorded", small)
    (shop.person.path / "shop" / "words.py").write_text("# a word\n" * 1_600)
    shop.person.git("add", ".")
    shop.person.git("commit", "--quiet", "--message", "Add words")
    brief, long = Team(developer=[code(SHOUT)]), Team(developer=[code(SHOUT)])
    assert (await shop.run(brief)).state == "succeeded"
    assert "# a word" in told(brief.calls[0])
    assert (await shop.run(long, epic="Greet. " * 2_500)).state == "succeeded"
    assert "# a word" not in told(long.calls[0])
    assert '"path":"shop/words.py","reason":"budget"' in told(long.calls[0]).replace(" ", "")


def limited(definition: Definition, **limits: int) -> Definition:
    first = definition.phases[0]
    changed = first.model_copy(update={"limits": first.limits.model_copy(update=limits)})
    return definition.model_copy(update={"phases": (changed, *definition.phases[1:])})


async def test_an_edited_prompt_is_used_by_the_next_run_and_not_by_the_one_in_flight(shop: Shop) -> None:
    services = shop.services
    flying = await services.pipelines.create("An epic", definition="tiny", project="shop")
    async with services.database.transaction() as session:
        text = Prompt("developer", "You are somebody else. {{ schema }}", "Go", ("schema",))
        row = await prompts.add(session, text, message="Another voice", by="Ada")
        await prompts.move_label(session, "developer", prompts.PRODUCTION, row.version, by="Ada")
    old, new = Team(developer=[code(SHOUT)]), Team(developer=[code(SHOUT)])
    await services.pipelines.start(flying.id)
    await shop.walk(flying, old)
    await shop.run(new)
    assert old.calls[0].system.startswith("ROLE")
    assert new.calls[0].system.startswith("You are somebody else.")


async def test_an_edited_definition_is_used_by_the_next_run_and_not_by_the_one_in_flight(shop: Shop) -> None:
    services = shop.services
    flying = await services.pipelines.create("An epic", definition="tiny", project="shop")
    async with services.database.transaction() as session:
        tiny = await definitions.get(session, "tiny")
        changed = tiny.phases[0].model_copy(update={"route": "light", "rework_role": None})
        await definitions.save_phase(session, "tiny", "developer", changed, services.kinds)
        shorter = tiny.model_copy(update={"phases": tiny.phases[:1]})
        await definitions.save(session, shorter, services.kinds, by_person=True)
    await services.pipelines.start(flying.id)
    await shop.walk(flying, Team(developer=[code(SHOUT)]))
    assert (await services.pipelines.get(flying.id)).position == 3
    assert (await shop.run(Team(developer=[code(SHOUT)]))).position == 1


async def test_the_files_are_the_way_back_when_the_rows_are_broken(shop: Shop) -> None:
    services = shop.services
    async with services.database.transaction() as session:
        await session.execute(delete(PhaseConfiguration).where(PhaseConfiguration.definition == "software"))
        await definitions.save(
            session, await definitions.get(session, "software-small"), services.kinds, by_person=True
        )
        broken = Prompt("pm", "{{ schema", "{% nonsense", ())
        row = await prompts.add(session, broken, message="oops", by="Ada")
        await prompts.move_label(session, "pm", prompts.PRODUCTION, row.version, by="Ada")
    back = services.settings.model_copy(update={"data_driven_orchestration": False})
    async with open_services(back) as reading_files:
        run = await reading_files.pipelines.create(STORY, definition="software", project="shop")
        await reading_files.pipelines.start(run.id)
        team = full_team()
        await shop.walk(run, team)
        assert (await reading_files.pipelines.get(run.id)).state == "succeeded"
        assert team.asked("pm")[0].system.startswith("ROLE")
