"""Which files matter to an epic, most first."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from app.workspace.map.importing import Places
from app.workspace.map.outline import Outline, words
from app.workspace.textfiles import is_test

MOST_LINKS = 500
"""Of one file; a folder of many files that is imported would make millions in a large repository."""
IN_PATH, IN_NAMES, IN_PROSE = 4.0, 3.0, 1.0
"""What a word of the epic is worth where it stands; a rare word is worth more."""
PER_USER = 0.5
"""For each doubling of the files that import it."""
OF_NEIGHBOUR = 0.25
"""Of the best score among the files that it imports or that import it."""
BESIDE_NAMED = 10.0
"""For a direct neighbour of a file that is named."""
OF_TEST = 0.5
MAX_TERMS = 60
_STOP = frozenset(
    """the and for with that this from into are not all can must shall should when then than have has its add
    use using new one each any per via was will let file code test""".split()  # noqa: SIM905  reads as a text
)


@dataclass(frozen=True)
class Links:
    """Who imports whom, both ways."""

    imports: Mapping[str, frozenset[str]]
    users: Mapping[str, frozenset[str]]

    def beside(self, path: str) -> frozenset[str]:
        return self.imports.get(path, frozenset()) | self.users.get(path, frozenset())


def links_of(outlines: Mapping[str, Outline]) -> Links:
    """`outlines` by path."""
    places = Places(outlines)
    imports = {
        path: frozenset(
            islice((found for name in one.imports for found in places.find(path, name)), MOST_LINKS)
        )
        - {path}
        for path, one in outlines.items()
    }
    users: dict[str, set[str]] = {}
    for path, used in imports.items():
        for other in used:
            users.setdefault(other, set()).add(path)
    return Links(imports, {path: frozenset(found) for path, found in users.items()})


def terms_of(text: str) -> list[str]:
    """The words of an epic that can tell files apart."""
    found = [word for word in words([text]).split() if word not in _STOP]
    return found[:MAX_TERMS]


def ranked(outlines: Mapping[str, Outline], terms: Sequence[str], named: Collection[str] = ()) -> list[str]:
    """All paths, the likeliest first; the same input gives the same order.

    By the words of the epic in path, names and docstrings, each the more the rarer; by how many files
    import it; a part of what the best neighbour has, so that what a found file needs is found too.
    """
    links = links_of(outlines)
    own = _by_words(outlines, terms)
    beside_named = {near for path in named for near in links.beside(path)}

    def score(path: str) -> float:
        neighbour = max((own[near] for near in links.beside(path) if near in own), default=0.0)
        found = own[path] + OF_NEIGHBOUR * neighbour
        found += PER_USER * math.log2(1 + len(links.users.get(path, ())))
        found += BESIDE_NAMED if path in beside_named else 0.0
        return found * (OF_TEST if is_test(path) else 1.0)

    first = {path: n for n, path in enumerate(named)}
    scores = {path: score(path) for path in outlines}
    return sorted(outlines, key=lambda path: (first.get(path, len(first)), -scores[path], path))


def _by_words(outlines: Mapping[str, Outline], terms: Sequence[str]) -> dict[str, float]:
    own = dict.fromkeys(outlines, 0.0)
    in_paths = {path: words([path]) for path in outlines}
    for term in terms:
        word = f" {term} "
        found = {}
        for path, one in outlines.items():
            worth = (
                IN_PATH * (word in in_paths[path])
                + IN_NAMES * (word in one.names)
                + IN_PROSE * (word in one.prose)
            )
            if worth:
                found[path] = worth
        rarity = math.log2(1 + len(outlines) / max(len(found), 1))
        for path, worth in found.items():
            own[path] += worth * rarity
    return own
