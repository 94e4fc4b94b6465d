"""YAML text becomes a `Document`.

The text is read as YAML 1.2 (core schema): `no`, `on`, `0123`, `1:30` and `1_000` are text. PyYAML's
scanner is used through its events and the nodes are built here, which is what makes positions exact,
duplicate keys visible, and bounds possible before anything is expanded. What YAML offers beyond plain
data (tags, merge keys, several documents, keys that are no text) is refused with the way out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from os import PathLike
from typing import Any

import yaml

from specbuilder.language.document import (
    MAX_DEPTH,
    MAX_NODES,
    Document,
    Entry,
    MappingNode,
    Node,
    Place,
    ScalarNode,
    SequenceNode,
    from_mapping,
)
from specbuilder.language.errors import Issue, Mark, Path, SpecError, format_path
from specbuilder.language.syntax import control_character_issue, quote, rest_of_value, syntax_issue

__all__ = ["MAX_BYTES", "Document", "from_mapping", "parse", "read_file"]

MAX_BYTES = 1024 * 1024
"""Size of a spec file. The largest known spec has 8 KB."""

# libyaml is ten times as fast; both read the same language.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# YAML 1.2.2, 10.3.2, but for a leading zero: `0123` is text here, since a code or number with one is
# meant as written.
_NULL = frozenset(("", "~", "null", "Null", "NULL"))
_TRUE = frozenset(("true", "True", "TRUE"))
_FALSE = frozenset(("false", "False", "FALSE"))
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_OCTAL_OR_HEX = re.compile(r"0o[0-7]+\Z|0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")


def read_file(path: str | PathLike[str], file: str) -> Document:
    """Read a spec file; `file` is the name issues show.

    Raises:
        SpecError: it cannot be read, is larger than `MAX_BYTES`, is not UTF-8, or is no valid YAML.
    """
    try:
        with open(path, "rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise SpecError([Issue(file, None, None, "", f"cannot be read: {error.strerror}")]) from None
    if len(data) > MAX_BYTES:
        raise SpecError([_too_large(file)])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line_start = data.rfind(b"\n", 0, error.start) + 1
        line = data.count(b"\n", 0, error.start) + 1
        column = len(data[line_start : error.start].decode("utf-8", "replace")) + 1
        message = f"not UTF-8 text: byte 0x{data[error.start]:02x} is not part of a character"
        raise SpecError([Issue(file, line, column, "", message, "save the file as UTF-8")]) from None
    return parse(text, file)


def parse(text: str, file: str) -> Document:
    """Read the text of a spec; `file` is the name issues show.

    Raises:
        SpecError: no valid YAML, or YAML that a spec may not use. As many problems as can be told apart
            are reported at once; after a syntax error nothing more can be.
    """
    text = text.removeprefix("\ufeff")
    if len(text) > MAX_BYTES:
        raise SpecError([_too_large(file)])
    if (control := control_character_issue(text, file)) is not None:
        raise SpecError([control])
    builder = _Builder(text, file)
    root = None
    try:
        root = builder.document()
    except yaml.MarkedYAMLError as error:
        issue = syntax_issue(error, text, file)
        # Missing quotes may show twice: in the value that was read wrongly, and where reading ends.
        if issue.hint is None or all(issue.hint != known.hint for known in builder.issues):
            builder.issues.append(issue)
    if builder.issues or not isinstance(root, MappingNode):
        raise SpecError(builder.issues or [Issue(file, 1, 1, "", "a spec is a mapping of keys to values")])
    return Document(root, file)


def _too_large(file: str) -> Issue:
    return Issue(file, None, None, "", f"larger than a spec may be ({MAX_BYTES // 1024} KiB)")


class _Builder:
    """Builds nodes from PyYAML's events, one document, aliases expanded in place.

    A node is shared between its anchor and its aliases, so `sizes` (values in it, levels below it) are
    what bounds the document, not memory already spent.
    """

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.issues: list[Issue] = []
        self.anchors: dict[str, tuple[Node, int, int]] = {}
        self.events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self.count = 0

    def document(self) -> Node | None:
        next(self.events)  # the stream's start
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            self.issues.append(Issue(self.file, 1, 1, "", "the file is empty"))
            return None
        root, _ = self.node(next(self.events), (), 0)
        next(self.events)  # the document's end
        event = next(self.events)
        if isinstance(event, yaml.DocumentStartEvent):
            self.complain(event, (), "a second document begins here", "one file holds one spec")
        return root

    def node(self, event: Any, path: Path, depth: int) -> tuple[Node, int]:
        """The node that `event` begins, and how many levels it has."""
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event, path, depth)
        self.check(event, path, depth, 1, 0)
        if event.tag is not None:
            self.refuse_tag(event, path)
        before, levels = self.count, 0
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self.scalar(event, path)
        elif isinstance(event, yaml.SequenceStartEvent):
            node, levels = self.sequence(event, path, depth)
        else:
            node, levels = self.mapping(event, path, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, self.count - before + 1, levels)
        return node, levels

    def alias(self, event: Any, path: Path, depth: int) -> tuple[Node, int]:
        if event.anchor not in self.anchors:
            hint = f"anchors are written before: &{event.anchor}; if it is text, {quote('*' + event.anchor)}"
            self.complain(event, path, f"unknown alias *{event.anchor}", hint)
            return ScalarNode(None, self.place(event)), 0
        node, size, levels = self.anchors[event.anchor]
        self.check(event, path, depth, size, levels)
        return node, levels

    def check(self, event: Any, path: Path, depth: int, size: int, levels: int) -> None:
        """Count `size` more values, `levels` deep.

        Raises:
            SpecError: over a bound. Reading on would only cost time.
        """
        self.count += size
        problem = None
        if self.count > MAX_NODES:
            problem = f"the spec holds more than {MAX_NODES:,} values, aliases expanded"
        elif depth + levels > MAX_DEPTH:
            problem = f"nested deeper than {MAX_DEPTH} levels"
        if problem:
            self.complain(event, path if depth + levels <= MAX_DEPTH else path[:4], problem)
            raise SpecError(self.issues)

    def sequence(self, event: Any, path: Path, depth: int) -> tuple[SequenceNode, int]:
        items: list[Node] = []
        levels = 0
        while not isinstance(child := next(self.events), yaml.SequenceEndEvent):
            item, below = self.node(child, (*path, len(items)), depth + 1)
            levels = max(levels, below)
            items.append(item)
        return SequenceNode(items, self.place(event)), levels + 1

    def mapping(self, event: Any, path: Path, depth: int) -> tuple[MappingNode, int]:
        entries: dict[str, Entry] = {}
        levels = 0
        previous: Any = None
        while not isinstance(key_event := next(self.events), yaml.MappingEndEvent):
            key = self.key(event, key_event, path, depth)
            value_event = next(self.events)
            if key is not None and event.flow_style:
                self.refuse_key_without_value(key_event, value_event, previous, path)
            where = path if key is None else (*path, key)
            node, below = self.node(value_event, where, depth + 1)
            levels = max(levels, below)
            previous = value_event
            if key is None:
                continue
            if key in entries:
                first = entries[key].key_place.mark()
                message = f"duplicate key {key!r}, first written at line {first.line}, column {first.column}"
                self.complain(key_event, where, message)
            else:
                entries[key] = Entry(self.place(key_event), node)
        return MappingNode(entries, self.place(event)), levels + 1

    def key(self, mapping: Any, event: Any, path: Path, depth: int) -> str | None:
        """The text of a key; None (with an issue, once) when it may not be one."""
        if not isinstance(event, yaml.ScalarEvent):
            self.refuse_key(mapping, event, path, depth)
            return None
        if event.tag is not None:
            self.refuse_tag(event, path)
            return None
        key: str = event.value
        if event.style:
            return key
        if key == "<<":
            hint = "use 'extends' for a whole spec, an anchor for a whole value"
            self.complain(event, path, "the merge key '<<' is not part of YAML 1.2", hint)
            return None
        # Close codes and HTTP statuses are keys; they stay as written.
        if not _INTEGER.match(key) and not isinstance(self.scalar(event, path).value, str):
            self.complain(event, path, f"a key must be text, not {key or 'empty'}", quote(key))
            return None
        return key

    def refuse_key(self, mapping: Any, event: Any, path: Path, depth: int) -> None:
        """`{{ model }}` without quotes is read as a mapping whose key is a mapping."""
        known = len(self.issues)
        self.node(event, path, depth + 1)
        del self.issues[known:]  # what is wrong inside the key is not the author's concern
        if self.text.startswith("{{", mapping.start_mark.index):
            value = rest_of_value(self.text, mapping.start_mark.index)
            self.complain(mapping, path, "a template without quotes is read as a mapping", quote(value))
        else:
            self.complain(event, path, "a key must be text, not a mapping, list or alias")

    def refuse_key_without_value(self, key: Any, value: Any, previous: Any, path: Path) -> None:
        """`{description: a, b}` has a key `b` with no value, where a text with a comma was meant."""
        if not isinstance(value, yaml.ScalarEvent) or value.value or value.style:
            return
        end = _span(key)[1]
        if ":" in self.text[end : max(_span(value)[1], end)]:
            return
        hint = None
        if isinstance(previous, yaml.ScalarEvent) and previous.value:
            hint = quote(self.text[_span(previous)[0] : end].strip("\"'"))
        self.complain(key, path, f"the key {key.value!r} has no value: a comma ends a text inside {{}}", hint)

    def refuse_tag(self, event: Any, path: Path) -> None:
        value = rest_of_value(self.text, event.start_mark.index)
        message = f"a value that begins with {value[:1]!r} is a YAML tag, which a spec has no use for"
        self.complain(event, path, message, quote(value))

    def scalar(self, event: Any, path: Path) -> ScalarNode:
        """A scalar by the core schema; what JSON cannot hold is refused."""
        text = event.value
        place = self.place(event)
        # A tagged scalar has had its complaint; its text is not looked into.
        if event.style or event.tag is not None:
            return ScalarNode(text, place)
        if text in _NULL:
            return ScalarNode(None, place)
        if text in _TRUE or text in _FALSE:
            return ScalarNode(text in _TRUE, place)
        if _INTEGER.match(text) or _OCTAL_OR_HEX.match(text):
            # JSON readers agree on 64 bits. The length is looked at first: int() of a long text is slow.
            number = int(text, 0) if len(text) <= 24 else 1 << 64
            if -(1 << 63) <= number < 1 << 64:
                return ScalarNode(number, place)
            self.complain(event, path, "a number of more than 64 bits", quote(text))
        elif _NOT_FINITE.match(text):
            self.complain(event, path, f"{text} cannot be written in JSON")
        elif _FLOAT.match(text):
            value = float(text)
            if math.isfinite(value):
                return ScalarNode(value, place)
            self.complain(event, path, f"{text} is too large a number", quote(text))
        return ScalarNode(text, place)

    def place(self, event: Any) -> Place:
        start = event.start_mark
        raw = ""
        if isinstance(event, yaml.ScalarEvent):
            raw = self.text[slice(*_span(event))]
        return Place(self.file, start.line + 1, start.column + 1, raw)

    def complain(self, event: Any, path: Path, message: str, hint: str | None = None) -> None:
        start = event.start_mark
        mark = Mark(self.file, start.line + 1, start.column + 1)
        self.issues.append(Issue(mark.file, mark.line, mark.column, format_path(path), message, hint))


def _span(event: Any) -> tuple[int, int]:
    """From where to where in the text an event was written."""
    return event.start_mark.index, event.end_mark.index
