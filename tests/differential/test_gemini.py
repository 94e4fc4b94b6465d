"""Gemini live transcription: our spec against livekit-plugins-google's `beta.GeminiSTT`."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from google.genai import live, types
from livekit.agents import stt
from livekit.plugins.google import beta
from websockets.asyncio.client import connect

from tests.differential.harness import (
    ANY,
    Build,
    Case,
    Correction,
    check_ours,
    check_plugin,
    end,
    say,
    until_events,
)
from tests.support.streams import tone
from tests.support.vendor import (
    AfterAudio,
    AfterText,
    Binary,
    Close,
    Drop,
    Refuse,
    ScriptedVendor,
    Send,
    Text,
)
from tests.support.wire import lookup

SETUP = Send({"setupComplete": {}})
STREAM_END = AfterText({"realtime_input": {"audioStreamEnd": True}})


@pytest.fixture(autouse=True)
def plain_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendor's client always makes an address of wss; the vendor here has no certificate."""

    def unencrypted(uri: str, **options: Any) -> connect:
        return connect(uri.replace("wss:", "ws:"), additional_headers=options["additional_headers"])

    monkeypatch.setattr(live, "ws_connect", unencrypted)


def audio_of(record: Text | Binary) -> bytes:
    """The audio of a frame; the plugin writes base64 in the alphabet for addresses (RFC 4648, section 5)."""
    value = lookup(record.json, ("realtime_input", "audio", "data")) if isinstance(record, Text) else None
    return base64.b64decode(value.replace("-", "+").replace("_", "/")) if isinstance(value, str) else b""


def gemini_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        http_options = types.HttpOptions(base_url=vendor.url)
        return beta.GeminiSTT(api_key="test-key", http_options=http_options, **options)

    return build


def interim(text: str, **more: Any) -> Send:
    return Send({"serverContent": {"interimInputTranscription": {"text": text, **more}}})


def final(text: str, **more: Any) -> Send:
    return Send({"serverContent": {"inputTranscription": {"text": text, **more}}})


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(0.1)), end),
        "connections": [[SETUP, *script]],
        "headers": ("x-goog-api-key",),
        "read_audio": audio_of,
        "chunks": False,
        **more,
        "corrections": [STABLE, *more.get("corrections", ())],
    }
    return Case(name, gemini_plugin(**options), "gemini", expect, **settings)


STABLE = Correction(
    "Google's client for Python 3.10 is an older one, of the beta's address",
    "wire.connections.0.path",
    ANY,
    lambda path: path.replace(".v1beta.", ".v1."),
    defect=False,
    shared=True,
)
TURN_COMPLETE = Send({"serverContent": {"turnComplete": True}})
TWO = {"text": "two", "language": "en-US", "confidence": 1.0, "start": 0.0, "end": 0.0}
START = {"type": "start_of_speech", "request_id": ""}
END = {"type": "end_of_speech", "request_id": ""}


def with_turns(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Where a turn begins and ends, around each final and what came before it."""
    turns: list[dict[str, Any]] = []
    open_turn = False
    for event in events:
        turns += [] if open_turn else [START]
        turns.append(event)
        open_turn = event["type"] != "final_transcript"
        turns += [] if open_turn else [END]
    return turns


def heard(seconds: float) -> list[Correction]:
    return [
        Correction("it never says when speech begins or ends", "events", ANY, with_turns),
        Correction("audio is not counted", "usage.audio_duration", 0, seconds),
    ]


def failing(name: str, script: Sequence[Any], *error: Correction) -> Case:
    return streaming(
        name,
        {},
        ["start_of_speech", "interim_transcript: hel"],
        [AfterAudio(seconds=0.1), interim("hel"), *script],
        app=(say(tone(0.1)),),
        corrections=[*heard(0.1), *error],
    )


CASES = [
    streaming(
        "plain exchange",
        {},
        [
            "start_of_speech",
            "interim_transcript: hel",
            "final_transcript: hello",
            "end_of_speech",
            "start_of_speech",
            "final_transcript: bye",
            "end_of_speech",
        ],
        [
            AfterAudio(seconds=0.1),
            interim("hel"),
            final(" hello ", languageCode="en-US"),
            STREAM_END,
            final("bye"),
            Close(1000),
        ],
        corrections=heard(0.1),
    ),
    streaming(
        "every option",
        {
            "model": "other-live",
            "language": "de-DE",
            "language_codes": ["fr-FR", "es-ES"],
            "custom_vocabulary": ["LiveKit"],
            "sample_rate": 24000,
        },
        ["start_of_speech", "interim_transcript: sal", "final_transcript: salut", "end_of_speech"],
        [
            AfterAudio(seconds=0.1, rate=24000),
            interim("sal", languageCode="fr-FR"),
            final("salut"),
            STREAM_END,
            Close(1000),
        ],
        app=(say(tone(0.1, rate=24000)), end),
        corrections=heard(0.1),
    ),
    streaming(
        "the model finds the language",
        {"language_codes": []},
        ["start_of_speech", "final_transcript: salut", "end_of_speech"],
        [AfterAudio(seconds=0.1), final("salut", languageCode="fr-FR"), STREAM_END, Close(1000)],
        corrections=heard(0.1),
    ),
    streaming(
        "a turn without its final",
        {},
        ["start_of_speech", "interim_transcript: only this", "final_transcript: only this", "end_of_speech"],
        [
            AfterAudio(seconds=0.1),
            interim("only this", languageCode="de-DE"),
            TURN_COMPLETE,
            STREAM_END,
            Close(1000),
        ],
        corrections=heard(0.1),
    ),
    streaming(
        "speech goes on after a turn",
        {},
        [
            "start_of_speech",
            "interim_transcript: one",
            "final_transcript: one",
            "end_of_speech",
            "start_of_speech",
            "final_transcript: two",
            "end_of_speech",
        ],
        [AfterAudio(seconds=0.1), interim("one"), TURN_COMPLETE],
        ours=[
            [
                SETUP,
                AfterAudio(seconds=0.1),
                interim("one"),
                TURN_COMPLETE,
                AfterAudio(seconds=0.2),
                final("two"),
                STREAM_END,
                Close(1000),
            ]
        ],
        app=(say(tone(0.1)), until_events(3), say(tone(0.1)), end),
        skip=("wire",),
        corrections=[
            *heard(0.2),
            Correction(
                "the stream ends with its first turn",
                "events",
                ANY,
                lambda events: [*events, START, {**events[2], "alternatives": [TWO]}, END],
            ),
        ],
    ),
    failing("in-band error", [Send({"code": 400, "message": "Bad.", "status": "INVALID_ARGUMENT"})]),
    failing(
        "closed after ten minutes",
        [Close(1008, "session duration")],
        Correction(
            "a close code counts as an HTTP status",
            "error",
            {"status": "close 1008", "retryable": True},
            {"status": 503, "retryable": True},
        ),
    ),
    failing(
        "dropped",
        [Drop()],
        Correction(
            "a close code counts as an HTTP status",
            "error",
            {"status": "close 1006", "retryable": True},
            {"status": None, "retryable": True},
        ),
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
                    {"status": None, "retryable": True},
                    {"status": status, "retryable": status != 401},
                )
            ],
        )
        for status in (401, 503)
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
