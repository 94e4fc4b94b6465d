"""What can go wrong, as data: the faults of a stream's first connection and of a request's first reply."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from livekit.agents import APIConnectOptions, stt

from tests.faults.families import KEY, Batch, Family
from tests.support.streams import Outcome
from tests.support.vendor import (
    AfterAudio,
    AfterText,
    Close,
    Drop,
    Hang,
    NoHandshake,
    Pause,
    Refuse,
    Reply,
    Send,
    StopReading,
)

__all__ = [
    "BROKEN",
    "CLOSES",
    "FATAL",
    "QUICK",
    "REQUEST_FAULTS",
    "SECONDS",
    "STALL",
    "TRANSIENT",
    "WAITING",
    "Fault",
    "Impatient",
    "RequestFault",
    "at_once",
    "check_turns",
    "finals",
    "finishing",
    "heard",
]

SECONDS = 0.2
"""Of audio that most faults need; some protocols send no less at a time."""

STALL = 250.0
"""Of audio that fill the buffers between a client and a vendor that does not read."""

_DEEP = "[" * 100_000 + "]" * 100_000
GARBAGE: tuple[Any, ...] = (
    "not json",
    "",
    b"\xff\xfe\x00binary",
    b"",
    _DEEP,
    "null",
    "[]",
    "42",
    '"text"',
    {},
    {"type": None, "text": [], "channel": 7, "data": "x", "tokens": {"a": 1}, "words": "no"},
    {"type": ["Results"], "channel": {"alternatives": 3}, "result": False, "transcript": {}},
    {"a": "x" * 1_000_000},
)


@dataclass(frozen=True)
class Impatient(APIConnectOptions):
    """Options whose next attempt comes soon; livekit waits 0.1 s before the first one, whatever is asked."""

    def _interval_for_retry(self, num_retries: int) -> float:
        return 0.01


# -- of a stream ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """What goes wrong on the first connection of a stream.

    Attributes:
        script: of the first connection.
        status: of the fatal error; None: the next connection makes good for it.
        same: the first connection survives.
        late: it comes only when the input has ended.
        stream: parts of the spec's stream, mostly shorter deadlines.
        seconds: of audio.
        waits: most of it is waiting for a deadline or a late vendor.
    """

    name: str
    script: Callable[[Family], list[Any]]
    status: int | None = None
    same: bool = False
    late: bool = False
    waits: bool = False
    stream: dict[str, Any] = field(default_factory=dict)
    seconds: float = SECONDS

    def __str__(self) -> str:
        return self.name


def heard(family: Family) -> list[Any]:
    """The vendor has heard some of the audio."""
    return [*family.opening, AfterAudio(0.05, rate=family.rate)]


def finishing(family: Family) -> list[Any]:
    """The vendor was told that the input has ended."""
    return [*family.opening, AfterText(family.finish)]


def _faults() -> Iterator[Fault]:
    for status in (408, 425, 429, 500, 502, 503, 504, 599):
        yield Fault(f"handshake {status}", lambda _, s=status: [Refuse(s, {"error": "x"})])  # type: ignore[misc]
    for status in (301, 307, 400, 401, 402, 403, 404, 410, 422):
        yield Fault(
            f"handshake {status}",
            lambda _, s=status: [Refuse(s, "no", {"Location": "http://127.0.0.1:1/"})],  # type: ignore[misc]
            status=status,
        )
    yield Fault("429 with Retry-After", lambda _: [Refuse(429, "", {"Retry-After": "0.05"})])
    yield Fault(
        "429 with a long Retry-After", lambda _: [Refuse(429, "", {"Retry-After": "3600"})], status=429
    )
    yield Fault("a handshake that hangs", lambda _: [NoHandshake()], waits=True)
    yield Fault("reset at once", lambda _: [Drop()])
    yield Fault("reset while audio flows", lambda f: [*heard(f), Drop()])
    yield Fault("reset after the end of input", lambda f: [*finishing(f), Drop()], late=True)
    yield Fault("half open", lambda f: [*heard(f), Hang()], waits=True, stream={"ping": "0.1s"})
    yield Fault(
        "write stall",
        lambda f: [*f.opening, StopReading()],
        stream={"timeouts": {"write": "0.3s"}, "audio": {"pace": None}},
        seconds=STALL,
    )
    yield Fault(
        "garbage",
        lambda f: [*heard(f), *map(Send, GARBAGE), *f.whole("hello")[len(f.opening) :]],
        same=True,
        late=True,
    )
    yield Fault(
        "a late final",
        lambda f: [*finishing(f), Pause(0.3), *f.says("hello"), *f.done],
        same=True,
        late=True,
        waits=True,
    )
    yield Fault(
        "never closes",
        lambda f: [*finishing(f), *f.says("hello"), Hang()],
        same=True,
        late=True,
        waits=True,
        stream={"timeouts": {"finish": "0.3s"}},
    )
    for code in (1000, 1001):
        yield Fault(
            f"close {code} after the end of input",
            lambda f, c=code: [*finishing(f), *f.says("hello"), Close(c)],  # type: ignore[misc]
            same=True,
            late=True,
        )


FAULTS = tuple(_faults())
QUICK = tuple(fault for fault in FAULTS if not fault.waits)
WAITING = tuple(fault for fault in FAULTS if fault.waits)
CLOSES = (
    1000,
    1001,
    1002,
    1003,
    1007,
    1008,
    1009,
    1010,
    1011,
    1012,
    1013,
    1014,
    3000,
    3008,
    4000,
    4001,
    4999,
)


async def at_once(
    families: Iterable[Family] | Iterable[Batch], check: Callable[[Any], Awaitable[None]]
) -> None:
    """Check several protocols at the same time, where each of them mostly waits."""
    several = list(families)
    results = await asyncio.gather(*map(check, several), return_exceptions=True)
    for one, result in zip(several, results, strict=True):
        if isinstance(result, BaseException):
            raise AssertionError(f"{one}: {result}") from result


def check_turns(result: Outcome) -> None:
    """START and END alternate, no transcript is outside of them, none is empty."""
    speaking = False
    for event in result.events:
        if event.type is stt.SpeechEventType.START_OF_SPEECH:
            assert not speaking, result.kinds
            speaking = True
        elif event.type is stt.SpeechEventType.END_OF_SPEECH:
            assert speaking, result.kinds
            speaking = False
        elif event.alternatives:
            assert speaking, result.kinds
            assert event.alternatives[0].text.strip()


def finals(result: Outcome) -> list[str]:
    """The texts that are final."""
    kind = stt.SpeechEventType.FINAL_TRANSCRIPT
    return [event.alternatives[0].text for event in result.events if event.type is kind]


# -- of a request --------------------------------------------------------------------------------------------

TRANSIENT = (408, 425, 429, 500, 502, 503, 504, 599)
FATAL = (301, 302, 303, 307, 308, 400, 401, 402, 403, 404, 410, 413, 422)

BROKEN: dict[str, Reply] = {
    "reset": Reply(drop=True),
    "not JSON": Reply(body="<html>"),
    "half of JSON": Reply(body='{"text": "hel'),
    "deep": Reply(body="[" * 200_000 + "]" * 200_000),
    "binary": Reply(body=b"\xff\xfe"),
    "empty": Reply(body=b""),
}


@dataclass(frozen=True)
class RequestFault:
    """What goes wrong with a request.

    Attributes:
        status: of the fatal error; None: the same request is tried again.
        timeout: the request's deadline, where it is waited for.
    """

    name: str
    reply: Reply = field(repr=False)
    status: int | None = None
    timeout: str | None = None

    def __str__(self) -> str:
        return self.name


REQUEST_FAULTS = (
    *(RequestFault(f"status {status}", Reply(status)) for status in TRANSIENT),
    *(
        RequestFault(
            f"status {status}",
            Reply(status, json={"error": f"{KEY} no"}, headers={"Location": "http://127.0.0.1:1/"}),
            status,
        )
        for status in FATAL
    ),
    RequestFault("429 with Retry-After", Reply(429, headers={"Retry-After": "0.05"})),
    RequestFault("429 with a long Retry-After", Reply(429, headers={"Retry-After": "3600"}), 429),
    *(RequestFault(name, reply) for name, reply in BROKEN.items()),
    RequestFault("no answer", Reply(delay=30.0), timeout="0.3s"),
)
