"""State types: what a spec's `state` variables hold, and what `set`, `add` and `clear` do to them.

A state is an immutable value, here called `current`; every action returns the next one. So a value read
earlier (into an event, or into another variable) never changes afterwards.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Protocol

from .growing import GrowingTextState
from .limits import StateOverflow, StateTypeError, bounded_list, bounded_text
from .named import Named
from .segments import SegmentsState

__all__ = ["STATES", "Keyed", "StateOverflow", "StateType", "StateTypeError", "state_type"]


class StateType(Protocol):
    """What one type of state does. Values come from selectors: JSON-like, None for null.

    A wrong type of value raises `StateTypeError` and one too many `StateOverflow`; `current` is then
    still good.
    """

    addable: bool
    """Whether `add` means something; a spec that adds to another type is refused when it is loaded."""

    def initial(self) -> Any:
        """Return the first state of a connection."""

    def set(self, current: Any, value: Any) -> Any:
        """Return the state that holds `value` only; null is the initial state."""

    def add(self, current: Any, value: Any) -> Any:
        """Return the state with `value` added; null changes nothing."""

    def clear(self, current: Any) -> Any:
        """Return the state after its content was used up."""

    def value(self, current: Any) -> Any:
        """Return what a selector or template reads, JSON-like."""


class _Plain:
    """A state that is its own value."""

    addable = True
    _initial: Any = None

    def initial(self) -> Any:
        return self._initial

    def set(self, current: Any, value: Any) -> Any:
        return self._initial if value is None else self._checked(value)

    def add(self, current: Any, value: Any) -> Any:
        return current if value is None else self._sum(current, value)

    def clear(self, current: Any) -> Any:
        return self._initial

    def value(self, current: Any) -> Any:
        return current

    def _checked(self, value: Any) -> Any:
        return value

    def _sum(self, current: Any, value: Any) -> Any:
        raise StateTypeError("nothing can be added to this type of state")


class TextState(_Plain):
    """`text`: adding appends."""

    _initial = ""

    def _checked(self, value: Any) -> Any:
        if not isinstance(value, str):
            raise StateTypeError.of("text", value)
        return bounded_text(value)

    def _sum(self, current: Any, value: Any) -> Any:
        return bounded_text(current + self._checked(value))


class ListState(_Plain):
    """`list`: adding pushes an item; a list is pushed item by item."""

    def initial(self) -> Any:
        return []

    def clear(self, current: Any) -> Any:
        return []

    def set(self, current: Any, value: Any) -> Any:
        return self.add([], value)

    def add(self, current: Any, value: Any) -> Any:
        if value is None or value == []:
            return current
        if not current and isinstance(value, list):
            return bounded_list(value)
        return bounded_list([*current, *value] if isinstance(value, list) else [*current, value])


class NumberState(_Plain):
    """`number`: adding sums."""

    _initial = 0

    def _checked(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise StateTypeError.of("a number", value)
        return value

    def _sum(self, current: Any, value: Any) -> Any:
        return current + self._checked(value)


class FlagState(_Plain):
    """`flag`: true or false, by JMESPath's truth."""

    addable = False
    _initial = False

    def _checked(self, value: Any) -> Any:
        # JMESPath, "or expressions": null, false, "", [] and {} are false, and 0 is true.
        return value is not None and value is not False and value not in ("", [], {})


class ValueState(_Plain):
    """`value`: whatever was set last."""

    addable = False


STATES: Named[Callable[[str], StateType]] = Named(
    "state type",
    {
        "text": lambda join: TextState(),
        "list": lambda join: ListState(),
        "number": lambda join: NumberState(),
        "flag": lambda join: FlagState(),
        "value": lambda join: ValueState(),
        "segments": SegmentsState,
        "growing_text": lambda join: GrowingTextState(),
    },
)
"""State types by name: each is made from the spec's `join` text, which types without parts ignore."""


def state_type(name: str, join: str = "") -> StateType:
    """Return a state type.

    Arguments:
        join: what is put between the parts of a type that has parts.

    Raises:
        ValueError: there is no type of that name.
    """
    return STATES.get(name)(join)


class Keyed:
    """The states of a variable with `per`: one for each key, of which the newest are kept.

    Arguments:
        type_: the type of each state.
        limit: keys kept; the one not stored for the longest time goes first.
    """

    def __init__(self, type_: StateType, limit: int = 128) -> None:
        self.type = type_
        self.newest: Hashable = None
        self._limit = limit
        self._states: OrderedDict[Hashable, Any] = OrderedDict()

    def __len__(self) -> int:
        return len(self._states)

    def current(self, key: Any) -> Any:
        """Return the state of a key, initial when it is new or was dropped.

        Raises:
            StateTypeError: the key is a list or a mapping.
        """
        state = self._states.get(self._checked(key), self)
        return self.type.initial() if state is self else state

    def store(self, key: Any, current: Any) -> None:
        """Replace the state of a key, which thereby is the newest.

        Raises:
            StateTypeError: the key is a list or a mapping.
        """
        self.newest = self._checked(key)
        self._states[self.newest] = current
        self._states.move_to_end(self.newest)
        if len(self._states) > self._limit:
            self._states.popitem(last=False)

    @staticmethod
    def _checked(key: Any) -> Hashable:
        if isinstance(key, dict | list):
            raise StateTypeError.of("text or a number as the key", key)
        return key  # type: ignore[no-any-return]
