"""Azure's speech WebSocket: our spec against livekit-plugins-azure, which drives Microsoft's native SDK.

After a refusal or a drop the SDK connects again by itself. The vendor takes that connection here; one that
does not is tried for 13 s.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import azure.cognitiveservices.speech as speechsdk  # type: ignore[import-untyped]
import pytest
from livekit.agents import stt
from livekit.plugins import azure

from specbuilder import load_adapter
from tests.differential.harness import (
    ANY,
    APP_DONE,
    Build,
    Case,
    Correction,
    check_ours,
    check_plugin,
    end,
    say,
    until_connection,
    until_events,
    update,
)
from tests.support.streams import tone
from tests.support.vendor import (
    Accept,
    AfterAudio,
    Binary,
    Close,
    Drop,
    Pause,
    Refuse,
    ScriptedVendor,
    Send,
    Text,
)

HOST = "ws://speech.example"
UNIVERSAL = "/stt/speech/universal/v2"
PROFANITY = {"raw": speechsdk.ProfanityOption.Raw}
UTTERANCE = [
    "start_of_speech",
    "interim_transcript: hello wor",
    "final_transcript: Hello world.",
    "end_of_speech",
]


def azure_plugin(**options: Any) -> Build:
    """The plugin at `speech_host`, or with a path at `speech_endpoint`."""

    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        given = {**options, "speech_key": "test-key"}
        if "speech_endpoint" in given:
            given["speech_endpoint"] = f"{vendor.ws_url}{UNIVERSAL}"
        else:
            given["speech_host"] = vendor.ws_url
        if "profanity" in given:
            given["profanity"] = PROFANITY[given["profanity"]]
        return azure.STT(**given)

    return build


def headers_of(frame: Text | Binary) -> tuple[dict[str, str], Any]:
    """Header lines and body of a frame."""
    body: bytes | str
    if isinstance(frame, Binary):
        size = int.from_bytes(frame.data[:2], "big")
        block, body = frame.data[2 : 2 + size].decode(), frame.data[2 + size :]
    else:
        block, _, body = frame.text.partition("\r\n\r\n")
    return dict(line.split(":", 1) for line in block.split("\r\n") if line), body


def audio(frame: Text | Binary) -> bytes:
    headers, body = headers_of(frame)
    return body if headers["Path"] == "audio" and "Content-Type" not in headers else b""


def says(path: str, **body: Any) -> Send:
    """A message of the turn that the client has begun."""

    def message(frames: Sequence[Text | Binary]) -> str:
        [turn] = {
            headers["X-RequestId"] for headers, _ in map(headers_of, frames) if headers["Path"] == "audio"
        }
        head = f"X-RequestId:{turn}\r\nPath:{path}\r\nContent-Type:application/json; charset=utf-8"
        return f"{head}\r\n\r\n{json.dumps(body)}"

    return Send(message)


TAKEN = Accept(subprotocol="USP")
BEGIN = says("turn.start", context={"serviceTag": "abc"})
DETECTED = says("speech.startDetected", Offset=100_000)
INTERIM = says("speech.hypothesis", Id="p1", Text="hello wor", Offset=100_000, Duration=500_000)


def final(text: str, **more: Any) -> Send:
    body = {
        "Id": "p2",
        "RecognitionStatus": "Success",
        "DisplayText": text,
        "Offset": 100_000,
        "Duration": 900_000,
    }
    return says("speech.phrase", **{**body, **more})


def heard(seconds: float = 0.2, rate: int = 16000) -> list[Any]:
    return [TAKEN, AfterAudio(seconds=seconds, rate=rate), BEGIN]


DICTATED = says("speech.phrase", Id="p3", RecognitionStatus="EndOfDictation", Offset=2_500_000, Duration=0)
LAST = [
    APP_DONE,
    Pause(0.15),
    says("speech.endDetected", Offset=1_000_000),
    DICTATED,
    says("turn.end"),
]
"""Said earlier, it makes the SDK begin another turn, as speech.endDetected does at any time."""


def with_start(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**event, "has_speech_start_time": True} if event["type"] == "start_of_speech" else event
        for event in events
    ]


RECONNECTS = "it connects again within one attempt, uncounted"
START = Correction("it does not say when speech began", "events", ANY, with_start)


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    ours = dict(options) if "speech_endpoint" in options else {"speech_host": HOST, **options}
    settings: dict[str, Any] = {
        "options": ours,
        "app": (say(tone(0.25)), end),
        "connections": [script],
        "read_audio": audio,
        "headers": ("ocp-apim-subscription-key", "sec-websocket-protocol"),
        # Its frames hold the time and ids; what they say otherwise is compared below.
        "skip": ("wire.connections.0.sent",),
        "corrections": [START],
        **more,
    }
    return Case(name, azure_plugin(**options), "azure", expect, **settings)


CASES = [
    streaming(
        "plain exchange",
        {},
        UTTERANCE,
        [*heard(), DETECTED, INTERIM, final(""), final("Hello world."), *LAST],
    ),
    streaming(
        "another language, rate and address",
        {"speech_endpoint": f"wss://westeurope.stt.speech.microsoft.com{UNIVERSAL}", "language": "de-DE"},
        ["start_of_speech", "final_transcript: Hallo.", "end_of_speech"],
        [*heard(), DETECTED, final("Hallo."), *LAST],
    ),
    streaming(
        "several languages",
        {"language": ["en-US", "de-DE"]},
        ["start_of_speech", "final_transcript: Hallo.", "end_of_speech"],
        [
            *heard(),
            DETECTED,
            final("Hallo.", PrimaryLanguage={"Language": "de-DE", "Confidence": "High"}),
            *LAST,
        ],
    ),
    streaming(
        "an option change makes a new connection",
        {},
        ["start_of_speech", "final_transcript: Hello world.", "end_of_speech"],
        [],
        connections=[
            [
                *heard(),
                DETECTED,
                final("Hello world.", Duration=1_900_000),
                Pause(0.5),
                DICTATED,
                says("turn.end"),
            ],
            [*heard(), *LAST],
        ],
        # The end of a turn is the end of our connection, and the next one waits for audio.
        ours=[[*heard(), DETECTED, final("Hello world.", Duration=1_900_000)], [*heard(), *LAST]],
        app=(
            say(tone(0.2)),
            until_events(2),
            update(segmentation_silence_timeout_ms=500),
            until_connection(2),
            say(tone(0.25)),
            end,
        ),
        skip=("wire.connections.0.sent", "wire.connections.1.sent"),
    ),
    *(
        streaming(
            f"dropped in mid-speech, {name}",
            {},
            UTTERANCE[:2],
            [],
            connections=[
                [*heard(0.25), DETECTED, INTERIM, end_of_socket],
                [*heard(), INTERIM, final("Hello world."), *LAST],
            ],
            ours=[[*heard(0.25), DETECTED, INTERIM, end_of_socket]],
            error=("retryable",),
            corrections=[
                START,
                Correction(RECONNECTS, "events", ANY, lambda events: events[:2]),
                Correction(RECONNECTS, "error", None, {"retryable": True}),
                Correction(RECONNECTS, "ended", True, False),
                Correction(RECONNECTS, "wire.connections", ANY, lambda several: several[:1]),
            ],
        )
        for name, end_of_socket in (("with 1011", Close(1011)), ("without a word", Drop()))
    ),
    streaming(
        "handshake refused with 429",
        {},
        [],
        [],
        connections=[
            [Refuse(429, {"error": {"message": "Too many requests."}}, {"Retry-After": "1"})],
            [*heard(), DETECTED, final("Hello world."), *LAST],
        ],
        ours=[[Refuse(429, {"error": {"message": "Too many requests."}}, {"Retry-After": "1"})]],
        app=(say(tone(0.25, chunk=0.25)), end),
        corrections=[
            Correction(RECONNECTS, "events", ANY, []),
            Correction(RECONNECTS, "error", None, {"status": 429, "retryable": True}),
            Correction(RECONNECTS, "ended", True, False),
            Correction(RECONNECTS, "usage.audio_duration", 0.25, 0),
            Correction(RECONNECTS, "wire.connections", ANY, lambda several: several[:1]),
        ],
        skip=(),
    ),
    streaming(
        "handshake refused with 401",
        {},
        [],
        [],
        app=(),
        connections=[[Refuse(401, {"error": {"message": "No."}})]],
        corrections=[
            Correction("a refused key is tried again", "error", ANY, {"status": 401, "retryable": False}),
        ],
        skip=(),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)


def context_of(vendor: ScriptedVendor) -> Any:
    """What the client says about the recognition it wants."""
    frames = map(headers_of, (frame for frame in vendor.frames(0) if isinstance(frame, Text)))
    [body] = [body for headers, body in frames if headers["Path"] == "speech.context"]
    return json.loads(body)


SETTINGS: list[dict[str, Any]] = [
    {"language": ["en-US", "de-DE"]},
    {"segmentation_silence_timeout_ms": 500},
    {
        "language": "de-DE",
        "profanity": "raw",
        "phrase_list": ["LiveKit", "Azure"],
        "segmentation_silence_timeout_ms": 500,
        "segmentation_max_time_ms": 30000,
        "segmentation_strategy": "Semantic",
        "explicit_punctuation": True,
        "true_text_post_processing": True,
    },
]


@pytest.mark.parametrize("settings", SETTINGS, ids=len)
async def test_settings_are_told_alike(settings: dict[str, Any]) -> None:
    """Of `enrichment.conversation` the SDK writes defaults too, which are not compared."""
    vendors: list[ScriptedVendor] = []

    def kept(build: Build) -> Build:
        def keep(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
            vendors.append(vendor)
            return build(vendor, session)

        return keep

    def ours(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        return load_adapter(
            "azure",
            api_key="test-key",
            speech_endpoint=f"wss://speech.example{UNIVERSAL}",
            base_url=vendor.url,
            http_session=session,
            **settings,
        )

    script = [*heard(), DETECTED, final("Hello world."), *LAST]
    for build in (azure_plugin(speech_endpoint="", **settings), ours):
        case = streaming("settings", {}, UTTERANCE[::2] + UTTERANCE[3:], script)
        await check_plugin(replace(case, plugin=kept(build), corrections=()))
    theirs, mine = map(context_of, vendors)
    for context in (theirs, mine):
        context["phraseDetection"].get("enrichment", {}).pop("conversation", None)
    assert mine == theirs
    assert vendors[1].handshakes[0].pairs == vendors[0].handshakes[0].pairs
