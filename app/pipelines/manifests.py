"""The files by which well-known tools name a project's dependencies."""

from __future__ import annotations

from fnmatch import fnmatchcase

NAMES = (
    "requirements*.txt", "constraints*.txt", "pyproject.toml", "setup.py", "setup.cfg", "Pipfile",
    "Pipfile.lock", "poetry.lock", "uv.lock", "pdm.lock", "pylock*.toml", "environment.yml",
    "environment.yaml", ".python-version", "package.json", "package-lock.json", "npm-shrinkwrap.json",
    "yarn.lock", "pnpm-lock.yaml", "pnpm-workspace.yaml", "bun.lock", ".nvmrc", "go.mod", "go.sum", "go.work",
    "go.work.sum", "Cargo.toml", "Cargo.lock", "rust-toolchain", "rust-toolchain.toml", "pom.xml",
    "build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts", "gradle.lockfile",
    "libs.versions.toml", "Gemfile", "Gemfile.lock", "composer.json", "composer.lock", "mix.exs", "mix.lock",
)  # fmt: skip


def is_manifest(path: str) -> bool:
    """In any folder: a repository may hold several projects."""
    folder, _, name = path.rpartition("/")
    if folder.rpartition("/")[2] == "requirements" and name.endswith((".txt", ".in")):
        return True
    return any(fnmatchcase(name, pattern) for pattern in NAMES)
