"""What counts as a text that only repeats itself, and what does not."""

from __future__ import annotations

import base64
import hashlib
import json
import random

import pytest

from app.llm.repetition import BLOCK, STRETCH, Repetition

LICENSE = "# Licensed under some terms; you may use this file as they say, and in no other way.\n" * 12
DICE = random.Random(3)  # noqa: S311 - texts, not secrets


def loops(text: str, piece: int = 7) -> bool:
    watch = Repetition()
    return any(watch.feed(text[place : place + piece]) for place in range(0, len(text), piece))


def noise(size: int) -> str:
    return "".join(DICE.choices("abcdefghijklmnopqrstuvwxyz ,.", k=size))


@pytest.mark.parametrize(
    "block",
    [
        " ",
        "\n",
        "na",
        "I am sorry, I can not. ",
        '{"id": "QA-1", "severity": "high"}, ',
        "\\n",
        noise(300),
        "a" * 200 + noise(200) + "a" * 200,
        noise(BLOCK),
    ],
    ids=["spaces", "lines", "syllables", "sentences", "items", "escapes", "noise", "alike inside", "longest"],
)
@pytest.mark.parametrize("piece", [1, 33, 20_000])
def test_one_block_again_and_again_is_a_loop_in_whatever_pieces_it_comes(block: str, piece: int) -> None:
    many = block * (2 * STRETCH // len(block) + 1)
    assert loops(noise(5_000) + many, piece)


def test_a_loop_is_seen_soon_after_it_has_become_one() -> None:
    watch = Repetition()
    watch.feed(noise(1_234))
    seen = next(count for count in range(1, 10_000) if watch.feed("tick "))
    assert STRETCH <= 5 * seen <= STRETCH + BLOCK


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([{"id": f"QA-{n}", "severity": "high", "fix_required": True} for n in range(2_000)]),
        json.dumps(list(range(20_000))),
        "".join(f"| item {n} | 0.00 | open |\n" for n in range(1_000)),
        "|---" * 100 + "|\n" + "| 0 | 0 | 0 |\n" * 200,
        base64.b64encode(b"".join(hashlib.sha256(bytes([n])).digest() for n in range(256))).decode(),
        base64.b64encode(bytes(2_900)).decode() + noise(500),
        "".join(f"{LICENSE}def f{n}(): ...\n" for n in range(40)),
        "".join(" " * (4 * depth) + "{\n" for depth in range(200)),
        "".join(f"{' ' * 3_000}{n}\n" for n in range(9)),
        "=" * (STRETCH - 1) + noise(5_000),
        noise(100_000),
        "",
    ],
    ids=[
        "similar items", "numbers", "a table", "a plain table", "base64", "base64 of zeros",
        "license headers", "indentation", "runs of spaces", "a ruler", "noise", "nothing",
    ],
)  # fmt: skip
def test_what_only_looks_alike_is_no_loop(text: str) -> None:
    assert not loops(text)


def test_a_block_that_is_longer_than_the_bound_is_no_loop() -> None:
    assert not loops(noise(BLOCK + 1) * 8)


def test_a_loop_that_the_model_left_again_goes_unseen_when_it_is_short() -> None:
    assert not loops(noise(3_000) + "no " * 1_000 + noise(3_000))
