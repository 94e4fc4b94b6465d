"""`STTAdapter`: the base class for a protocol that no spec can describe."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator

from livekit import rtc
from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, NOT_GIVEN, APIConnectOptions, NotGivenOr, stt
from livekit.agents.utils import AudioBuffer, merge_frames

from ..protocol.audio import wav
from .recognition import resampled

__all__ = ["STTAdapter", "SegmentStream"]

LONGEST_SEGMENT = 60.0
"""Seconds of audio after which a segment is recognized without waiting for a flush: memory stays bounded."""


class STTAdapter(stt.STT[str]):
    """A base class for adapters written in Python. Write `_recognize_impl`, and `stream` where you can.

    Without a `stream` of its own, a streaming adapter recognizes what was said between two flushes; it
    declares `manual_flush`, so that an `AgentSession` flushes when its detector hears the end of a turn.

    Arguments:
        sample_rate: samples per second of the audio that `pcm` and `wav` give, and of streams.
        streaming: False: an `AgentSession` cuts the audio with its voice activity detector and calls
            `recognize`.
        interim_results: whether an own `stream` emits interim transcripts.
    """

    def __init__(
        self, sample_rate: int = 16000, streaming: bool = False, *, interim_results: bool = False
    ) -> None:
        own_stream = type(self).stream is not STTAdapter.stream
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=streaming,
                interim_results=interim_results and own_stream,
                manual_flush=streaming and not own_stream,
            )
        )
        self.sample_rate = sample_rate

    @abstractmethod
    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        """Recognize a buffer: one attempt, which fails with an `APIError`. livekit retries."""

    def pcm(self, buffer: AudioBuffer) -> bytes:
        """A buffer as 16-bit mono samples (little-endian) at the adapter's rate."""
        return resampled(merge_frames(buffer), self.sample_rate, 1)

    def wav(self, buffer: AudioBuffer) -> bytes:
        """A buffer as a complete WAV file: 16-bit mono at the adapter's rate."""
        return wav(self.pcm(buffer), self.sample_rate, 1)

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.RecognizeStream:
        """Open a stream that recognizes segment by segment.

        Raises:
            NotImplementedError: the adapter was made with `streaming=False`.
        """
        if not self.capabilities.streaming:
            raise NotImplementedError(
                f"{type(self).__name__} does not stream: make it with streaming=True, or wrap it in"
                " stt.StreamAdapter"
            )
        return SegmentStream(self, language, conn_options)


class SegmentStream(stt.RecognizeStream):
    """Collects audio until a flush, then recognizes it; a segment whose attempt fails is tried again."""

    def __init__(self, owner: STTAdapter, language: NotGivenOr[str], conn_options: APIConnectOptions) -> None:
        self._owner = owner
        self._language = language
        self._segment: list[rtc.AudioFrame] = []
        self._seconds = 0.0
        self._begun = 0.0
        self._due = False
        self._offset = 0.0
        super().__init__(stt=owner, conn_options=conn_options, sample_rate=owner.sample_rate)

    @property
    def start_time_offset(self) -> float:
        """Seconds added to the times of transcripts; set by the framework.

        Unlike in livekit's base class it does not grow with retries: a segment that is tried again is the
        same audio at the same place.
        """
        return self._offset

    @start_time_offset.setter
    def start_time_offset(self, value: float) -> None:
        if value < 0:
            raise ValueError("start_time_offset must be non-negative")
        self._offset = value

    async def _run(self) -> None:
        if self._due:
            await self._recognize()
        async for item in self._input_ch:
            if isinstance(item, rtc.AudioFrame):
                self._segment.append(item)
                self._seconds += item.duration
                self._due = self._seconds >= LONGEST_SEGMENT
            else:
                self._due = bool(self._segment)
            if self._due:
                await self._recognize()

    async def _recognize(self) -> None:
        event = await self._owner._recognize_impl(
            merge_frames(self._segment), language=self._language, conn_options=self._conn_options
        )
        for part in self._events(event):
            self._event_ch.send_nowait(part)
        self._begun += self._seconds
        self._segment, self._seconds, self._due = [], 0.0, False

    def _events(self, event: stt.SpeechEvent) -> Iterator[stt.SpeechEvent]:
        kind = stt.SpeechEventType
        if event.alternatives and event.alternatives[0].text.strip():
            for data in event.alternatives:
                begun = self.start_time_offset + self._begun
                data.end_time = begun + (data.end_time or self._seconds)
                data.start_time += begun
            yield stt.SpeechEvent(type=kind.START_OF_SPEECH, request_id=event.request_id)
            yield event
            yield stt.SpeechEvent(type=kind.END_OF_SPEECH, request_id=event.request_id)
        usage = stt.RecognitionUsage(audio_duration=self._seconds)
        yield stt.SpeechEvent(
            type=kind.RECOGNITION_USAGE, request_id=event.request_id, recognition_usage=usage
        )
