"""The operators of templates: comparisons, arithmetic, signs and `~`.

Nothing with anything gives nothing, or is false where a comparison is asked for; sizes are bounded before a
result is built.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from specbuilder.expressions.values import TemplateError, attempt, check_size, kind, text_of

__all__ = ["MAX_BITS", "arithmetic", "compare", "concatenate", "sign"]

MAX_BITS = 4096
"""Of the largest whole number. Larger ones serve no protocol, but can keep a processor busy for minutes."""

_ORDER: Mapping[str, Callable[[Any, Any], Any]] = {
    "lt": operator.lt,
    "lteq": operator.le,
    "gt": operator.gt,
    "gteq": operator.ge,
}


def compare(first: Any, *rest: Any) -> bool:
    """Evaluate a chain of comparisons such as `a < b <= c`.

    Arguments:
        first: the leftmost value.
        rest: Jinja's name of an operator and the next value, alternately.

    Nothing is equal to nothing only, is in nothing, and is neither less nor greater than anything.
    """
    left = first
    pairs: Iterator[Any] = iter(rest)
    for symbol, right in zip(pairs, pairs, strict=True):
        if not _holds(left, symbol, right):
            return False
        left = right
    return True


def _holds(left: Any, symbol: str, right: Any) -> bool:
    if symbol == "eq":
        return bool(left == right)
    if symbol == "ne":
        return bool(left != right)
    if symbol in ("in", "notin"):
        return _contains(right, left) is (symbol == "in")
    if left is None or right is None:
        return False
    complaint = f"{kind(left)} and {kind(right)} cannot be put in order"
    return bool(attempt(lambda: _ORDER[symbol](left, right), complaint))


def _contains(container: Any, item: Any) -> bool:
    if container is None or (item is None and isinstance(container, str)):
        return False
    return bool(attempt(lambda: item in container, f"{kind(item)} cannot be looked for in {kind(container)}"))


_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
}


def arithmetic(left: Any, symbol: str, right: Any) -> Any:
    """Combine two values by `+ - * / // % **`; nothing with anything is nothing.

    Texts, lists and bytes can be added to their like and multiplied by a number; all else is for numbers.

    Raises:
        TemplateError: the values do not fit the operator, or the result would be too large.
    """
    if left is None or right is None:
        return None
    complaint = f"{kind(left)} {symbol} {kind(right)} cannot be computed"
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        _check_bits(left, symbol, right)
        result = attempt(lambda: _ARITHMETIC[symbol](left, right), complaint)
        if not isinstance(result, (int, float)):
            raise TemplateError(complaint)  # a root of a negative number
        return result
    if symbol == "+" and kind(left) == kind(right):
        check_size(_length(left) + _length(right))
    elif symbol == "*" and isinstance(right, int):
        check_size(_length(left) * right)
    elif symbol == "*" and isinstance(left, int):
        check_size(_length(right) * left)
    else:
        # Above all `text % values`, whose widths would build text of any length.
        raise TemplateError(complaint, hint="use | format(…)" if symbol == "%" else None)
    return attempt(lambda: _ARITHMETIC[symbol](left, right), complaint)


def _check_bits(left: float, symbol: str, right: float) -> None:
    if not (isinstance(left, int) and isinstance(right, int)):
        return
    product = symbol == "**"
    bits = left.bit_length() * max(right, 0) if product else left.bit_length() + right.bit_length()
    if bits > MAX_BITS:
        raise TemplateError(f"a number of more than {MAX_BITS} bits")


def _length(value: Any) -> int:
    return len(value) if isinstance(value, (str, list, bytes, bytearray)) else 0


def sign(value: Any, symbol: str) -> Any:
    """Give `+value` or `-value`; nothing stays nothing.

    Raises:
        TemplateError: the value is not a number.
    """
    if value is None:
        return None
    if not isinstance(value, (int, float)):
        raise TemplateError(f"{kind(value)} is not a number")
    return -value if symbol == "-" else +value


def concatenate(values: Iterable[Any]) -> str | None:
    """Join the texts of several values (`a ~ b`); one that is nothing makes the whole nothing.

    Raises:
        TemplateError: a value has no form inside text, or the result would be too large.
    """
    texts = []
    for value in values:
        if value is None:
            return None
        texts.append(text_of(value))
    check_size(sum(map(len, texts)))
    return "".join(texts)
