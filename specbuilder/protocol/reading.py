"""Reading a vendor's message with selectors that never kill a stream.

A selector that meets the wrong type gives null; the place is counted and logged once per exchange.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from ..expressions.selectors import Selector, SelectorTypeError

__all__ = ["MessageScope", "Read", "Reading"]

logger = logging.getLogger("specbuilder")


class MessageScope:
    """What selectors may see besides the item at hand; one per connection or HTTP exchange.

    Attributes:
        variables: options, variables, replies and state by name, without secrets (`$name`).
        message: the whole message being read (`message()`).
        headers: the reply's or handshake's headers with lower-case names (`header('x')`).
        broken: how often each place of the spec met a value it could not read.
    """

    __slots__ = ("_redact", "broken", "headers", "label", "message", "variables")

    def __init__(self, variables: Mapping[str, Any], label: str, redact: Callable[[str], str] = str) -> None:
        self.variables = variables
        self.headers: Mapping[str, str] = {}
        self.message: Any = None
        self.label = label
        self._redact = redact
        self.broken: Counter[str] = Counter()

    def note_broken(self, place: str, problem: str) -> None:
        """Count something of the vendor's that could not be read; the first time it is logged too."""
        self.broken[place] += 1
        if self.broken[place] == 1:
            # A vendor may answer with what it was sent, keys too.
            logger.warning("%s: %s: %s", self.label, place, self._redact(problem), extra={"stt": self.label})


Read: TypeAlias = Callable[[Any, MessageScope], Any]


class Reading:
    """A selector and the place of the spec where it was written.

    Attributes:
        read: the value for an item and a scope; null where the selector met a wrong type.
        holds: JMESPath truth of it: null, false and empty values are false; 0 is true.
        is_watched: `holds` does more than to evaluate the selector.
    """

    __slots__ = ("holds", "is_watched", "place", "read", "selector")

    read: Read
    holds: Read

    def __init__(self, selector: Selector, place: str) -> None:
        self.is_watched = False
        self.selector = selector
        self.place = place
        # Functions, not methods: these run for every field of every message, and Python calls them faster.
        if selector.may_fail:
            self.read = _guarded(selector.evaluate, place, None)
            self.holds = _guarded(selector.test, place, False)
        else:
            self.read, self.holds = selector.evaluate, selector.test

    def watched(self, held: Callable[[], None]) -> Reading:
        """A copy that tells every time it holds."""
        copy = Reading(self.selector, self.place)

        def holds(item: Any, scope: MessageScope) -> Any:
            found = self.holds(item, scope)
            if found:
                held()
            return found

        copy.holds, copy.is_watched = holds, True
        return copy

    def __call__(self, item: Any, scope: MessageScope) -> Any:
        return self.read(item, scope)


def _guarded(evaluate: Callable[[Any, Any], Any], place: str, otherwise: Any) -> Read:
    def read(item: Any, scope: MessageScope) -> Any:
        try:
            return evaluate(item, scope)
        except SelectorTypeError as error:
            scope.note_broken(place, str(error))
            return otherwise

    return read
