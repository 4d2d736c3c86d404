"""The process that parses: files on standard input, an outline each on standard output."""

from __future__ import annotations

import json
import resource
import sys

from app.workspace.map.outline import Outline
from app.workspace.map.reading import outline

MEMORY_BYTES = 1024 * 1024 * 1024
CPU_S = 60


def main() -> None:
    """Ends with its input. The kernel ends it at a limit; the file it was at has no answer then."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    while header := sys.stdin.buffer.readline():
        language, size = header.decode().split()
        answer = _outline(language, sys.stdin.buffer.read(int(size)))
        sys.stdout.write(json.dumps(answer.as_json()) + "\n")
        sys.stdout.flush()


def _outline(language: str, data: bytes) -> Outline:
    try:
        return outline(language, data)
    except (RecursionError, MemoryError, ValueError):
        return Outline(broken=True)


if __name__ == "__main__":
    main()
