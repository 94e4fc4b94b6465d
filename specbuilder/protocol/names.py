"""The one namespace of a spec at run time: options, variables, replies, state, the engine's own names.

A name holds its value, or None for "nothing". Variables and computed defaults are evaluated when they are
first read and kept, so `uuid()` and `now()` stay the same for a whole connection or request.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from ..expressions.nothing import NOTHING
from ..expressions.trees import Tree

__all__ = ["BUILTIN_NAMES", "COUNTERS", "Functions", "Names", "clock_functions"]

Functions: TypeAlias = Mapping[str, Callable[..., Any]]

BUILTIN_NAMES = frozenset(
    {
        "api_key",
        "audio",
        "changed",
        "close",
        "flushes",
        "livekit_version",
        "sent_chunks",
        "sent_ms",
        "target",
        "unflushed_ms",
    }
)
"""What the engine provides; no option, variable, step or state may be called so."""

COUNTERS = frozenset({"flushes", "sent_chunks", "sent_ms", "unflushed_ms"})
"""Those of them that count what a connection was sent."""


def clock_functions(wall: Callable[[], float] = time.time) -> dict[str, Callable[..., Any]]:
    """The template functions that need a clock or chance: `now()` in epoch seconds and `uuid()`."""
    return {"now": wall, "uuid": lambda: str(uuid.uuid4())}


class Names(dict[str, Any]):
    """Names and their values; a computed one is evaluated at its first reading.

    Arguments:
        values: what is known already.
        computed: variables and computed defaults by name.
        volatile: the computed names that depend on the address being asked; a fork evaluates them anew.
        functions: what templates may call.

    Attributes:
        live: names whose value is asked for at every reading, such as counters.
    """

    __slots__ = ("_parent", "_pending", "computed", "functions", "live", "volatile")

    def __init__(
        self,
        values: Mapping[str, Any],
        *,
        computed: Mapping[str, Tree],
        volatile: frozenset[str] = frozenset(),
        functions: Functions | None = None,
        parent: Names | None = None,
    ) -> None:
        super().__init__(values)
        self.computed = computed
        self.volatile = volatile
        self.functions: Functions = functions if functions is not None else clock_functions()
        self.live: dict[str, Callable[[], Any]] = {}
        self._parent = parent
        self._pending: set[str] = set()

    def __missing__(self, name: str) -> Any:
        if name in self.live:
            return self.live[name]()
        if self._parent is not None and name not in self.volatile:
            value = self._parent[name]
            # State, counters and replies change in the parent: only what is computed once may be kept here.
            if name in self.computed:
                self[name] = value
            return value
        tree = self.computed.get(name)
        if tree is None:
            raise KeyError(name)
        with self._evaluating(name):
            value = tree.render(self, self.functions)
        value = None if value is NOTHING else value
        self[name] = value
        return value

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a name, evaluated if need be; `default` where there is no such name."""
        try:
            return self[name]
        except KeyError:
            return default

    @contextmanager
    def _evaluating(self, name: str) -> Iterator[None]:
        # The compiler refuses cycles; this guards a mapping that was built by hand.
        if name in self._pending:
            raise RecursionError(f"{name!r} depends on itself")
        self._pending.add(name)
        try:
            yield
        finally:
            self._pending.discard(name)

    def fork(self, **values: Any) -> Names:
        """A view for one request or one chunk: `values` are seen here only, the rest is shared."""
        return Names(
            values, computed=self.computed, volatile=self.volatile, functions=self.functions, parent=self
        )
