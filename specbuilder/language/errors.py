"""What is wrong with a spec, and where.

Every problem is an `Issue` that names a place in a file; a `SpecError` carries all issues of a load at
once, so that an author fixes a file in one pass.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Issue", "Mark", "Path", "SpecError", "did_you_mean", "format_path"]

Path: TypeAlias = tuple[str | int, ...]
"""Keys and list indexes from the root of a document to a value."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file. `line` and `column` start at 1; they are None for a spec given as a mapping."""

    file: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True, slots=True)
class Issue:
    """One problem of a spec: where it is, what is wrong, and the way out."""

    file: str
    line: int | None
    column: int | None
    path: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        place = str(Mark(self.file, self.line, self.column))
        hint = f" ({self.hint})" if self.hint else ""
        return (
            f"{place}: {self.path}: {self.message}{hint}" if self.path else f"{place}: {self.message}{hint}"
        )


class SpecError(ValueError):
    """A spec cannot be used.

    Attributes:
        issues: every problem found, in the order of the file.
    """

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues: tuple[Issue, ...] = tuple(issues)
        super().__init__("\n".join(str(issue) for issue in self.issues))


def format_path(path: Path) -> str:
    """Write a path as a reader would: `stream.rules[2].when`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else str(part)
    return text


def did_you_mean(name: str, known: Iterable[str]) -> str | None:
    """The hint for a misspelt name: the nearest known one, or the closed list when it is short."""
    names = sorted(set(known))
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    if 0 < len(names) <= 12:
        return "known: " + ", ".join(names)
    return None
