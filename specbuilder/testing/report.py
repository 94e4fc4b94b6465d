"""Test results as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from .results import Coverage, TestResult

__all__ = ["format_failures", "format_results"]


def format_failures(result: TestResult) -> str:
    """Every failure of a test: place, what is wrong, and the diff."""
    return "\n".join(str(failure) for failure in result.failures)


def format_results(results: Iterable[TestResult], coverage: Coverage | None = None) -> str:
    """A line for each test, failures below it, what no test reached, and a summary.

    Arguments:
        coverage: of the same spec; None leaves it out.
    """
    results = list(results)
    lines: list[str] = []
    for result in results:
        lines.append(f"{'ok  ' if result.passed else 'FAIL'} {result.name}")
        lines += [textwrap.indent(str(failure), "     ") for failure in result.failures]
    if coverage is not None and coverage.missed:
        lines.append("not reached by any test:")
        lines += [f"     {mark}: {place}" for place, mark in coverage.missed]
    failed = sum(not result.passed for result in results)
    summary = f"{len(results) - failed} passed, {failed} failed"
    if coverage is not None and coverage.total:
        summary += f", {len(coverage.reached)} of {coverage.total} places reached ({coverage.percent:.0f} %)"
    return "\n".join([*lines, summary])
