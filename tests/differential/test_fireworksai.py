"""Fireworks streaming transcription: our spec against livekit-plugins-fireworksai."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt
from livekit.plugins import fireworksai

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
    until_audio,
    until_connection,
    until_events,
    update,
)
from tests.support.streams import tone
from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, ScriptedVendor, Send

FINAL = AfterText({"checkpoint_id": "final"})
LAST = [FINAL, Send({"checkpoint_id": "final"}), Close(1000)]


def fireworks_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        return fireworksai.STT(
            api_key="test-key", base_url=f"{vendor.ws_url}/v1", http_session=session, **options
        )

    return build


def segment(number: int | str, text: str, final: bool = False, *, listed: bool = True) -> dict[str, Any]:
    words = text.split()
    last = len(words) - 1
    timed = [
        {"word": word, "probability": 0.9, "is_final": final or index < last, "start": 0.1, "end": 0.2}
        for index, word in enumerate(words)
    ]
    return {"id": number, "seek": 0, "text": text, "language": "en", **({"words": timed} if listed else {})}


def heard(*segments: dict[str, Any]) -> Send:
    return Send(
        {
            "task": "transcribe",
            "language": "en",
            "text": " ".join(row["text"] for row in segments),
            "segments": list(segments),
        }
    )


def said(event: dict[str, Any], text: str) -> dict[str, Any]:
    """The event with another text."""
    return {**event, "alternatives": [{**event["alternatives"][0], "text": text}]}


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(0.25)), end),
        "connections": [script],
        **more,
    }
    return Case(name, fireworks_plugin(**options), "fireworksai", expect, **settings)


CASES = [
    streaming(
        "segments grow, are taken back, become final and grow again",
        {},
        [
            "start_of_speech",
            "interim_transcript: hello",
            "interim_transcript: hello there how",
            "interim_transcript: hello where",
            "final_transcript: hello there how are",
            "interim_transcript: you",
            "final_transcript: you",
            "interim_transcript: next one",
            "end_of_speech",
        ],
        [
            AfterAudio(seconds=0.2),
            heard(segment(0, "hello")),
            heard(segment(0, "hello there"), segment(1, "how")),
            heard(segment(0, "hello where", listed=False)),
            heard(segment(0, "hello there"), segment(1, "how are", True)),
            heard(segment(0, "hello there"), segment(1, "how are you")),
            heard(segment(1, "how are you", True)),
            heard(segment(2, "next one", listed=False)),
            Send({"task": "transcribe", "text": "", "segments": []}),
            *LAST,
        ],
        query_order=True,
    ),
    streaming(
        "every option",
        {
            "model": "whisper-v3",
            "sample_rate": 16000,
            "language": "de",
            "prompt": "a b",
            "temperature": 0.2,
            "skip_vad": True,
            "vad_kwargs": {"threshold": 0.15},
            "text_timeout_seconds": 2.5,
            "response_format": "verbose_json",
            "timestamp_granularities": ["word", "segment"],
        },
        ["start_of_speech", "final_transcript: hallo", "end_of_speech"],
        [AfterAudio(seconds=0.2), heard(segment(0, "hallo", True)), *LAST],
        corrections=[
            Correction(
                "of a mapping only the names are sent",
                "wire.connections.0.query",
                ANY,
                lambda pairs: [
                    [name, {"vad_kwargs": {"threshold": 0.15}, "skip_vad": "true"}.get(name, value)]
                    for name, value in pairs
                ],
            )
        ],
    ),
    streaming(
        "ids that are texts",
        {},
        ["start_of_speech", "final_transcript: hello", "end_of_speech"],
        [AfterAudio(seconds=0.2), heard(segment("0", "hello", True)), *LAST],
        corrections=[
            Correction(
                "segment ids that are texts give no events at all",
                "events",
                [],
                [
                    {"type": "start_of_speech", "request_id": ""},
                    {
                        "type": "final_transcript",
                        "request_id": "",
                        "alternatives": [
                            {"text": "hello", "language": "", "start": 0.0, "end": 0.0, "confidence": 0.0}
                        ],
                    },
                    {"type": "end_of_speech", "request_id": ""},
                ],
            )
        ],
    ),
    streaming(
        "a flush sends the partial chunk and no message",
        {},
        [],
        [AfterAudio(seconds=0.17), *LAST],
        app=(say(tone(0.12)), flush, until_audio(3840), say(tone(0.05)), end),
    ),
    streaming(
        "an option change makes a new connection with a table of its own",
        {},
        [
            "start_of_speech",
            "final_transcript: one",
            "end_of_speech",
            "start_of_speech",
            "final_transcript: two",
            "end_of_speech",
        ],
        [],
        app=(
            say(tone(0.1)),
            until_events(2),
            update(prompt="names"),
            until_connection(2),
            say(tone(0.1)),
            until_audio(3200, 1),
            end,
        ),
        connections=[
            [AfterAudio(seconds=0.1), heard(segment(0, "one", True))],
            [AfterAudio(seconds=0.1), heard(segment(0, "two", True)), *LAST],
        ],
        corrections=[
            Correction(
                "segments of a new connection count as old",
                "events",
                ANY,
                lambda events: [*events, events[0], said(events[1], "two"), events[2]],
            )
        ],
    ),
    streaming(
        "in-band error",
        {},
        ["start_of_speech", "interim_transcript: one"],
        [
            AfterAudio(seconds=0.2),
            heard(segment(0, "one")),
            Send({"error": {"message": "No capacity."}}),
            Close(1011),
        ],
        app=(say(tone(0.2)),),
        corrections=[
            Correction(
                "an error ends a turn that goes on in the next connection",
                "events",
                ANY,
                lambda events: events[:2],
            ),
            Correction(
                "an in-band error is ignored",
                "error",
                {"status": "close 1011", "retryable": True},
                {"status": 500, "retryable": True},
            ),
        ],
    ),
    streaming(
        "dropped with 1011",
        {},
        ["start_of_speech", "interim_transcript: one"],
        [AfterAudio(seconds=0.2), heard(segment(0, "one")), Close(1011)],
        app=(say(tone(0.2)),),
        error=("retryable",),
        corrections=[
            Correction(
                "an error ends a turn that goes on in the next connection",
                "events",
                ANY,
                lambda events: events[:2],
            )
        ],
    ),
    *(
        streaming(
            f"handshake refused with {status}",
            {},
            [],
            [Refuse(status, {"error": "No."})],
            app=(),
            error=("type", "status", "retryable"),
            corrections=[
                Correction(
                    "a refused handshake is the HTTP library's own error",
                    "error",
                    {"type": "WSServerHandshakeError", "status": None, "retryable": False},
                    {"type": "APIStatusError", "status": status, "retryable": status != 401},
                )
            ],
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
