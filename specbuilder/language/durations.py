"""Duration texts of the spec language: `50ms`, `1.5s`, `10m`, `1h`."""

from __future__ import annotations

import re

__all__ = ["parse_duration"]

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
# The exponent is there because a template may compute the number, and Python writes small ones as 5e-05.
_DURATION = re.compile(r"\s*([+-]?(?:\d{1,15}(?:\.\d*)?|\.\d+)(?:e[+-]?\d{1,2})?)\s*(ms|s|m|h)\s*", re.ASCII)
_HINT = "write a number and a unit: 50ms, 1.5s, 10m or 1h"


def parse_duration(text: object) -> float:
    """Read a duration text.

    Zero needs no unit (`0`), as text or as a number. A duration may be negative, because a template may
    compute one ("what is missing to 600 ms of silence"); whoever needs a positive one checks that.

    Arguments:
        text: a number directly followed by `ms`, `s`, `m` (minutes) or `h`.

    Returns:
        Seconds.

    Raises:
        ValueError: it is not a duration; the message says how to write one.
    """
    if isinstance(text, str):
        found = _DURATION.fullmatch(text)
        if found:
            number, unit = found.groups()
            # Milliseconds are divided, not multiplied by 0.001: 50ms must be exactly the float 0.05.
            return float(number) / 1000 if unit == "ms" else float(number) * _SECONDS[unit]
        if text.strip() == "0":
            return 0.0
    elif isinstance(text, int | float) and not isinstance(text, bool) and text == 0:
        return 0.0
    raise ValueError(f"{_shown(text)} is not a duration: {_HINT}")


def _shown(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "..."
