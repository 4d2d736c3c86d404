"""The recording tells a story that is true: its code really fails, then passes, and its answers are valid."""

import json
import shutil
import subprocess
import sys

import pytest
from defusedxml.ElementTree import parse

from app.artifacts.registry import schema
from app.seeding.demo import CASSETTE, SAMPLE_EPIC
from app.workspace.paths import check_path

LISTS = ("files", "test_files", "migration_scripts")


def run_tests(folder):
    """Names of all tests and of those that failed, as the project's own test command reports them."""
    report = folder.parent / f"{folder.name}.xml"
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}"]
    subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    cases = parse(report).getroot().findall(".//testcase")
    return [c.get("name") for c in cases], [c.get("name") for c in cases if len(c)]


@pytest.fixture(scope="session")
def tried(repository, answer, tmp_path_factory):
    """Tests and failures by round, each on the base commit plus all that was answered until then."""
    folder = tmp_path_factory.mktemp("rounds") / "orders"
    shutil.copytree(repository, folder, ignore=shutil.ignore_patterns(".git"))
    results = {}
    for round in range(3):
        for file in (file for key in LISTS for file in answer("developer", round)[key]):
            path = folder / check_path(file["path"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file["content"], "utf-8")
        results[round] = run_tests(folder)
    return results


def test_the_header_names_the_epics_and_says_that_people_wrote_it():
    header = json.loads(CASSETTE.read_text("utf-8").splitlines()[0])

    assert header == {
        "cassette": 1,
        "epics": [SAMPLE_EPIC, "Add health check endpoint to orchestrator API"],
        "source": "written by hand for the demo",
    }


def test_an_entry_is_one_call_of_one_phase():
    entries = [json.loads(line) for line in CASSETTE.read_text("utf-8").splitlines()[1:]]

    assert all(set(e) == {"definition", "phase", "item", "round", "step", "json"} for e in entries)
    assert all((e["item"], e["step"]) == ("", 0) for e in entries)


def test_every_answer_is_valid_as_it_stands(recording, seeds):
    for entry in recording:
        phases = {phase.name: phase for phase in seeds.definitions[entry.definition].phases}
        wanted = schema(phases[entry.phase].schema_name)

        given = {"edits": [], **entry.answer} if "test_files" in entry.answer else entry.answer
        assert wanted.validate(entry.answer) == given


@pytest.mark.parametrize(("definition", "first"), [("software", ["pm", "architect"]), ("software-small", [])])
def test_two_reworks_lead_to_a_pass(definition, first, recording):
    story = [(x.phase, x.round) for x in recording if x.definition == definition]

    assert story == [
        *[(phase, 0) for phase in first],
        *[("developer", 0), ("developer", 1), ("qa", 1), ("developer", 2), ("qa", 2)],
    ]


def test_the_sample_repository_passes_its_own_tests(repository, tmp_path):
    folder = shutil.copytree(repository, tmp_path / "base", ignore=shutil.ignore_patterns(".git"))
    names, failed = run_tests(folder)

    assert len(names) == 16
    assert failed == []


def test_the_first_answer_fails_one_test(tried):
    assert tried[0][1] == ["test_a_working_service_is_healthy"]


@pytest.mark.parametrize("round", [1, 2])
def test_the_later_answers_pass_every_test_and_qa_counts_them(round, tried, answer):
    names, failed = tried[round]

    assert failed == []
    assert answer("qa", round)["test_results"] == {"tests": len(names), "failures": 0, "skipped": 0}


def test_qa_rejects_a_failing_service_that_answers_200(answer):
    report = answer("qa", 1)

    assert not report["passed"]
    assert [i["severity"] for i in report["issues"] if i["fix_required"]] == ["high", "medium"]
    source, line = report["issues"][0]["location"].split(":")
    code = {file["path"]: file["content"] for file in answer("developer", 1)["files"]}[source]
    assert "Response(200" in code.splitlines()[int(line) - 1]


def test_the_last_answer_adds_a_test_for_what_qa_found(answer, tried):
    assert answer("qa", 2)["passed"]
    assert set(tried[2][0]) - set(tried[1][0]) == {
        "test_a_damaged_store_is_failing_until_it_is_mended",
        "test_each_part_is_checked_and_the_reason_is_logged",
    }


def test_a_rework_answers_with_what_it_changes(answer):
    paths = [[f["path"] for key in LISTS for f in answer("developer", round)[key]] for round in range(3)]

    assert paths == [
        ["orders/health.py", "orders/app.py", "README.md", "tests/test_health.py"],
        ["orders/health.py"],
        ["orders/health.py", "README.md", "tests/test_health.py"],
    ]


def test_a_standard_epic_stays_within_its_tokens(recording):
    written = [x.answer for x in recording if x.definition == "software"]
    architecture = next(x.answer for x in recording if x.phase == "architect")

    assert sum(len(json.dumps(a)) for a in written) / 3.5 < 26_000
    assert all(len(json.dumps(c)) / 3.5 <= 500 for c in architecture["components"])
