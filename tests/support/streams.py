"""A stream's two ends as a test holds them: audio frames to push, and the events that come out."""

from __future__ import annotations

import asyncio
import math
import wave
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livekit import rtc
from livekit.agents import NOT_GIVEN, stt

__all__ = [
    "Outcome",
    "collect",
    "differences",
    "frames",
    "normalise",
    "outcome",
    "push",
    "silence",
    "tone",
    "total_usage",
    "transcripts",
    "wav_frames",
]


def frames(
    samples: bytes, *, rate: int = 16000, channels: int = 1, chunk: float = 0.01
) -> list[rtc.AudioFrame]:
    """Cut 16-bit samples into frames of `chunk` seconds; the last one may be shorter."""
    step = max(1, round(rate * chunk)) * 2 * channels
    return [
        rtc.AudioFrame(
            data=samples[start : start + step],
            sample_rate=rate,
            num_channels=channels,
            samples_per_channel=len(samples[start : start + step]) // (2 * channels),
        )
        for start in range(0, len(samples), step)
    ]


def silence(
    seconds: float, *, rate: int = 16000, channels: int = 1, chunk: float = 0.01
) -> list[rtc.AudioFrame]:
    """Frames of zeros."""
    return frames(bytes(2 * channels * round(seconds * rate)), rate=rate, channels=channels, chunk=chunk)


def tone(
    seconds: float, *, rate: int = 16000, channels: int = 1, chunk: float = 0.01, hertz: float = 440.0
) -> list[rtc.AudioFrame]:
    """Frames of a sine at a third of full scale, the same in every channel; no two chunks need be equal."""
    samples = array("h")
    for index in range(round(seconds * rate)):
        samples.extend([round(10900 * math.sin(2 * math.pi * hertz * index / rate))] * channels)
    return frames(samples.tobytes(), rate=rate, channels=channels, chunk=chunk)


def wav_frames(path: str | Path, *, chunk: float = 0.01) -> list[rtc.AudioFrame]:
    """The frames of a 16-bit WAV file, at its own rate and channels."""
    with wave.open(str(path)) as file:
        assert file.getsampwidth() == 2, "only 16-bit files"
        samples = file.readframes(file.getnframes())
        return frames(samples, rate=file.getframerate(), channels=file.getnchannels(), chunk=chunk)


async def push(
    stream: stt.RecognizeStream, audio: Iterable[rtc.AudioFrame], *, pace: float = 0.0, end: bool = True
) -> None:
    """Push frames into a stream.

    Args:
        pace: how many times real time; 0 is at once (yet the loop runs between frames).
        end: whether to call `end_input()` afterwards.
    """
    for frame in audio:
        stream.push_frame(frame)
        await asyncio.sleep(frame.duration / pace if pace else 0)
    if end:
        stream.end_input()


@dataclass
class Outcome:
    """What came out of a stream: its events, and the error that ended it, if one did.

    `ended` is False when reading stopped because the caller had seen enough (`until`).
    """

    events: list[stt.SpeechEvent] = field(default_factory=list)
    error: BaseException | None = None
    ended: bool = False

    @property
    def kinds(self) -> list[str]:
        """The events' types, without recognition_usage."""
        usage = stt.SpeechEventType.RECOGNITION_USAGE
        return [event.type.value for event in self.events if event.type != usage]


async def outcome(
    stream: stt.RecognizeStream,
    *,
    deadline: float = 10.0,
    until: Callable[[list[stt.SpeechEvent]], bool] | None = None,
    failed: asyncio.Event | None = None,
) -> Outcome:
    """Read a stream to its end or error.

    Args:
        deadline: seconds for everything.
        until: looked at after every event; reading stops when it is true.
        failed: another reason to give up, e.g. a vendor's `failed`.

    Raises:
        AssertionError: the deadline passed, or `failed` was set; the message shows the events so far. The
            stream can only be closed then: a cancelled read ends livekit's iterator.
    """
    result = Outcome()
    reader = asyncio.ensure_future(_read(stream, result, until))
    watcher = asyncio.ensure_future((failed or asyncio.Event()).wait())
    try:
        await asyncio.wait([reader, watcher], timeout=deadline, return_when=asyncio.FIRST_COMPLETED)
        if reader.done():
            reader.result()
            return result
        why = "the vendor's script failed" if watcher.done() else f"no end within {deadline} s"
        raise AssertionError(f"{why}; events so far: {[normalise(event) for event in result.events]}")
    finally:
        for task in (reader, watcher):
            task.cancel()
        await asyncio.wait([reader, watcher])


async def _read(
    stream: stt.RecognizeStream, result: Outcome, until: Callable[[list[stt.SpeechEvent]], bool] | None
) -> None:
    try:
        async for event in stream:
            result.events.append(event)
            if until is not None and until(result.events):
                return
        result.ended = True
    except Exception as error:
        result.error = error


async def collect(stream: stt.RecognizeStream, *, deadline: float = 10.0) -> list[stt.SpeechEvent]:
    """All events until the stream ends. Raises the stream's error, or AssertionError at the deadline."""
    result = await outcome(stream, deadline=deadline)
    if result.error is not None:
        raise result.error
    return result.events


def normalise(event: stt.SpeechEvent) -> dict[str, Any]:
    """An event as a plain dict to compare: without wall-clock times, and without fields that say nothing."""
    plain: dict[str, Any] = {"type": event.type.value, "request_id": event.request_id}
    if event.alternatives:
        plain["alternatives"] = [_alternative(data) for data in event.alternatives]
    if event.recognition_usage is not None:
        plain["usage"] = {
            "audio_duration": event.recognition_usage.audio_duration,
            "input_tokens": event.recognition_usage.input_tokens,
            "output_tokens": event.recognition_usage.output_tokens,
        }
    if event.speech_start_time is not None:
        plain["has_speech_start_time"] = True
    return plain


def _alternative(data: stt.SpeechData) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "text": data.text,
        "language": str(data.language),
        "start": data.start_time,
        "end": data.end_time,
        "confidence": data.confidence,
    }
    optional = {
        "speaker": data.speaker_id,
        "words": None if data.words is None else [_word(word) for word in data.words],
        "metadata": data.metadata,
        "source_languages": _texts(data.source_languages),
        "source_texts": data.source_texts,
        "target_languages": _texts(data.target_languages),
        "target_texts": data.target_texts,
    }
    return {**plain, **{name: value for name, value in optional.items() if value is not None}}


def _texts(values: Sequence[str] | None) -> list[str] | None:
    return None if values is None else [str(value) for value in values]


def _word(word: Any) -> dict[str, Any]:
    fields = {
        "start": word.start_time,
        "end": word.end_time,
        "confidence": word.confidence,
        "speaker": word.speaker_id,
    }
    given = {name: value for name, value in fields.items() if value is not NOT_GIVEN and value is not None}
    return {"text": str(word), **given}


def transcripts(events: Iterable[stt.SpeechEvent], kind: str = "final_transcript") -> list[str]:
    """The texts of the first alternatives of all events of that type."""
    return [event.alternatives[0].text for event in events if event.type.value == kind]


def total_usage(events: Iterable[stt.SpeechEvent]) -> dict[str, float]:
    """The sum of all recognition_usage events."""
    usages = [event.recognition_usage for event in events if event.recognition_usage is not None]
    return {
        "audio_duration": sum(usage.audio_duration for usage in usages),
        "input_tokens": sum(usage.input_tokens for usage in usages),
        "output_tokens": sum(usage.output_tokens for usage in usages),
    }


def differences(expected: Any, actual: Any, *, tolerance: float = 1e-3, path: str = "") -> list[str]:
    """Where two plain trees differ, one line a place; numbers may differ by `tolerance`. Empty: equal."""
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        lines = []
        for key in [*expected, *(key for key in actual if key not in expected)]:
            place = f"{path}.{key}" if path else str(key)
            if key not in actual:
                lines.append(f"{place}: missing, expected {expected[key]!r}")
            elif key not in expected:
                lines.append(f"{place}: unexpected {actual[key]!r}")
            else:
                lines += differences(expected[key], actual[key], tolerance=tolerance, path=place)
        return lines
    if isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)):
        lines = [
            line
            for index, (one, other) in enumerate(zip(expected, actual, strict=False))
            for line in differences(one, other, tolerance=tolerance, path=f"{path}[{index}]")
        ]
        if len(expected) != len(actual):
            lines.append(f"{path}: {len(actual)} items, expected {len(expected)}: {actual!r}")
        return lines
    if _is_number(expected) and _is_number(actual):
        close = math.isclose(expected, actual, rel_tol=0.0, abs_tol=tolerance)
        return [] if close else [f"{path}: {actual!r}, expected {expected!r}"]
    same = type(expected) is type(actual) and expected == actual
    return [] if same else [f"{path}: {actual!r}, expected {expected!r}"]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
