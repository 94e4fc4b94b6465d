"""Sarvam's REST and streaming APIs: our spec against livekit-plugins-sarvam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt
from livekit.plugins import sarvam
from livekit.plugins.sarvam import stt as sarvam_stt

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
    until_message,
)
from tests.support.streams import tone
from tests.support.vendor import AfterAudio, AfterText, Close, Pause, Refuse, Reply, ScriptedVendor, Send
from tests.support.wire import Binary, Text, base64_audio

REST, STREAM = "/speech-to-text", "/speech-to-text/ws"
LAST = [AfterText({"type": "end_of_stream"}), Close(1000)]
HEARD = [AfterAudio(seconds=0.2)]
START = Send({"type": "events", "data": {"signal_type": "START_SPEECH", "occured_at": 1.0}})
END = Send({"type": "events", "data": {"signal_type": "END_SPEECH"}})
UTTERANCE = ["start_of_speech", "final_transcript: hello", "end_of_speech"]


@pytest.fixture(autouse=True)
def addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin does not use the address it takes; it is put into its module, and taken out again here."""
    for name in ("SARVAM_STT_BASE_URL", "SARVAM_STT_STREAMING_URL"):
        monkeypatch.setattr(sarvam_stt, name, getattr(sarvam_stt, name))


def sarvam_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        sarvam_stt.SARVAM_STT_BASE_URL = f"{vendor.url}{REST}"
        sarvam_stt.SARVAM_STT_STREAMING_URL = f"{vendor.ws_url}{STREAM}"
        return sarvam.STT(api_key="test-key", http_session=session, **options)

    return build


def audio(frame: Text | Binary) -> bytes:
    """The audio of a frame; the last message has an empty one, and is a message."""
    return base64_audio("audio", "data")(frame)


def heard(text: str, **more: Any) -> Send:
    data = {
        "request_id": "R1",
        "transcript": text,
        "language_code": "hi-IN",
        "language_probability": 0.8,
        "speech_start": 0.02,
        "speech_end": 0.15,
        "metrics": {"audio_duration": 0.15, "processing_latency": 0.1},
        **more,
    }
    return Send({"type": "data", "data": data})


def without_arrival(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in event.items() if key != "has_speech_start_time"} for event in events
    ]


ARRIVAL = Correction("speech is said to begin when the message comes", "events", ANY, without_arrival)


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(0.25)), end),
        "connections": [script],
        "read_audio": audio,
        "headers": ("api-subscription-key",),
        **more,
        "corrections": [
            replace(ARRIVAL, shared=START not in script),
            *more.get("corrections", ()),
        ],
    }
    return Case(name, sarvam_plugin(**options), "sarvam", expect, **settings)


STREAMS = [
    streaming(
        "plain exchange",
        {},
        UTTERANCE,
        [*HEARD, START, heard("hello"), heard(""), END, *LAST],
        query_order=True,
    ),
    streaming(
        "an end that comes before its text waits for it",
        {},
        UTTERANCE,
        [*HEARD, START, END, Pause(0.2), heard("hello", language_probability=None), *LAST],
        corrections=[Correction("an end has an id", "events.2.request_id", "R1", "", defect=False)],
    ),
    streaming(
        "every option",
        {
            "language": "hi-IN",
            "model": "saaras:v3",
            "mode": "codemix",
            "high_vad_sensitivity": True,
            "sample_rate": 8000,
            "flush_signal": True,
            "input_audio_codec": "pcm_s16le",
            "positive_speech_threshold": 0.5,
            "negative_speech_threshold": 0.3,
            "min_speech_frames": 1,
            "first_turn_min_speech_frames": 2,
            "negative_frames_count": 3,
            "negative_frames_window": 4,
            "start_speech_volume_threshold": -50.0,
            "interrupt_min_speech_frames": 5,
            "pre_speech_pad_frames": 6,
            "num_initial_ignored_frames": 7,
        },
        UTTERANCE,
        [AfterAudio(seconds=0.2, rate=8000), START, heard("hello"), END, *LAST],
        app=(say(tone(0.25, rate=8000)), end),
        query_order=True,
    ),
    streaming(
        "a model nobody knows",
        {"model": "saaras:v9", "prompt": "Names", "min_speech_frames": 1},
        UTTERANCE,
        [AfterText({"type": "config"}), *HEARD, START, heard("hello"), END, *LAST],
    ),
    streaming(
        "a flush is passed on",
        {"flush_signal": True},
        [],
        [AfterAudio(seconds=0.17), *LAST],
        app=(say(tone(0.12)), flush, until_message(1), say(tone(0.05)), end),
    ),
    streaming(
        "a text without a beginning",
        {},
        ["start_of_speech", "final_transcript: hello", "end_of_speech"],
        [*HEARD, heard("hello"), *LAST],
        corrections=[
            Correction(
                "a text without a beginning neither begins nor ends",
                "events",
                ANY,
                lambda events: [
                    {"type": "start_of_speech", "request_id": ""},
                    *events,
                    {"type": "end_of_speech", "request_id": ""},
                ],
            )
        ],
    ),
    streaming(
        "in-band error",
        {},
        ["start_of_speech"],
        [
            *HEARD,
            START,
            Send({"type": "error", "data": {"error": "quota exceeded", "code": "429"}}),
            Close(1011),
        ],
        app=(say(tone(0.2)),),
    ),
    streaming(
        "dropped with 1011",
        {},
        ["start_of_speech"],
        [*HEARD, START, Close(1011)],
        app=(say(tone(0.2)),),
        corrections=[
            Correction(
                "a close code counts as an HTTP status",
                "error",
                {"status": "close 1011", "retryable": True},
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
            corrections=[
                Correction(
                    "a refusal loses its HTTP status",
                    "error",
                    ANY,
                    {"status": status, "retryable": status != 403},
                )
            ],
        )
        for status in (403, 429, 500)
    ),
]


def batch(name: str, options: dict[str, Any], expect: Sequence[str], reply: Reply, **more: Any) -> Case:
    return Case(
        name,
        sarvam_plugin(**options),
        "sarvam",
        expect,
        options=options,
        replies={f"POST {REST}": [reply]},
        headers=("api-subscription-key",),
        **more,
    )


TIMES = {"words": ["hello"], "start_time_seconds": [0.1], "end_time_seconds": [0.6]}

BATCH = [
    batch(
        "batch",
        {},
        ["final_transcript: hello"],
        Reply(
            json={
                "request_id": "q1",
                "transcript": "hello",
                "language_code": "hi-IN",
                "language_probability": 0.93,
                "timestamps": TIMES,
            }
        ),
    ),
    batch(
        "batch with every option",
        {"language": "ta-IN", "model": "saaras:v3", "mode": "translate"},
        ["final_transcript: hello"],
        Reply(json={"request_id": "q1", "transcript": "hello", "language_code": None, "timestamps": TIMES}),
        frames=tone(0.3, rate=48000, channels=2),
    ),
    batch(
        "batch without times",
        {"model": "saaras:v9"},
        ["final_transcript: hello"],
        Reply(json={"request_id": "q1", "transcript": "hello", "language_code": "hi-IN"}),
        corrections=[
            Correction(
                "the end of the audio is told as the end of the text",
                "events.0.alternatives.0",
                ANY,
                lambda data: {**data, "end": 0.0},
            )
        ],
    ),
    *(
        batch(f"batch refused with {status}", {}, [], Reply(status, json={"error": {"message": "No."}}))
        for status in (403, 429, 500)
    ),
]


@pytest.mark.parametrize("case", STREAMS + BATCH, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", STREAMS + BATCH, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
