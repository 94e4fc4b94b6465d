"""Gradium streaming transcription: our spec against livekit-plugins-gradium."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt
from livekit.plugins import gradium

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
    until_events,
)
from tests.support.streams import tone
from tests.support.vendor import AfterAudio, Close, Refuse, ScriptedVendor, Send, base64_audio

PATH = "/api/speech/asr"
READY = Send({"type": "ready", "request_id": "r", "sample_rate": 24000, "delay_in_tokens": 3})
LAST = [APP_DONE, Close(1000)]


def gradium_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        return gradium.STT(
            api_key="test-key", model_endpoint=f"{vendor.ws_url}{PATH}", http_session=session, **options
        )

    return build


def text(word: str, start: float, stop: float) -> list[Send]:
    return [
        Send({"type": "text", "text": word, "start_s": start, "stream_id": None}),
        Send({"type": "end_text", "stop_s": stop, "stream_id": None}),
    ]


def step(*silence: float) -> Send:
    """A step with the probability of silence in each of the vendor's horizons."""
    return Send({"type": "step", "step_idx": 1, "vad": [{"inactivity_prob": value} for value in silence]})


QUIET = step(0.1, 0.1, 0.95)
SPEECH = step(0.1, 0.1, 0.2)


def said(*texts: tuple[str, float, float]) -> Any:
    """An interim is all of the utterance so far; text and times of each transcript as given."""

    def change(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        left = iter(texts)
        found = []
        for event in events:
            if "alternatives" in event:
                words, start, stop = next(left)
                [data] = event["alternatives"]
                event = {**event, "alternatives": [{**data, "text": words, "start": start, "end": stop}]}
            found.append(event)
        return found

    return change


def streaming(
    name: str,
    options: dict[str, Any],
    expect: Sequence[str],
    script: Sequence[Any],
    *corrections: Correction,
    count: int = 99,
    seconds: float = 0.24,
    stops: bool = True,
    **more: Any,
) -> Case:
    ends = [
        Correction("the vendor is not told of the end, and the stream never ends", "ended", ANY, True),
        Correction("a close after the end of input is an error", "error", ANY, None, shared=count < 99),
        Correction(
            "the vendor is not told of the end, and the stream never ends",
            f"wire.connections.{len(more.get('connections', [1])) - 1}.sent",
            ANY,
            lambda sent: [*sent, {"type": "end_of_stream"}],
        ),
    ]
    settings: dict[str, Any] = {
        "options": {"vad_flush": False, **options},
        "app": (say(tone(seconds, rate=24000)), end),
        "connections": [[READY, *script]],
        "read_audio": base64_audio("audio"),
        "headers": ("x-api-key",),
        "corrections": [
            Correction("audio is not counted", "usage.audio_duration", 0, seconds, shared=not seconds),
            *(ends if stops else []),
            *corrections,
        ],
        "plugin_until": seen(count),
        **more,
    }
    return Case(name, gradium_plugin(**{"vad_flush": False, **options}), "gradium", expect, **settings)


HEARD = [AfterAudio(seconds=0.24, rate=24000)]

CASES = [
    streaming(
        "an utterance ends after silence as long as the text lags behind",
        {},
        [
            "start_of_speech",
            "interim_transcript: Hello",
            "interim_transcript: Hello world",
            "final_transcript: Hello world",
            "end_of_speech",
        ],
        [
            *HEARD,
            QUIET,
            *text("Hello", 0.01, 0.1),
            *text("world", 0.11, 0.2),
            QUIET,
            SPEECH,
            *[QUIET] * 4,
            *LAST,
        ],
        Correction(
            "a transcript has the times of its last piece only",
            "events",
            ANY,
            said(("Hello", 0.01, 0.0), ("Hello world", 0.01, 0.1), ("Hello world", 0.01, 0.2)),
        ),
        count=5,
    ),
    streaming(
        "silence that brings the rest of the text sooner",
        {"vad_flush": True},
        [
            "start_of_speech",
            "interim_transcript: Hello",
            "final_transcript: Hello",
            "end_of_speech",
        ],
        [
            *HEARD,
            *text("Hello", 0.01, 0.1),
            QUIET,
            AfterAudio(seconds=0.48, rate=24000),
            *[QUIET] * 3,
            *LAST,
        ],
        Correction(
            "a transcript has the times of its last piece only",
            "events",
            ANY,
            said(("Hello", 0.01, 0.0), ("Hello", 0.01, 0.1)),
        ),
        count=4,
        seconds=0.48,
        chunks=False,
        app=(say(tone(0.24, rate=24000)), until_events(4), end),
    ),
    streaming(
        "every option",
        {
            "model_name": "other",
            "sample_rate": 24000,
            "encoding": "pcm_s16le",
            "vad_threshold": 0.5,
            "vad_bucket": 1,
            "temperature": 0.1,
            "language": "pt-BR",
        },
        ["start_of_speech", "interim_transcript: Olá", "final_transcript: Olá", "end_of_speech"],
        [*HEARD, *text("Olá", 0.01, 0.1), *[step(0.1, 0.6, 0.1)] * 4, *LAST],
        Correction(
            "a transcript has the times of its last piece only",
            "events",
            ANY,
            said(("Olá", 0.01, 0.0), ("Olá", 0.01, 0.1)),
        ),
        count=4,
    ),
    streaming(
        "what no pause has closed is final at the end",
        {},
        ["start_of_speech", "interim_transcript: Hello", "final_transcript: Hello", "end_of_speech"],
        [*HEARD, *text("Hello", 0.01, 0.1), *LAST],
        Correction(
            "text that no pause has closed is lost at the end",
            "events",
            ANY,
            lambda events: said(("Hello", 0.01, 0.0), ("Hello", 0.01, 0.1))(
                [
                    *events,
                    {**events[-1], "type": "final_transcript"},
                    {"type": "end_of_speech", "request_id": ""},
                ]
            ),
        ),
        count=2,
    ),
    streaming(
        "a flush sends the partial chunk and no message",
        {},
        [],
        [AfterAudio(seconds=0.23, rate=24000), *LAST],
        app=(say(tone(0.1, rate=24000)), flush, until_audio(4800), say(tone(0.13, rate=24000)), end),
        seconds=0.23,
    ),
    streaming(
        "in-band error",
        {},
        ["start_of_speech", "interim_transcript: Hello", "final_transcript: Hello", "end_of_speech"],
        [
            *HEARD,
            *text("Hello", 0.01, 0.1),
            Send({"type": "error", "message": "bad setup", "code": 1008}),
            Close(1008),
        ],
        Correction("an in-band error is only logged", "error", ANY, {"status": 400, "retryable": False}),
        Correction(
            "text that no pause has closed is lost at the end",
            "events",
            ANY,
            lambda events: said(("Hello", 0.01, 0.0), ("Hello", 0.01, 0.1))(
                [
                    *events,
                    {**events[-1], "type": "final_transcript"},
                    {"type": "end_of_speech", "request_id": ""},
                ]
            ),
        ),
        app=(say(tone(0.24, rate=24000)),),
        stops=False,
    ),
    streaming(
        "dropped with 1011",
        {},
        ["start_of_speech", "interim_transcript: Hello"],
        [*HEARD, *text("Hello", 0.01, 0.1), Close(1011)],
        Correction("a close code counts as an HTTP status", "error", ANY, {"status": 503, "retryable": True}),
        app=(say(tone(0.24, rate=24000)),),
        stops=False,
    ),
    *(
        streaming(
            f"handshake refused with {status}",
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
            stops=False,
        )
        for status in (401, 429, 500)
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
