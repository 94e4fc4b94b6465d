"""xAI speech to text: our spec against livekit-plugins-xai, batch and streaming."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt
from livekit.plugins import xai
from livekit.plugins.xai import stt as xai_stt

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
from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, Reply, ScriptedVendor, Send

CREATED = Send({"type": "transcript.created"})
DONE = AfterText({"type": "audio.done"})
LAST = [DONE, Send({"type": "transcript.done", "text": "", "words": [], "duration": 0.3}), Close(1000)]
START = {"type": "start_of_speech", "request_id": ""}
END = {"type": "end_of_speech", "request_id": ""}
HELLO = {"text": "Hello", "start": 0.0, "end": 0.4, "speaker": 0}
WORLD = {"text": "world.", "start": 0.5, "end": 0.9, "speaker": 1}


@pytest.fixture(autouse=True)
def addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin takes no address; it is put into its module, and taken out again here."""
    for name in ("XAI_REST_URL", "XAI_WEBSOCKET_URL"):
        monkeypatch.setattr(xai_stt, name, getattr(xai_stt, name))


def xai_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        xai_stt.XAI_REST_URL = f"{vendor.url}/v1/stt"
        xai_stt.XAI_WEBSOCKET_URL = f"{vendor.ws_url}/v1/stt"
        return xai.STT(api_key="test-key", http_session=session, **options)

    return build


def partial(text: str, *words: dict[str, Any], final: bool = False, over: bool = False) -> Send:
    return Send(
        {
            "type": "transcript.partial",
            "text": text,
            "is_final": final,
            "speech_final": over,
            "words": list(words),
            "start": 0.0,
            "duration": 0.9,
            "language": "en",
        }
    )


def without_ids(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**event, "request_id": ""} for event in events]


OWN_ID = Correction("the request id is not the vendor's", "events", ANY, without_ids)


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(0.25)), end),
        "connections": [[CREATED, *script]],
        "corrections": [replace(OWN_ID, shared=not expect)],
        **more,
    }
    return Case(name, xai_plugin(**options), "xai", expect, **settings)


def failing(name: str, expect: Sequence[str], script: Sequence[Any], error: Correction) -> Case:
    return streaming(
        name,
        {},
        expect,
        [AfterAudio(seconds=0.2), *script],
        app=(say(tone(0.2)),),
        corrections=[
            OWN_ID,
            Correction("audio before an error is not counted", "usage.audio_duration", 0, 0.2),
            error,
        ],
    )


STREAMS = [
    streaming(
        "plain exchange",
        {},
        [
            "start_of_speech",
            "interim_transcript: Hel",
            "final_transcript: Hello world.",
            "end_of_speech",
            "start_of_speech",
            "final_transcript: Bye.",
            "end_of_speech",
        ],
        [
            AfterAudio(seconds=0.2),
            partial("Hel"),
            partial("Hello world.", HELLO, WORLD, final=True, over=True),
            DONE,
            Send({"type": "transcript.done", "text": "Bye.", "words": [HELLO], "language": "en"}),
            Close(1000),
        ],
        query_order=True,
        corrections=[
            OWN_ID,
            Correction(
                "the last text neither begins nor ends a turn",
                "events",
                ANY,
                lambda events: [*events[:4], START, events[4], END],
            ),
        ],
    ),
    streaming(
        "every option",
        {
            "enable_interim_results": False,
            "sample_rate": 24000,
            "enable_diarization": True,
            "language": "de",
            "endpointing": 0,
            "vad_threshold": 0.1,
            "smart_turn": 0.5,
            "smart_turn_timeout": 2000,
            "keyterm": ["Foo Bar", "Baz&q"],
        },
        ["start_of_speech", "final_transcript: Hello world.", "end_of_speech"],
        [
            AfterAudio(seconds=0.25, rate=24000),
            partial("Hello world.", HELLO, WORLD, final=True, over=True),
            *LAST,
        ],
        app=(say(tone(0.25, rate=24000)), end),
        query_order=True,
    ),
    streaming(
        "an utterance in parts is not said twice",
        {},
        [
            "start_of_speech",
            "final_transcript: Hello",
            "final_transcript: world.",
            "end_of_speech",
            "start_of_speech",
            "final_transcript: Bye.",
            "end_of_speech",
        ],
        [
            AfterAudio(seconds=0.2),
            partial(""),
            partial("Hello", HELLO, final=True),
            partial("world.", WORLD, final=True),
            partial("Hello world.", HELLO, WORLD, final=True, over=True),
            partial("Bye.", HELLO, final=True, over=True),
            *LAST,
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
        "an option change makes a new connection",
        {},
        ["start_of_speech", "final_transcript: Hello", "end_of_speech"],
        [],
        connections=[
            [
                CREATED,
                AfterAudio(seconds=0.1),
                partial("Hello", {**HELLO, "end": 0.1}, final=True, over=True),
            ],
            [CREATED, AfterAudio(seconds=0.1), *LAST],
        ],
        app=(
            say(tone(0.1)),
            until_events(3),
            update(endpointing=500),
            until_connection(2),
            say(tone(0.1)),
            end,
        ),
    ),
    failing(
        "in-band error",
        ["start_of_speech", "interim_transcript: Hel"],
        [partial("Hel"), Send({"type": "error", "message": "oops"}), Close(1011)],
        Correction(
            "an in-band error is only logged",
            "error",
            {"status": "close -1", "retryable": True},
            {"status": 500, "retryable": True},
        ),
    ),
    failing(
        "dropped with 1011",
        ["start_of_speech", "interim_transcript: Hel"],
        [partial("Hel"), Close(1011)],
        Correction(
            "the close code is lost",
            "error",
            {"status": "close -1", "retryable": True},
            {"status": 503, "retryable": True},
        ),
    ),
    *(
        streaming(
            f"handshake refused with {status}",
            {},
            [],
            [],
            app=(),
            connections=[[Refuse(status, {"error": "No."})]],
        )
        for status in (401, 429, 500)
    ),
]


def by_name(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The vendor's documentation wants the file last; the plugin sends it first."""
    return sorted(parts, key=lambda part: str(part["name"]))


def batch(name: str, options: dict[str, Any], expect: Sequence[str], reply: Reply, **more: Any) -> Case:
    return Case(
        name,
        xai_plugin(**options),
        "xai",
        expect,
        options=options,
        replies={"POST /v1/stt": [reply]},
        headers=("authorization", "accept"),
        body=by_name,
        **more,
    )


BATCH = [
    batch(
        "batch",
        {},
        ["final_transcript: Hello world."],
        Reply(json={"text": "Hello world.", "language": "English", "duration": 1.2, "words": [HELLO, WORLD]}),
    ),
    batch(
        "batch with speakers",
        {"language": "fr", "enable_diarization": True},
        ["final_transcript: Hello world."],
        Reply(json={"text": "Hello world.", "language": "French", "words": [HELLO, WORLD]}),
        frames=tone(0.3, rate=48000, channels=2),
    ),
    batch(
        "batch without words or language",
        {"language": "de"},
        ["final_transcript: Hallo"],
        Reply(json={"text": "Hallo", "language": "", "duration": 1.2}),
        corrections=[
            Correction(
                "the language asked for is as good",
                "events.0.alternatives.0",
                ANY,
                lambda data: {**data, "language": "de"},
                defect=False,
            )
        ],
    ),
    *(
        batch(
            f"batch refused with {status}",
            {},
            [],
            Reply(status, json={"error": "No."}),
            corrections=[
                Correction("a refusal loses its HTTP status", "events", ANY, []),
                Correction(
                    "a refusal loses its HTTP status",
                    "error",
                    None,
                    {"status": status, "retryable": status != 401},
                ),
                Correction("a refusal loses its HTTP status", "ended", True, False),
            ],
        )
        for status in (401, 429, 500)
    ),
]


@pytest.mark.parametrize("case", STREAMS + BATCH, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", STREAMS + BATCH, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
