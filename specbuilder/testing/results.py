"""What came of a spec's tests."""

from __future__ import annotations

from dataclasses import dataclass

from ..language.errors import Mark

__all__ = ["Coverage", "Failure", "TestResult"]


@dataclass(frozen=True)
class Failure:
    """One item of a script that did not hold.

    Attributes:
        mark: where the item stands in the spec's file.
        what: a sentence that says what is wrong.
        expected: what the item asks for, as text; "" where it asks for nothing.
        came: what came instead, as text; "" when nothing did.
        diff: the two as a unified diff; "" where there is nothing to compare.
    """

    mark: Mark
    what: str
    expected: str = ""
    came: str = ""
    diff: str = ""

    def __str__(self) -> str:
        return f"{self.mark}: {self.what}" + (f"\n{self.diff}" if self.diff else "")


@dataclass(frozen=True)
class TestResult:
    """One test of a spec.

    Attributes:
        name: the test's name.
        mark: where it stands.
        failures: in the order of the script; empty when it passed.
        coverage: the places of the spec the test reached: rules, events, error rows, opening steps and close
            codes by their path.
    """

    __test__ = False  # pytest must not take the class for a test.

    name: str
    mark: Mark
    failures: tuple[Failure, ...]
    coverage: frozenset[str]

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failures


@dataclass(frozen=True)
class Coverage:
    """Which places of a spec its tests reached.

    Attributes:
        reached: the paths some test reached.
        missed: the paths no test reached, with where they stand, in the order of the file.
    """

    reached: frozenset[str]
    missed: tuple[tuple[str, Mark], ...]

    @property
    def total(self) -> int:
        """How many places there are."""
        return len(self.reached) + len(self.missed)

    @property
    def percent(self) -> float:
        """The share that was reached; 100 where there is nothing to reach."""
        return 100.0 * len(self.reached) / self.total if self.total else 100.0
