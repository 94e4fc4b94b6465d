"""`specbuilder list`: the bundled specs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .output import FINDINGS, complain, print_json, print_table

__all__ = ["list_bundled"]


def list_bundled(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the bundled specs: what they can do, how many options they have, the vendor's page."""
    from ..language.catalog import bundled
    from ..language.errors import SpecError

    found, broken = [], []
    for name in bundled():
        try:
            found.append(_row(name))
        except SpecError as error:
            broken.append(str(error.issues[0]))
    if as_json:
        print_json(found)
    else:
        print_table(
            {"NAME": "left", "STREAM": "left", "BATCH": "left", "OPTIONS": "right", "DOCS": "left"},
            (
                (row["name"], _tick(row["stream"]), _tick(row["batch"]), str(row["options"]), row["docs"])
                for row in found
            ),
        )
    for problem in broken:
        complain(problem)
    if broken:
        raise typer.Exit(FINDINGS)


def _row(name: str) -> dict[str, Any]:
    # Read and validated, but not compiled: that would import livekit.
    from ..language.loader import load

    value = load(name).document.value
    return {
        "name": name,
        "stream": "stream" in value,
        "batch": "recognize" in value,
        "options": len(value.get("options") or {}),
        "docs": str(value.get("docs", "")),
    }


def _tick(there: bool) -> str:
    return "yes" if there else "-"
