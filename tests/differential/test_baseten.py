"""Baseten's two streaming protocols: our spec against livekit-plugins-baseten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt
from livekit.plugins import baseten

from tests.differential.harness import (
    ANY,
    APP_DONE,
    Build,
    Case,
    Correction,
    check_ours,
    check_plugin,
    end,
    flush,
    say,
    seen,
    until_audio,
    until_connection,
    until_events,
    until_message,
    update,
)
from tests.support.streams import tone
from tests.support.vendor import (
    AfterAudio,
    AfterText,
    Close,
    Refuse,
    ScriptedVendor,
    Send,
    base64_audio,
)

PATH = "/environments/production/websocket"
START = {"type": "start_of_speech", "request_id": ""}
END = {"type": "end_of_speech", "request_id": ""}
HELLO = {"text": "hello", "start_time": 0.1, "end_time": 0.4}
WORLD = {
    "text": "hello world",
    "start_time": 0.1,
    "end_time": 0.9,
    "word_timestamps": [
        {"word": "hello", "start_time": 0.1, "end_time": 0.4, "prob": 0.8},
        {"word": "world", "start_time": 0.5, "end_time": 0.9, "prob": 0.7},
    ],
}
AGAIN = {"text": "again", "start_time": 1.0, "end_time": 1.2}
COMMIT = AfterText({"type": "input_audio_buffer.commit"})


def baseten_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        return baseten.STT(
            api_key="test-key", model_endpoint=f"{vendor.ws_url}{PATH}", http_session=session, **options
        )

    return build


def heard(*segments: dict[str, Any], **more: Any) -> Send:
    return Send({"type": "transcription", "segments": list(segments), **more})


# --- whisper ----------------------------------------------------------------------------------------------


def with_turns(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each utterance begins and ends; an interim is in the language asked for."""
    found: list[dict[str, Any]] = []
    open_turn = False
    for event in events:
        if not open_turn:
            found.append(START)
        final = event["type"] == "final_transcript"
        open_turn = not final
        if not final:
            [data] = event["alternatives"]
            event = {**event, "alternatives": [{**data, "language": "en"}]}
        found += [event, END] if final else [event]
    return found


TURNS = Correction("no utterance ever begins or ends", "events", ANY, with_turns)
USAGE = Correction("audio is not counted", "usage.audio_duration", 0, ANY)


def whisper(
    name: str,
    options: dict[str, Any],
    expect: Sequence[str],
    script: Sequence[Any],
    *corrections: Correction,
    count: int = 1,
    seconds: float = 0.256,
    ended: bool = True,
    **more: Any,
) -> Case:
    """A case whose plugin is read until it has `count` events, as its stream does not end by itself."""
    ends = [
        Correction("a stream does not end by itself", "ended", False, True),
        Correction(
            "a close after the end of input is an error",
            "error",
            ANY,
            None,
            shared="plugin_until" not in more,
        ),
    ]
    settings: dict[str, Any] = {
        "options": {"model_id": "abc", **options},
        "app": (say(tone(seconds)), end),
        "connections": [[*script]],
        "corrections": [
            replace(TURNS, shared=not expect),
            Correction("audio is not counted", "usage.audio_duration", 0, seconds, shared=not seconds),
            *(ends if ended else []),
            *corrections,
        ],
        "plugin_until": seen(count),
        **more,
    }
    return Case(name, baseten_plugin(**options), "baseten", expect, **settings)


LAST = [APP_DONE, Close(1000)]

WHISPER = [
    whisper(
        "whisper: plain exchange",
        {},
        [
            "start_of_speech",
            "interim_transcript: hello",
            "final_transcript: hello world again",
            "end_of_speech",
            "start_of_speech",
            "final_transcript: as a whole",
            "end_of_speech",
        ],
        [
            AfterAudio(seconds=0.25),
            heard(HELLO, is_final=False),
            heard(WORLD, AGAIN, is_final=True, language_code="de", confidence=0.9),
            heard(is_final=False),
            Send({"type": "metadata"}),
            Send({"transcript": "as a whole", "segments": [AGAIN], "language_code": "en", "confidence": 0.5}),
            *LAST,
        ],
        Correction(
            "confidence and times that the vendor gives are left out",
            "events.2.alternatives.0.words",
            ANY,
            lambda words: [
                {**word, "confidence": confidence} if confidence else word
                for word, confidence in zip(words, (0.8, 0.7, None), strict=True)
            ],
        ),
        count=3,
    ),
    whisper(
        "whisper: every option",
        {
            "sample_rate": 8000,
            "language": "de",
            "language_options": ["de", "en"],
            "enable_partial_transcripts": False,
            "partial_transcript_interval_s": 0.5,
            "final_transcript_max_duration_s": 20,
            "show_word_timestamps": False,
            "vad_threshold": 0.4,
            "vad_min_silence_duration_ms": 400,
            "vad_speech_pad_ms": 40,
        },
        ["start_of_speech", "final_transcript: again", "end_of_speech"],
        [AfterAudio(seconds=0.256, rate=8000), heard(AGAIN, language_code="de", confidence=0.5), *LAST],
        app=(say(tone(0.256, rate=8000)), end),
        chunks=False,
    ),
    whisper(
        "whisper: a flush sends the partial chunk and no message",
        {},
        ["start_of_speech", "final_transcript: again", "end_of_speech"],
        [AfterAudio(seconds=0.25), heard(AGAIN, language_code="en", confidence=0.5), *LAST],
        app=(say(tone(0.1)), flush, until_audio(3200), say(tone(0.156)), end),
    ),
    whisper(
        "whisper: an option change makes a new connection",
        {},
        ["start_of_speech", "final_transcript: again", "end_of_speech"],
        [],
        connections=[
            [
                AfterAudio(seconds=0.128),
                heard({**AGAIN, "end_time": 0.128}, language_code="en", confidence=0.5),
            ],
            LAST,
        ],
        app=(
            say(tone(0.128)),
            until_events(1),
            update(vad_threshold=0.6),
            until_connection(2),
            until_message(2),
            end,
        ),
        seconds=0.128,
        plugin_until=None,
    ),
    whisper(
        "whisper: in-band error",
        {},
        [],
        [AfterAudio(seconds=0.25), Send({"type": "error", "message": "oops"}), Close(1011)],
        Correction("an in-band error is not read", "error", ANY, {"status": 500, "retryable": True}),
        seconds=0.256,
        ended=False,
        app=(say(tone(0.256)),),
    ),
    whisper(
        "whisper: dropped with 1011",
        {},
        ["start_of_speech", "interim_transcript: hello"],
        [AfterAudio(seconds=0.25), heard(HELLO, is_final=False), Close(1011)],
        Correction("a close code counts as an HTTP status", "error", ANY, {"status": 503, "retryable": True}),
        count=9,
        ended=False,
        app=(say(tone(0.256)),),
    ),
    *(
        whisper(
            f"whisper: handshake refused with {status}",
            {},
            [],
            [],
            Correction(
                "an error is not one of livekit's",
                "error",
                ANY,
                {"status": status, "retryable": status != 401},
            ),
            app=(),
            connections=[[Refuse(status, {"error": "No."})]],
            seconds=0.0,
            ended=False,
        )
        for status in (401, 429, 500)
    ),
]


# --- qwen3-asr --------------------------------------------------------------------------------------------


def qwen(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    options = {"model": "qwen3-asr", **options}
    settings: dict[str, Any] = {
        "options": {"model_id": "abc", **options},
        "app": (say(tone(0.25)), end),
        "connections": [script],
        "read_audio": base64_audio("audio"),
        "corrections": [COUNTS],
        **more,
    }
    return Case(name, baseten_plugin(**options), "baseten", expect, **settings)


COUNTS = Correction("audio is not counted", "usage.audio_duration", 0, 0.25)
FLUSHED = heard(is_final=True, is_end_of_audio_flush=True)

QWEN = [
    qwen(
        "qwen3-asr: plain exchange",
        {},
        ["start_of_speech", "interim_transcript: hello", "final_transcript: hello world", "end_of_speech"],
        [
            AfterAudio(seconds=0.2),
            heard(HELLO, is_final=False, language_code="English"),
            heard(WORLD, is_final=True, is_end_of_audio_flush=False, language_code="Cantonese"),
            heard(is_final=True),
            COMMIT,
            FLUSHED,
            Close(1000),
        ],
    ),
    qwen(
        "qwen3-asr: every option",
        {
            "language": "German",
            "enable_partial_transcripts": False,
            "partial_transcript_interval_s": 1.0,
            "final_transcript_max_duration_s": 20,
            "show_word_timestamps": True,
            "vad_threshold": 0.4,
            "vad_min_silence_duration_ms": 400,
            "vad_speech_pad_ms": 40,
        },
        ["start_of_speech", "final_transcript: hello world", "end_of_speech"],
        [
            AfterAudio(seconds=0.2),
            heard(WORLD, is_final=True, language_code="German"),
            COMMIT,
            FLUSHED,
            Close(1000),
        ],
    ),
    qwen(
        "qwen3-asr: in-band error",
        {},
        ["start_of_speech", "interim_transcript: hello"],
        [
            AfterAudio(seconds=0.2),
            heard(HELLO, is_final=False, language_code="English"),
            Send({"type": "error", "message": "oops"}),
            Close(1011),
        ],
        app=(say(tone(0.2)),),
        corrections=[Correction("audio is not counted", "usage.audio_duration", 0, 0.2)],
    ),
    qwen(
        "qwen3-asr: dropped with 1011",
        {},
        ["start_of_speech", "interim_transcript: hello"],
        [AfterAudio(seconds=0.2), heard(HELLO, is_final=False, language_code="English"), Close(1011)],
        app=(say(tone(0.2)),),
        corrections=[
            Correction("audio is not counted", "usage.audio_duration", 0, 0.2),
            Correction("a close code counts as an HTTP status", "error.status", None, 503),
        ],
    ),
    *(
        qwen(
            f"qwen3-asr: handshake refused with {status}",
            {},
            [],
            [],
            app=(),
            connections=[[Refuse(status, {"error": "No."})]],
            corrections=[],
        )
        for status in (401, 429, 500)
    ),
    qwen(
        "qwen3-asr: batch over a stream",
        {},
        ["final_transcript: hello world again"],
        [
            AfterAudio(seconds=0.2),
            heard(WORLD, is_final=True, language_code="English"),
            COMMIT,
            heard(AGAIN, is_final=True, is_end_of_audio_flush=True, language_code="English"),
            Close(1000),
        ],
        app=None,
        corrections=[
            Correction(
                "confidence and times that the vendor gives are left out",
                "events.0.alternatives.0",
                ANY,
                lambda data: {**data, "confidence": 1.0, "start": 0.1, "end": 1.2},
            )
        ],
    ),
]


@pytest.mark.parametrize("case", WHISPER + QWEN, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", WHISPER + QWEN, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
