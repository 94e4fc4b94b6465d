"""`specbuilder schema`: the JSON Schema of the language, for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from .output import CommandError, say

__all__ = ["print_schema"]


def print_schema(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write to this file.", show_default=False),
    ] = None,
) -> None:
    """Print the JSON Schema of the spec language, for completion and checks in an editor."""
    from ..language.schema import schema

    text = json.dumps(schema(), indent=2, ensure_ascii=False)
    if output is None:
        say(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{output} cannot be written: {error.strerror}") from None
