"""Where the time of Deepgram's messages goes: samples of the running process, summed up by place."""

from __future__ import annotations

import re
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from bench.streaming import streaming

__all__ = ["ROOMS", "profile", "room_of"]

_INTERVAL = 0.001
"""Seconds of this process's own time between two samples, as fine as the system's clock goes."""

_LIBRARY = "Python's library"

ROOMS = (
    ("/specbuilder/expressions/", "specbuilder: selectors"),
    ("/specbuilder/protocol/", "specbuilder: protocol"),
    ("/specbuilder/adapters/", "specbuilder: adapter"),
    ("/specbuilder/transport/", "specbuilder: transport"),
    ("/livekit/agents/", "livekit: base class, channels, tee, events"),
    ("/livekit/rtc/", "livekit: audio frames"),
    ("/websockets/", "websockets"),
    ("/asyncio/selector_events.py", "asyncio: sockets (system calls)"),
    ("/asyncio/", "asyncio: loop, tasks, timers"),
    ("/selectors.py", "asyncio: loop, tasks, timers"),
    ("<string>:", "livekit: base class, channels, tee, events"),  # what dataclasses generate: the events
    ("<frozen", _LIBRARY),
    ("<", "specbuilder: generated code"),
    ("/bench/", "the bench"),
)
"""A part of a file's path, and what it is called in the table."""


_HOME = re.compile(r"^.*/site-packages(?=/)|^.*/python3\.\d+(?=/)")
_ROOT = str(Path(__file__).resolve().parent.parent)


@cache
def _place(file: str) -> str:
    """A file's path without where packages and this project lie on the machine."""
    return _HOME.sub("", file.removeprefix(_ROOT))


def room_of(file: str) -> str:
    """What a file belongs to."""
    return next((room for part, room in ROOMS if part in file), _LIBRARY)


class Sampler:
    """Notes the stack after every millisecond of work; waiting for the network is none.

    Python runs the handler between two instructions, so time inside a C function counts for its caller.
    """

    def __init__(self) -> None:
        self.stacks: Counter[tuple[str, ...]] = Counter()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Sample as long as the context lasts."""
        before = signal.signal(signal.SIGPROF, self._note)
        signal.setitimer(signal.ITIMER_PROF, _INTERVAL, _INTERVAL)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0.0)
            signal.signal(signal.SIGPROF, before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if frame is not None and frame.f_code.co_filename == _SELECTORS:
            return
        stack = []
        while frame is not None:
            code = frame.f_code
            stack.append(f"{_place(code.co_filename)}:{code.co_name}")
            # What is below the event loop's call of a callback is the same for all.
            frame = None if stack[-1] == _LOOP else frame.f_back
        self.stacks[tuple(reversed(stack))] += 1


_SELECTORS = sys.modules["selectors"].__file__
_LOOP = "/asyncio/events.py:_run"


async def profile(*, streams: int, seconds: float) -> dict[str, Any]:
    """Our Deepgram streams under the sampler.

    Returns:
        `samples`: how many; `stacks`: (the frames from the outermost in, samples) by stack, "file:function".
    """
    sampler = Sampler()
    await streaming("deepgram", "ours", streams=streams, seconds=seconds, during=sampler.running)
    stacks = [[list(stack), count] for stack, count in sampler.stacks.most_common()]
    return {"samples": sum(sampler.stacks.values()), "stacks": stacks}
