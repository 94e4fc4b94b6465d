"""The reference of the language as Markdown, written from the schema.

docs/spec-reference.md begins with it; `specbuilder.protocol.reference` adds what the layers above define.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from specbuilder.language.schema import Schema, resolve, schema

__all__ = ["reference"]

_HEAD = """\
# Spec reference

Every key of the spec language, written from `specbuilder/language/schema.json`.

The column *expression* says how a value is read: a **template** or **tree** writes, with Jinja holes
`{{ … }}`; a **selector** reads a message, in JMESPath; a **condition** is a Jinja condition about options,
without braces; a **duration** is a text such as `50ms`, `5s`, `10m`, or a template. Required keys are bold.
"""
_TYPES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true/false",
    "array": "list",
    "object": "mapping",
}


def reference(tables: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """The whole reference.

    Args:
        tables: further tables by title, such as the functions of selectors: name -> one line about it.
            What is in them belongs to the layers above, so it is handed in.
    """
    parts = [_HEAD]
    parts.extend(_section(title, node) for title, node in _Sections().all())
    for title, rows in (tables or {}).items():
        lines = [f"## {title}\n", "| name | meaning |", "|---|---|"]
        lines.extend(f"| `{_cell(name)}` | {_cell(text)} |" for name, text in rows.items())
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


class _Sections:
    """Every mapping of the language with keys of its own, once, titled by the first path that leads to it."""

    def __init__(self) -> None:
        self.known: set[str] = set()

    def all(self) -> Iterator[tuple[str, Schema]]:
        yield "Top level", schema()
        yield from self.below("", schema())

    def below(self, path: str, node: Schema) -> Iterator[tuple[str, Schema]]:
        later: list[tuple[str, Schema]] = []
        for inner, part in _mappings(path, node):
            name = _identity(part)
            if name not in self.known:
                self.known.add(name)
                later.append((inner, resolve(part)))
        for inner, part in later:
            if _has_keys(part):
                yield f"`{inner}`", part
            yield from self.below(inner, part)


def _mappings(path: str, node: Schema) -> Iterator[tuple[str, Schema]]:
    """The parts of a mapping, list or alternative that may hold keys, with their paths."""
    for key, part in node.get("properties", {}).items():
        if isinstance(part, dict):
            yield f"{path}.{key}" if path else key, part
    for part in node.get("patternProperties", {}).values():
        yield f"{path}.*", part
    if isinstance(node.get("items"), dict):
        yield f"{path}[]", node["items"]
    for part in node.get("anyOf", ()):
        yield path, part


def _identity(part: Schema) -> str:
    """The same for two parts that come down to one definition."""
    own = {key: value for key, value in resolve(part).items() if key not in ("description", "x-overrides")}
    return json.dumps(own)


def _has_keys(node: Schema) -> bool:
    return any(isinstance(part, dict) for part in node.get("properties", {}).values())


def _section(title: str, node: Schema) -> str:
    lines = [f"## {title}\n"]
    if title != "Top level" and "description" in node:
        lines.append(f"{_cell(node['description'])}\n")
    lines += ["| key | type | default | expression | meaning |", "|---|---|---|---|---|"]
    for key, part in node["properties"].items():
        part = resolve(part)
        shown = f"**`{key}`**" if key in node.get("required", ()) else f"`{key}`"
        default = f"`{_cell(json.dumps(part['default']))}`" if "default" in part else ""
        meaning = _cell(part.get("description", ""))
        lines.append(f"| {shown} | {_type(part)} | {default} | {_expression(part)} | {meaning} |")
    return "\n".join(lines) + "\n"


def _expression(node: Schema) -> str:
    """The kind of expression a key holds, also when it is its items or values that do."""
    if "x-expression" in node:
        return str(node["x-expression"])
    values = [
        *node.get("patternProperties", {}).values(),
        node.get("items"),
        node.get("additionalProperties"),
    ]
    kinds = [_expression(resolve(value)) for value in values if isinstance(value, dict)]
    return next((kind for kind in kinds if kind), "")


def _type(node: Schema) -> str:
    node = resolve(node)
    if "title" in node:
        return str(node["title"])
    if "const" in node:
        return f"`{json.dumps(node['const'])}`"
    if "anyOf" in node and "properties" not in node:
        return " or ".join(dict.fromkeys(_type(branch) for branch in node["anyOf"]))
    if "enum" in node:
        return ", ".join(f"`{value}`" for value in node["enum"])
    types: Any = node.get("type", "any value")
    names = [types] if isinstance(types, str) else types
    return " or ".join(_one_type(name, node) for name in names)


def _one_type(name: str, node: Schema) -> str:
    if name == "array" and isinstance(node.get("items"), dict):
        return f"list of {_type(node['items'])}"
    values = [*node.get("patternProperties", {}).values(), node.get("additionalProperties")]
    value = next((value for value in values if isinstance(value, dict)), None)
    if name == "object" and value is not None:
        return f"mapping to {_type(value)}"
    return _TYPES.get(name, name)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
