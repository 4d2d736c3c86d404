"""`workbench prune`, and what the other commands say of a run that was pruned."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.cli.command import InProcess, environment

AT_ONCE = {"WORKBENCH_KEEP_HISTORY_DAYS": "0", "WORKBENCH_KEEP_WORKSPACES_DAYS": "0"}


@pytest.fixture
def own(database_url: str, state_dir: Path) -> InProcess:
    """The command with a database and a state folder of this test."""
    return InProcess(environment(state_dir) | {"WORKBENCH_DATABASE_URL": database_url})


def test_a_run_is_pruned_when_nothing_is_to_be_kept_and_can_still_be_shown(own: InProcess) -> None:
    ran = own("demo", "--json").json
    counted = own("prune", "--dry-run", "--json", **AT_ONCE).json
    assert (counted["dry_run"], counted["runs"]) == (True, 1)
    assert counted["events"] == len(ran["events"])
    assert own("show", "last", "--json").json["pruned_at"] is None

    said = own("prune", **AT_ONCE).out
    assert "finished runs keep their history no longer than needed" in said
    assert (
        f"events                     {counted['events']:>6}" in " ".join(said.split("\n")) or "events" in said
    )
    shown = own("show", "last")
    assert shown.code == 0
    assert "its events, deliveries, files and earlier artifact versions were removed on" in shown.out
    assert "were removed on" in own("show", "last", "--events").out
    after = own("show", "last", "--json").json
    assert after["pruned_at"] is not None
    assert after["usage"] == ran["usage"]
    assert after["events"] == []


def test_the_results_of_a_pruned_batch_are_an_error_that_says_so_and_no_empty_file(
    own: InProcess, tmp_path: Path
) -> None:
    own("demo")
    (tmp_path / "inputs.jsonl").write_text('"one"\n"two"\n')
    terms = ("--definition", "software-small", "--project", "sample", "--backend", "recorded", "--detach")
    assert own("batch", str(tmp_path / "inputs.jsonl"), *terms).code == 0
    own("batches", "cancel", "last")
    assert own("prune", "--json", WORKBENCH_KEEP_RESULTS_DAYS="0").json["items"] == 2
    done = own("batches", "results", "last", "--out", str(tmp_path / "results.csv"))
    assert (done.code, "WORKBENCH_KEEP_RESULTS_DAYS" in done.err) == (1, True)
    assert [path.name for path in tmp_path.iterdir()] == ["inputs.jsonl"]
    assert "its items were removed on" in own("batches", "show", "last").out


def test_with_nothing_old_enough_there_is_nothing_to_remove(own: InProcess) -> None:
    own("seed")
    ages = {"WORKBENCH_KEEP_HISTORY_DAYS": "1", "WORKBENCH_KEEP_WORKSPACES_DAYS": "forever"}
    done = own("prune", **ages)
    assert done.out.splitlines() == [
        "finished runs keep their history 1 day and their workspace for ever, "
        "finished batches their results 365 days; the ledger stays",
        "nothing to remove",
    ]


def test_a_setting_that_is_no_number_of_days_is_told_by_its_name(own: InProcess) -> None:
    done = own("prune", WORKBENCH_KEEP_HISTORY_DAYS="soon")
    assert done.code == 1
    assert "WORKBENCH_KEEP_HISTORY_DAYS" in done.err
    assert "a number of days, or the word forever" in done.err
