"""Edits of a text: found exactly once as the text was, and what is told of one that is not."""

from __future__ import annotations

import time

import pytest

from app.edits.edit import MAX_CHARS, BadEdit, Edit, apply_edits
from app.edits.rewrite import kept_share, repeats

TEXT = "one\ntwo\nthree\ntwo\n"
CODE = """class Till:
    def open(self):
        self.drawer = []

    def take(self, price):
        if price < 0:
            raise ValueError("a price below 0")
        self.drawer.append(price)

    def total(self):
        return sum(self.drawer)
"""


def refused(text: str, *edits: Edit) -> str:
    with pytest.raises(BadEdit) as caught:
        apply_edits(text, edits)
    return str(caught.value)


def test_edits_are_found_in_the_text_as_it_was() -> None:
    edits = [Edit("one\n", "three\nfour\n"), Edit("three\n", "")]
    assert apply_edits(TEXT, edits) == "three\nfour\ntwo\ntwo\n"


def test_the_last_line_break_of_an_edit_may_be_missing() -> None:
    assert apply_edits(TEXT, [Edit("one", "1")]) == "1\ntwo\nthree\ntwo\n"
    assert apply_edits("x = 1\nx = 10\n", [Edit("x = 1", "x = 2")]) == "x = 2\nx = 10\n"


def test_edits_of_the_same_lines_are_refused() -> None:
    assert "the same lines" in refused(TEXT, Edit("one\ntwo\n", ""), Edit("two\nthree\n", ""))


@pytest.mark.parametrize("search", ["", "\n", "\r\n"])
def test_an_empty_search_text_is_refused(search: str) -> None:
    assert "the search text is empty" in refused(TEXT, Edit(search, "x\n"))


def test_an_edited_text_has_an_upper_limit() -> None:
    assert "would have" in refused(TEXT, Edit("one\n", "x" * MAX_CHARS))


def test_the_line_ends_and_the_open_end_of_a_text_stay() -> None:
    assert apply_edits("a\r\nb\r\n", [Edit("a\n", "x\ny\n")]) == "x\r\ny\r\nb\r\n"
    assert apply_edits("a\nlast", [Edit("last\n", "end\n")]) == "a\nend"


def test_a_search_text_that_stands_more_than_once_is_told_with_its_lines() -> None:
    assert refused(TEXT, Edit("two\n", "")) == (
        "edit 1: the search text is found 2 times, not once: at the lines 2, 4; give more lines around it"
    )
    assert "at the lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …" in refused("a\n" * 12, Edit("a\n", ""))


def test_a_part_of_a_line_is_not_found_and_the_line_is_shown() -> None:
    told = refused(TEXT, Edit("hree\n", ""))
    assert told.split("\n")[1:] == ["-hree", "+three"]


def test_the_nearest_lines_are_shown_as_a_short_diff() -> None:
    search = "    def take(self, price):\n        if price <= 0:\n"
    search += "            raise ValueError('a price below 0')\n"
    told = refused(CODE, Edit(search, ""))
    assert told == (
        "edit 1: the search text is found 0 times, not once; nearest are the lines 5 to 7 "
        "(-: your search, +: the file):\n"
        "     def take(self, price):\n"
        "-        if price <= 0:\n"
        "-            raise ValueError('a price below 0')\n"
        "+        if price < 0:\n"
        '+            raise ValueError("a price below 0")'
    )


def test_lines_that_differ_in_their_spaces_only_are_found() -> None:
    told = refused(CODE, Edit("def total(self):\n    return sum(self.drawer)\n", ""))
    assert "nearest are the lines 10 to 11" in told
    assert "+    def total(self):" in told


def test_a_text_that_is_like_nothing_in_the_file_is_said_to_be() -> None:
    assert "nothing in the file is like it" in refused(CODE, Edit("~~~ 4711 ~~~\n", ""))
    assert "nothing in the file is like it" in refused("", Edit("a\n", ""))


def test_what_is_told_stays_short() -> None:
    text = "".join(f"line {n} {'x' * 500}\n" for n in range(300))
    search = "".join(f"line {n} {'y' * 500}\n" for n in range(300))
    told = refused(text, Edit(search, ""))
    assert len(told) < 4_000


def test_a_new_version_that_repeats_most_of_a_long_text_is_told_from_a_rewrite() -> None:
    before = "".join(f"line {n}\n" for n in range(300))
    assert repeats(before, before + "one more\n", 200)
    assert not repeats(before, before + "one more\n", 300)
    assert not repeats(before, "line 1\nall else is new\n", 200)
    assert kept_share("", "a\n") == 0


def test_a_search_text_that_repeats_itself_over_a_long_file_is_given_up_soon() -> None:
    began = time.thread_time()
    told = refused("a\n" * 50_000, Edit("a\n" * 20_000, "b\n"))
    assert "is found more than 1,000 times" in told
    assert "at the lines 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …" in told
    assert time.thread_time() - began < 1


def test_long_lines_of_one_letter_are_compared_soon() -> None:
    began = time.thread_time()
    told = refused(f"{'a' * 390}\nb\n" * 1_000, Edit(f"{'a' * 389}c\nb\n" * 40, "b\n"))
    assert "nearest are the lines 1 to 80" in told
    assert time.thread_time() - began < 6
