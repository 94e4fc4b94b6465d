"""Where users add Python of their own that specs may name.

Names must not be those of the built-in ones, so a bundled spec means the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable

from .codecs import CODECS, Codec
from .primitives import PRIMITIVES, Primitive
from .state import STATES, StateType

__all__ = ["register_codec", "register_primitive", "register_state"]


def register_codec(name: str, codec: Codec) -> None:
    """Make a codec known as `stream.codec: name`.

    Raises:
        ValueError: the name is malformed or taken.
    """
    CODECS.add(name, codec)


def register_state(name: str, make: Callable[[str], StateType]) -> None:
    """Make a state type known as `type: name`.

    Arguments:
        make: called with the spec's `join` text, "" when it has none.

    Raises:
        ValueError: the name is malformed or taken.
    """
    STATES.add(name, make)


def register_primitive(name: str, primitive: Primitive) -> None:
    """Make a step primitive known as `use: name`.

    Raises:
        ValueError: the name is malformed or taken.
    """
    PRIMITIVES.add(name, primitive)
