"""A voice activity detector that a test leads: what was pushed up to a flush is an utterance."""

from __future__ import annotations

from collections.abc import AsyncIterable

from livekit import rtc
from livekit.agents import vad

__all__ = ["FlushVAD"]


class FlushVAD(vad.VAD):
    """Speech begins with the first frame and ends with the flush; flushes without audio say nothing."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.1))

    def stream(self) -> vad.VADStream:
        """Listen to one stream."""
        return _FlushVADStream(self)


class _FlushVADStream(vad.VADStream):
    async def _main_task(self) -> None:
        frames: list[rtc.AudioFrame] = []
        async for item in self._input_ch:
            if isinstance(item, rtc.AudioFrame):
                if not frames:
                    self._say(vad.VADEventType.START_OF_SPEECH, [item])
                frames.append(item)
            elif frames:
                self._say(vad.VADEventType.END_OF_SPEECH, frames)
                frames = []

    def _say(self, kind: vad.VADEventType, frames: list[rtc.AudioFrame]) -> None:
        seconds = sum(frame.duration for frame in frames)
        event = vad.VADEvent(
            type=kind,
            samples_index=0,
            timestamp=0.0,
            speech_duration=seconds,
            silence_duration=0.0,
            frames=frames,
        )
        self._event_ch.send_nowait(event)

    async def _metrics_monitor_task(self, event_aiter: AsyncIterable[vad.VADEvent]) -> None:
        async for _ in event_aiter:
            pass
