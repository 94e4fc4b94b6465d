"""Results of many rounds as medians, spreads and ratios."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Results", "Spread"]


@dataclass(frozen=True)
class Spread:
    """A median and where the rounds lay."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        median, low, high = _short(self.median), _short(self.low), _short(self.high)
        return median if low == high else f"{median} ({low}–{high})"


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


class Results:
    """The records of a run.

    Arguments:
        records: see `suite.run`.
    """

    def __init__(self, records: Iterable[dict[str, Any]]) -> None:
        self.records = list(records)

    def values(self, work: str, side: str, *path: str) -> dict[int, float]:
        """A field of the result by round, e.g. `values("latency", "ours", "event", "p50")`."""
        found = {}
        for record in self.records:
            if record["work"] == work and record["side"] == side and "result" in record:
                value = record["result"]
                for name in path:
                    value = value[name]
                found[record["round"]] = value
        return found

    def spread(self, work: str, side: str, *path: str) -> Spread | None:
        """The median of the rounds, with the lowest and the highest; None when none succeeded."""
        values = self.values(work, side, *path).values()
        return Spread(statistics.median(values), min(values), max(values)) if values else None

    def ratio(self, work: str, other: str, *path: str) -> float | None:
        """Ours by another side's, of each round, and of those the median.

        What is measured within seconds of each other shares the machine's mood; rounds do not.
        """
        ours, others = self.values(work, "ours", *path), self.values(work, other, *path)
        ratios = [ours[number] / others[number] for number in ours if others.get(number)]
        return statistics.median(ratios) if ratios else None

    def failures(self) -> Sequence[str]:
        """What could not be measured, and why; each once."""
        return list(
            dict.fromkeys(
                f"{record['work']} {record['side']}: {record['failed']}"
                for record in self.records
                if "failed" in record
            )
        )
