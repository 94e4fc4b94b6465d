"""Ordered rules: what a vendor's message does to state and which events it makes.

Every rule whose `when` holds runs, in the order written; its actions run in one fixed order: set, add, emit,
send, clear, then its own rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from livekit.agents import stt

from ..expressions.selector_code import function
from ..expressions.selectors import code_writer
from ..expressions.trees import Tree
from .dispatch import Dispatch
from .reading import MessageScope, Reading
from .rule_code import rule_lines
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

    @cached_property
    def run(self) -> Callable[[Any, Target], None]:
        """A function that runs the rule on an item (the message, or an outer rule's item)."""
        writer = code_writer()
        lines = [
            "def run(item, target):",
            "    scope = target.scope",
            "    variables = scope.variables",
            *("    " + line for line in rule_lines(self, writer)),
        ]
        return function(lines, writer.constants, "run")


@dataclass(frozen=True)
class RuleList:
    """The rules of a section, in the order written; only those that can match a message are tried."""

    rules: tuple[Rule, ...] = ()

    @cached_property
    def _dispatch(self) -> Dispatch[Rule]:
        # The condition of a rule with `each` is about an entry, not about the message.
        return Dispatch(self.rules, lambda rule: rule.when if rule.each is None else None)

    def run(self, message: Any, target: Target) -> None:
        """Run the rules that the message matches."""
        for rule in self._dispatch.find(message):
            rule.run(message, target)

    def prepare(self) -> None:
        """Write the functions of all rules now, so that the first message does not wait for it."""
        _ = self._dispatch, [rule.run for rule in self.rules]
        _ = [rule.transcript.build for rule in self.walk() if rule.emit]

    def walk(self) -> Iterator[Rule]:
        """Every rule, nested ones included."""
        yield from _walk(self.rules)


def _walk(rules: Iterable[Rule]) -> Iterator[Rule]:
    for rule in rules:
        yield rule
        yield from _walk(rule.rules)
