"""`specbuilder validate`: every problem of specs with its place, and what could be better about them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import reports
from .output import FINDINGS, CommandError, complain, say
from .specs import complete_spec, find_specs

if TYPE_CHECKING:
    from ..toolkit.finding import Finding

__all__ = ["validate"]


class Format(str, Enum):
    """How findings are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    SARIF = "sarif"
    JUNIT = "junit"


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
        Format, typer.Option("--format", help="Lines for people, JSON, GitHub annotations, SARIF or JUnit.")
    ] = Format.TEXT,
    strict: Annotated[
        bool, typer.Option("--strict", help="Show notes about tests as well, and fail on any finding.")
    ] = False,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what can be mended safely; comments are kept.")
    ] = False,
) -> None:
    """Check specs: every problem with file, line and column, and advice (docs/lint.md has every code).

    Exit status: 0 all can be used, 1 a problem (with --strict: anything) was found, 2 there is nothing to
    check.
    """
    specs = find_specs(paths)
    if fix:
        _fix(specs)
    found = list(_found(specs, strict))
    names = [str(spec) for spec in specs]
    if format is Format.JSON:
        say(reports.json_report(names, found))
    elif format is Format.SARIF:
        say(reports.sarif(_titles(), found))
    elif format is Format.JUNIT:
        say(reports.junit(names, found, _file_name))
    else:
        write = reports.github if format is Format.GITHUB else reports.text
        for one in found:
            say(write(one))
        say(reports.summary(len(specs), found))
    if any(strict or one.severity == "error" for one in found):
        raise typer.Exit(FINDINGS)


def _found(specs: Sequence[str | Path], strict: bool) -> Iterator[Finding]:
    """What is found, each once: a file that several specs extend has its problems once."""
    from ..toolkit.lint import lint

    known: set[Finding] = set()
    for spec in specs:
        for one in lint(spec):
            if one not in known and (strict or one.severity != "note"):
                known.add(one)
                yield one


def _titles() -> dict[str, str]:
    from ..toolkit.lint import titles

    return titles()


def _file_name(spec: str) -> str:
    """The name that findings have for the file of a bundled spec or a path."""
    return spec if spec.endswith((".yaml", ".yml")) else f"{spec}.yaml"


def _fix(specs: Sequence[str | Path]) -> None:
    """Mend files; bundled specs belong to the package and stay as they are."""
    from ..toolkit.lint import fix_text, lint

    for spec in specs:
        if not isinstance(spec, Path):
            continue
        findings = lint(spec)
        if not any(one.edit for one in findings):
            continue
        try:
            text = spec.read_bytes().decode("utf-8")
            changed, count = fix_text(text, findings)
            if count:
                spec.write_bytes(changed.encode("utf-8"))
                # On stderr, as stdout may be read by a program.
                complain(f"{spec}: {count} finding{'s' if count != 1 else ''} mended", word="fixed")
        except OSError as error:
            raise CommandError(f"{spec} cannot be changed: {error.strerror}") from None
