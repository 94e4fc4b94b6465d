"""Recordings into adapters, and what must hold for whatever comes out."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

from livekit.agents import stt

from tests.support.streams import frames, outcome, push

__all__ = ["OVERLAP", "Heard", "check_order", "check_times", "hear", "listen"]

RATE = 16_000

_START = stt.SpeechEventType.START_OF_SPEECH
_END = stt.SpeechEventType.END_OF_SPEECH
_FINAL = stt.SpeechEventType.FINAL_TRANSCRIPT
_USAGE = stt.SpeechEventType.RECOGNITION_USAGE

OVERLAP = 0.3
"""Seconds by which an utterance may begin before the one before it has ended: the recogniser writes down a
quarter of a second of sound around each."""


@dataclass
class Heard:
    """What a stream said about a recording."""

    events: list[stt.SpeechEvent]

    @property
    def finals(self) -> list[stt.SpeechData]:
        """The final transcripts."""
        return [event.alternatives[0] for event in self.events if event.type is _FINAL]

    @property
    def text(self) -> str:
        """The whole final text."""
        return " ".join(final.text for final in self.finals)

    @property
    def kinds(self) -> list[str]:
        """The events' types, without the usage."""
        return [event.type.value for event in self.events if event.type is not _USAGE]


async def hear(stream: stt.RecognizeStream, pcm: bytes, *, pace: float = 0.0) -> Heard:
    """Push a recording (16 kHz mono) and read the stream to its end.

    Args:
        pace: how many times real time; 0 is as fast as it goes.
    """
    return await listen(stream, frames(pcm, rate=RATE, chunk=0.02), pace=pace)


async def listen(stream: stt.RecognizeStream, audio: Any, *, pace: float = 0.0) -> Heard:
    """Push frames and read the stream to its end; raises the error that ended it, if one did."""
    async with stream:
        pusher = asyncio.create_task(push(stream, audio, pace=pace))
        try:
            result = await outcome(stream, deadline=40.0)
        finally:
            pusher.cancel()
            await asyncio.wait([pusher])
    if result.error is not None:
        raise result.error
    assert result.ended
    return Heard(result.events)


def check_order(heard: Heard) -> None:
    """One START before an utterance's first text, one END after its last, and no text that is blank."""
    speaking = False
    for event in heard.events:
        if event.type is _USAGE:
            continue
        if event.type is _START:
            assert not speaking, heard.kinds
            speaking = True
            continue
        assert speaking, heard.kinds
        if event.type is _END:
            speaking = False
        else:
            assert event.alternatives[0].text.strip()
    assert not speaking, heard.kinds


def check_times(heard: Heard, seconds: float) -> None:
    """Every final has its words' times; they go forward, through the stream, and end with the recording."""
    before = 0.0
    for final in heard.finals:
        words = final.words or []
        assert " ".join(words) == final.text
        assert final.start_time == words[0].start_time
        assert final.end_time == words[-1].end_time
        assert final.start_time >= before - OVERLAP
        # Words follow one another without overlap.
        times: list[Any] = [time for word in words for time in (word.start_time, word.end_time)]
        assert times == sorted(times)
        before = final.end_time
    assert before <= seconds + OVERLAP
