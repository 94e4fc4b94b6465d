"""What livekit's own stream class costs, with nothing in it: every implementation pays this."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, stt

from bench.sides import adapter, open_session
from bench.streaming import frames

__all__ = ["base"]


class _Empty(stt.RecognizeStream):
    """Takes its input and drops it."""

    async def _run(self) -> None:
        async for _ in self._input_ch:
            pass

    def say(self, event: stt.SpeechEvent) -> None:
        """Let an event out."""
        self._event_ch.send_nowait(event)


async def _cost(action: Callable[[], None], times: int) -> float:
    """µs of CPU of an action and of the rounds of the loop in which what it started gets done."""
    for _ in range(times // 10):
        action()
        await asyncio.sleep(0)
    cpu = time.process_time()
    for _ in range(times):
        action()
        for _ in range(4):
            await asyncio.sleep(0)
    return (time.process_time() - cpu) / times * 1e6


async def base(*, times: int) -> dict[str, Any]:
    """An empty stream, back to back on a warm processor.

    Returns:
        `frame`: µs from `push_frame` through the channel to `_run`; `event`: µs from the channel through the
        tee to the metrics task and the reader.
    """
    frame = frames(16000)[0]
    words = stt.SpeechData(language="en", text="hello")  # type: ignore[arg-type]  # it takes codes as text
    event = stt.SpeechEvent(type=stt.SpeechEventType.INTERIM_TRANSCRIPT, alternatives=[words])
    async with open_session() as session:
        owner = adapter("deepgram", "plugin", "127.0.0.1:9", session)
        stream = _Empty(stt=owner, conn_options=DEFAULT_API_CONNECT_OPTIONS)

        async def read() -> None:
            async for _ in stream:
                pass

        reader = asyncio.create_task(read())
        nothing = await _cost(lambda: None, times)
        pushed = await _cost(lambda: stream.push_frame(frame), times)
        said = await _cost(lambda: stream.say(event), times)
        stream.end_input()
        await reader
        await stream.aclose()
    return {"frame": round(pushed - nothing, 2), "event": round(said - nothing, 2)}
