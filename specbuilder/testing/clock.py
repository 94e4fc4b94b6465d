"""The time of a test: it stands still unless a script lets it pass."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

__all__ = ["DEFAULT_TIME", "Clock", "parse_time"]

DEFAULT_TIME = datetime(2025, 1, 1, tzinfo=timezone.utc).timestamp()
"""When a test begins that does not say `at`."""

FIXED_UUID = "00000000-0000-4000-8000-000000000000"


class Clock:
    """A clock that is moved by hand.

    Arguments:
        at: epoch seconds at the beginning.

    Attributes:
        now: seconds since the beginning.
    """

    def __init__(self, at: float) -> None:
        self.now = 0.0
        self._at = at

    def wall(self) -> float:
        """Epoch seconds."""
        return self._at + self.now

    def functions(self) -> dict[str, Callable[..., Any]]:
        """`now()` and `uuid()` for templates: nothing in a test is left to chance."""
        return {"now": self.wall, "uuid": lambda: FIXED_UUID}


def parse_time(value: str | float) -> float:
    """Epoch seconds of a test's `at`: a number, or a text of RFC 3339.

    Raises:
        ValueError: the text is no such time.
    """
    if isinstance(value, int | float):
        return float(value)
    # Python 3.10 does not read the Z.
    text = f"{value[:-1]}+00:00" if value[-1:] in ("Z", "z") else value
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=timezone.utc)).timestamp()
