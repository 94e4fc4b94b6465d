"""Ordered rules: what a vendor's message does to state and which events it makes.

Every rule whose `when` holds runs, in the order written; its actions run in one fixed order: set, add, emit,
send, clear, then its own rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from livekit.agents import stt

from ..expressions.trees import Tree
from .reading import MessageScope, Reading
from .transcript import TranscriptPlan

__all__ = ["EVENT_ORDER", "Rule", "RuleList", "Target"]

EVENT_ORDER = (
    stt.SpeechEventType.START_OF_SPEECH,
    stt.SpeechEventType.INTERIM_TRANSCRIPT,
    stt.SpeechEventType.PREFLIGHT_TRANSCRIPT,
    stt.SpeechEventType.FINAL_TRANSCRIPT,
    stt.SpeechEventType.END_OF_SPEECH,
)
"""The order in which one rule's events come, however they are written."""


class Target(Protocol):
    """What rules act on: a stream session."""

    scope: MessageScope

    def set_state(self, name: str, value: Any) -> None:
        """Replace a state variable."""

    def add_state(self, name: str, value: Any) -> None:
        """Add to a state variable."""

    def clear_state(self, name: str) -> None:
        """Bring a state variable back to its beginning."""

    def emit(self, kind: stt.SpeechEventType, item: Any, transcript: TranscriptPlan) -> None:
        """Make an event of the item."""

    def send(self, message: Tree) -> None:
        """Send the vendor a message."""


@dataclass(frozen=True)
class Rule:
    """One rule, compiled. `emit` is in livekit's order; an event without condition is always made."""

    transcript: TranscriptPlan
    each: Reading | None = None
    when: Reading | None = None
    sets: tuple[tuple[str, Reading], ...] = ()
    adds: tuple[tuple[str, Reading], ...] = ()
    emit: tuple[tuple[stt.SpeechEventType, Reading | None], ...] = ()
    send: Tree | None = None
    clears: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()

    def run(self, item: Any, target: Target) -> None:
        """Run the rule on an item (the message, or an outer rule's item)."""
        if self.each is None:
            self._run_one(item, target)
            return
        found = self.each.read(item, target.scope)
        if isinstance(found, list):
            for entry in found:
                self._run_one(entry, target)

    def _run_one(self, item: Any, target: Target) -> None:
        scope = target.scope
        if self.when is not None and not self.when.holds(item, scope):
            return
        for name, reading in self.sets:
            target.set_state(name, reading.read(item, scope))
        for name, reading in self.adds:
            target.add_state(name, reading.read(item, scope))
        for kind, condition in self.emit:
            if condition is None or condition.holds(item, scope):
                target.emit(kind, item, self.transcript)
        if self.send is not None:
            target.send(self.send)
        for name in self.clears:
            target.clear_state(name)
        for rule in self.rules:
            rule.run(item, target)


@dataclass(frozen=True)
class RuleList:
    """The rules of a section, dispatched on the field most of them tell messages apart by.

    Most vendors put a type into every message and most rules ask for one value of it; then one look-up finds
    the rules that can match. Rules that do not ask are merged in, in their order.
    """

    rules: tuple[Rule, ...] = ()
    _path: tuple[str, ...] = field(init=False, default=())
    _table: dict[str, tuple[Rule, ...]] = field(init=False, default_factory=dict)
    _rest: tuple[Rule, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        found = [_equalities(rule) for rule in self.rules]
        counts: dict[tuple[str, ...], int] = {}
        for pairs in found:
            for path in pairs:
                counts[path] = counts.get(path, 0) + 1
        path = max(counts, key=lambda path: counts[path], default=())
        object.__setattr__(self, "_path", path)
        values = {pairs[path] for pairs in found if path in pairs}
        table = {
            value: tuple(
                rule for rule, pairs in zip(self.rules, found, strict=True) if pairs.get(path, value) == value
            )
            for value in values
        }
        object.__setattr__(self, "_table", table)
        rest = (rule for rule, pairs in zip(self.rules, found, strict=True) if path not in pairs)
        object.__setattr__(self, "_rest", tuple(rest))

    def run(self, message: Any, target: Target) -> None:
        """Run the rules that the message matches."""
        value = message
        for name in self._path:
            value = value.get(name) if isinstance(value, dict) else None
        rules = self._table.get(value, self._rest) if isinstance(value, str) else self._rest
        for rule in rules:
            rule.run(message, target)

    def walk(self) -> Iterator[Rule]:
        """Every rule, nested ones included."""
        yield from _walk(self.rules)


def _walk(rules: Iterable[Rule]) -> Iterator[Rule]:
    for rule in rules:
        yield rule
        yield from _walk(rule.rules)


def _equalities(rule: Rule) -> dict[tuple[str, ...], str]:
    """The fields of the message that must equal a text for the rule to run."""
    if rule.each is not None or rule.when is None:
        return {}
    return {path: value for path, value in rule.when.selector.equalities if isinstance(value, str)}
