"""What is read of a file in each language: definitions with their signatures, imports, words."""

# ruff: noqa: E501  the files of the test are long lines

from __future__ import annotations

import pytest

from app.workspace.map.languages import EXTENSIONS, RULES, language_of
from app.workspace.map.outline import Outline
from app.workspace.map.reading import outline

FILES = {
    "a.py": (
        'import os\nfrom app.money import Price, tax\nfrom . import near\n\n@cache\ndef top(a: int,\n        b: str = "x",\n'
        '        ) -> int:\n    """Adds deposits."""\n    def inner(): ...\n\n'
        "class Till(Base):\n    async def take(self) -> None:\n"
        "        return None\n",
        ["def top(a: int, b: str = \"x\", ) -> int", "class Till(Base)", ".async def take(self) -> None"],
        ["os", "app.money.Price", "app.money.tax", "./near"],
    ),
    "a.js": (
        'import x from "./lib/x"\nexport const add = (a, b) => a + b\nexport default class Cart extends Base {\n'
        "  total(tax) { return 1 }\n}\nfunction top() {}\n",
        ["add = (a, b)", "class Cart extends Base", ".total(tax)", "function top()"],
        ["./lib/x"],
    ),
    "a.ts": (
        'import { P } from "../p";\nexport interface Cart { total(tax: number): number }\nexport type Id = string;\n'
        "export abstract class Shop { private open(day: Day): void {} }\nenum Kind { A }\n",
        ["interface Cart", ".total(tax: number): number", "type Id = string", "abstract class Shop",
         ".private open(day: Day): void", "enum Kind"],
        ["../p"],
    ),
    "a.tsx": ("export const Page = () => <p/>\n", ["Page = ()"], []),
    "a.go": (
        'package shop\nimport (\n  "fmt"\n  "example.com/shop/money"\n)\ntype Till struct { n int }\n'
        "func (t *Till) Take(p int) (int, error) { return p, nil }\nfunc New() *Till { return nil }\n",
        ["type Till struct", "func (t *Till) Take(p int) (int, error)", "func New() *Till"],
        ["fmt", "example.com/shop/money"],
    ),
    "A.java": (
        "package a;\nimport a.b.Money;\npublic class Till extends Base {\n  public Till(int n) {}\n"
        "  int take(int price) throws Bad { return 1; }\n}\n",
        ["public class Till extends Base", ".public Till(int n)", ".int take(int price) throws Bad"],
        ["a.b.Money"],
    ),
    "a.rs": (
        "use crate::money::{Price, Tax};\npub struct Till { n: u8 }\nimpl Till {\n  pub fn take(&self, p: u8) -> u8 { p }\n}\n"
        "pub trait Open { fn open(&self); }\n",
        ["pub struct Till", "impl Till", ".pub fn take(&self, p: u8) -> u8", "pub trait Open", ".fn open(&self)"],
        ["crate::money"],
    ),
    "a.html": (
        '<script src="./app.js"></script>\n<form class="x" id="order"></form>\n', ["form#order"], ["./app.js"],
    ),
}  # fmt: skip


def shown(found: Outline) -> list[str]:
    return [("." if one.depth else "") + one.signature for one in found.symbols]


@pytest.mark.parametrize("path", FILES)
def test_signatures_and_imports_are_read(path: str) -> None:
    text, signatures, imports = FILES[path]
    found = outline(language_of(path) or "", text.encode())
    assert shown(found) == signatures
    assert list(found.imports) == imports
    assert not found.broken
    assert Outline.from_json(found.as_json()) == found


def test_every_language_has_rules_and_a_file_of_this_test() -> None:
    assert set(EXTENSIONS.values()) == set(RULES) == {language_of(path) for path in FILES}
    assert language_of("Makefile") is language_of("a.txt") is None


def test_lines_and_words_of_a_definition_are_known() -> None:
    found = outline("python", FILES["a.py"][0].encode())
    assert [(one.first, one.last) for one in found.symbols] == [(6, 10), (12, 14), (13, 14)]
    assert " till " in found.names
    assert " deposit " in found.prose, "of its docstring, and without the plural"


def test_a_file_with_a_fault_shows_what_can_be_understood() -> None:
    found = outline("python", b"def good(): ...\n\ndef bad(:\n")
    assert "def good()" in shown(found)
    assert outline("python", b"\xff\xfe ((((").broken
    assert outline("python", b"") == Outline()
