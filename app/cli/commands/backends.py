"""`backends`: how the model servers stand."""

from __future__ import annotations

from app.cli.options import Json


def backends(as_json: Json = False) -> None:
    """Show which model servers answer, their last errors, and whose models have been probed."""
    from app.cli import standing

    standing.show_backends(as_json=as_json)
