"""The state variables of one connection: what a spec's rules set, add to and clear."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .errors import status_error
from .limits import StateOverflow, StateTypeError
from .names import Names
from .plan import StatePlan
from .reading import MessageScope
from .state import Keyed

__all__ = ["StateTable"]


class StateTable:
    """Holds the variables and shows their values among the names of the connection.

    A variable with `per` has one value for each key of the vendor's; `bind` points it at a message's key.

    Arguments:
        plans: the compiled `stream.state` section.
        names: where templates and selectors read the values.
        scope: what selectors see, and where broken values are counted.
    """

    def __init__(self, plans: Mapping[str, StatePlan], names: Names, scope: MessageScope) -> None:
        self._plans = plans
        self._names = names
        self._scope = scope
        self._current: dict[str, Any] = {}
        self._bound: dict[str, Any] = {}
        self._keyed = {name: Keyed(plan.type) for name, plan in plans.items() if plan.per is not None}
        for name, plan in plans.items():
            self._show(name, plan.type.initial())

    def bind(self, message: Any) -> None:
        """Point every keyed variable at the message's key; without a message at the newest key."""
        for name, keyed in self._keyed.items():
            per = self._plans[name].per
            key = per(message, self._scope) if per is not None and message is not None else keyed.newest
            try:
                self._show(name, keyed.current(key))
                self._bound[name] = key
            except StateTypeError as error:
                self._scope.note_broken(f"stream.state.{name}.per", str(error))

    def set(self, name: str, value: Any) -> None:
        """Replace a variable."""
        self._change(name, self._plans[name].type.set, value)

    def add(self, name: str, value: Any) -> None:
        """Add to a variable; null adds nothing."""
        if value is not None:
            self._change(name, self._plans[name].type.add, value)

    def clear(self, name: str) -> None:
        """Bring a variable back to its beginning."""
        self._store(name, self._plans[name].type.clear(self._current[name]))

    def _change(self, name: str, action: Callable[[Any, Any], Any], value: Any) -> None:
        """Change a variable by an action of its type; what the type cannot take changes nothing.

        Raises:
            APIStatusError: the vendor made it grow beyond its bound.
        """
        try:
            current = action(self._current[name], value)
        except StateOverflow as problem:
            raise status_error(500, f"stream.state.{name}: {problem}") from None
        except StateTypeError as problem:
            self._scope.note_broken(f"stream.state.{name}", str(problem))
        else:
            self._store(name, current)

    def _store(self, name: str, current: Any) -> None:
        if name in self._bound:
            self._keyed[name].store(self._bound[name], current)
        self._show(name, current)

    def _show(self, name: str, current: Any) -> None:
        self._current[name] = current
        self._names[name] = self._plans[name].type.value(current)
