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

    def values(self, work: str, side: str, *path: str) -> list[float]:
        """A field of every round's result, e.g. `values("latency", "ours", "event", "p50")`."""
        found = []
        for record in self.records:
            if record["work"] == work and record["side"] == side and "result" in record:
                value = record["result"]
                for name in path:
                    value = value[name]
                found.append(value)
        return found

    def spread(self, work: str, side: str, *path: str) -> Spread | None:
        """The median of the rounds, with the lowest and the highest; None when none succeeded."""
        values = self.values(work, side, *path)
        return Spread(statistics.median(values), min(values), max(values)) if values else None

    def ratio(self, work: str, other: str, *path: str) -> float | None:
        """Our median by another side's."""
        ours, others = self.spread(work, "ours", *path), self.spread(work, other, *path)
        return None if ours is None or others is None or not others.median else ours.median / others.median

    def failures(self) -> Sequence[str]:
        """What could not be measured, and why; each once."""
        return list(
            dict.fromkeys(
                f"{record['work']} {record['side']}: {record['failed']}"
                for record in self.records
                if "failed" in record
            )
        )
