"""Text functions of selectors: their implementations, and the check of constant arguments at load.

A function takes what the selector function of its name takes, and raises SelectorTypeError for a wrong type.
Facts: Python's `re` is the language of regular expressions; JMESPath has none of its own.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import orjson

from specbuilder.expressions.regexes import check_regex, longest_input
from specbuilder.expressions.selector_values import (
    SelectorTypeError,
    as_text,
    check,
    check_text,
    decode,
    type_name,
    without_nulls,
)

__all__ = [
    "decode_base64",
    "ends_with",
    "format_value",
    "join",
    "join_all",
    "matches",
    "parse_json",
    "prepare_format",
    "prepare_matches",
    "prepare_replace",
    "prepare_split",
    "replace",
    "split",
    "starts_with",
    "strip",
    "to_string",
]


def starts_with(text: Any, prefix: Any) -> bool:
    """Whether a text begins so."""
    check_text("starts_with", text, prefix)
    return bool(text.startswith(prefix))


def ends_with(text: Any, suffix: Any) -> bool:
    """Whether a text ends so."""
    check_text("ends_with", text, suffix)
    return bool(text.endswith(suffix))


def join_all(separator: Any, values: Any) -> str:
    """Strings as one; a null among them is a wrong type, as in JMESPath."""
    check_text("join", separator)
    check("join", values, list, "an array of strings")
    try:
        return str(separator.join(values))
    except TypeError:
        kinds = " and ".join(sorted(set(map(type_name, values))))
        raise SelectorTypeError(f"join() takes an array of strings, not of {kinds}") from None


def join(separator: Any, values: Any) -> str:
    """Strings as one, without the nulls among them."""
    if isinstance(separator, str) and isinstance(values, list):
        try:
            return separator.join(values)
        except TypeError:
            pass  # nulls, or what is no string
    return join_all(separator, without_nulls(values))


def strip(text: Any) -> str:
    """The text without white space around it."""
    check_text("strip", text)
    return str(text.strip())


def split(text: Any, separator: Any) -> Any:
    """The parts of a text between separators."""
    check_text("split", text, separator)
    if not separator:
        raise SelectorTypeError("split() takes a separator of at least one character")
    return text.split(separator)


def prepare_split(_text: Any, separator: Any) -> None:
    """Refuse an empty separator; raises ValueError."""
    if separator == "":
        raise ValueError("the separator is empty")


@lru_cache(maxsize=512)
def _pattern(regex: str) -> tuple[re.Pattern[str], int]:
    """The compiled regex, and how long a text may be for it: a hostile message must not keep it busy."""
    return re.compile(regex), longest_input(regex)


def _run_pattern(name: str, text: Any, regex: Any) -> re.Pattern[str] | None:
    """The compiled regex, or None where the text is too long for it."""
    check_text(name, text, regex)
    try:
        pattern, longest = _pattern(regex)
    except (ValueError, re.error, OverflowError, RecursionError):
        raise SelectorTypeError(f"{name}() takes a regular expression") from None
    return pattern if len(text) <= longest else None


def matches(text: Any, regex: Any) -> bool | None:
    """Whether the regular expression is found; None for a text that is too long for it."""
    pattern = _run_pattern("matches", text, regex)
    return None if pattern is None else pattern.search(text) is not None


def _checked_pattern(regex: str) -> tuple[re.Pattern[str], int]:
    """A constant regex; raises ValueError if it is none, or can run away."""
    check_regex(regex)
    return _pattern(regex)


def prepare_matches(_text: Any, regex: Any) -> Callable[..., Any] | None:
    """`matches` for a constant regular expression; raises ValueError if it is none."""
    if not isinstance(regex, str):
        return None
    pattern, longest = _checked_pattern(regex)
    search = pattern.search

    def search_text(text: Any) -> bool | None:
        check_text("matches", text)
        return search(text) is not None if len(text) <= longest else None

    return search_text


def replace(text: Any, regex: Any, by: Any) -> str | None:
    """Every match replaced; None for a text that is too long for it."""
    pattern = _run_pattern("replace", text, regex)
    check_text("replace", by)
    try:
        return None if pattern is None else pattern.sub(by, text)
    except (re.error, IndexError):
        raise SelectorTypeError("replace() takes groups that its regular expression has") from None


def prepare_replace(_text: Any, regex: Any, by: Any) -> None:
    """Check a constant regular expression and replacement; raises ValueError."""
    if isinstance(regex, str):
        pattern, _ = _checked_pattern(regex)
        if isinstance(by, str):
            try:
                pattern.sub(by, "")  # reads `by` first, also when nothing matches
            except (re.error, IndexError) as error:
                raise ValueError(f"{by!r} does not fit {regex!r}: {error}") from None


_FORMAT = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@lru_cache(maxsize=512)
def _format_parts(template: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Split a template at its holes: n + 1 texts, and n keys ("" for `{}`)."""
    texts, keys, position = [""], [], 0
    for match in _FORMAT.finditer(template):
        texts[-1] += template[position : match.start()]
        position = match.end()
        found = match.group()
        if found in ("{{", "}}"):
            texts[-1] += found[0]
        elif match.group(1) is None:
            raise ValueError(f"a lone {found} in {template!r}: as text it is written {found * 2}")
        else:
            keys.append(match.group(1))
            texts.append("")
    texts[-1] += template[position:]
    if "" in keys and any(keys):
        raise ValueError(f"{template!r} has both {{}} and {{key}}")
    return tuple(texts), tuple(keys)


def format_value(template: Any, value: Any) -> str | None:
    """A value, or the fields of an object, in the holes of a template; None if one of them is null."""
    check_text("format", template)
    try:
        texts, keys = _format_parts(template)
    except ValueError:
        raise SelectorTypeError("format() takes a template with {} or {key}") from None
    if not keys or keys[0]:
        check("format", value, dict if keys else object, "an object for {key}")
        values = [value.get(key) for key in keys]
    else:
        values = [value] * len(keys)
    filled = texts[0]
    for inner, text in zip(values, texts[1:]):  # noqa: B905 - one text less than before, by construction
        if inner is None:
            return None
        check("format", inner, (str, int, float), "strings, numbers and booleans")
        filled += as_text(inner) + text
    return filled


def prepare_format(template: Any, _value: Any) -> None:
    """Check a constant template; raises ValueError."""
    if isinstance(template, str):
        _format_parts(template)


def parse_json(text: Any) -> Any:
    """The value that a JSON text means; None if it is none."""
    check_text("parse_json", text)
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def decode_base64(text: Any) -> str | None:
    """The UTF-8 text that was encoded (RFC 4648, section 4); None if it is none."""
    check_text("decode_base64", text)
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def to_string(value: Any) -> str:
    """A string as it is, bytes as UTF-8, anything else as one line of JSON."""
    return decode(value) if isinstance(value, bytes) else as_text(value)
