"""Sarvam's realtime API: our spec against livekit-plugins-sarvam's STTRealtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt
from livekit.plugins import sarvam

from tests.differential.harness import (
    ANY,
    Build,
    Case,
    Correction,
    check_ours,
    check_plugin,
    end,
    flush,
    say,
    until_events,
    until_message,
    update,
)
from tests.support.streams import tone
from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, ScriptedVendor, Send

PATH = "/speech-to-text-realtime/ws"
BEGIN = Send({"event": "session.begin", "session_id": "S1", "request_id": "RQ", "config": {}})
START = Send({"event": "vad.speech_start", "utterance_idx": 0})
END = Send({"event": "vad.speech_end", "utterance_idx": 0})
HEARD = [BEGIN, AfterAudio(seconds=0.2)]
UTTERANCE = ["start_of_speech", "interim_transcript: hel", "final_transcript: hello", "end_of_speech"]


def sarvam_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        return sarvam.STTRealtime(
            api_key="test-key", base_url=f"{vendor.ws_url}{PATH}", http_session=session, **options
        )

    return build


def last(seconds: float = 0.25) -> list[Any]:
    done = Send({"event": "session.end", "session_id": "S1", "audio_duration_s": seconds})
    return [AfterText({"event": "end"}), done, Close(1000)]


def partial(text: str) -> Send:
    return Send({"event": "transcript.partial", "utterance_idx": 0, "text": text, "language": "en-IN"})


def final(text: str, **more: Any) -> Send:
    return Send(
        {
            "event": "transcript.final",
            "utterance_idx": 0,
            "text": text,
            "language": "en-IN",
            "language_confidence": 0.97,
            "start_s": 0.01,
            "end_s": 0.15,
            **more,
        }
    )


def text_first(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """An utterance's text comes before its end, and has no time of arrival."""
    found: list[dict[str, Any]] = []
    for event in events:
        if event["type"] == "final_transcript":
            [data] = event["alternatives"]
            metadata = {
                key: value for key, value in data["metadata"].items() if key != "speech_end_wall_time"
            }
            event = {**event, "alternatives": [{**data, "metadata": metadata}]}
            at = len(found) - (found[-1]["type"] == "end_of_speech")
            found.insert(at, event)
        else:
            found.append(event)
    return found


ORDER = Correction("the end of an utterance comes before its text", "events", ANY, text_first)


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(0.25)), end),
        "connections": [script],
        "headers": ("api-subscription-key",),
        "corrections": [replace(ORDER, shared="end_of_speech" not in expect)],
        **more,
    }
    return Case(name, sarvam_plugin(**options), "sarvam_realtime", expect, **settings)


CASES = [
    streaming(
        "plain exchange",
        {},
        UTTERANCE,
        [*HEARD, START, partial("hel"), final("hello"), END, partial(" "), *last()],
        query_order=True,
    ),
    streaming(
        "an end that comes before its text",
        {},
        UTTERANCE,
        [*HEARD, START, partial("hel"), END, final("hello", confidence=0.7), *last()],
    ),
    streaming(
        "every option",
        {
            "language": "hi-IN",
            "stream_type": "fast",
            "mode": "translit",
            "encoding": "mulaw",
            "sample_rate": 8000,
            "prompt": "hi, you",
            "return_timestamps": True,
            "vad_sot_threshold": 0.4,
            "vad_min_speech_ms": 100,
            "vad_min_silence_ms": 400,
            "vad_prefix_padding_ms": 50,
        },
        UTTERANCE,
        [BEGIN, AfterAudio(size=1600), START, partial("hel"), final("hello"), END, *last()],
        app=(say(tone(0.25, rate=8000)), end),
        query_order=True,
    ),
    streaming(
        "samples of 32 bits",
        {"encoding": "linear32"},
        UTTERANCE,
        [BEGIN, AfterAudio(size=6400), START, partial("hel"), final("hello"), END, *last()],
    ),
    streaming(
        "a flush ends an utterance",
        {"endpointing": "manual", "vad_sot_threshold": 0.4},
        ["start_of_speech", "final_transcript: hello", "end_of_speech"] * 2,
        [
            BEGIN,
            AfterText({"event": "speech_end"}),
            final("hello"),
            AfterText({"event": "speech_end"}),
            final("hello"),
            *last(0.5),
        ],
        app=(say(tone(0.25)), flush, until_events(3), say(tone(0.25)), end),
    ),
    streaming(
        "options change in-band",
        {},
        UTTERANCE,
        [
            *HEARD,
            START,
            partial("hel"),
            final("hello"),
            END,
            AfterText({"event": "config.update"}),
            Send({"event": "config.updated", "applied": ["language_code=hi-IN"]}),
            *last(0.5),
        ],
        app=(
            say(tone(0.25)),
            until_events(4),
            update(language="hi-IN", vad_min_silence_ms=300),
            say(tone(0.25)),
            until_message(1),
            end,
        ),
        chunks=False,
    ),
    streaming(
        "an error that does not end the session",
        {},
        UTTERANCE,
        [
            *HEARD,
            Send({"event": "error", "code": "bad_frame", "is_fatal": False}),
            START,
            partial("hel"),
            final("hello"),
            END,
            *last(),
        ],
    ),
    *(
        streaming(
            f"in-band error {code}",
            {},
            ["start_of_speech", "interim_transcript: hel"],
            [
                *HEARD,
                START,
                partial("hel"),
                Send(
                    {
                        "event": "error",
                        "code": code,
                        "message": "No.",
                        "is_fatal": True,
                        "status_code": status,
                    }
                ),
                Close(1011),
            ],
            app=(say(tone(0.2)),),
            skip=("usage",),
        )
        for code, status in (("model_unavailable", 503), ("invalid_frame", 422))
    ),
    *(
        streaming(
            f"closed with {code}",
            {},
            ["start_of_speech", "interim_transcript: hel"],
            [*HEARD, START, partial("hel"), Close(code)],
            app=(say(tone(0.2)),),
            skip=("usage",),
            corrections=[Correction("a close code counts as an HTTP status", "error.status", ANY, status)],
        )
        for code, status in ((1003, 403), (1008, 400), (1013, 503), (4000, 400))
    ),
    streaming(
        "dropped with 1011",
        {},
        ["start_of_speech", "interim_transcript: hel"],
        [*HEARD, START, partial("hel"), Close(1011)],
        app=(say(tone(0.2)),),
        skip=("usage",),
        corrections=[
            Correction(
                "nothing is ever tried again",
                "error",
                {"status": "close 1011", "retryable": False},
                {"status": 503, "retryable": True},
            )
        ],
    ),
    *(
        streaming(
            f"handshake refused with {status}",
            {},
            [],
            [],
            app=(),
            connections=[[Refuse(status, {"error": {"message": "No."}})]],
        )
        for status in (401, 403, 429, 500)
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
