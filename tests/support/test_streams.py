"""The helpers that hold a stream: frames, reading with a deadline, and the comparison of plain trees."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit import rtc
from livekit.agents import APIConnectOptions, APIStatusError, LanguageCode, stt
from livekit.agents.types import TimedString

from tests.support.streams import (
    collect,
    differences,
    frames,
    normalise,
    outcome,
    push,
    silence,
    tone,
    total_usage,
    transcripts,
)

FINAL = stt.SpeechEventType.FINAL_TRANSCRIPT


class Echo(stt.STT[str]):
    """Says the number of samples of each frame as a final; one sample is an error, two are a hang."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))

    async def _recognize_impl(self, *args: Any, **kwargs: Any) -> stt.SpeechEvent:
        raise NotImplementedError

    def stream(self, **_: Any) -> EchoStream:
        return EchoStream(stt=self, conn_options=APIConnectOptions(max_retry=0))


class EchoStream(stt.RecognizeStream):
    async def _run(self) -> None:
        async for item in self._input_ch:
            if not isinstance(item, rtc.AudioFrame):
                continue
            if item.samples_per_channel == 1:
                raise APIStatusError("refused", status_code=401)
            if item.samples_per_channel == 2:
                await asyncio.Event().wait()
            data = stt.SpeechData(language=LanguageCode("en"), text=str(item.samples_per_channel))
            self._event_ch.send_nowait(stt.SpeechEvent(type=FINAL, alternatives=[data]))


def test_frames_cut_samples_and_keep_the_rest() -> None:
    cut = frames(bytes(2 * 2 * 250), rate=8000, channels=2, chunk=0.0125)
    assert [frame.samples_per_channel for frame in cut] == [100, 100, 50]
    assert (cut[0].sample_rate, cut[0].num_channels) == (8000, 2)
    assert sum(frame.duration for frame in silence(0.1234)) == pytest.approx(0.1234, abs=1e-4)
    loud = b"".join(bytes(frame.data) for frame in tone(0.1, rate=48000))
    assert len(loud) == 9600
    assert len(set(loud)) > 100


async def test_a_stream_is_read_to_its_end() -> None:
    stream = Echo().stream()
    await push(stream, frames(bytes(700)))
    events = await collect(stream)
    assert transcripts(events) == ["160", "160", "30"]
    await stream.aclose()


async def test_an_error_comes_with_the_events_before_it() -> None:
    stream = Echo().stream()
    await push(stream, frames(bytes(322)))
    result = await outcome(stream)
    assert transcripts(result.events) == ["160"]
    assert isinstance(result.error, APIStatusError)
    assert not result.ended
    await stream.aclose()


async def test_reading_stops_when_enough_was_seen_and_fails_at_the_deadline() -> None:
    stream = Echo().stream()
    await push(stream, frames(bytes(324)), end=False)
    result = await outcome(stream, until=lambda events: len(events) == 1)
    assert result.kinds == ["final_transcript"]
    assert not result.ended
    with pytest.raises(AssertionError, match=r"no end within 0\.05 s"):
        await outcome(stream, deadline=0.05)
    await stream.aclose()


async def test_reading_stops_when_the_vendor_failed() -> None:
    stream = Echo().stream()
    failed = asyncio.Event()
    failed.set()
    with pytest.raises(AssertionError, match="script failed"):
        await outcome(stream, failed=failed)
    await stream.aclose()


def test_normalise_leaves_out_what_says_nothing() -> None:
    word = TimedString("hi", start_time=0.1, end_time=0.2, speaker_id="S1")
    data = stt.SpeechData(language=LanguageCode("en_us"), text="hi", words=[word], source_texts=["x"])
    usage = stt.RecognitionUsage(audio_duration=0.5, output_tokens=2)
    event = stt.SpeechEvent(
        type=FINAL,
        request_id="r",
        alternatives=[data],
        recognition_usage=usage,
        speech_start_time=1.0,
    )
    plain = normalise(event)
    assert plain == {
        "type": "final_transcript",
        "request_id": "r",
        "alternatives": [
            {
                "text": "hi",
                "language": "en-US",
                "start": 0.0,
                "end": 0.0,
                "confidence": 0.0,
                "words": [{"text": "hi", "start": 0.1, "end": 0.2, "speaker": "S1"}],
                "source_texts": ["x"],
            }
        ],
        "usage": {"audio_duration": 0.5, "input_tokens": 0, "output_tokens": 2},
        "has_speech_start_time": True,
    }
    assert total_usage([event, event]) == {"audio_duration": 1.0, "input_tokens": 0, "output_tokens": 4}


@pytest.mark.parametrize(
    ("expected", "actual", "lines"),
    [
        ({"a": [1.0, {"b": 2}]}, {"a": [1.0005, {"b": 2.0}]}, []),
        ({"a": 1.0}, {"a": 1.002}, ["a: 1.002, expected 1.0"]),
        ({"a": 1, "b": 2}, {"b": 2, "c": 3}, ["a: missing, expected 1", "c: unexpected 3"]),
        ([1], [1, 2], [": 2 items, expected 1: [1, 2]"]),
        ({"a": True}, {"a": 1}, ["a: 1, expected True"]),
        ({"a": None}, {"a": 0}, ["a: 0, expected None"]),
        ({"a": [{"t": "x"}]}, {"a": [{"t": "y"}]}, ["a[0].t: 'y', expected 'x'"]),
    ],
)
def test_differences(expected: Any, actual: Any, lines: list[str]) -> None:
    assert differences(expected, actual) == lines
