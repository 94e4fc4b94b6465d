"""Edits of a spec's text that leave comments and layout alone."""

from __future__ import annotations

from typing import Any

import yaml

from ..language.errors import Path
from .finding import Edit

__all__ = ["node_at", "remove_entry"]


def remove_entry(path: Path) -> Edit:
    """Take out a key with its value. Where it shares its lines with something else, nothing is done."""

    def edit(text: str) -> str:
        found = node_at(text, path)
        if found is None:
            return text
        key, value = found
        lines = text.split("\n")
        first, last = key.start_mark.line, _last_line(value, text)
        before = lines[first][: key.start_mark.column]
        if before.strip() or _follows(value, lines):
            return text
        return "\n".join((*lines[:first], *lines[last + 1 :]))

    return edit


def node_at(text: str, path: Path) -> tuple[Any, Any] | None:
    """The YAML nodes of the key and the value at a path; None when it is not written in this text."""
    node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    key = node
    for part in path:
        if isinstance(node, yaml.MappingNode):
            pairs = [pair for pair in node.value if pair[0].value == str(part)]
            if not pairs:
                return None
            key, node = pairs[0]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            key = node = node.value[part]
        else:
            return None
    return key, node


def _last_line(node: Any, text: str) -> int:
    """The last line with something of a node on it; a block ends where the next thing begins."""
    end: int = node.end_mark.index
    written = text[:end].rstrip()
    return max(written.count("\n"), int(node.start_mark.line))


def _follows(node: Any, lines: list[str]) -> bool:
    """Whether something that is no comment stands behind a node on its last line."""
    mark = node.end_mark
    if mark.column == 0 or mark.line >= len(lines):
        return False
    rest = lines[mark.line][mark.column :].strip()
    is_block = not lines[mark.line][: mark.column].strip()
    return bool(rest) and not rest.startswith("#") and not is_block
