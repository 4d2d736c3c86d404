"""The map of a commit: what is in it, what comes first, what is kept, and what stays out."""

from __future__ import annotations

import json
import os
import time

import pytest

from app.usage.estimate import estimate_tokens
from app.workspace.files import SourceFile
from app.workspace.map.cache import cache_file
from app.workspace.map.importing import Places
from app.workspace.map.parsing import Source, outlines
from app.workspace.map.parts import parts_of
from app.workspace.map.ranking import ranked, terms_of
from app.workspace.map.repository_map import RepositoryMap, map_lines, repository_map
from app.workspace.repository import open_repository, tracked_files

SHOP = {
    "shop/orders.py": "from shop.money import Price\n\nclass Order:\n    def total(self) -> Price: ...\n",
    "shop/money.py": "class Price:\n    ...\n\ndef rounded(cents: int) -> int: ...\n",
    "shop/mail.py": "def send(to: str) -> None: ...\n",
    "shop/weather.py": "def rain() -> bool: ...\n",
    "shop/report.py": "from shop.mail import send\nfrom shop import orders\n\ndef monthly(): ...\n",
    "tests/test_orders.py": "from shop.orders import Order\n\ndef test_total(): ...\n",
    "web/cart.ts": 'import { api } from "./api";\nexport function addToCart(id: string): void {}\n',
    "web/api/index.ts": "export const api = () => fetch('/');\n",
    "node_modules/x.js": "function hidden() {}\n",
    ".env": "KEY=1\n",
    "made.py": "# @generated\ndef made(): ...\n",
    "data.py": b"\0",
    "README.md": "# Shop\n",
}


@pytest.fixture
async def mapped(make_repo, tmp_path):
    repo = await open_repository(make_repo(SHOP))
    entries = await tracked_files(repo, "HEAD")

    async def again() -> RepositoryMap:
        return await repository_map(repo, entries, tmp_path / "state")

    return repo, again


def paths(lines):
    return [line.partition(":")[0] for line in lines.lines]


async def test_files_that_a_model_may_see_are_in_the_map_and_others_are_not(mapped):
    found = await mapped[1]()
    assert {path for path, one in found.outlines.items() if one.symbols} == {
        "shop/orders.py", "shop/money.py", "shop/mail.py", "shop/weather.py", "shop/report.py",
        "tests/test_orders.py", "web/cart.ts", "web/api/index.ts",
    }  # fmt: skip
    assert "node_modules/x.js" not in found.outlines


async def test_a_second_map_parses_nothing_and_is_the_same(mapped, tmp_path):
    first = await mapped[1]()
    again = await mapped[1]()
    assert first.parsed > 0
    assert (again.parsed, again.outlines) == (0, first.outlines)


async def test_a_damaged_cache_costs_time_and_nothing_else(mapped, tmp_path):
    repo, again = mapped
    first = await again()
    cache = cache_file(tmp_path / "state", repo.common_dir)
    whole = cache.read_bytes()
    cache.write_bytes(whole.replace(b"rounded", b"roundez"))
    damaged = await again()
    assert (damaged.parsed, damaged.outlines) == (1, first.outlines)
    cache.write_bytes(whole[: len(whole) // 2])
    assert (await again()).outlines == first.outlines
    cache.write_bytes(b"\xff\0")
    assert (await again()).outlines == first.outlines
    assert [path.name for path in cache.parent.iterdir()] == [cache.name]


async def test_a_state_folder_that_can_not_be_written_costs_time_and_nothing_else(mapped, tmp_path):
    (tmp_path / "state").write_text("no folder")
    assert (await mapped[1]()).symbols > 0


async def test_words_of_the_epic_and_imports_say_what_comes_first(mapped):
    found = await mapped[1]()
    order = ranked(found.outlines, terms_of("Round the total of orders"))
    assert order[0] == "shop/orders.py"
    assert order.index("shop/money.py") < order.index("shop/mail.py")
    assert (
        order.index("shop/orders.py") < order.index("tests/test_orders.py") < order.index("shop/weather.py")
    )
    assert ranked(found.outlines, terms_of("Round the total of orders")) == order


async def test_neighbours_of_a_named_file_come_before_strangers(mapped):
    found = await mapped[1]()
    order = paths(map_lines(found, [], 10_000, named=["shop/mail.py"], whole=["shop/mail.py"]))
    assert order[0] == "shop/report.py"


async def test_lines_stay_within_the_budget_and_say_how_much_they_leave_out(mapped):
    found = await mapped[1]()
    everything = map_lines(found, [], 10_000)
    assert (everything.shown, everything.total) == (found.symbols, found.symbols)
    assert "shop/orders.py: class Order; .def total(self) -> Price" in everything.lines
    few = map_lines(found, [], 40)
    assert 0 < few.shown < few.total == found.symbols
    assert estimate_tokens(json.dumps(few.lines)) <= 45
    assert map_lines(found, [], 0).lines == ()


@pytest.mark.parametrize(
    ("path", "name", "meant"),
    [
        ("a.py", "app.llm.parser.Parser", ["src/app/llm/parser.py"]),
        ("a.py", "app.llm.parser", ["src/app/llm/parser.py"]),
        ("a.py", "app.llm", ["src/app/llm/__init__.py"]),
        ("src/app/llm/parser.py", "./json_text", ["src/app/llm/json_text.py"]),
        ("src/app/llm/parser.py", "./json_text/loads", ["src/app/llm/json_text.py"]),
        ("web/cart.ts", "./api", ["web/api/index.ts"]),
        ("web/api/index.ts", "../cart", ["web/cart.ts"]),
        ("cmd/main.go", "example.com/shop/pkg/money", ["pkg/money/price.go", "pkg/money/tax.go"]),
        ("a.py", "os.path", []),
        ("a.py", "..", []),
        ("a.py", "", []),
    ],
)
def test_an_import_is_found_in_the_repository_or_is_somebody_elses(path, name, meant):
    known = ["a.py", "cmd/main.go", "pkg/money/price.go", "pkg/money/tax.go", "src/app/llm/__init__.py"]
    known += ["src/app/llm/json_text.py", "src/app/llm/parser.py", "web/api/index.ts", "web/cart.ts"]
    assert list(Places(known).find(path, name)) == meant


def test_many_files_of_one_name_do_not_make_an_import_slow():
    began = time.thread_time()
    places = Places(f"d{number}/utils.py" for number in range(2_000))
    found = [places.find("main.py", f"other{number}.utils") for number in range(2_000)]
    assert not any(found)
    assert places.find("main.py", "lib.d7.utils") == ("d7/utils.py",)
    assert time.thread_time() - began < 2


async def test_the_same_bytes_in_two_languages_have_an_outline_of_each():
    data = b"interface Till {}\nexport function take(price: number): void {}\n"
    both = [Source("a", language, data) for language in ("typescript", "javascript")]
    alone = [(await outlines([source]))[source.key] for source in both]
    found = await outlines(both)
    assert [found[source.key] for source in both] == alone
    assert alone[0] != alone[1]


async def test_a_file_that_ends_its_process_is_broken_and_the_others_are_read():
    sources = [
        Source("1", "python", b"def one(): ...\n"),
        Source("2", "nothing", b"x"),
        Source("3", "python", b"def three(): ...\n"),
    ]
    found = await outlines(sources)
    assert [found[source.key].broken for source in sources] == [False, True, False]
    assert found["3", "python"].symbols[0].name == "three"


async def test_a_file_too_long_is_shown_by_its_head_and_the_definitions_that_matter():
    text = "import os\n" + "".join(f"\n\ndef job_{n}(day):\n    return {n}\n" for n in range(600))
    text += "\n\ndef discount(order):\n    return order.price // 10\n"
    parts = await parts_of([SourceFile("jobs.py", text)], terms_of("A discount on orders"), 400)
    assert parts[0].first_line == 1
    assert parts[-1].content == "def discount(order):\n    return order.price // 10\n"
    assert {part.of_lines for part in parts} == {text.count("\n")}
    assert sum(estimate_tokens(part.content) for part in parts) <= 400
    lines = text.splitlines(keepends=True)
    assert all("".join(lines[p.first_line - 1 : p.last_line]) == p.content for p in parts)


async def test_links_are_not_followed(make_repo, run_git, tmp_path):
    folder = make_repo({"a.py": "def a(): ...\n"})
    os.symlink("/etc/passwd", folder / "link.py")
    run_git(folder, "add", "-A")
    run_git(folder, "commit", "-q", "-m", "More")
    repo = await open_repository(folder)
    found = await repository_map(repo, await tracked_files(repo, "HEAD"), tmp_path)
    assert list(found.outlines) == ["a.py"]
