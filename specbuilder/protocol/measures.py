"""Numbers, times and labels out of whatever a vendor writes for them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from typing import Any

from .reading import MessageScope, Read, Reading

__all__ = ["Measure", "as_label", "as_number", "as_share"]

_CLOCK = re.compile(r"^(?:(\d+):)?(?:(\d+):)?(\d+(?:\.\d+)?)s?$")

_SCALES: Mapping[str, float] = {"s": 1.0, "ms": 1e-3, "ticks": 1e-7, "duration": 1.0}
"""Seconds per unit; ticks are the 100 ns of Azure's speech service."""


def as_number(value: Any) -> float | None:
    """A finite number out of a number or a text that holds one."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None


def as_share(value: Any) -> float | None:
    """A number brought into the range from 0 to 1; None for what is none."""
    number = as_number(value)
    return None if number is None else min(1.0, max(0.0, number))


def as_label(value: Any) -> str | None:
    """A speaker or request id: null and false are "not said", numbers become text."""
    if value is None or value is False or value == "":
        return None
    return value if isinstance(value, str) else str(value)


def _duration(value: Any) -> float | None:
    """Seconds of "1.5s" (protobuf's JSON form) or "0:01:02.5" (a clock)."""
    if not isinstance(value, str):
        return as_number(value)
    match = _CLOCK.match(value.strip())
    if match is None:
        return None
    first, second, seconds = match.groups()
    if second is None:
        return int(first or 0) * 60 + float(seconds)
    return int(first) * 3600 + int(second) * 60 + float(seconds)


class Measure:
    """A time field: where it stands and its unit.

    Attributes:
        convert: a value as the vendor writes it in seconds; None for null, false, "" and what is no time.
        seconds: the time of an item in seconds, None where it is not said.
    """

    __slots__ = ("convert", "reading", "seconds", "unit")

    def __init__(self, reading: Reading, unit: str = "s") -> None:
        self.reading = reading
        self.unit = unit
        self.convert = _converter(unit)
        self.seconds = _seconds(reading.read, self.convert)


def _converter(unit: str) -> Callable[[Any], float | None]:
    scale = _SCALES[unit]
    number_of = _duration if unit == "duration" else as_number

    def convert(value: Any) -> float | None:
        if type(value) is float or type(value) is int:
            return value * scale
        if value is None or value is False or value == "":
            return None
        number = number_of(value)
        return None if number is None else number * scale

    return convert


def _seconds(
    read: Read, convert: Callable[[Any], float | None]
) -> Callable[[Any, MessageScope], float | None]:
    def seconds(item: Any, scope: MessageScope) -> float | None:
        return convert(read(item, scope))

    return seconds
