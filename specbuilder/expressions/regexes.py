"""How long a regular expression may take: those that can run away are refused before they run.

Python's `re` tries alternatives one after the other, so that a repeat inside a repeat (`(a+)+`) takes time
exponential in the length of a hostile text, and every further repeat in a row (`.*.*x`) one more power of it.
Both are read off the parsed expression: the first is refused, the second bounds the text.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, Final

if sys.version_info >= (3, 11):
    from re import _parser as sre
else:
    import sre_parse as sre

__all__ = ["MAX_INPUT", "MAX_STEPS", "check_regex", "longest_input"]

MAX_INPUT: Final = 100_000
"""Characters of a text that any expression is run on at most."""

MAX_STEPS: Final = 2e8
"""Steps of the matcher at most, on the longest text: about a second."""

_MAX_POWER = 3
"""Powers of the length at most; with more of them even a sentence would be too long."""

_Ways = tuple[float, int]
"""In how many ways a part can match at a place: (factor, power) for factor * length**power."""

_ONCE: _Ways = (1.0, 0)


def check_regex(regex: str) -> None:
    """Refuse an expression that may run away.

    Raises:
        ValueError: a repeat holds something that itself matches in several ways, or too many repeats follow
            one another; or it is no regular expression.
    """
    longest_input(regex)


@lru_cache(maxsize=512)
def longest_input(regex: str) -> int:
    """How many characters a text may have for an expression, at most `MAX_INPUT`.

    Raises:
        ValueError: as of `check_regex`.
    """
    try:
        parsed: Any = sre.parse(regex)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{regex!r} is no regular expression: {error}") from None
    factor, power = _of_sequence(list(parsed), regex)
    # A search begins anew at every character, unless the expression says that it does not.
    power += not _is_anchored(list(parsed))
    if power > _MAX_POWER or factor > MAX_STEPS:
        raise ValueError(f"{regex!r} can take too long: too many repeats follow one another")
    if power == 0:
        return MAX_INPUT
    return min(MAX_INPUT, int((MAX_STEPS / factor) ** (1 / power)))


def _is_anchored(items: Sequence[Any]) -> bool:
    if not items:
        return False
    kind, value = str(items[0][0]), items[0][1]
    return kind == "AT" and str(value) in ("AT_BEGINNING", "AT_BEGINNING_STRING")


def _of_sequence(items: Sequence[Any], regex: str) -> _Ways:
    ways = _ONCE
    for index, item in enumerate(items):
        # A repeat with nothing behind it never has to give back what it took. (The parts of a group are
        # looked at as if something came behind it.)
        last = index == len(items) - 1 and str(item[0]) in ("MAX_REPEAT", "POSSESSIVE_REPEAT")
        found = _of_item(item, regex)
        ways = _times(ways, _ONCE if last and found[1] == 1 and _is_simple(item) else found)
    return ways


def _is_simple(item: Any) -> bool:
    """Whether a repeat is of one character class: what it matches it finds in a single pass."""
    inner = item[1][2]
    return len(inner) == 1 and str(inner[0][0]) in ("LITERAL", "NOT_LITERAL", "IN", "ANY")


def _of_item(item: Any, regex: str) -> _Ways:
    kind, value = str(item[0]), item[1]
    if kind in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
        low, high, inner = value
        ways = (1.0, 0) if _is_marked(list(inner)) else _of_group(inner, regex)
        return _of_repeat(low, high, ways, regex)
    if kind == "BRANCH":
        return _of_branches([list(branch) for branch in value[1]], regex)
    if kind == "SUBPATTERN":
        return _of_group(value[3], regex)
    if kind in ("ASSERT", "ASSERT_NOT"):
        return _of_group(value[1], regex)
    if kind == "ATOMIC_GROUP":
        return _of_group(value, regex)
    if kind == "GROUPREF_EXISTS":
        _, yes, no = value
        return _plus(_of_group(yes, regex), _of_group(no or [], regex))
    return _ONCE


def _of_group(items: Any, regex: str) -> _Ways:
    """Ways of a sequence behind which something may fail."""
    ways = _ONCE
    for item in items:
        ways = _times(ways, _of_item(item, regex))
    return ways


def _is_marked(items: list[Any]) -> bool:
    """Whether each turn of a repeat begins with a character that nothing else in it matches (`(/[a-z]+)*`).

    Then the text alone says where a turn begins, and each end is reached in one way.
    """
    if len(items) == 1 and str(items[0][0]) == "SUBPATTERN":
        items = list(items[0][1][3])
    mark = _first_literal(items)
    if mark is None:
        return False
    repeats = [item for item in items[1:] if str(item[0]) in ("MAX_REPEAT", "MIN_REPEAT")]
    if len(repeats) > 1 or not all(_is_simple(item) for item in repeats):
        return False
    singles = [item[1][2][0] if item in repeats else item for item in items[1:]]
    return not any(_may_match(item, letter) for item in singles for letter in {mark, mark.upper()})


_CATEGORIES: Final[dict[str, Callable[[str], bool]]] = {
    "DIGIT": str.isdecimal,
    "SPACE": str.isspace,
    "WORD": lambda letter: letter.isalnum() or letter == "_",
}


def _may_match(item: Any, letter: str) -> bool:
    """Whether a part of one character can be that one; True where that is hard to tell."""
    kind, value = str(item[0]), item[1]
    if kind == "LITERAL":
        return chr(value).casefold() == letter.casefold()
    if kind == "NOT_LITERAL":
        return chr(value).casefold() != letter.casefold()
    if kind != "IN":
        return True
    found = any(_is_in(one, letter) for one in value)
    negated = str(value[0][0]) == "NEGATE"
    return found != negated


def _is_in(one: Any, letter: str) -> bool:
    kind, value = str(one[0]), one[1]
    if kind == "LITERAL":
        return chr(value).casefold() == letter.casefold()
    if kind == "RANGE":
        return bool(value[0] <= ord(letter) <= value[1])
    if kind == "CATEGORY":
        name = str(value).replace("CATEGORY_", "").replace("UNI_", "")
        found = _CATEGORIES[name.replace("NOT_", "")](letter)
        return found != name.startswith("NOT_")
    return False


def _of_repeat(low: int, high: Any, inner: _Ways, regex: str) -> _Ways:
    endless = str(high) == "MAXREPEAT" or int(high) > 1000
    if endless:
        if inner != _ONCE:
            raise ValueError(
                f"{regex!r} can take too long: a repeat holds something that matches in several ways"
                " (a repeat, or alternatives that begin alike)"
            )
        return 1.0, 1
    factor, power = inner
    if inner == _ONCE:
        return float(int(high) - low + 1), 0
    if power * int(high) > _MAX_POWER or int(high) * math.log(factor + 1) > math.log(MAX_STEPS):
        raise ValueError(f"{regex!r} can take too long: a repeat holds a repeat")
    return (factor + 1) ** int(high), power * int(high)


def _of_branches(branches: list[list[Any]], regex: str) -> _Ways:
    ways = [_of_group(branch, regex) for branch in branches]
    first = [_first_literal(branch) for branch in branches]
    if None not in first and len(set(first)) == len(first) and all(way == _ONCE for way in ways):
        # Which one it is, its first character says.
        return _ONCE
    total = ways[0]
    for one in ways[1:]:
        total = _plus(total, one)
    return total


def _first_literal(branch: list[Any]) -> str | None:
    """The character it begins with; letters of either case count as one, for expressions that ignore it."""
    return chr(branch[0][1]).casefold() if branch and str(branch[0][0]) == "LITERAL" else None


def _times(one: _Ways, other: _Ways) -> _Ways:
    return one[0] * other[0], one[1] + other[1]


def _plus(one: _Ways, other: _Ways) -> _Ways:
    return one[0] + other[0], max(one[1], other[1])
