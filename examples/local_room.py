"""A conversation without a room, a key or a network: what the examples do with `--local`.

A recording speaks to an `AgentSession`; the embedded recogniser's server stands in for the vendor. The agent
repeats in writing what it heard.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterable, Callable
from pathlib import Path
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, FlushSentinel, ModelSettings, llm, stt, utils
from livekit.agents.voice import io

from specbuilder.local import EngineUnavailable, LocalServer

__all__ = ["RECORDING", "run_locally"]

RECORDING = Path(__file__).parent / "audio" / "jfk.wav"
RATE = 16_000
SILENCE = rtc.AudioFrame(bytes(RATE // 25), RATE, 1, RATE // 50)


def run_locally(make_stt: Callable[[str], stt.STT[Any]]) -> int:
    """Hold the conversation and print it.

    Arguments:
        make_stt: makes the recogniser of the local server's http:// address.

    Returns the exit status: 1 when nothing was heard.
    """
    try:
        return asyncio.run(_converse(make_stt))
    except EngineUnavailable as error:
        print(f"The embedded recogniser cannot be used here: {error}", file=sys.stderr)
        return 1


async def _converse(make_stt: Callable[[str], stt.STT[Any]]) -> int:
    frames = [frame async for frame in utils.audio.audio_frames_from_file(str(RECORDING), RATE)]
    async with LocalServer() as server, utils.http_context.open():
        recogniser = make_stt(server.url)
        session: AgentSession[None] = AgentSession(stt=recogniser, llm=_NoModel())
        speaker = _Speaker(frames)
        session.input.audio = speaker
        session.on("conversation_item_added", _print)
        await session.start(_Parrot(instructions="Repeat what you hear."), record=False)
        try:
            await speaker.done.wait()
        finally:
            await session.aclose()
            await recogniser.aclose()
        return 0 if any(item.type == "message" for item in session.history.items) else 1


def _print(event: Any) -> None:
    if event.item.type == "message":
        print(f"{event.item.role}: {event.item.text_content}", flush=True)


class _Speaker(io.AudioInput):
    """Speaks a recording no faster than it was spoken, then listens for a while.

    Attributes:
        done: set when the agent has had time to answer.
    """

    def __init__(self, frames: list[rtc.AudioFrame]) -> None:
        super().__init__(label="a recording")
        self._frames = [*frames, *[SILENCE] * 200]
        self._at = 0
        self._due = 0.0
        self.done = asyncio.Event()

    async def __anext__(self) -> rtc.AudioFrame:
        frame = self._frames[self._at] if self._at < len(self._frames) else SILENCE
        if self._at == len(self._frames):
            self.done.set()
        self._at += 1
        self._due = max(self._due or time.monotonic(), time.monotonic() - 1.0) + frame.duration
        await asyncio.sleep(self._due - time.monotonic())
        return frame


class _Parrot(Agent):
    """Answers without a language model."""

    async def llm_node(
        self, chat_ctx: llm.ChatContext, tools: list[llm.Tool], model_settings: ModelSettings
    ) -> AsyncIterable[llm.ChatChunk | str | FlushSentinel]:
        heard = [message for message in chat_ctx.messages() if message.role == "user"]
        yield f"You said: {heard[-1].text_content}"


class _NoModel(llm.LLM[Any]):
    """The model a session must have; the agent answers before it is asked."""

    def chat(self, **arguments: Any) -> llm.LLMStream:
        raise NotImplementedError
