"""Holding what came against what a script expects, and showing the difference."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

__all__ = ["ANYTHING", "align", "diff", "exact", "filled", "loose", "matches_text", "written"]

ANYTHING = "*"
"""What an expectation writes for a value it does not care about."""

Same: TypeAlias = Callable[[Any, Any], bool]

_ABSENT = object()
_TOLERANCE = 1e-6
"""Seconds and confidences are computed; JSON is compared exactly."""

_WIDE = 100


def exact(expected: Any, came: Any) -> bool:
    """Whether JSON is equal, types included (1 is not 1.0); `*` stands for any value."""
    if expected == ANYTHING:
        return True
    if isinstance(expected, Mapping):
        return (
            isinstance(came, Mapping)
            and expected.keys() == came.keys()
            and all(exact(value, came[key]) for key, value in expected.items())
        )
    if isinstance(expected, list):
        return (
            isinstance(came, list)
            and len(expected) == len(came)
            and all(exact(one, other) for one, other in zip(expected, came, strict=True))
        )
    return type(expected) is type(came) and bool(expected == came)


def loose(expected: Any, came: Any) -> bool:
    """Whether the listed keys are equal; others are free, and numbers may differ by rounding."""
    if expected == ANYTHING:
        return True
    if isinstance(expected, Mapping):
        return isinstance(came, Mapping) and all(
            loose(value, came.get(key)) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return (
            isinstance(came, list)
            and len(expected) == len(came)
            and all(loose(one, other) for one, other in zip(expected, came, strict=True))
        )
    if _is_number(expected) and _is_number(came):
        return math.isclose(expected, came, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
    return type(expected) is type(came) and bool(expected == came)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def matches_text(expected: Any, came: Any) -> bool:
    """Whether a text is the expected one, where `*` stands for anything within."""
    if expected is None or came is None:
        return expected is came
    pattern = ".*".join(re.escape(part) for part in str(expected).split(ANYTHING))
    return re.fullmatch(pattern, str(came), re.DOTALL) is not None


def filled(expected: Any, came: Any, same: Same) -> Any:
    """The expectation with what came put in wherever the two agree, so that a diff shows the rest."""
    if came is not _ABSENT and same(expected, came):
        return came
    if isinstance(expected, Mapping) and isinstance(came, Mapping):
        return {key: filled(value, came.get(key, _ABSENT), same) for key, value in expected.items()}
    if isinstance(expected, list) and isinstance(came, list):
        others = [*came, *[_ABSENT] * len(expected)]
        return [filled(one, other, same) for one, other in zip(expected, others, strict=False)]
    return expected


def align(expected: Sequence[Any], came: Sequence[Any], same: Same) -> list[tuple[Any, Any]]:
    """Pairs of what was expected and what came, in order, as many equal ones as possible.

    An item without a partner is paired with None; unequal neighbours are paired with each other.
    """
    if len(expected) == len(came) and all(
        same(one, other) for one, other in zip(expected, came, strict=True)
    ):
        return list(zip(expected, came, strict=True))
    best = [[0] * (len(came) + 1) for _ in range(len(expected) + 1)]
    for i in range(len(expected) - 1, -1, -1):
        for j in range(len(came) - 1, -1, -1):
            best[i][j] = (
                best[i + 1][j + 1] + 1 if same(expected[i], came[j]) else max(best[i + 1][j], best[i][j + 1])
            )
    pairs: list[tuple[Any, Any]] = []
    left: list[Any] = []
    right: list[Any] = []
    i = j = 0
    while i < len(expected) and j < len(came):
        if same(expected[i], came[j]):
            pairs += [*_side_by_side(left, right), (expected[i], came[j])]
            left, right, i, j = [], [], i + 1, j + 1
        elif best[i + 1][j] >= best[i][j + 1]:
            left.append(expected[i])
            i += 1
        else:
            right.append(came[j])
            j += 1
    return pairs + _side_by_side([*left, *expected[i:]], [*right, *came[j:]])


def _side_by_side(left: list[Any], right: list[Any]) -> list[tuple[Any, Any]]:
    size = max(len(left), len(right))
    return list(zip(left + [None] * (size - len(left)), right + [None] * (size - len(right)), strict=True))


def written(value: Any, *, wide: bool = False) -> str:
    """A value as text: a text as it is, anything else as JSON, on one line unless `wide`."""
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str, ensure_ascii=False, indent=2 if wide else None)


def diff(pairs: Sequence[tuple[Any, Any]]) -> tuple[str, str, str]:
    """Pairs as two texts, and the unified diff between them; None stands for no item."""
    left: list[str] = []
    right: list[str] = []
    for expected, came in pairs:
        wide = any(len(written(one)) > _WIDE for one in (expected, came) if one is not None)
        if expected is not None:
            left += written(expected, wide=wide).splitlines() or [""]
        if came is not None:
            right += written(came, wide=wide).splitlines() or [""]
    lines = list(difflib.unified_diff(left, right, "expected", "came", lineterm="", n=2))
    return "\n".join(left), "\n".join(right), "\n".join(line for line in lines if not line.startswith("@@"))
