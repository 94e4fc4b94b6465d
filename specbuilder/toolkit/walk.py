"""Every expression of a spec with its place, found by what the schema says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..expressions.selectors import SelectorError, compile_selector
from ..expressions.templates import TemplateError, compile_condition, compile_template
from ..language.errors import Path
from ..language.schema import Schema, child, schema

__all__ = ["Written", "conjuncts", "expressions", "sections"]

_NOTHING_SAID: Schema = {}


@dataclass(frozen=True)
class Written:
    """One text of a spec that is an expression.

    Attributes:
        kind: template, condition or selector.
        duration: it is to give a duration.
    """

    path: Path
    kind: str
    text: str
    duration: bool = False

    @cached_property
    def names(self) -> frozenset[str]:
        """The options, variables, steps and states it reads; none where it does not compile."""
        try:
            if self.kind == "selector":
                return compile_selector(self.text).variables
            compiled = compile_condition if self.kind == "condition" else compile_template
            return compiled(self.text).names
        except (SelectorError, TemplateError):
            return frozenset()


def expressions(value: Mapping[str, Any]) -> Iterator[Written]:
    """Every expression of a spec's value, tests left out."""
    for prefix, section in sections(value):
        own = {key: item for key, item in section.items() if key not in ("tests", "variants", "if")}
        yield from _below(own, schema(), prefix, None)
        if "if" in section:
            yield Written((*prefix, "if"), "condition", str(section["if"]))


def _below(value: Any, at: Schema, path: Path, outer: str | None) -> Iterator[Written]:
    kind = at.get("x-expression", outer)
    if isinstance(value, str):
        if kind is not None:
            written = "template" if kind in ("tree", "duration") else kind
            yield Written(path, written, value, duration=kind == "duration")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key == "$if" and isinstance(item, str):
                yield Written((*path, key), "condition", item)
            else:
                yield from _below(item, child(at, key) or _NOTHING_SAID, (*path, key), _inherited(kind))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _below(item, child(at, index) or _NOTHING_SAID, (*path, index), _inherited(kind))


def _inherited(kind: str | None) -> str | None:
    """What lies within a tree is written as well; what lies within a selector's place is not read as one."""
    return kind if kind in ("tree", "template") else None


def sections(value: Mapping[str, Any]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The spec itself and what each variant writes, with where it stands."""
    yield (), value
    for index, variant in enumerate(value.get("variants") or []):
        yield ("variants", index), variant


def conjuncts(text: str) -> tuple[str, ...]:
    """The parts of a selector that must all hold, in a form in which equal parts are equal texts."""
    return tuple(_plain(node) for node in _split(compile_selector(text).tree))


def _split(node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if node["type"] == "and_expression":
        for part in node["children"]:
            yield from _split(part)
    else:
        yield node


def _plain(node: Any) -> str:
    # Positions in the text are no part of what is asked.
    if isinstance(node, Mapping):
        children = ", ".join(_plain(part) for part in node.get("children", ()))
        return f"{node.get('type')}:{node.get('value')!r}({children})"
    return repr(node)
