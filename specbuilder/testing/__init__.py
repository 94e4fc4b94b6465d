"""A spec's own tests: `run_tests` runs them, `coverage` tells what they reached, `format_results` shows both.

from specbuilder import load_spec
from specbuilder.testing import run_tests

results = run_tests(load_spec("deepgram"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .report import format_failures, format_results
from .results import Coverage, Failure, TestResult

if TYPE_CHECKING:
    from .runner import coverage, run_test, run_tests

__all__ = [
    "Coverage",
    "Failure",
    "TestResult",
    "coverage",
    "format_failures",
    "format_results",
    "run_test",
    "run_tests",
]


def __getattr__(name: str) -> Any:
    # The runner imports livekit, which takes a second; pytest loads this package through the plugin always.
    if name in ("coverage", "run_test", "run_tests"):
        from . import runner

        return getattr(runner, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
