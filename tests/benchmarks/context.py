"""How long the map of a repository takes, cold and warm, on repositories of three sizes."""

# ruff: noqa: E501, SIM905  it holds files of five languages

from __future__ import annotations

import asyncio
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from app.settings import ROOT
from app.workspace.map.ranking import terms_of
from app.workspace.map.repository_map import map_lines, repository_map
from app.workspace.repository import head_commit, open_repository, tracked_files
from tests.benchmarks.figures import Figure, Target
from tests.benchmarks.server import Server

NAME = "context"
COLD, WARM = Target(at_most=5), Target(at_most=0.5)
BUDGET_TOKENS = 2_000
EPIC = "Let clients filter orders by discount and page the list of invoices"
THINGS = "order invoice customer discount stock price product shipment refund basket account report".split()
DEEDS = "list find create update remove validate price render export archive notify total".split()


@dataclass(frozen=True)
class Size:
    files: tuple[int, ...]


FULL, QUICK = Size((50, 500, 5_000)), Size((50,))


async def context(server: Server, size: Size, log: Callable[[str], None]) -> list[Figure]:
    figures: list[Figure] = []
    for count in size.files:
        log(f"context: {count:,} files")
        folder = server.scratch / f"context-{count}"
        await asyncio.to_thread(make_repository, folder, count)
        figures += await _measured(f"{count:,} files", folder, server.scratch / f"state-{count}", count)
    if (ROOT / ".git").exists() and size is FULL:
        figures += await _measured("this repository", ROOT, server.scratch / "state-own", 0)
    return figures


async def _measured(subject: str, folder: Path, state: Path, count: int) -> list[Figure]:
    repo = await open_repository(folder)
    commit = await head_commit(repo)
    figures = []
    for name in ("cold", "warm"):
        start, busy = time.perf_counter(), _cpu_s()
        entries = await tracked_files(repo, commit)
        found = await repository_map(repo, entries, state)
        lines = await asyncio.to_thread(map_lines, found, terms_of(EPIC), BUDGET_TOKENS)
        took, busy = time.perf_counter() - start, _cpu_s() - busy
        target = (COLD if name == "cold" else WARM) if count == 5_000 else None
        figures.append(Figure(NAME, subject, name, took, "s", target))
        figures.append(Figure(NAME, subject, f"{name}, processor", busy, "s"))
    figures += [
        Figure(NAME, subject, "MB", sum(entry.size for entry in entries) / 1e6, ""),
        Figure(NAME, subject, "symbols", found.symbols, ""),
        Figure(NAME, subject, "shown", lines.shown, ""),
    ]
    return figures


def _cpu_s() -> float:
    """Of this process and of those that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def make_repository(folder: Path, count: int) -> None:
    """A shop in five languages, committed with git; the same files each time."""
    folder.mkdir()
    for number, (path, text) in enumerate(_files(count)):
        target = folder / path
        if number < 200 or not target.parent.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    who = ("-c", "user.name=Bench", "-c", "user.email=bench@localhost", "-c", "commit.gpgSign=false")
    for arguments in (("init", "-q"), ("add", "-A"), (*who, "commit", "-q", "-m", "A shop")):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True)


def _files(count: int) -> Iterator[tuple[str, str]]:
    makers = (_python, _python, _typescript, _go, _java, _javascript)
    for number in range(count):
        thing, deed = THINGS[number % len(THINGS)], DEEDS[number // len(THINGS) % len(DEEDS)]
        yield makers[number % len(makers)](thing, deed, number)


def _python(thing: str, deed: str, number: int) -> tuple[str, str]:
    other = THINGS[(number + 1) % len(THINGS)]
    functions = "".join(
        f"""
def {deed}_{thing}_{n}(self_id: int, *, limit: int = {n}, after: str | None = None) -> list[{thing.title()}{number}]:
    \"\"\"{deed.title()}s what a {thing} has; raises `KeyError` for one that is not there.\"\"\"
    found = []
    for row in rows({thing!r}, limit):
        if after is not None and row.key <= after:
            continue
        found.append({thing.title()}{number}(row.key, row.values[{n}] if row.values else 0))
    return found[:limit]

"""
        for n in range(10)
    )
    text = f"""\"\"\"What a {thing} can do: {deed}.\"\"\"
from dataclasses import dataclass

from shop.{other}.part_{number // 50} import rows


@dataclass(frozen=True)
class {thing.title()}{number}:
    key: str
    value: int

    def doubled(self) -> int:
        return self.value * 2

{functions}"""
    return f"shop/{thing}/{deed}_{number}.py", text


def _typescript(thing: str, deed: str, number: int) -> tuple[str, str]:
    functions = "".join(
        f"""
  /** {deed} of a {thing}. */
  public async {deed}{n}(id: string, limit: number = {n}): Promise<{thing.title()}[]> {{
    const rows = await this.api.get(`/{thing}/${{id}}`, {{ limit }});
    return rows.filter((row: {thing.title()}) => row.key > id).slice(0, limit);
  }}
"""
        for n in range(12)
    )
    text = f'import {{ Api }} from "../api";\n\nexport interface {thing.title()} {{ key: string; value: number }}\n\n'
    text += f"export class {thing.title()}Service{number} {{\n  constructor(private api: Api) {{}}\n{functions}}}\n"
    return f"web/{thing}/{deed}{number}.ts", text


def _javascript(thing: str, deed: str, number: int) -> tuple[str, str]:
    functions = "".join(
        f"""
export const {deed}{n} = async (id, limit = {n}) => {{
  const rows = await fetch(`/{thing}/${{id}}?limit=${{limit}}`);
  return rows.filter((row) => row.key > id);
}};
"""
        for n in range(15)
    )
    return f"web/old/{thing}/{deed}{number}.js", f'import {{ api }} from "../api.js";\n{functions}'


def _go(thing: str, deed: str, number: int) -> tuple[str, str]:
    functions = "".join(
        f"""
// {deed.title()}{n} works on one {thing}.
func (s *{thing.title()}{number}) {deed.title()}{n}(id string, limit int) ([]string, error) {{
	found := []string{{}}
	for _, row := range s.rows {{
		if row > id && len(found) < limit {{
			found = append(found, row)
		}}
	}}
	return found, nil
}}
"""
        for n in range(12)
    )
    text = f'package {thing}\n\nimport "example.com/shop/money"\n\ntype {thing.title()}{number} struct {{ rows []string }}\n'
    return f"services/{thing}/{deed}_{number}.go", text + functions


def _java(thing: str, deed: str, number: int) -> tuple[str, str]:
    functions = "".join(
        f"""
    /** {deed} of a {thing}. */
    public List<String> {deed}{n}(String id, int limit) throws IOException {{
        List<String> found = new ArrayList<>();
        for (String row : rows) {{
            if (row.compareTo(id) > 0 && found.size() < limit) {{ found.add(row); }}
        }}
        return found;
    }}
"""
        for n in range(10)
    )
    head = f"package shop.{thing};\n\nimport java.util.List;\nimport shop.money.Price;\n\n"
    text = f"{head}public class {thing.title()}{number} {{\n    private final List<String> rows;\n{functions}}}\n"
    return f"java/shop/{thing}/{thing.title()}{number}.java", text
