"""Python that a spec may name: a closed table of ours, and what users add to it.

A spec is data; the only code it can reach is what stands in such a table under a name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Generic, TypeVar

from ..language.errors import did_you_mean

__all__ = ["Named"]

T = TypeVar("T")

_NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


class Named(Generic[T]):
    """A table of one kind of thing.

    Arguments:
        kind: what the things are, for messages ("codec").
        builtin: ours, which cannot be replaced.
    """

    def __init__(self, kind: str, builtin: Mapping[str, T]) -> None:
        self.kind = kind
        self._builtin = dict(builtin)
        self._added: dict[str, T] = {}

    @property
    def names(self) -> tuple[str, ...]:
        """Every known name, ours first."""
        return (*self._builtin, *self._added)

    def is_builtin(self, name: str) -> bool:
        """Whether the name is one of ours, and so the same for every user of a spec."""
        return name in self._builtin

    def get(self, name: str) -> T:
        """Return the thing of that name.

        Raises:
            ValueError: there is none; the message names the nearest.
        """
        if name in self._builtin:
            return self._builtin[name]
        if name in self._added:
            return self._added[name]
        hint = did_you_mean(name, self.names)
        raise ValueError(f"unknown {self.kind} {name!r}" + (f" ({hint})" if hint else ""))

    def add(self, name: str, thing: T) -> None:
        """Add a thing; adding the same one again changes nothing.

        Raises:
            ValueError: the name is not lower_case, one of ours, or taken by another thing.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"a {self.kind} is named in lower case letters, digits and _, not {name!r}")
        if name in self._builtin:
            raise ValueError(f"the {self.kind} {name!r} is built in; choose another name")
        if self._added.get(name, thing) is not thing:
            raise ValueError(f"another {self.kind} is registered as {name!r} already")
        self._added[name] = thing
