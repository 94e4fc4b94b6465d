"""`specbuilder conformance`: hold specs against everything that vendors and networks do wrong."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..language.errors import SpecError
from .output import FINDINGS, CommandError, complain, print_json, printable, say
from .specs import complete_spec, find_specs

if TYPE_CHECKING:
    from ..simulator.conformance import Report

__all__ = ["conformance"]


def conformance(
    paths: Annotated[
        list[str],
        typer.Argument(
            metavar="SPEC...",
            help="Spec files, folders to search for specs, or bundled names.",
            autocompletion=complete_spec,
            show_default=False,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
    together: Annotated[int, typer.Option(min=1, help="How many checks run at a time.")] = 24,
) -> None:
    """Run each spec's adapter against a simulated vendor: the whole fault matrix and livekit's contract.

    Exit status: 0 all passed, 1 a check failed or a spec cannot be used, 2 there is nothing to check.
    """
    from .. import load_adapter, load_spec
    from ..simulator.conformance import conform_all

    specs = []
    broken = False
    for place in find_specs(paths):
        try:
            specs.append(load_spec(place if isinstance(place, str) else Path(place)))
        except SpecError as error:
            broken = True
            for issue in error.issues:
                complain(str(issue))
    # What is provoked on purpose is no news.
    logging.getLogger("livekit.agents").setLevel(logging.CRITICAL)
    logging.getLogger("specbuilder").setLevel(logging.CRITICAL)
    reports = asyncio.run(conform_all(specs, load_adapter, together))
    if as_json:
        print_json([_as_json(report) for report in reports])
    else:
        for report in reports:
            _print(report)
    if broken or any(not check.passed for report in reports for check in report.checks):
        raise typer.Exit(FINDINGS)
    if not any(report.checks for report in reports):
        raise CommandError("nothing could be checked: conformance plays the tests of a spec")


def _as_json(report: Report) -> dict[str, Any]:
    return {
        "spec": report.spec,
        "passed": report.passed,
        "skipped": list(report.skipped),
        "checks": [
            {
                "section": check.section,
                "name": check.name,
                "passed": check.passed,
                "problems": list(check.problems),
                "seconds": round(check.seconds, 3),
            }
            for check in report.checks
        ],
    }


def _print(report: Report) -> None:
    failed = [check for check in report.checks if not check.passed]
    passed = len(report.checks) - len(failed)
    say(printable(f"{report.spec}: {passed} of {len(report.checks)} passed"))
    for section in ("stream", "recognize"):
        names = [check for check in report.checks if check.section == section]
        width = max((len(check.name) for check in names), default=0)
        for check in names:
            verdict = "ok" if check.passed else "FAILED"
            say(printable(f"  {section:9} {check.name:{width}} {check.seconds:5.1f} s  {verdict}"))
            for problem in check.problems:
                say(printable(f"    {problem}"))
    for why in report.skipped:
        say(printable(f"  not checked: {why}"))
