"""What a lint rule looks at, and what it says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..language.document import Document
from ..language.errors import Mark, Path, format_path
from ..language.loader import Source
from ..protocol.spec import Spec
from ..testing.results import Coverage, TestResult
from ..testing.runner import coverage, run_tests
from .finding import Edit
from .walk import Written, expressions

__all__ = ["Found", "Rule", "Subject"]


@dataclass(frozen=True)
class Found:
    """What a rule found, before it is given its code."""

    mark: Mark
    path: str
    message: str
    hint: str | None = None
    edit: Edit | None = None


@dataclass(frozen=True)
class Rule:
    """A lint rule: its code, a few words about it, and what it looks for."""

    code: str
    title: str
    check: Callable[[Subject], Iterator[Found]] = field(repr=False)


class Subject:
    """A spec that loads, with everything rules ask of it, computed once.

    Arguments:
        text: of the spec's own file, "" for a mapping.
    """

    def __init__(self, spec: Spec, source: Source, text: str) -> None:
        self.spec = spec
        self.source = source
        self.text = text

    @property
    def document(self) -> Document:
        """The merged spec, whose places tell which file a value was written in."""
        return self.spec.document

    @property
    def value(self) -> Mapping[str, Any]:
        """The merged spec as plain values."""
        return self.document.value

    def found(
        self, path: Path, message: str, hint: str | None = None, *, key: bool = True, edit: Edit | None = None
    ) -> Found:
        """A finding at a key (or at the value) of the spec."""
        return Found(self.document.mark(path, key=key), format_path(path), message, hint, edit)

    @cached_property
    def expressions(self) -> list[Written]:
        """Every expression, those of variants included."""
        return list(expressions(self.value))

    @cached_property
    def used(self) -> frozenset[str]:
        """Every name that some expression reads; that of a variable in its own definition does not count."""
        return frozenset().union(*(one.names for one in self.expressions))

    def reached(self, names: Iterable[str]) -> frozenset[str]:
        """Some names, and those that the variables among them read."""
        found = set(names)
        while True:
            more = {
                name
                for one in self.expressions
                if "vars" in one.path[:-1] and one.path[one.path.index("vars") + 1] in found
                for name in one.names
            }
            if more <= found:
                return frozenset(found)
            found |= more

    @cached_property
    def secrets(self) -> frozenset[str]:
        """Names whose values are secret or hold a secret; a signature made with one does not tell it."""
        options = self.spec.options
        found = {name for name, option in options.options.items() if option.secret}
        if options.api_key is not None:
            found.add("api_key")
        computed = [one for one in self.expressions if "vars" in one.path[:-1] and not _signs(one.text)]
        while True:
            more = {
                str(one.path[one.path.index("vars") + 1]) for one in computed if one.names & found
            } - found
            if not more:
                return frozenset(found)
            found |= more

    def reveals(self, one: Written) -> bool:
        """Whether a text holds a secret when it is rendered."""
        return bool(one.names & self.secrets) and not _signs(one.text)

    @cached_property
    def tests(self) -> list[Mapping[str, Any]]:
        """The spec's tests."""
        return self.value.get("tests") or []

    @cached_property
    def results(self) -> list[TestResult]:
        """What came of the spec's tests."""
        return run_tests(self.spec)

    @cached_property
    def coverage(self) -> Coverage:
        """What they reached."""
        return coverage(self.spec, self.results)


def _signs(text: str) -> bool:
    return "hmac(" in text or "digest(" in text
