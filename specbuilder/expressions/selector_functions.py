"""The functions of selectors: JMESPath's own and those that vendors' messages ask for besides.

An entry of `FUNCTIONS` says what a function takes and holds the Python that runs. The compiler looks up
entries once, at load; at run time only `call` (or what `prepare` made of constant arguments) runs. Values
are JSON's (dict, list, str, int, float, bool, None), and bytes where a message was msgpack.

Null in, null out: `call` never sees None unless `takes_null` or strict mode asks for JMESPath's own
behaviour.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from specbuilder.expressions import selector_texts as texts
from specbuilder.expressions.selector_values import (
    Scope,
    SelectorTypeError,
    check,
    check_number,
    check_numbers,
    check_sortable,
    check_text,
    is_number,
    key_of,
    type_name,
    without_nulls,
)

__all__ = ["FUNCTIONS", "UNKNOWN", "Function"]

UNKNOWN: Final[Any] = object()
"""In place of an argument that is not known before a message comes."""


@dataclass(frozen=True)
class Function:
    """One function of selectors.

    Attributes:
        usage: name and arguments, as an author writes them.
        doc: one line for readers.
        call: the arguments' values to the result. Where one is an `&expression`, `call` gets the array and
            the expression's values for its items (None: it is no array), in this order.
        least, most: numbers of arguments; `most` None: any number.
        expression: index of the argument that is an `&expression`, or None.
        takes_null: null is an argument like any other.
        reads_scope: `call` gets the scope before the arguments.
        standard: a function of JMESPath; the others do not exist in strict mode.
        strict: what runs instead of `call` in strict mode.
        prepare: gets the arguments' values (UNKNOWN: not constant); returns what takes the arguments that
            are not constant, or None to keep `call`. Raises ValueError for a constant that can never work.
    """

    usage: str
    doc: str
    call: Callable[..., Any]
    least: int
    most: int | None
    expression: int | None = None
    takes_null: bool = False
    reads_scope: bool = False
    standard: bool = False
    strict: Callable[..., Any] | None = None
    prepare: Callable[..., Callable[..., Any] | None] | None = None

    @property
    def name(self) -> str:
        return self.usage.partition("(")[0]


# --- numbers ----------------------------------------------------------------------------------------------


def _abs(value: Any) -> Any:
    check_number("abs", value)
    return abs(value)


def _ceil(value: Any) -> Any:
    check_number("ceil", value)
    return math.ceil(value)


def _floor(value: Any) -> Any:
    check_number("floor", value)
    return math.floor(value)


def _exp(value: Any) -> float:
    check_number("exp", value)
    return math.exp(value)


def _sum(values: Any) -> Any:
    check_numbers("sum", values)
    return sum(values)


def _avg(values: Any) -> Any:
    check_numbers("avg", values)
    return sum(values) / len(values) if values else None


def _geomean(values: Any) -> float | None:
    values = without_nulls(values)
    check_numbers("geomean", values)
    if not values:
        return None
    if min(values) < 0:
        raise SelectorTypeError("geomean() takes numbers from 0 up")
    return math.exp(math.fsum(map(math.log, values)) / len(values)) if min(values) > 0 else 0.0


MAX_DIGITS: Final = 1000
"""Longer whole numbers are floats: Python refuses to read thousands of digits, and nobody counts so far."""

_NUMBER = re.compile(r"\s*[-+]?[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?\s*")


def _to_number(value: Any) -> Any:
    if is_number(value):
        return value
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    if match.group(1) is None and match.group(2) is None and len(value) <= MAX_DIGITS:
        return int(value)
    number = float(value)
    return number if math.isfinite(number) else None


# --- arrays and objects -----------------------------------------------------------------------------------


def _max(values: Any) -> Any:
    check_sortable("max", values)
    return max(values) if values else None


def _min(values: Any) -> Any:
    check_sortable("min", values)
    return min(values) if values else None


def _sort(values: Any) -> Any:
    check_sortable("sort", values)
    return sorted(values)


def _max_by(values: Any, keys: list[Any]) -> Any:
    check("max_by", values, list, "an array")
    check_sortable("max_by", keys)
    return values[keys.index(max(keys))] if keys else None


def _min_by(values: Any, keys: list[Any]) -> Any:
    check("min_by", values, list, "an array")
    check_sortable("min_by", keys)
    return values[keys.index(min(keys))] if keys else None


def _sort_by(values: Any, keys: list[Any]) -> Any:
    check("sort_by", values, list, "an array")
    check_sortable("sort_by", keys)
    return [values[index] for index in sorted(range(len(keys)), key=keys.__getitem__)]


def _map(values: Any, found: list[Any]) -> Any:
    check("map", values, list, "an array")
    return found


def _contains(subject: Any, search: Any) -> bool:
    if isinstance(subject, str):
        return isinstance(search, str) and search in subject
    check("contains", subject, list, "an array or a string")
    if isinstance(search, str):
        return search in subject
    key = key_of(search)
    return any(key_of(value) == key for value in subject)


def _prepare_contains(subject: Any, _search: Any) -> Callable[[Any], Any] | None:
    if not isinstance(subject, list):
        return None
    keys = frozenset(map(key_of, subject))
    return lambda search: (search if isinstance(search, str) else key_of(search)) in keys


def _length(value: Any) -> int:
    check("length", value, (str, list, dict), "a string, an array or an object")
    return len(value)


def _reverse(value: Any) -> Any:
    check("reverse", value, (str, list), "an array or a string")
    return value[::-1]


def _mode(values: Any) -> Any:
    check("mode", values, list, "an array")
    counts: dict[Any, int] = {}
    first: dict[Any, Any] = {}
    for value in values:
        if value is not None:
            key = key_of(value)
            counts[key] = counts.get(key, 0) + 1
            first.setdefault(key, value)
    # max() keeps the first of equals, and a dict the order of first sight.
    return first[max(counts, key=counts.__getitem__)] if counts else None


def _unique(values: Any) -> Any:
    check("unique", values, list, "an array")
    first: dict[Any, Any] = {}
    for value in values:
        first.setdefault(key_of(value), value)
    return list(first.values())


def _runs(values: Any, keys: list[Any]) -> list[list[Any]]:
    check("runs", values, list, "an array")
    if not _PLAIN_KEYS.issuperset(map(type, keys)):
        keys = [key_of(key) for key in keys]
    runs: list[list[Any]] = []
    before: Any = UNKNOWN
    for value, key in zip(values, keys, strict=True):
        if key == before:
            runs[-1].append(value)
        else:
            runs.append([value])
            before = key
    return runs


def _groups(values: Any, keys: list[Any]) -> list[list[Any]]:
    check("groups", values, list, "an array")
    groups: dict[Any, list[Any]] = {}
    for value, key in zip(values, keys, strict=True):
        if key is not None:
            groups.setdefault(key_of(key), []).append(value)
    return list(groups.values())


_PLAIN_KEYS = frozenset({str, bool, type(None)})
"""Types whose values are their own key: most runs are of speakers and languages."""


def _zip(*arrays: Any) -> Any:
    for array in arrays:
        check("zip", array, list, "arrays")
    return [list(row) for row in zip(*arrays)]  # noqa: B905 - the shortest array decides


def _keys(value: Any) -> Any:
    check("keys", value, dict, "an object")
    return list(value)


def _values(value: Any) -> Any:
    check("values", value, dict, "an object")
    return list(value.values())


def _merge(*values: Any) -> Any:
    merged: dict[str, Any] = {}
    for value in values:
        check("merge", value, dict, "objects")
        merged.update(value)
    return merged


def _lookup(value: Any, key: Any) -> Any:
    check("lookup", value, dict, "an object and a string")
    check_text("lookup", key)
    return value.get(key)


def _not_null(*values: Any) -> Any:
    return next((value for value in values if value is not None), None)


def _to_array(value: Any) -> Any:
    return value if isinstance(value, list) else [value]


# --- the scope --------------------------------------------------------------------------------------------


def _message(scope: Scope) -> Any:
    return scope.message


def _header(scope: Scope, name: Any) -> str | None:
    check_text("header", name)
    return scope.headers.get(name.lower())


def _standard(usage: str, doc: str, call: Callable[..., Any], **more: Any) -> Function:
    return _function(usage, doc, call, standard=True, **more)


def _function(usage: str, doc: str, call: Callable[..., Any], **more: Any) -> Function:
    """An entry; how many arguments there are, and which is an expression, is read from `usage`."""
    arguments = [name for name in usage.partition("(")[2].rstrip(")").split(", ") if name]
    open_ended = arguments[-1:] == ["..."]
    expression = next((index for index, name in enumerate(arguments) if name.startswith("&")), None)
    least = len(arguments) - open_ended
    return Function(usage, doc, call, least, None if open_ended else least, expression, **more)


def _skipping_nulls(call: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def skipping(values: Any) -> Any:
        try:
            return call(values)
        except SelectorTypeError:
            # Nulls are rare: those that come, not those that might, are worth a look at the array.
            known = without_nulls(values)
            if known is values:
                raise
        return call(known)

    return skipping


_ENTRIES = (
    _standard("abs(number)", "the number without its sign", _abs),
    _standard("avg(array)", "mean of numbers; nulls are skipped", _skipping_nulls(_avg), strict=_avg),
    _standard("ceil(number)", "the next whole number up", _ceil),
    _standard(
        "contains(subject, search)",
        "whether an array has an item, or a string a part",
        _contains,
        prepare=_prepare_contains,
    ),
    _standard("ends_with(text, suffix)", "whether a text ends so", texts.ends_with),
    _standard("floor(number)", "the next whole number down", _floor),
    _standard(
        "join(separator, array)", "strings as one; nulls are skipped", texts.join, strict=texts.join_all
    ),
    _standard("keys(object)", "names of the fields", _keys),
    _standard("length(subject)", "number of characters, items or fields", _length),
    _standard("map(&expression, array)", "the value of every item, nulls too", _map),
    _standard("max(array)", "the greatest; nulls are skipped", _skipping_nulls(_max), strict=_max),
    _standard("max_by(array, &expression)", "the item with the greatest value", _max_by),
    _standard("merge(object, ...)", "objects as one; later fields win", _merge),
    _standard("min(array)", "the smallest; nulls are skipped", _skipping_nulls(_min), strict=_min),
    _standard("min_by(array, &expression)", "the item with the smallest value", _min_by),
    _standard("not_null(value, ...)", "the first that is not null", _not_null, takes_null=True),
    _standard("reverse(subject)", "an array or a string back to front", _reverse),
    _standard("sort(array)", "numbers or strings in order", _sort),
    _standard("sort_by(array, &expression)", "items in the order of a value", _sort_by),
    _standard("starts_with(text, prefix)", "whether a text begins so", texts.starts_with),
    _standard("sum(array)", "sum of numbers", _sum),
    _standard("to_array(value)", "the value in an array, unless it is one", _to_array),
    _standard("to_number(value)", "a number from its text; null if it is none", _to_number),
    _standard("to_string(value)", "a string as it is, else JSON", texts.to_string, takes_null=True),
    _standard("type(value)", "the name of the value's type", type_name, takes_null=True),
    _standard("values(object)", "values of the fields", _values),
    _function("decode_base64(text)", "the text that was encoded; null if none", texts.decode_base64),
    _function("exp(number)", "e to that power: a probability from its logarithm", _exp),
    _function(
        "format(template, value)",
        "the value in place of {}, or its fields in place of {key}; null if one is null",
        texts.format_value,
        prepare=texts.prepare_format,
    ),
    _function("geomean(array)", "geometric mean of numbers; nulls are skipped", _geomean),
    _function(
        "groups(array, &expression)",
        "items with an equal value, as arrays in the order of first sight; null makes none",
        _groups,
    ),
    _function("header(name)", "a header of the reply or handshake", _header, reads_scope=True),
    _function("lookup(object, key)", "the field of that name", _lookup),
    _function(
        "matches(text, regex)",
        "whether the regular expression is found; null for a text over 100 kB",
        texts.matches,
        prepare=texts.prepare_matches,
    ),
    _function("message()", "the whole message, also inside `each`", _message, reads_scope=True),
    _function("mode(array)", "the most frequent item, of equals the first; nulls are skipped", _mode),
    _function("parse_json(text)", "the value a JSON text means; null if none", texts.parse_json),
    _function(
        "replace(text, regex, by)",
        "every match replaced, \\1 is the first group; null for a text over 100 kB",
        texts.replace,
        prepare=texts.prepare_replace,
    ),
    _function("runs(array, &expression)", "neighbours with an equal value, as arrays", _runs),
    _function(
        "split(text, separator)",
        "the parts between separators",
        texts.split,
        prepare=texts.prepare_split,
    ),
    _function("strip(text)", "the text without white space around it", texts.strip),
    _function("unique(array)", "the array without repeated items", _unique),
    _function("zip(array, ...)", "first items, second items, ... as arrays, up to the shortest", _zip),
)

FUNCTIONS: Final[Mapping[str, Function]] = {entry.name: entry for entry in _ENTRIES}
