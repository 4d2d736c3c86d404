"""The version of this installation."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, version

from app.settings import ROOT


def release() -> str:
    """From the installed package, else from the checkout."""
    try:
        return version("workbench")
    except PackageNotFoundError:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
        return str(project["version"])
