"""Mistral transcription: our spec against livekit-plugins-mistralai, batch and realtime."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt, vad
from livekit.plugins import mistralai
from mistralai.client import Mistral

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
    seen,
    until_connection,
    until_events,
    update,
)
from tests.support.streams import tone
from tests.support.vendor import (
    AfterAudio,
    AfterText,
    Close,
    Refuse,
    Reply,
    ScriptedVendor,
    Send,
    base64_audio,
)

REALTIME = "voxtral-mini-transcribe-realtime-2602"
SESSION = {
    "request_id": "req-1",
    "model": REALTIME,
    "audio_format": {"encoding": "pcm_s16le", "sample_rate": 16000},
    "target_streaming_delay_ms": 480,
}
CREATED = Send({"type": "session.created", "session": SESSION})
INPUT_FLUSHED = AfterText({"type": "input_audio.flush"})
INPUT_ENDED = AfterText({"type": "input_audio.end"})


class _DeafStream:
    """Hears nothing, until the input ends."""

    def __init__(self) -> None:
        self._ended = asyncio.Event()

    def push_frame(self, frame: Any) -> None:
        pass

    def end_input(self) -> None:
        self._ended.set()

    async def aclose(self) -> None:
        self._ended.set()

    async def __aiter__(self) -> AsyncIterator[Any]:
        await self._ended.wait()
        return
        yield


class DeafVad(vad.VAD):
    """The local voice detector that the plugin wants; what it hears is not the vendor's protocol."""

    def __init__(self) -> None:
        super().__init__(capabilities=vad.VADCapabilities(update_interval=0.1))

    def stream(self) -> Any:
        return _DeafStream()


def mistral_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        client = Mistral(api_key="test-key", server_url=vendor.url)
        return mistralai.STT(client=client, vad=DeafVad(), **options)

    return build


def delta(text: str) -> Send:
    return Send({"type": "transcription.text.delta", "text": text})


def done(text: str, *, seconds: int = 0, **more: Any) -> Send:
    spoken = [{"type": "transcription_segment", "text": text, "start": 0.1, "end": 0.9}] if text else []
    usage = {"prompt_audio_seconds": seconds, "prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    return Send(
        {
            "type": "transcription.done",
            "model": REALTIME,
            "text": text,
            "language": None,
            "segments": spoken,
            "usage": usage,
            **more,
        }
    )


def in_turns(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The plugin's events without blank ones, with the turns around them and the times of a final's words."""
    found: list[dict[str, Any]] = []
    speaking = False
    for event in events:
        data = event["alternatives"][0]
        if not data["text"]:
            continue
        if not speaking:
            found.append({"type": "start_of_speech", "request_id": ""})
        speaking = event["type"] != "final_transcript"
        words = data.get("words")
        times = {"start": words[0]["start"], "end": words[-1]["end"]} if words else {}
        found.append({**event, "alternatives": [{**data, **times}]})
        if not speaking:
            found.append({"type": "end_of_speech", "request_id": ""})
    return found


TURNS = Correction("without a local detector no utterance begins or ends", "events", ANY, in_turns)


def realtime(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    options = {"model": REALTIME, **options}
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(0.25)), end),
        "connections": [[CREATED, *script]],
        "read_audio": base64_audio("audio"),
        "corrections": [TURNS],
        **more,
    }
    return Case(name, mistral_plugin(**options), "mistralai", expect, **settings)


def failing(name: str, expect: Sequence[str], script: Sequence[Any], wrong: Correction, **more: Any) -> Case:
    return realtime(
        name,
        {},
        expect,
        [AfterAudio(seconds=0.2), *script],
        **{"app": (say(tone(0.2)),), "corrections": [TURNS, wrong], **more},
    )


STREAMS = [
    realtime(
        "plain exchange: deltas, a language, a final, an empty one at the end",
        {},
        [
            "start_of_speech",
            "interim_transcript: Hello",
            "interim_transcript: Hello world",
            "final_transcript: Hello world.",
            "end_of_speech",
        ],
        [
            AfterAudio(seconds=0.25),
            Send({"type": "transcription.language", "audio_language": "en"}),
            delta("Hello"),
            delta(" world"),
            INPUT_ENDED,
            done(
                "Hello world.",
                seconds=1,
                usage={
                    "prompt_audio_seconds": 1,
                    "prompt_tokens": 10,
                    "completion_tokens": 5,
                    "total_tokens": 15,
                },
            ),
            done("", language="en"),
            Close(1000),
        ],
    ),
    realtime(
        "a delay, and a language in the final",
        {"target_streaming_delay_ms": 240, "language": "fr", "context_bias": ["a"]},
        ["start_of_speech", "final_transcript: Bonjour", "end_of_speech"],
        [AfterText({"type": "session.update"}), INPUT_ENDED, done("Bonjour", language="fr"), Close(1000)],
    ),
    realtime(
        "a flush ends a segment",
        {},
        [
            "start_of_speech",
            "interim_transcript: One",
            "final_transcript: One.",
            "end_of_speech",
            "start_of_speech",
            "interim_transcript: Two",
            "final_transcript: Two.",
            "end_of_speech",
        ],
        [
            INPUT_FLUSHED,
            Send({"type": "transcription.language", "audio_language": "en"}),
            delta("One"),
            done("One."),
            delta("Two"),
            INPUT_ENDED,
            done("Two."),
            Close(1000),
        ],
        app=(say(tone(0.12)), flush, say(tone(0.1)), until_events(3), end),
    ),
    realtime(
        "another delay needs a new connection",
        {},
        ["start_of_speech", "final_transcript: One.", "end_of_speech"],
        [],
        connections=[
            [CREATED, INPUT_FLUSHED, done("One.", language="en")],
            [CREATED, AfterText({"type": "session.update"}), INPUT_ENDED, Close(1000)],
        ],
        app=(
            say(tone(0.1)),
            flush,
            until_events(1),
            update(target_streaming_delay_ms=480),
            until_connection(2),
            say(tone(0.1)),
            end,
        ),
    ),
    failing(
        "in-band error",
        ["start_of_speech", "interim_transcript: Hel"],
        [
            Send({"type": "transcription.language", "audio_language": "en"}),
            delta("Hel"),
            Send({"type": "error", "error": {"message": "bad audio", "code": 3000}}),
        ],
        Correction(
            "the vendor's own code counts as an HTTP status",
            "error",
            {"status": "close 3000", "retryable": True},
            {"status": 500, "retryable": True},
        ),
    ),
    realtime(
        "in-band error before the session",
        {},
        [],
        [],
        app=(),
        connections=[
            [Send({"type": "error", "error": {"message": {"detail": "no such model"}, "code": 404}})]
        ],
        corrections=[
            Correction(
                "an error before the session loses its code",
                "error",
                {"status": None, "retryable": True},
                {"status": 404, "retryable": False},
            )
        ],
    ),
    failing(
        "dropped with 1011",
        ["start_of_speech", "interim_transcript: Hel"],
        [Send({"type": "transcription.language", "audio_language": "en"}), delta("Hel"), Close(1011)],
        Correction(
            "a lost connection is not noticed while no audio is sent", "error", None, {"retryable": True}
        ),
        error=("retryable",),
        plugin_until=seen(1),
    ),
    *(
        realtime(
            f"handshake refused with {status}",
            {},
            [],
            [],
            app=(),
            connections=[[Refuse(status, {"message": "No."})]],
            corrections=[
                Correction(
                    "a refusal loses its HTTP status",
                    "error",
                    {"status": None, "retryable": True},
                    {"status": status, "retryable": status != 401},
                )
            ],
        )
        for status in (401, 429)
    ),
]


def batch(name: str, options: dict[str, Any], expect: Sequence[str], reply: Reply, **more: Any) -> Case:
    return Case(
        name,
        mistral_plugin(**options),
        "mistralai",
        expect,
        options=options,
        replies={"POST /v1/audio/transcriptions": [reply]},
        **more,
    )


USAGE = {"prompt_audio_seconds": 2, "prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9}
BATCH = [
    batch(
        "batch with a detected language",
        {},
        ["final_transcript: Bonjour le monde"],
        Reply(
            json={
                "model": "voxtral-mini-latest",
                "text": "Bonjour le monde",
                "language": "fr",
                "segments": [
                    {"type": "transcription_segment", "text": "Bonjour", "start": 0.1, "end": 0.5},
                    {"type": "transcription_segment", "text": " le monde", "start": 0.5, "end": 1.1},
                ],
                "usage": USAGE,
            }
        ),
    ),
    batch(
        "batch with options",
        {"model": "voxtral-small-latest", "language": "fr-FR", "context_bias": ["Voxtral", "Le Chat"]},
        ["final_transcript: Bonjour"],
        Reply(
            json={
                "model": "voxtral-small-latest",
                "text": "Bonjour",
                "language": None,
                "segments": [],
                "usage": USAGE,
            }
        ),
        frames=tone(0.3, rate=48000, channels=2),
    ),
    *(
        batch(
            f"batch refused with {status}",
            {},
            [],
            Reply(status, json={"object": "error", "message": "No.", "type": "x", "code": "y"}),
        )
        for status in (400, 401, 429, 500)
    ),
]


@pytest.mark.parametrize("case", STREAMS + BATCH, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", STREAMS + BATCH, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
