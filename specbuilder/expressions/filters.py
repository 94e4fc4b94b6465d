"""The filters and tests a template may use.

This is a closed list. What Jinja brings along is taken over where it makes sense for writing requests; what
is meant for web pages, is not reproducible, or can be made to fill the memory is left out. Every filter
follows one rule: nothing in, nothing out, also for its arguments.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import re
import struct
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timezone
from email.utils import formatdate
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

from jinja2 import Undefined, pass_context
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.runtime import Context
from jinja2.tests import TESTS as JINJA_TESTS
from livekit.agents import LanguageCode

from specbuilder.expressions.values import (
    NULL,
    Null,
    Scope,
    TemplateError,
    attempt,
    charge,
    check_size,
    inward,
    kind,
    outward,
    read_item,
    text_of,
)

__all__ = [
    "FILTERS",
    "LENIENT_FILTERS",
    "REMOVED_FILTERS",
    "TESTS",
    "Filter",
    "base_language",
    "filters",
    "guarded_filter",
    "join",
    "replace",
    "settled",
]


class Filter(NamedTuple):
    """A filter: what runs, and a line for the reader."""

    run: Callable[..., Any]
    doc: str


LENIENT_FILTERS: Final = frozenset({"default", "d"})
"""Filters that say what happens when there is nothing, so that reading for them may find nothing."""

# These see nothing and null themselves.
_SEE_NOTHING = LENIENT_FILTERS | {"or_null"}
_SEE_NULL = _SEE_NOTHING | {"json", "as_list"}
# `none` is a value to compare with here.
_NOTHING_IS_ARGUMENT = _SEE_NOTHING | {"select", "reject", "selectattr", "rejectattr"}
# Jinja would write the Python form of whatever it gets.
_TEXT_INPUT = frozenset(
    {
        "capitalize",
        "format",
        "lower",
        "replace",
        "title",
        "trim",
        "truncate",
        "upper",
        "urlencode",
        "wordcount",
    }
)

_DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512")


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    raise TemplateError(f"{kind(value)} is neither text nor bytes")


def _base64(value: Any) -> str:
    return base64.b64encode(_as_bytes(value)).decode("ascii")


def _floats(value: Any) -> list[float]:
    samples = _as_bytes(value)
    if len(samples) % 4:
        raise TemplateError("floats needs whole 32-bit samples, as `encoding: pcm_f32le` gives them")
    return [number for (number,) in struct.iter_unpack("<f", samples)]


def _hex(value: Any) -> str:
    return _as_bytes(value).hex()


def _hmac(value: Any, key: Any, algorithm: str = "sha256") -> bytes:
    return hmac.new(_as_bytes(key), _as_bytes(value), _digest_name(algorithm)).digest()


def _digest(value: Any, algorithm: str = "sha256") -> bytes:
    return hashlib.new(_digest_name(algorithm), _as_bytes(value)).digest()


def _digest_name(algorithm: Any) -> str:
    if algorithm not in _DIGESTS:
        raise TemplateError("unknown digest", hint="known: " + ", ".join(_DIGESTS))
    return str(algorithm)


def _json(value: Any) -> str:
    # Not from a fast library: the form must be the same everywhere, since it may be signed.
    plain = outward(value, Scope({}, {}))
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _or_null(value: Any) -> Any:
    return NULL if value is None else value


def _default(value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    return default_value if value is None or (boolean and not value) else value


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def base_language(value: Any) -> Any:
    """Give the primary language subtag (RFC 5646) of a language, or of each in a list, once, in order.

    A language may be written in any way livekit knows: `en-US`, `en_us`, `eng`, `english`.
    """
    if isinstance(value, str):
        return LanguageCode(value).language
    if isinstance(value, (list, tuple)):
        return list(dict.fromkeys(base_language(item) for item in value))
    raise TemplateError(f"{kind(value)} is not a language")


def _records(rows: Any, *names: str) -> list[Any]:
    return [_record(row, names) for row in rows]


def _record(row: Any, names: tuple[str, ...]) -> Any:
    if isinstance(row, Mapping):
        return row
    fields = _as_list(row)
    if len(fields) > len(names):
        raise TemplateError(f"a row has {len(fields)} fields, but only {len(names)} names are given")
    return {name: field for name, field in zip(names, fields) if field is not None}  # noqa: B905


def _http_date(seconds: Any) -> str:
    return formatdate(_number_of(seconds), usegmt=True)


def _iso_date(seconds: Any) -> str:
    return datetime.fromtimestamp(_number_of(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _number_of(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TemplateError(f"{kind(value)} is not a number")
    return value


def _number(value: Any) -> str:
    number = _number_of(value)
    if isinstance(number, float) and not math.isfinite(number):
        raise TemplateError("the number is not finite")
    # Beyond 2**53 neighbouring floats are more than 1 apart: the digits would be invented.
    if isinstance(number, float) and number.is_integer() and abs(number) <= 2**53:
        number = int(number)
    return text_of(number)


def join(values: Any, separator: Any = "", attribute: str | None = None) -> str:
    """Join the texts of a list; null is left out."""
    if attribute is not None:
        values = [read_item(item, attribute) for item in values]
    texts = [text_of(item) for item in values if item is not None]
    between = text_of(separator)
    check_size(sum(map(len, texts)) + len(between) * max(len(texts) - 1, 0))
    return between.join(texts)


def replace(text: str, old: Any, new: Any, count: int = -1) -> str:
    """Replace one text by another everywhere, or the first `count` times."""
    old, new = text_of(old), text_of(new)
    found = text.count(old) if count < 0 else min(count, text.count(old))
    check_size(len(text) + found * max(len(new) - len(old), 0))
    return text.replace(old, new, count)


def _format(text: str, *values: Any, **fields: Any) -> str:
    # A width of a thousand is room enough; `*` would take the width from a value.
    if re.search(r"\d{4}|\*", text):
        raise TemplateError("a width or precision of four digits or more, or one that is a value")
    if fields:
        return text % {name: _formattable(field) for name, field in fields.items()}
    return text % tuple(_formattable(value) for value in values)


def _formattable(value: Any) -> Any:
    # Numbers stay numbers for `%d` and `%f`; Python's `True` and list forms are not the language's.
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else text_of(value)


def _round(value: Any, precision: int = 0, method: str = "common") -> Any:
    if not -20 <= precision <= 20:
        raise TemplateError("a precision outside -20 to 20")
    return JINJA_FILTERS["round"](_number_of(value), precision, method)


def _jinja(name: str, doc: str) -> Filter:
    return Filter(JINJA_FILTERS[name], doc)


FILTERS: Final[Mapping[str, Filter]] = MappingProxyType(
    {
        "abs": _jinja("abs", "the number without its sign"),
        "as_list": Filter(_as_list, "a list stays; anything else becomes a list of one"),
        "base64": Filter(_base64, "bytes or text as base64 text, with padding"),
        "base_language": Filter(base_language, "`en-US` or `english` as `en`; of a list each once, in order"),
        "bytes": Filter(_as_bytes, "text as bytes (UTF-8)"),
        "capitalize": _jinja("capitalize", "first letter upper case, the rest lower"),
        "count": _jinja("count", "the same as `length`"),
        "d": Filter(_default, "the same as `default`"),
        "default": Filter(
            _default, "the given value in place of nothing; with `true` also of `false`, 0, empty"
        ),
        "dictsort": _jinja("dictsort", "the pairs of a mapping, sorted by key"),
        "digest": Filter(_digest, "the digest of bytes or text, as bytes: `digest('md5')`"),
        "first": _jinja("first", "the first item; nothing of an empty list"),
        "float": _jinja("float", "the number in a text, else 0.0 or the given one"),
        "format": Filter(_format, "fills `%s`, `%.2f`, `%(name)s` with the given values"),
        "floats": Filter(_floats, "`pcm_f32le` samples (bytes) as a list of numbers"),
        "hex": Filter(_hex, "bytes or text as hexadecimal digits"),
        "hmac": Filter(
            _hmac, "the keyed digest of bytes or text, as bytes: `hmac(key, 'sha256')` (RFC 2104)"
        ),
        "http_date": Filter(_http_date, "epoch seconds as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110)"),
        "int": _jinja("int", "the whole number in a number or text, else 0 or the given one"),
        "iso_date": Filter(_iso_date, "epoch seconds as `1994-11-06T08:49:37Z` (RFC 3339)"),
        "items": _jinja("items", "the pairs of a mapping, in its order"),
        "join": Filter(join, "the texts of a list as one, with the given text in between"),
        "json": Filter(_json, "any value as JSON text on one line"),
        "last": _jinja("last", "the last item; nothing of an empty list"),
        "length": _jinja("length", "how many items or characters"),
        "list": _jinja("list", "the items, or a text's characters, as a list"),
        "lower": _jinja("lower", "all letters lower case"),
        "map": _jinja("map", "another filter on each item: `map('join', ':')`; or `map(attribute='name')`"),
        "max": _jinja("max", "the largest item"),
        "min": _jinja("min", "the smallest item"),
        "number": Filter(_number, "a number's shortest text: 2.0 as `2`"),
        "or_null": Filter(_or_null, "null in place of nothing, so that it is sent"),
        "records": Filter(_records, "rows as mappings: `records('value', 'boost')`"),
        "reject": _jinja("reject", "the items that do not pass a test"),
        "rejectattr": _jinja("rejectattr", "the items whose field does not pass a test"),
        "replace": Filter(replace, "one text in place of another, everywhere or the given number of times"),
        "reverse": _jinja("reverse", "the items or characters in reverse order"),
        "round": Filter(_round, "the number rounded to the given digits, `'common'`, `'ceil'` or `'floor'`"),
        "select": _jinja("select", "the items that pass a test, or that are true"),
        "selectattr": _jinja("selectattr", "the items whose field passes a test"),
        "sort": _jinja("sort", "the items in order"),
        "string": Filter(text_of, "a scalar as it stands inside text"),
        "sum": _jinja("sum", "the sum of the items"),
        "title": _jinja("title", "each word with a capital letter"),
        "trim": _jinja("trim", "the text without spaces, or the given characters, at its ends"),
        "truncate": _jinja("truncate", "the text cut to a length"),
        "unique": _jinja("unique", "each item once, in order"),
        "upper": _jinja("upper", "all letters upper case"),
        "urlencode": _jinja("urlencode", "the text percent-encoded"),
        "wordcount": _jinja("wordcount", "how many words"),
    }
)

REMOVED_FILTERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "tojson": "use json",
        "pprint": "use json",
        "attr": "write value.name or value[name]",
        "e": "values are never escaped",
        "escape": "values are never escaped",
        "forceescape": "values are never escaped",
        "safe": "values are never escaped",
    }
)
"""What to use instead of a filter of Jinja that does not exist here."""


def guarded_filter(name: str) -> Callable[..., Any]:
    """Give the filter as a template calls it.

    Around what the filter does: nothing stays nothing, iterators become lists, results are bounded, and an
    error says which filter and what kind of value, but not the value.
    """
    run = FILTERS[name].run

    @pass_context
    def guarded(context: Context, value: Any, *args: Any, **options: Any) -> Any:
        if value is None and name not in _SEE_NOTHING:
            return None
        if name not in _NOTHING_IS_ARGUMENT and any(given is None for given in (*args, *options.values())):
            return None
        if isinstance(value, Null) and name not in _SEE_NULL:
            raise TemplateError(f"the filter {name!r} cannot take null")
        if name in _TEXT_INPUT:
            value = text_of(value)
        handed = _handed(run, context)
        complaint = f"the filter {name!r} failed on {kind(value)}"
        result = attempt(lambda: settled(name, run(*handed, value, *args, **options)), complaint)
        return charge(context.parent["scope"], result)

    return guarded


def _handed(run: Callable[..., Any], context: Context) -> tuple[Any, ...]:
    """What Jinja hands some of its own filters before the value."""
    wanted = getattr(run, "jinja_pass_arg", None)
    if wanted is None:
        return ()
    known = {"context": context, "environment": context.environment, "eval_context": context.eval_ctx}
    return (known[wanted.name],)


def settled(name: str, result: Any) -> Any:
    """Bring the result of a filter or method into the language: iterators as lists, Undefined as nothing."""
    result = None if isinstance(result, Undefined) else inward(result)
    if name == "map":
        return [item for item in result if _defined(item)]
    if isinstance(result, Iterable) and not isinstance(result, (str, bytes, list, Mapping)):
        result = list(result)
    if isinstance(result, (str, bytes, list)):
        check_size(len(result))
    return result


def _jinja_test(name: str) -> Callable[..., Any]:
    return cast("Callable[..., Any]", JINJA_TESTS[name])


def _test(run: Callable[..., Any]) -> Callable[..., bool]:
    """A test that nothing never passes, where Jinja's would fail on it."""

    def guarded(value: Any, *args: Any) -> bool:
        if value is None or any(argument is None for argument in args):
            return False
        return bool(attempt(lambda: run(value, *args), f"a test failed on {kind(value)}"))

    return guarded


def _defined(value: Any) -> bool:
    return not (value is None or isinstance(value, Undefined))


def _undefined(value: Any) -> bool:
    return not _defined(value)


def _none(value: Any) -> bool:
    return value is None or isinstance(value, Null)


TESTS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        **{
            name: _jinja_test(name)
            for name in (
                *("boolean", "false", "float", "integer", "iterable", "mapping", "number", "sameas"),
                *("sequence", "string", "true", "==", "eq", "equalto", "!=", "ne"),
            )
        },
        **{
            name: _test(_jinja_test(name))
            for name in (
                *("divisibleby", "even", "in", "lower", "odd", "upper"),
                *(">", "gt", "greaterthan", ">=", "ge", "<", "lt", "lessthan", "<=", "le"),
            )
        },
        "defined": _defined,
        "undefined": _undefined,
        "none": _none,
    }
)
"""The tests: what may follow `is`."""


def filters() -> Mapping[str, str]:
    """Give every filter's name with one line of description."""
    return {name: entry.doc for name, entry in sorted(FILTERS.items())}
