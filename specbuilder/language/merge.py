"""How one spec is laid over another: `extends`, `variants` and the overrides of `transcript`.

Mappings merge key by key; lists, scalars and payloads are replaced whole; null deletes. What is a payload
the schema says, by position: an option called `body` is none. Nodes are merged, not values, so every value
keeps the place it was written in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specbuilder.language.document import Document, Entry, MappingNode, Node, ScalarNode, SequenceNode
from specbuilder.language.schema import Schema, child, schema

__all__ = ["expand_options", "merge", "merge_values", "without", "without_nulls"]

_NOTHING_SAID: Schema = {}


def merge(base: Document, over: Document) -> Document:
    """Lay `over` over `base`. Keys keep the order of `base`, new ones follow."""
    return Document(_merge(base.root, over.root, schema(), False), over.file)


def merge_values(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """The same rules for plain values without payloads: a rule's `transcript` over the outer one."""
    merged = dict(base)
    for key, value in over.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, Mapping):
            inner = merged.get(key)
            merged[key] = merge_values(inner if isinstance(inner, Mapping) else {}, value)
        else:
            merged[key] = value
    return merged


def without(document: Document, *keys: str) -> Document:
    """The document without some of its top-level keys."""
    entries = {key: entry for key, entry in document.root.entries.items() if key not in keys}
    return Document(MappingNode(entries, document.root.place), document.file)


def without_nulls(document: Document, *, overrides: bool = False) -> Document:
    """Drop the nulls that have done their work: mapping keys outside payloads.

    Args:
        overrides: also drop those in mappings that are merged over an outer one later (the transcripts of
            an exchange and of rules, `variants`).
    """
    root = _drop_nulls(document.root, schema(), overrides)
    assert isinstance(root, MappingNode)
    return Document(root, document.file)


def expand_options(document: Document) -> Document:
    """Write every option in full: `punctuate: true` is `punctuate: {default: true}`."""
    options = document.root.entries.get("options")
    if options is None or not isinstance(options.node, MappingNode):
        return document
    full = {name: _full_option(entry) for name, entry in options.node.entries.items()}
    entries = dict(document.root.entries)
    entries["options"] = Entry(options.key_place, MappingNode(full, options.node.place))
    return Document(MappingNode(entries, document.root.place), document.file)


def _full_option(entry: Entry) -> Entry:
    node = entry.node
    if isinstance(node, MappingNode) or _is_null(node):
        return entry
    return Entry(entry.key_place, MappingNode({"default": Entry(entry.key_place, node)}, node.place))


def _merge(base: MappingNode, over: MappingNode, at: Schema, overriding: bool) -> MappingNode:
    entries = dict(base.entries)
    for key, entry in over.entries.items():
        below = child(at, key) or _NOTHING_SAID
        inside = overriding or "x-overrides" in below
        old = entries.get(key)
        if _is_null(entry.node) and not overriding:
            entries.pop(key, None)
        elif (
            old is not None
            and isinstance(old.node, MappingNode)
            and isinstance(entry.node, MappingNode)
            and "x-payload" not in below
        ):
            entries[key] = Entry(entry.key_place, _merge(old.node, entry.node, below, inside))
        else:
            entries[key] = entry
    return MappingNode(entries, over.place)


def _drop_nulls(node: Node, at: Schema, overrides: bool) -> Node:
    if "x-payload" in at or ("x-overrides" in at and not overrides):
        return node
    if isinstance(node, MappingNode):
        entries = {
            key: Entry(entry.key_place, _drop_nulls(entry.node, child(at, key) or _NOTHING_SAID, overrides))
            for key, entry in node.entries.items()
            if not _is_null(entry.node)
        }
        return MappingNode(entries, node.place)
    if isinstance(node, SequenceNode):
        below = child(at, 0) or _NOTHING_SAID
        return SequenceNode([_drop_nulls(item, below, overrides) for item in node.items], node.place)
    return node


def _is_null(node: Node) -> bool:
    return isinstance(node, ScalarNode) and node.value is None
