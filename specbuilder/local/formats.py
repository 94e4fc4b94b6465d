"""The bodies of a transcription answer, as OpenAI's API reference describes them (createTranscription)."""

from __future__ import annotations

from typing import Any

from .types import Segment, Transcript

__all__ = ["RESPONSE_FORMATS", "subtitles", "verbose_json"]

RESPONSE_FORMATS = ("json", "text", "srt", "verbose_json", "vtt")


def verbose_json(
    transcript: Transcript, *, words: bool, segments: bool, temperature: float
) -> dict[str, Any]:
    """The `verbose_json` body, with the granularities that were asked for."""
    body: dict[str, Any] = {
        "task": "transcribe",
        "language": "english",
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
    }
    if words:
        body["words"] = [
            {"word": word.word, "start": word.start, "end": word.end} for word in transcript.words
        ]
    if segments:
        body["segments"] = [
            _segment(i, segment, temperature) for i, segment in enumerate(transcript.segments)
        ]
    return body


def _segment(number: int, segment: Segment, temperature: float) -> dict[str, Any]:
    # Whisper's inner figures mean nothing for another model; clients index them, so they are neutral.
    return {
        "id": number,
        "seek": 0,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [],
        "temperature": temperature,
        "avg_logprob": 0.0,
        "compression_ratio": 1.0,
        "no_speech_prob": 0.0,
    }


def subtitles(transcript: Transcript, kind: str) -> str:
    """The `srt` or `vtt` (https://www.w3.org/TR/webvtt1/) body, a cue for each segment."""
    cues = []
    for number, segment in enumerate(transcript.segments, 1):
        times = f"{_clock(segment.start, kind)} --> {_clock(segment.end, kind)}"
        cues.append(f"{number}\n{times}\n{segment.text}\n" if kind == "srt" else f"{times}\n{segment.text}\n")
    return ("" if kind == "srt" else "WEBVTT\n\n") + "\n".join(cues)


def _clock(seconds: float, kind: str) -> str:
    """hh:mm:ss and milliseconds, after a comma in SubRip and after a point in WebVTT."""
    total = round(seconds * 1000)
    minutes, milliseconds = divmod(total, 60_000)
    mark = "," if kind == "srt" else "."
    return f"{minutes // 60:02}:{minutes % 60:02}:{milliseconds // 1000:02}{mark}{milliseconds % 1000:03}"
