"""A spec held against the JSON Schema, in sentences an author can act on.

jsonschema finds the errors; here each becomes one or more issues at the key or value it is about. Of
several alternatives (`anyOf`) only the one the author meant is reported, never the schema itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from specbuilder.language.document import Document
from specbuilder.language.errors import Issue, Path, did_you_mean
from specbuilder.language.merge import without_nulls
from specbuilder.language.schema import Schema, child, resolve, schema

__all__ = ["sort_issues", "validate"]

_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "a mapping",
    "null": "null",
}


def validate(document: Document) -> list[Issue]:
    """Hold a whole spec (nothing left to merge but nulls) against the language's schema.

    Returns:
        All issues, each once, in the order of the file; of several files the document's own come first.
    """
    value = without_nulls(document, overrides=True).value
    errors = list(_validator().iter_errors(value))
    mistyped = {tuple(error.absolute_path) for error in errors if error.validator == "type"}
    found: list[Issue] = []
    for error in errors:
        # A text where a mapping belongs lacks all its keys; to say so would only distract.
        if error.validator not in _COMBINATIONS or tuple(error.absolute_path) not in mistyped:
            found.extend(_issues(document, error, ()))
    return sort_issues(found, document.file)


def sort_issues(issues: Iterable[Issue], first: str) -> list[Issue]:
    """Each issue once, by position; those of the file `first` before those of others."""
    unique = dict.fromkeys(issues)
    return sorted(unique, key=lambda it: (it.file != first, it.file, it.line or 0, it.column or 0))


@lru_cache(maxsize=1)
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def _issues(document: Document, error: ValidationError, base: Path) -> Iterator[Issue]:
    path: Path = (*base, *error.relative_path)
    at = error.schema if isinstance(error.schema, dict) else {}
    kind = error.validator
    instance: Any = error.instance
    wanted: Any = error.validator_value
    if kind in ("additionalProperties", "patternProperties"):
        yield from _unknown_keys(document, instance, at, path)
    elif kind == "required" and "properties" in at:
        for name in wanted:
            if name not in instance:
                yield document.issue(path, f"missing key {name!r}", _about(at, name))
    elif kind == "dependentRequired":
        for key, needed in wanted.items():
            for name in needed if key in instance else ():
                if name not in instance:
                    yield document.issue((*path, key), f"{key!r} needs {name!r}", key=True)
    elif "x-message" in at and kind in _COMBINATIONS:
        yield document.issue(path, at["x-message"])
    elif kind == "anyOf" and (branch := _branch(error)):
        for inner in branch:
            yield from _issues(document, inner, path)
    else:
        yield document.issue(path, *_wrong_value(document, error, at, path))


_COMBINATIONS = frozenset(("anyOf", "oneOf", "not", "required", "minProperties", "maxProperties"))


def _unknown_keys(document: Document, instance: dict[str, Any], at: Schema, path: Path) -> Iterator[Issue]:
    for key in instance:
        if child({name: at[name] for name in at if name != "anyOf"}, key) is not None:
            continue
        if at.get("properties", {}).get(key) is True:
            continue
        where = (*path, key)
        if "x-unknown" in at:
            yield document.issue(where, f"{key!r} {at['x-unknown']}", key=True)
        elif "x-keys" in at:
            yield document.issue(where, f"{key!r} is not {at['x-keys']}", key=True)
        else:
            hint = _belongs(key) or did_you_mean(key, at.get("properties", ()))
            yield document.issue(where, f"unknown key {key!r}", hint, key=True)


def _belongs(key: str) -> str | None:
    """Where in the language a key that is out of place would be in place."""
    places = _homes().get(key, ())
    return f"it is a key of {' and of '.join(places)}" if 0 < len(places) <= 2 else None


@lru_cache(maxsize=1)
def _homes() -> dict[str, list[str]]:
    """Key -> the mappings, by path, that have it; two levels are what an author confuses."""
    homes: dict[str, list[str]] = {}
    for name, part in schema()["properties"].items():
        homes.setdefault(name, []).append("the top level")
        for inner in resolve(part).get("properties", ()):
            homes.setdefault(inner, []).append(f"'{name}'")
            for below in resolve(resolve(part)["properties"][inner]).get("properties", ()):
                homes.setdefault(below, []).append(f"'{name}.{inner}'")
    return homes


def _about(at: Schema, name: str) -> str | None:
    described = resolve(at["properties"][name]).get("description") if name in at["properties"] else None
    return f"{name}: {described}" if described else None


def _branch(error: ValidationError) -> list[ValidationError]:
    """The errors of the alternative that the author meant: one that takes this type, and then the one
    whose errors lie deepest, as it was followed furthest."""
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context or ():
        branches.setdefault(inner.schema_path[0], []).append(inner)
    meant = [found for found in branches.values() if not any(_is_other_type(inner) for inner in found)]
    return max(meant, key=lambda found: max(len(inner.path) for inner in found), default=[])


def _is_other_type(error: ValidationError) -> bool:
    return error.validator == "type" and not error.relative_path


def _wrong_value(
    document: Document, error: ValidationError, at: Schema, path: Path
) -> tuple[str, str | None]:
    value: Any = error.instance
    wanted: Any = error.validator_value
    if path[:1] == ("api_key",) and isinstance(value, str):
        # Who writes a key into a spec by mistake must not find it in a log as well.
        return f"expected {_expected(error, at)}, got text", None
    if error.validator == "enum" and isinstance(value, str):
        return f"{_shown(value)} is not allowed", did_you_mean(value, map(str, wanted))
    if error.validator in ("minLength", "minItems", "minProperties"):
        return f"expected {_expected(error, at)}, which is not empty", None
    hint = None
    if (
        error.validator == "type"
        and at.get("x-expression") == "selector"
        and not isinstance(value, (list, dict))
    ):
        hint = f'a fixed value is written in backticks: "`{json.dumps(value)}`"'
    return f"expected {_expected(error, at)}, got {_shown(value)}", hint


def _expected(error: ValidationError, at: Schema) -> str:
    if "x-expected" in at:
        return str(at["x-expected"])
    limit: Any = error.validator_value
    if error.validator in ("enum", "const"):
        return "one of " + ", ".join(map(str, limit)) if error.validator == "enum" else _shown(limit)
    if error.validator in ("minimum", "maximum"):
        return f"a number of {'at least' if error.validator == 'minimum' else 'at most'} {limit}"
    types = at.get("type", ())
    return " or ".join(_TYPES[name] for name in ([types] if isinstance(types, str) else types))


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:57] + "...")
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return json.dumps(value)
