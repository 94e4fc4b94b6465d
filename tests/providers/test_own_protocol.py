"""STTAdapter: an adapter in Python, and the stream it gets for nothing."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import NOT_GIVEN, APIConnectionError, APIConnectOptions, NotGivenOr, stt
from livekit.agents.utils import AudioBuffer

from specbuilder.adapters import own
from specbuilder.providers.adapters import STTAdapter
from tests.support.streams import outcome, push, silence, tone

QUICK = APIConnectOptions(max_retry=2, retry_interval=0.0)


class Counting(STTAdapter):
    """Transcribes how many samples it hears; the first `failures` attempts fail."""

    def __init__(self, streaming: bool = True, failures: int = 0) -> None:
        super().__init__(sample_rate=16000, streaming=streaming)
        self.failures = failures
        self.heard: list[bytes] = []

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        pcm = self.pcm(buffer)
        self.heard.append(pcm)
        if self.failures:
            self.failures -= 1
            raise APIConnectionError("not now")
        text = f"{len(pcm) // 2} samples" if any(pcm) else ""
        data = stt.SpeechData(text=text, language=language or "en")  # type: ignore[arg-type]
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data])


def finals(events: list[stt.SpeechEvent]) -> list[Any]:
    return [
        (
            event.alternatives[0].text,
            round(event.alternatives[0].start_time, 6),
            round(event.alternatives[0].end_time, 6),
        )
        for event in events
        if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT
    ]


async def test_each_flush_recognizes_what_was_said_since_the_last_one() -> None:
    adapter = Counting()
    assert adapter.capabilities.manual_flush
    stream = adapter.stream(language="de")
    await push(stream, tone(0.5), end=False)
    stream.flush()
    stream.flush()
    await push(stream, silence(0.5), end=False)
    stream.flush()
    await push(stream, tone(0.25))
    result = await outcome(stream)
    assert result.kinds == ["start_of_speech", "final_transcript", "end_of_speech"] * 2
    assert finals(result.events) == [("8000 samples", 0.0, 0.5), ("4000 samples", 1.0, 1.25)]
    assert sum(
        event.recognition_usage.audio_duration for event in result.events if event.recognition_usage
    ) == pytest.approx(1.25)
    assert {event.alternatives[0].language for event in result.events if event.alternatives} == {"de"}


async def test_a_segment_whose_attempt_fails_is_tried_again_whole() -> None:
    adapter = Counting(failures=2)
    stream = adapter.stream(conn_options=QUICK)
    await push(stream, tone(0.5))
    result = await outcome(stream)
    assert finals(result.events) == [("8000 samples", 0.0, 0.5)]
    assert len({bytes(pcm) for pcm in adapter.heard}) == 1


async def test_a_segment_without_a_flush_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "LONGEST_SEGMENT", 0.4)
    adapter = Counting()
    stream = adapter.stream()
    await push(stream, tone(1.0))
    result = await outcome(stream)
    assert [text for text, _, _ in finals(result.events)] == ["6400 samples", "6400 samples", "3200 samples"]


async def test_audio_of_any_form_is_given_as_asked() -> None:
    adapter = Counting(streaming=False)
    event = await adapter.recognize(tone(0.5, rate=48000, channels=2))
    assert event.alternatives[0].text == "8000 samples"
    assert adapter.wav(tone(0.1))[:4] == b"RIFF"


async def test_one_that_does_not_stream_says_so() -> None:
    with pytest.raises(NotImplementedError, match="Counting does not stream: make it with streaming=True"):
        Counting(streaming=False).stream()


def test_an_own_stream_needs_no_flush_from_outside() -> None:
    class Own(Counting):
        def stream(self, **arguments: Any) -> Any:
            return None

    assert not Own().capabilities.manual_flush
