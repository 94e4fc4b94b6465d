"""`recognize()`: one buffer of audio to one final transcript, by HTTP or pushed through the stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from livekit import rtc
from livekit.agents import APIConnectOptions, APITimeoutError, stt
from livekit.agents.utils import AudioBuffer, merge_frames

from ..expressions.nothing import NOTHING
from ..protocol.audio import wav
from ..protocol.mixing import mixed
from ..protocol.plan import RecognizePlan
from ..protocol.recognition import joined, recognition, recognition_event
from ..protocol.replay import FLUSH
from ..protocol.session import StreamSession
from ..protocol.turn import Turn
from .connection import Connection, Input, Outcome
from .handshake import Dialer

if TYPE_CHECKING:
    from ..protocol.settings import Settings
    from .stt import SpecSTT

__all__ = ["recognize", "recognize_over_stream"]

_PIECE_SECONDS = 0.1
"""Audio of a pushed buffer between two looks at the vendor's answers."""


async def recognize(
    adapter: SpecSTT, settings: Settings, buffer: AudioBuffer, conn_options: APIConnectOptions
) -> stt.SpeechEvent:
    """One HTTP attempt.

    Raises:
        APIError: the vendor refused or could not be reached.
    """
    plan = settings.plan.recognize
    assert plan is not None
    context = adapter.context(settings)
    names = context.names
    pcm, rate, channels = _audio(buffer, plan, names)
    names["audio"] = {"data": pcm, "wav": wav(pcm, rate, channels), "sample_rate": rate, "channels": channels}
    exchange = context.exchange(names)
    message = await context.driver.run(recognition(settings.plan, exchange), conn_options.timeout)
    seconds = len(pcm) / (2 * rate * channels)
    return recognition_event(plan, exchange, message, adapter.language_of(names), seconds)


def _audio(buffer: AudioBuffer, plan: RecognizePlan, names: Any) -> tuple[bytes, int, int]:
    """The buffer as s16le samples, at the rate and channels the spec asks for."""
    frame = merge_frames(buffer)
    rate = _wanted(plan.sample_rate, names) or frame.sample_rate
    channels = _wanted(plan.channels, names) or frame.num_channels
    return resampled(frame, rate, channels), rate, channels


def _wanted(tree: Any, names: Any) -> int | None:
    value = NOTHING if tree is None else tree.render(names, names.functions)
    return None if value is NOTHING or value is None else int(value)


def resampled(frame: rtc.AudioFrame, rate: int, channels: int) -> bytes:
    """A frame's samples at another rate and with other channels."""
    pcm = mixed(frame.data.tobytes(), frame.num_channels, channels)
    if rate == frame.sample_rate:
        return pcm
    resampler = rtc.AudioResampler(
        frame.sample_rate, rate, num_channels=channels, quality=rtc.AudioResamplerQuality.HIGH
    )
    frames = resampler.push(bytearray(pcm)) + resampler.flush()
    return b"".join(piece.data.tobytes() for piece in frames)


async def recognize_over_stream(
    adapter: SpecSTT, settings: Settings, buffer: AudioBuffer, conn_options: APIConnectOptions
) -> stt.SpeechEvent:
    """One attempt over the WebSocket: push everything, finish, join the finals of all recognitions it took.

    Raises:
        APIError: the vendor refused or could not be reached.
    """
    plan = settings.plan
    assert plan.stream is not None
    format = adapter.format_of(settings)
    pcm = resampled(merge_frames(buffer), format.sample_rate, format.channels)
    finals: list[stt.SpeechEvent] = []
    outcome, heard = "over", 0.0
    while outcome == "over":
        # What a recognition that the vendor has ended has not heard goes to another one.
        start = round(heard * format.sample_rate) * format.channels * 2
        if start >= len(pcm) > 0:
            break
        session, outcome = await _push(adapter, settings, pcm[start:], heard, finals, conn_options)
        if session.unanswered:
            limit = plan.stream.timeouts.finish
            raise APITimeoutError(f"the vendor did not answer the recording within {limit:g} s")
        heard += session.finalized
    join = plan.recognize.join if plan.recognize is not None else " "
    return joined(finals, join, adapter.language_of(session.names), session.request_id)


async def _push(
    adapter: SpecSTT,
    settings: Settings,
    pcm: bytes,
    offset: float,
    finals: list[stt.SpeechEvent],
    conn_options: APIConnectOptions,
) -> tuple[StreamSession, Outcome]:
    """One connection: push samples that begin `offset` seconds into the buffer, and collect the finals."""
    plan, format = settings.plan, adapter.format_of(settings)
    assert plan.stream is not None
    timeouts = plan.stream.timeouts

    def deliver(events: list[stt.SpeechEvent]) -> None:
        finals.extend(event for event in events if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT)

    piece = max(1, int(_PIECE_SECONDS * format.sample_rate)) * format.channels * 2
    handshake = await Dialer(adapter.context(settings), conn_options, format).dial()
    try:
        session = StreamSession(
            # Not replaced for its age: the vendor says if one buffer is too long.
            replace(
                plan.stream,
                max_age=None,
                timeouts=replace(timeouts, ready=min(timeouts.ready, conn_options.timeout)),
            ),
            plan.errors,
            handshake.names,
            Turn(timeouts.final),
            format,
            label=adapter.label,
            redact=adapter.redact,
            offset=lambda: offset,
            language=adapter.language_of(handshake.names),
            headers=handshake.socket.response_headers,
            replayed=len(pcm) / (format.sample_rate * format.channels * 2) if offset else 0.0,
            now=asyncio.get_running_loop().time(),
        )
        return session, await Connection(session, handshake.socket, _pieces(pcm, piece), deliver).run()
    finally:
        await handshake.socket.close()


async def _pieces(pcm: bytes, size: int) -> AsyncGenerator[Input, None]:
    for at in range(0, len(pcm), size):
        yield pcm[at : at + size]
    yield FLUSH
