"""`--option name=value`: text becomes a value by the option's declared type, never by how it looks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .output import CommandError

if TYPE_CHECKING:
    from ..protocol.options import Option, OptionSet

__all__ = ["parse_options", "parse_value"]


def parse_options(texts: Iterable[str], options: OptionSet) -> dict[str, Any]:
    """The values of `name=value` texts; of two for one name the later holds.

    Raises:
        CommandError: no "=", an option the spec does not have, a secret, or a value that is not allowed.
    """
    given: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise CommandError(f"--option {text}: write it as name=value")
        option = options.options.get(name)
        if option is not None and option.secret:
            where = f"set {option.env} instead" if option.env else "the spec gives it no environment variable"
            raise CommandError(f"--option {name}: a secret does not belong on a command line ({where})")
        given[name] = value if option is None else parse_value(value, option)
    try:
        return options.check(given)
    except (TypeError, ValueError) as error:
        raise CommandError(str(error)) from None


def parse_value(text: str, option: Option) -> Any:
    """The text as the option's type: `true`, `3`, `0.5`, `a,b` or `["a","b"]`, `{"a": 1}`.

    Where text is among the types it stays text; only a JSON list is then one, if lists are too.

    Raises:
        CommandError: it is of none of the types.
    """
    types = option.types
    if not types or "string" in types:
        is_list = "array" in types and text.startswith("[")
        return _json(text, list, text) if is_list else text
    readers: Mapping[str, Callable[[str], Any]] = {
        "boolean": _boolean,
        "integer": int,
        "number": float,
        "object": lambda given: _json(given, dict),
        "array": lambda given: _list(given, option),
    }
    for name, read in readers.items():
        if name in types:
            try:
                return read(text)
            except ValueError:
                continue
    wanted = " or ".join(_EXAMPLES[name] for name in readers if name in types)
    raise CommandError(f"--option {option.name}={text}: expected {wanted}")


_EXAMPLES = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "object": "a JSON object",
    "array": "a list (a,b or JSON)",
}


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _json(text: str, kind: type, default: Any = None) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        if default is None:
            raise
        return default
    if not isinstance(value, kind):
        raise ValueError(text)
    return value


def _list(text: str, option: Option) -> Any:
    if text.lstrip().startswith("["):
        return _json(text, list)
    return [_item(part.strip(), option) for part in text.split(",")] if text else []


def _item(text: str, option: Option) -> Any:
    kind = option.schema.get("items", {}).get("type")
    if kind == "integer":
        return int(text)
    if kind == "number":
        return float(text)
    return text
