"""`specbuilder test`: run the tests that specs carry."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..language.errors import SpecError
from .output import FINDINGS, CommandError, complain, printable, say
from .reports import Case, junit_suites
from .specs import complete_spec, find_specs

if TYPE_CHECKING:
    from ..protocol.spec import Spec

__all__ = ["run_spec_tests"]


def run_spec_tests(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...",
            help="Spec files, folders to search for specs, or bundled names.",
            autocompletion=complete_spec,
            show_default=False,
        ),
    ],
    only: Annotated[
        str | None,
        typer.Option("--only", "-k", metavar="NAME", help="Run the test of this name.", show_default=False),
    ] = None,
    junit: Annotated[
        Path | None,
        typer.Option("--junit", metavar="FILE", help="Also write JUnit XML.", show_default=False),
    ] = None,
) -> None:
    """Run the tests inside specs: no network and no waiting, and say how much of each spec they reach.

    Exit status: 0 all passed, 1 one failed or a spec cannot be used, 2 there is nothing to test.
    """
    from ..testing import coverage, format_results, run_tests

    failed, count = False, 0
    suites: dict[str, list[Case]] = {}
    for place in find_specs(paths):
        spec = _loaded(place)
        if spec is None:
            failed = True
            suites[str(place)] = [("load", str(place), ["the spec cannot be used"])]
            continue
        results = run_tests(spec, only)
        if only is not None and not results:
            continue
        count += len(results)
        suites[str(place)] = [
            (result.name, spec.name, [str(failure) for failure in result.failures]) for result in results
        ]
        failed = failed or not all(result.passed for result in results)
        # What one test alone reaches says nothing of the spec.
        reached = coverage(spec, results) if only is None else None
        say(f"{spec.name}\n{printable(format_results(results, reached))}\n")
    if junit is not None:
        _write(junit, junit_suites(suites))
    if failed:
        raise typer.Exit(FINDINGS)
    if not count:
        raise CommandError("there is no test" + (f" {only!r}" if only else "") + " in these specs")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}") from None


def _loaded(place: str | Path) -> Spec | None:
    """The spec; None, with its problems printed, when it cannot be used: the others are tested still."""
    from .. import load_spec

    try:
        return load_spec(place)
    except SpecError as error:
        for issue in error.issues:
            complain(str(issue))
        return None
