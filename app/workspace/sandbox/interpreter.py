"""The folders and links that a project's Python needs to run at its own path inside the sandbox."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from app.workspace.sandbox.execution import InterpreterUnusable

HOPS = 16
HINT = "name a virtual environment's python, or what `python -c 'import sys; print(sys.executable)'` prints"


@dataclass(frozen=True)
class Layout:
    """What to show inside: folders (real folder, path inside) and links (path inside, target)."""

    folders: tuple[tuple[Path, Path], ...] = ()
    links: tuple[tuple[Path, str], ...] = ()
    bin: Path | None = None
    """The folder of the interpreter, first in PATH."""
    writable: Path | None = None
    """The one of the paths inside that may be written."""


def layout(python: Path | None, system: Path = Path("/usr")) -> Layout:
    """Follow `python` to its binary and collect each environment on the way. Runs nothing of the project.

    A folder is shown only if it is a virtual environment or holds a standard library: the way must never
    open somebody's home, because a link to the interpreter lies in its bin/.
    """
    if python is None:
        return Layout()
    hops = _hops(python)
    _require_binary(hops[-1])
    roots = [hop.parent.parent for hop in hops]
    roots += [home.parent for root in roots if (home := _home(root))]
    folders = _shown([root for root in roots if _is_environment(root)], system)
    if not any(_has_library(root) for root in roots):
        raise InterpreterUnusable(f"no standard library was found for {python}; {HINT}")
    links = tuple((hop, os.readlink(hop)) for hop in hops[:-1] if not _inside(hop, folders, system))
    return Layout(folders, links, python.parent)


def _hops(python: Path) -> list[Path]:
    """`python` and what each symbolic link on the way points at, the binary last."""
    if not python.is_absolute():
        raise InterpreterUnusable(f"the interpreter {str(python)!r} is not an absolute path; {HINT}")
    hops = [Path(os.path.normpath(python))]
    while hops[-1].is_symlink():
        if len(hops) > HOPS:
            raise InterpreterUnusable(f"{python} is a loop of symbolic links; {HINT}")
        hops.append(Path(os.path.normpath(hops[-1].parent / os.readlink(hops[-1]))))
    resolved = hops[-1].resolve()
    return hops if resolved == hops[-1] else [*hops, resolved]


def _require_binary(binary: Path) -> None:
    try:
        with binary.open("rb") as file:
            magic = file.read(4)
    except OSError as error:
        raise InterpreterUnusable(
            f"can not read the interpreter {binary}: {error.strerror}; {HINT}"
        ) from error
    if magic != b"\x7fELF":
        raise InterpreterUnusable(f"{binary} is not a program but a script (a pyenv shim?); {HINT}")


def _home(root: Path) -> Path | None:
    """`home` of a virtual environment: the bin folder of the Python that it was made from."""
    try:
        lines = (root / "pyvenv.cfg").read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    pairs = (line.partition("=") for line in lines)
    homes = [Path(value.strip()) for key, _, value in pairs if key.strip().lower() == "home"]
    return homes[0] if homes and homes[0].is_absolute() else None


def _is_environment(root: Path) -> bool:
    return (root / "pyvenv.cfg").is_file() or _has_library(root)


def _has_library(root: Path) -> bool:
    return any(next(root.glob(f"{lib}/python3*/os.py"), None) for lib in ("lib", "lib64"))


def _shown(roots: list[Path], system: Path) -> tuple[tuple[Path, Path], ...]:
    """Each root at its own path and where it really lies, outer folders first."""
    wanted = {path: root.resolve() for root in roots for path in (root, root.resolve())}
    outside = {path: real for path, real in wanted.items() if not path.is_relative_to(system)}
    return tuple((real, path) for path, real in sorted(outside.items(), key=lambda pair: len(pair[0].parts)))


def _inside(path: Path, folders: tuple[tuple[Path, Path], ...], system: Path) -> bool:
    return path.is_relative_to(system) or any(path.is_relative_to(shown) for _, shown in folders)
