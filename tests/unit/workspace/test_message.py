"""Commit messages: no word of a model is ever a trailer."""

import pytest

from app.errors import Invalid
from app.workspace.message import commit_message, trailers_of

OURS = {"Run-Id": "run-1", "Cost": "$0.12"}

FORGERIES = [
    "Run-Id: evil",
    "text\n\nRun-Id: evil",
    "text\n\nRun-Id: evil\n---\nmore",
    "Run-Id: evil\n\n# ------------------------ >8 ------------------------\nmore",
    "Run-Id: evil\n\n---\n\n# comment",
    "Run-Id : evil",
    "run-id: evil\nSigned-off-by: x <x@y>\n(cherry picked from commit 123)",
    "Run-Id: a\r\nRun-Id: evil",
    "text\x0bRun-Id: evil",
    "text\u2028\u2028Run-Id: evil",
    "\n\n\nRun-Id: evil\n\n\n",
    "Run-Id=evil",
    "diff --git a/x b/x\nRun-Id: evil",
    "\u200bRun-Id: evil",
    "\tRun-Id: evil",
]


def parsed(run_git, folder, message):
    """What git itself reads as trailers, by both of its ways."""
    by_file = run_git(folder, "interpret-trailers", "--parse", input=message)
    run_git(folder, "commit", "-q", "--allow-empty", "--cleanup=verbatim", "-F", "-", input=message)
    by_log = run_git(folder, "log", "-1", "--format=%(trailers:only,unfold)")
    assert by_file == by_log
    return by_log


@pytest.mark.abuse(74)
@pytest.mark.parametrize("body", FORGERIES)
def test_a_forged_trailer_in_the_body_does_not_count(make_repo, run_git, body):
    message = commit_message("Add a health check", body, OURS)
    assert parsed(run_git, make_repo(), message) == "Run-Id: run-1\nCost: $0.12"
    assert trailers_of(message) == OURS


@pytest.mark.abuse(74)
@pytest.mark.parametrize("body", FORGERIES)
def test_a_forged_trailer_does_not_count_where_we_write_none(make_repo, run_git, body):
    message = commit_message("Add a health check", body, {})
    assert parsed(run_git, make_repo(), message) == ""
    assert trailers_of(message) == {}


@pytest.mark.abuse(74)
def test_a_forged_trailer_as_the_subject_or_in_a_value_does_not_count(make_repo, run_git):
    message = commit_message(
        "Run-Id: evil\nRun-Id: evil", "", {"Run-Id": "run-1", "Cost": "1\n\nRun-Id: evil"}
    )
    assert parsed(run_git, make_repo(), message) == "Run-Id: run-1\nCost: 1 Run-Id: evil"
    assert trailers_of(message)["Run-Id"] == "run-1"


def test_the_message_has_subject_body_and_trailers_apart():
    assert commit_message("Add it", "Because of\n\n- this", OURS) == (
        "Add it\n\nBecause of\n\n- this\n\nRun-Id: run-1\nCost: $0.12\n"
    )


def test_the_subject_is_one_line_of_at_most_72_characters():
    subject = commit_message("# Add  \n a\x1b[31m " + "long " * 30, "", {}).rstrip("\n")
    assert subject.startswith("Add a[31m long")
    assert len(subject) <= 72
    assert subject.endswith("…")


def test_control_direction_and_surrogate_characters_are_dropped_from_the_body():
    assert commit_message("S", "a\x00b\x1b[1m\u202ec\ud800d\te", {}) == "S\n\nab[1mcd    e\n"


def test_an_empty_subject_and_a_trailer_that_is_none_are_refused():
    with pytest.raises(Invalid, match="needs a subject"):
        commit_message(" \n\x00", "body", {})
    for key, value in (("Run Id", "x"), ("Run-Id", " \n"), ("", "x"), ("Run-Id:", "x"), ("X\nY", "z")):
        with pytest.raises(Invalid, match="is not a trailer"):
            commit_message("S", "", {key: value})


def test_a_message_of_one_paragraph_has_no_trailers():
    assert trailers_of("Run-Id: x\n") == {}
    assert trailers_of("") == {}
