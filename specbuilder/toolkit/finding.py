"""What a check of a spec finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..language.errors import Issue

__all__ = ["UNUSABLE", "Edit", "Finding"]

UNUSABLE = "SB001"
"""The code of everything that makes a spec unusable: YAML, schema, expressions, names."""

_NOTES = frozenset(("SB121", "SB122", "SB124"))

Edit = Callable[[str], str]
"""Mends a finding: the text of the file to the mended text."""


@dataclass(frozen=True)
class Finding:
    """One finding.

    Attributes:
        code: SB001 for a spec that cannot be used, else the rule's (docs/lint.md).
        issue: the place, the sentence, the hint.
        edit: how it is mended, where that is safe.
    """

    code: str
    issue: Issue
    edit: Edit | None = field(default=None, compare=False, repr=False)

    @property
    def severity(self) -> str:
        """`error` for what cannot be used, `note` for what is only not proved yet, else `warning`."""
        if self.code == UNUSABLE:
            return "error"
        return "note" if self.code in _NOTES else "warning"

    def __str__(self) -> str:
        return f"{self.issue} [{self.code}]"
