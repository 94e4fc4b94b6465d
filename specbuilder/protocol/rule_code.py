"""Rules as Python source: what a rule asks of a message and does with it, in one function written for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..expressions.selectors import CodeWriter
from .field_code import holds_lines, value_lines

if TYPE_CHECKING:
    from .rules import Rule

__all__ = ["rule_lines"]

_DEEPEST = 6
"""Rules inside each other that are one function; Python takes 20 loops inside each other."""


def rule_lines(rule: Rule, writer: CodeWriter, item: str = "item", depth: int = 0) -> list[str]:
    """Statements that run a rule; `target`, `scope` and `variables` are at hand.

    Arguments:
        item: the variable that holds what the rule is about.
        depth: of the rule inside other ones.
    """
    if depth > _DEEPEST:
        return [f"{writer.constant(rule.run)}({item}, target)"]
    entry = item if rule.each is None else f"entry{depth}"
    lines = _actions(rule, writer, entry, depth) or ["pass"]
    if rule.when is not None:
        lines = [*holds_lines("holds", rule.when, writer, entry), "if holds:", *_indented(lines)]
    if rule.each is not None:
        lines = [
            *value_lines("found", rule.each, writer, item),
            f"for {entry} in found if isinstance(found, list) else ():",
            *_indented(lines),
        ]
    return lines


def _actions(rule: Rule, writer: CodeWriter, item: str, depth: int) -> list[str]:
    """What is done where the rule's condition holds, in the one order there is."""
    lines = []
    for name, reading in rule.sets:
        lines += [*value_lines("value", reading, writer, item), f"target.set_state({name!r}, value)"]
    for name, reading in rule.adds:
        lines += [*value_lines("value", reading, writer, item), f"target.add_state({name!r}, value)"]
    for kind, condition in rule.emit:
        emit = f"target.emit({writer.constant(kind)}, {item}, {writer.constant(rule.transcript)})"
        if condition is None:
            lines.append(emit)
        else:
            lines += [*holds_lines("holds", condition, writer, item), "if holds:", f"    {emit}"]
    if rule.send is not None:
        lines.append(f"target.send({writer.constant(rule.send)})")
    lines += [f"target.clear_state({name!r})" for name in rule.clears]
    for inner in rule.rules:
        lines += rule_lines(inner, writer, item, depth + 1)
    return lines


def _indented(lines: Iterable[str]) -> list[str]:
    return ["    " + line for line in lines]
