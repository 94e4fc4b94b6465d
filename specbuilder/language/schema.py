"""The language's JSON Schema (`schema.json`), and the walk from a path of a spec to what it says there.

Keywords of our own, which validators ignore:
    x-expression: the value holds expressions: template, tree, selector, condition or duration.
    x-payload: what is sent as it stands. Merging replaces it whole, and null is a value in it.
    x-overrides: a mapping that is merged over an outer one later; its nulls are kept until then.
    x-expected: what is allowed, to follow "expected".
    x-message: the sentence for a broken combination of keys.
    x-keys: what a key may be, where keys are the author's own.
    x-unknown: the sentence for a key that does not go with another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from typing import Any, TypeAlias

__all__ = ["Schema", "child", "resolve", "schema"]

Schema: TypeAlias = Mapping[str, Any]


@lru_cache(maxsize=1)
def schema() -> dict[str, Any]:
    """The whole schema. Shared: not to be changed."""
    text = resources.files("specbuilder.language").joinpath("schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def resolve(node: Schema) -> Schema:
    """A part of the schema with its `$ref` replaced by what it names; its own keywords win."""
    reference = node.get("$ref")
    return node if reference is None else _resolved(reference, json.dumps(node))


@lru_cache(maxsize=1024)
def _resolved(reference: str, node: str) -> Schema:
    target: Any = schema()
    for part in reference.removeprefix("#/").split("/"):
        target = target[part]
    own = {key: value for key, value in json.loads(node).items() if key != "$ref"}
    return {**resolve(target), **own}


def child(node: Schema, part: str | int) -> Schema | None:
    """What the schema says of a mapping's key or a list's item; None when it says nothing."""
    node = resolve(node)
    found: Any = None
    if isinstance(part, int):
        found = node.get("items")
    elif part in node.get("properties", ()):
        found = node["properties"][part]
    else:
        patterns = node.get("patternProperties", {})
        found = next((patterns[pattern] for pattern in patterns if re.search(pattern, part)), None)
        if found is None:
            found = node.get("additionalProperties")
    if isinstance(found, Mapping):
        return resolve(found)
    branches = (child(branch, part) for branch in node.get("anyOf", ()))
    return next((branch for branch in branches if branch is not None), None)
