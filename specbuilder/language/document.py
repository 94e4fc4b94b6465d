"""A spec as plain values that remember where each of them was written.

The layers above read `Document.value`, which is plain JSON-like data, and turn a path into a place in a
file with `Document.mark` when they have something to say about it. Places belong to the nodes, so they
follow a value through `extends` and `variants` into the merged document.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from specbuilder.language.errors import Issue, Mark, Path, SpecError, format_path

__all__ = [
    "MAX_DEPTH",
    "MAX_NODES",
    "Document",
    "Entry",
    "MappingNode",
    "Node",
    "Place",
    "ScalarNode",
    "SequenceNode",
    "from_mapping",
]

MAX_NODES = 50_000
"""Values in one document, aliases counted as often as they are used. The largest known spec has 2,000."""

MAX_DEPTH = 64
"""Mappings and lists inside each other. The deepest known spec has 12."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node was written. `line` and `column` start at 1 and are None for a spec given as a mapping.

    `raw` is the source text of a scalar, quotes and escapes included; it leads from a character of the
    value back to a column of the file.
    """

    file: str
    line: int | None = None
    column: int | None = None
    raw: str = ""

    def mark(self, offset: int = 0) -> Mark:
        """The place of the value's character `offset` (0: where the value begins)."""
        if self.line is None or self.column is None:
            return Mark(self.file)
        position = _raw_position(self.raw, offset) if offset > 0 and self.raw else 0
        before = self.raw[:position]
        breaks = before.count("\n")
        if breaks:
            return Mark(self.file, self.line + breaks, position - before.rfind("\n"))
        return Mark(self.file, self.line, self.column + position)


@dataclass(slots=True)
class ScalarNode:
    """A text, number, boolean or null."""

    value: str | int | float | bool | None
    place: Place

    def plain(self) -> Any:
        return self.value


@dataclass(slots=True)
class SequenceNode:
    """A list."""

    items: list[Node]
    place: Place

    def plain(self) -> Any:
        return [item.plain() for item in self.items]


@dataclass(slots=True)
class Entry:
    """The value of one key of a mapping, and the place of the key."""

    key_place: Place
    node: Node


@dataclass(slots=True)
class MappingNode:
    """A mapping with text keys, in the order written."""

    entries: dict[str, Entry]
    place: Place

    def plain(self) -> dict[str, Any]:
        return {key: entry.node.plain() for key, entry in self.entries.items()}


Node: TypeAlias = "ScalarNode | SequenceNode | MappingNode"


class Document:
    """One spec: its plain value, and the place of everything in it.

    Attributes:
        file: the name of the file (or of the mapping) the document was read from.
        root: the nodes; shared between documents, so never changed in place.
        value: the same as plain dicts, lists and scalars.
    """

    def __init__(self, root: MappingNode, file: str) -> None:
        self.root = root
        self.file = file
        self.value: dict[str, Any] = root.plain()

    def __repr__(self) -> str:
        return f"<Document {self.file}>"

    def mark(self, path: Path, offset: int = 0, *, key: bool = False) -> Mark:
        """The place of a value, or of its key.

        Args:
            path: keys and list indexes from the root. What is not there falls back to its nearest ancestor.
            offset: characters into a text value. Exact but for folded block texts (`>`), whose first
                line is given.
            key: the place of the key instead of the value; a list item has no key and gives the item.
        """
        place, node = self.root.place, None
        current: Node = self.root
        for part in path:
            entry = _child(current, part)
            if entry is None:
                return place.mark()
            current = node = entry.node
            place = entry.key_place if key else node.place
        return place.mark(0 if key or not isinstance(node, ScalarNode) else offset)

    def issue(
        self, path: Path, message: str, hint: str | None = None, *, offset: int = 0, key: bool = False
    ) -> Issue:
        """A problem with the value (or the key) at a path; the arguments are those of `mark`."""
        mark = self.mark(path, offset, key=key)
        return Issue(mark.file, mark.line, mark.column, format_path(path), message, hint)


def from_mapping(mapping: Mapping[str, Any], name: str = "<mapping>") -> Document:
    """Take a spec that is already a mapping.

    Raises:
        SpecError: it holds what JSON cannot (other types, NaN, keys that are neither text nor integers),
            or is larger or deeper than a document may be.
    """
    reader = _MappingReader(name)
    root = reader.read(mapping, (), 0)
    if reader.issues:
        raise SpecError(reader.issues)
    if not isinstance(root, MappingNode):
        raise SpecError([Issue(name, None, None, "", f"a spec is a mapping, not {type(mapping).__name__}")])
    return Document(root, name)


class _MappingReader:
    """Turns Python values into nodes; collects what does not fit."""

    def __init__(self, name: str) -> None:
        self.place = Place(name)
        self.issues: list[Issue] = []
        self.count = 0

    def complain(self, path: Path, message: str) -> ScalarNode:
        self.issues.append(Issue(self.place.file, None, None, format_path(path), message))
        return ScalarNode(None, self.place)

    def read(self, value: Any, path: Path, depth: int) -> Node:
        self.count += 1
        if depth > MAX_DEPTH:
            return self.complain(path, f"nested deeper than {MAX_DEPTH} levels")
        if self.count > MAX_NODES:
            # One complaint is enough; the rest is not even looked at.
            if self.count == MAX_NODES + 1:
                return self.complain((), f"the spec holds more than {MAX_NODES:,} values")
            return ScalarNode(None, self.place)
        if isinstance(value, Mapping):
            return MappingNode(dict(self.entries(value, path, depth)), self.place)
        if isinstance(value, (list, tuple)):
            items = [self.read(item, (*path, index), depth + 1) for index, item in enumerate(value)]
            return SequenceNode(items, self.place)
        if isinstance(value, float) and not math.isfinite(value):
            return self.complain(path, f"{value} cannot be written in JSON")
        if value is None or isinstance(value, (str, bool, int, float)):
            return ScalarNode(value, self.place)
        return self.complain(path, f"expected JSON-like data, got {type(value).__name__}")

    def entries(self, mapping: Mapping[Any, Any], path: Path, depth: int) -> Iterator[tuple[str, Entry]]:
        seen: set[str] = set()
        for key, value in mapping.items():
            text = str(key)
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                self.complain(path, f"a key must be text, not {type(key).__name__}")
            elif text in seen:
                self.complain((*path, text), f"duplicate key {text!r}: given as number and as text")
            else:
                seen.add(text)
                yield text, Entry(self.place, self.read(value, (*path, text), depth + 1))


def _child(node: Node, part: str | int) -> Entry | None:
    if isinstance(node, MappingNode):
        return node.entries.get(str(part))
    if isinstance(node, SequenceNode) and isinstance(part, int) and 0 <= part < len(node.items):
        item = node.items[part]
        return Entry(item.place, item)
    return None


# A text of several lines is folded (YAML 1.2.2, 6.5): one line break with the blanks around it is one
# space, each further break stays a line break.
_FOLD = re.compile(r"[ \t]*\r?\n(?:[ \t]*\r?\n)*[ \t]*")
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|\r?\n[ \t]*|.)")


def _raw_position(raw: str, offset: int) -> int:
    """The index in the source text of a scalar that the value's character `offset` comes from."""
    style = raw[0] if raw[0] in "'\"|>" else ""
    if style == "|":
        return _literal_position(raw, offset)
    if style == ">":
        return 0
    position, produced = len(style), 0
    while produced < offset and position < len(raw):
        fold = _FOLD.match(raw, position)
        escape = _ESCAPE.match(raw, position) if style == '"' else None
        if fold:
            produced += max(1, fold.group().count("\n") - 1)
            position = fold.end()
        elif escape:
            produced += 0 if "\n" in escape.group() else 1
            position = escape.end()
        else:
            produced += 1
            position += 2 if style == "'" and raw.startswith("''", position) else 1
    return min(position, len(raw))


def _literal_position(raw: str, offset: int) -> int:
    """The same for a literal block text (`|`), whose lines lose their common indentation."""
    lines = raw.split("\n")
    indent = next((len(line) - len(line.lstrip(" ")) for line in lines[1:] if line.strip()), 0)
    position = len(lines[0]) + 1
    for line in lines[1:]:
        content = max(len(line) - indent, 0)
        if offset <= content:
            return position + min(indent + offset, len(line))
        offset -= content + 1
        position += len(line) + 1
    return len(raw)
