"""Migrations: a spec in an older form of the language becomes one in the present form, comments kept.

A migration is a name, a test for whether a text needs it, and an edit of the text. They run in the order of
the registry, and each sees what the one before it made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from .finding import Edit

__all__ = ["MIGRATIONS", "Migration", "Outdated", "migrate", "outdated"]


@dataclass(frozen=True)
class Change:
    """A piece of the text and what takes its place."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Migration:
    """One step of the language.

    Attributes:
        name: a short word for it.
        description: what changes, in a sentence.
        changes: the pieces of a text to replace, given the text and its YAML nodes; none when it needs
            nothing.
    """

    name: str
    description: str
    changes: Callable[[str, Any], Iterator[Change]]

    def apply(self, text: str) -> str:
        """The text after the migration; the same text where it needs none."""
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        changes = sorted(self.changes(text, root), key=lambda change: -change.start)
        for change in changes:
            text = text[: change.start] + change.text + text[change.end :]
        return text


def migrate(text: str) -> tuple[str, list[Migration]]:
    """Bring a spec's text to the present form.

    Returns:
        the new text and the migrations that changed it; a text that is no YAML comes back as it is.
    """
    applied: list[Migration] = []
    for migration in MIGRATIONS:
        try:
            changed = migration.apply(text)
        except yaml.YAMLError:
            return text, applied
        if changed != text:
            applied.append(migration)
            text = changed
    return text, applied


@dataclass(frozen=True)
class Outdated:
    """Where a text is in an older form, and how it is mended."""

    line: int
    column: int
    words: tuple[str, str]
    edit: Edit


def outdated(text: str) -> Outdated | None:
    """Whether a spec's text is in an older form of the language."""
    migrated, applied = migrate(text)
    if not applied:
        return None
    first = next(
        index for index, pair in enumerate(zip(text, f"{migrated}\0", strict=False)) if pair[0] != pair[1]
    )
    line_start = text.rfind("\n", 0, first) + 1
    words = "; ".join(migration.description for migration in applied)
    return Outdated(
        text.count("\n", 0, first) + 1,
        first - line_start + 1,
        (f"written in an older form of the language: {words}", "run: specbuilder migrate"),
        lambda now: migrate(now)[0],
    )


# -- the draft of the language -----------------------------------------------------------------------------

_TARGET = re.compile(r"\burl\.(host|path)\b")


def _children(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, yaml.MappingNode):
        yield from node.value


def _child(node: Any, name: str) -> Any:
    return next((value for key, value in _children(node) if key.value == name), None)


def _renamed(node: Any, names: Mapping[str, str]) -> Iterator[Change]:
    """Keys of a mapping under new names, unless the new one is there already."""
    present = {key.value for key, _ in _children(node)}
    for key, _ in _children(node):
        new = names.get(key.value)
        if new is not None and new not in present:
            yield Change(key.start_mark.index, key.end_mark.index, new)


def _from_draft(text: str, root: Any) -> Iterator[Change]:
    """`spec: 0`, the draft: `on` is a boolean to YAML 1.1 readers, `url` an option of real plugins."""
    version = _child(root, "spec")
    if version is None or version.value != "0":
        return
    yield Change(version.start_mark.index, version.end_mark.index, "1")
    parts = [root, *(item for item in getattr(_child(root, "variants"), "value", None) or ())]
    for part in parts:
        stream = _child(part, "stream")
        yield from _renamed(stream, {"on": "rules", "start": "open"})
        yield from _renamed(_child(stream, "timeouts"), {"drain": "finish"})
    for found in _TARGET.finditer(text):
        if _in_hole(text, found.start()):
            yield Change(found.start(), found.end(), f"target.{found[1]}")


def _in_hole(text: str, position: int) -> bool:
    return text.rfind("{{", 0, position) > text.rfind("}}", 0, position)


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        "draft",
        "stream.on is 'rules', stream.start is 'open', timeouts.drain is 'finish', url.host is target.host",
        _from_draft,
    ),
)
"""Every migration, oldest first."""
