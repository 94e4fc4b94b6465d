"""`specbuilder validate`: every problem of specs, with its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from .output import FINDINGS, print_json, printable, say
from .specs import complete_spec, find_specs

if TYPE_CHECKING:
    from ..language.errors import Issue

__all__ = ["validate"]


class Format(str, Enum):
    """How issues are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def validate(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Spec files, folders to search for specs, or bundled names.",
            autocompletion=complete_spec,
            show_default=False,
        ),
    ],
    format: Annotated[
        Format, typer.Option("--format", help="Lines for people, JSON, or GitHub annotations.")
    ] = Format.TEXT,
) -> None:
    """Check specs, and name every problem with file, line and column.

    Exit status: 0 all can be used, 1 something was found, 2 there is nothing to check.
    """
    from .. import validate_spec

    specs = find_specs(paths)
    issues = list(dict.fromkeys(issue for spec in specs for issue in validate_spec(spec)))
    if format is Format.JSON:
        print_json({"checked": [str(spec) for spec in specs], "issues": [asdict(issue) for issue in issues]})
    else:
        for issue in issues:
            say(_annotation(issue) if format is Format.GITHUB else printable(str(issue)))
        say(_summary(len(specs), issues))
    if issues:
        raise typer.Exit(FINDINGS)


def _summary(specs: int, issues: Sequence[Issue]) -> str:
    checked = f"{specs} spec{'s' if specs != 1 else ''} checked"
    if not issues:
        return f"{checked}: no problems"
    files = len({issue.file for issue in issues})
    problems = f"{len(issues)} problem{'s' if len(issues) != 1 else ''}"
    return f"{checked}: {problems} in {files} file{'s' if files != 1 else ''}"


def _annotation(issue: Issue) -> str:
    """A workflow command that GitHub shows at the line.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions#setting-an-error-message
    """
    places = {"file": issue.file, "line": issue.line, "col": issue.column, "title": issue.path or None}
    properties = ",".join(
        f"{name}={_escaped(str(value)).replace(':', '%3A').replace(',', '%2C')}"
        for name, value in places.items()
        if value is not None
    )
    hint = f" ({issue.hint})" if issue.hint else ""
    return f"::error {properties}::{_escaped(issue.message + hint)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
