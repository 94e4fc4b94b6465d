"""Faults: what vendors and networks do wrong, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["FAULTS", "Fault", "fault"]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        name: as in FAULTS.
        status: refuse requests and handshakes with this status.
        headers: of that refusal.
        close: close with this code in the middle of an utterance.
        times: how many requests or connections it happens to; None: all.
    """

    name: str
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    close: int | None = None
    times: int | None = None


FAULTS: Mapping[str, str] = {
    "401": "the key is refused",
    "403": "the account may not",
    "429": "too many requests, with Retry-After",
    "503": "the service is unavailable",
    "half-open": "in an utterance the vendor vanishes without a close",
    "write-stall": "the vendor stops reading",
    "garbage": "messages that are no JSON, or of wrong types, come in between",
    "late-final": "finals come a second after the end of input",
    "close-CODE": "in an utterance the vendor closes with this code",
    "slow": "everything takes a little longer",
    "drop": "in an utterance the connection breaks",
    "never-closes": "after the end of input nothing comes any more, nor a close",
}
"""Every fault and what it means."""

_RETRY_AFTER = {"Retry-After": "1"}


def fault(name: str, times: int | None = None) -> Fault:
    """The fault of a name.

    Raises:
        ValueError: there is none; the message lists them.
    """
    if name in FAULTS and name != "close-CODE":
        if name.isdigit():
            return Fault(name, int(name), _RETRY_AFTER if name == "429" else {}, times=times)
        return Fault(name, times=times)
    code = name.removeprefix("close-")
    if code != name and code.isdigit() and 1000 <= int(code) <= 4999:
        return Fault(name, close=int(code), times=times)
    raise ValueError(f"there is no fault {name!r}; there are {', '.join(FAULTS)}")
