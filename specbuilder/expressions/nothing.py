"""The value of the spec language that means "there is no value here".

JSON null is Python's `None`; a value that is absent is `NOTHING`. The two are kept apart so that a spec can
send an explicit null to a vendor and can equally leave a field out.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal

__all__ = ["NOTHING", "Nothing"]


class Nothing(Enum):
    """The type of `NOTHING`, its only value.

    An enumeration, because type checkers then understand `value is NOTHING`, and copies and pickles stay the
    one object.
    """

    NOTHING = "nothing"

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "NOTHING"

    __str__ = __repr__


NOTHING: Final = Nothing.NOTHING
