"""Everything an `AgentSession` needs besides ears: a microphone, a loudspeaker, a scripted LLM and a voice.

They are small subclasses of livekit's own interfaces, so a session runs without a room, a key or a network.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from livekit import rtc
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, llm, tts
from livekit.agents.types import NotGivenOr
from livekit.agents.voice import io

__all__ = ["Loudspeaker", "Microphone", "ScriptedLLM", "ToneTTS"]

RATE = 16_000
FRAME = RATE // 50
"""Samples of 20 ms, as WebRTC delivers them."""


class Microphone(io.AudioInput):
    """Hears a recording at the pace at which it was spoken, then silence for as long as it is listened to.

    Args:
        pcm: 16 kHz mono s16le.
    """

    def __init__(self, pcm: bytes) -> None:
        super().__init__(label="a recording")
        self._pcm = pcm
        self._at = 0
        self._due = 0.0

    async def __anext__(self) -> rtc.AudioFrame:
        now = time.monotonic()
        self._due = (self._due or now) + FRAME / RATE
        await asyncio.sleep(self._due - now)
        data = self._pcm[self._at : self._at + 2 * FRAME].ljust(2 * FRAME, b"\0")
        self._at += 2 * FRAME
        return rtc.AudioFrame(data, RATE, 1, FRAME)


class Loudspeaker(io.AudioOutput):
    """Plays in no time, and counts the seconds it has played."""

    def __init__(self) -> None:
        super().__init__(label="a loudspeaker", capabilities=io.AudioOutputCapabilities(pause=False))
        self.played = 0.0
        self._segment = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        if not self._segment:
            self.on_playback_started(created_at=time.time())
        self._segment += frame.duration

    def flush(self) -> None:
        super().flush()
        self._finish(interrupted=False)

    def clear_buffer(self) -> None:
        self._finish(interrupted=True)

    def _finish(self, *, interrupted: bool) -> None:
        segment, self._segment = self._segment, 0.0
        if segment:
            self.played += segment
            self.on_playback_finished(playback_position=segment, interrupted=interrupted)


class ScriptedLLM(llm.LLM[Any]):
    """Says the same whatever it is told, and keeps what it was told.

    Attributes:
        told: the text of the newest user message of each request.
    """

    def __init__(self, says: str) -> None:
        super().__init__()
        self.says = says
        self.told: list[str] = []

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        parallel_tool_calls: NotGivenOr[bool] = NOT_GIVEN,
        tool_choice: NotGivenOr[llm.ToolChoice] = NOT_GIVEN,
        extra_kwargs: NotGivenOr[dict[str, Any]] = NOT_GIVEN,
    ) -> llm.LLMStream:
        users = [message for message in chat_ctx.messages() if message.role == "user"]
        self.told.append(users[-1].text_content or "" if users else "")
        return _ScriptedReply(self, chat_ctx=chat_ctx, tools=tools or [], conn_options=conn_options)


class _ScriptedReply(llm.LLMStream):
    async def _run(self) -> None:
        assert isinstance(self._llm, ScriptedLLM)
        delta = llm.ChoiceDelta(role="assistant", content=self._llm.says)
        self._event_ch.send_nowait(llm.ChatChunk(id="reply", delta=delta))


class ToneTTS(tts.TTS[Any]):
    """Says everything as a fifth of a second of square wave."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        return _Tone(tts=self, input_text=text, conn_options=conn_options)


class _Tone(tts.ChunkedStream):
    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        output_emitter.initialize(request_id="tone", sample_rate=RATE, num_channels=1, mime_type="audio/pcm")
        high, low = (value.to_bytes(2, "little", signed=True) for value in (2000, -2000))
        output_emitter.push((high * 20 + low * 20) * (RATE // 5 // 40))
        output_emitter.flush()
