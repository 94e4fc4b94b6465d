"""ElevenLabs Scribe: our spec against livekit-plugins-elevenlabs, batch and realtime."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt
from livekit.plugins import elevenlabs

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
from tests.support.streams import tone, total_usage
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

REALTIME = {"model": "scribe_v2_realtime"}
COMMIT = AfterText({"commit": True})
STARTED = Send({"message_type": "session_started", "session_id": "0b0a", "config": {"sample_rate": 16000}})
HELLO_YOU = [
    {"text": "Hello", "start": 0.0, "end": 0.32, "type": "word", "logprob": -0.1},
    {"text": " ", "start": 0.32, "end": 0.35, "type": "spacing", "logprob": -3.0},
    {"text": "you", "start": 0.4, "end": 0.55, "type": "word", "logprob": -0.3},
]
END = {"type": "end_of_speech", "request_id": ""}
NEVER_ENDS = Correction("only the vendor's close ends a stream, and late", "ended", False, True)
NOT_COUNTED = Correction("audio before an error is not counted", "usage.audio_duration", 0, 0.35)


def elevenlabs_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        return elevenlabs.STT(
            api_key="test-key", base_url=f"{vendor.url}/v1", http_session=session, **options
        )

    return build


def is_keepalive(message: Any) -> bool:
    """Also the first message, which may carry what was said before."""
    return isinstance(message, dict) and message == {
        "message_type": "input_audio_chunk",
        "audio_base_64": "",
        "commit": False,
        "sample_rate": 16000,
    }


def partial(text: str) -> Send:
    return Send({"message_type": "partial_transcript", "text": text})


def committed(text: str) -> Send:
    return Send({"message_type": "committed_transcript", "text": text})


def timed(text: str, *words: dict[str, Any], language: str = "eng") -> Send:
    return Send(
        {
            "message_type": "committed_transcript_with_timestamps",
            "text": text,
            "language_code": language,
            "words": list(words),
        }
    )


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    """A case that the plugin ends up to 10 s late; it is not waited for."""
    settings: dict[str, Any] = {
        "options": {**REALTIME, **options},
        "app": (say(tone(0.35)), end),
        "connections": [[STARTED, *script]],
        "read_audio": base64_audio("audio_base_64"),
        "headers": ("xi-api-key",),
        "ignore": is_keepalive,
        "plugin_until": seen(len(expect)),
        "corrections": [NEVER_ENDS],
        **more,
    }
    return Case(name, elevenlabs_plugin(**settings["options"]), "elevenlabs", expect, **settings)


def failing(name: str, script: Sequence[Any], **more: Any) -> Case:
    settings: dict[str, Any] = {
        "app": (say(tone(0.35)),),
        "plugin_until": None,
        "corrections": [NOT_COUNTED],
        **more,
    }
    return streaming(name, {}, [], [AfterAudio(seconds=0.35), *script], **settings)


STREAMS = [
    streaming(
        "plain exchange: both copies of a commit, a repeated partial, an empty commit",
        {},
        ["start_of_speech", "interim_transcript: Hello", "final_transcript: Hello you", "end_of_speech"],
        [
            AfterAudio(seconds=0.35),
            partial(""),
            partial("Hello"),
            partial("Hello"),
            COMMIT,
            committed("Hello you"),
            timed("Hello you", *HELLO_YOU),
            COMMIT,
            committed(""),
            timed(""),
            Close(1000),
        ],
        app=(say(tone(0.35)), flush, until_events(3), end),
        chunks=False,
    ),
    streaming(
        "every option",
        {
            "language_code": "en-US",
            "secondary_languages": ["es-MX", "fra"],
            "include_language_detection": True,
            "sample_rate": 24000,
            "audio_chunk_duration_ms": 100,
            "include_timestamps": True,
            "keyterms": ["a b", "é/x"],
            "no_verbatim": True,
            "enable_logging": False,
            "previous_text": "Once upon a time",
        },
        ["start_of_speech", "final_transcript: Hello you", "end_of_speech"],
        [
            AfterAudio(seconds=0.35, rate=24000),
            COMMIT,
            committed("Hello you"),
            timed("Hello you", *HELLO_YOU),
            Close(1000),
        ],
        app=(say(tone(0.35, rate=24000)), end),
        query_order=True,
        plugin_until=seen(2),
        corrections=[
            NEVER_ENDS,
            Correction(
                "a turn still open at the end has no end", "events", ANY, lambda events: [*events, END]
            ),
        ],
    ),
    streaming(
        "the vendor commits",
        {"server_vad": {"vad_silence_threshold_secs": 1.5, "vad_threshold": None}, "language_code": "en"},
        [
            "start_of_speech",
            "final_transcript: One.",
            "end_of_speech",
            "start_of_speech",
            "interim_transcript: Tw",
            "final_transcript: Two.",
            "end_of_speech",
        ],
        [
            AfterAudio(seconds=0.35),
            timed("One."),
            committed("One."),
            partial("Tw"),
            COMMIT,
            committed("Two."),
            Close(1000),
        ],
    ),
    streaming(
        "short commits are padded to 0.3 s",
        {"language_code": "de"},
        ["start_of_speech", "final_transcript: Ja", "end_of_speech"],
        [COMMIT, committed("Ja"), COMMIT, committed(""), Close(1000)],
        app=(say(tone(0.2)), flush, until_events(2), end),
        chunks=False,
    ),
    streaming(
        "an option change makes a new connection",
        {"language_code": "en"},
        ["start_of_speech", "final_transcript: Hi LiveKit", "end_of_speech"],
        [],
        connections=[
            [STARTED, COMMIT, committed("Hi LiveKit"), committed("")],
            [STARTED, COMMIT, committed(""), Close(1000)],
        ],
        app=(say(tone(0.35)), flush, until_events(3), update(keyterms=["LiveKit"]), until_connection(2), end),
        chunks=False,
        plugin_until=lambda events: total_usage(events)["audio_duration"] > 0.6,
    ),
    failing(
        "in-band fatal error",
        [Send({"message_type": "quota_exceeded", "error": "No credit."})],
        error=("retryable",),
    ),
    failing(
        "in-band passing error",
        [Send({"message_type": "transcriber_error", "error": "Try again."})],
        error=("retryable",),
    ),
    failing(
        "in-band limit",
        [Send({"message_type": "rate_limited", "error": "Slow down."}), Close(1008)],
        corrections=[
            NOT_COUNTED,
            Correction(
                "an in-band limit is only logged",
                "error",
                {"status": "close 1008", "retryable": True},
                {"status": 429, "retryable": True},
            ),
        ],
    ),
    failing("dropped with 1011", [Close(1011)], error=("retryable",)),
    *(
        streaming(
            f"handshake refused with {status}",
            {},
            [],
            [],
            app=(),
            connections=[[Refuse(status, {"detail": {"message": "No."}}, {"x-trace-id": "t-1"})]],
            plugin_until=None,
            corrections=(),
        )
        for status in (401, 429, 500)
    ),
]


def batch(name: str, options: dict[str, Any], expect: Sequence[str], reply: Reply, **more: Any) -> Case:
    return Case(
        name,
        elevenlabs_plugin(**options),
        "elevenlabs",
        expect,
        options=options,
        replies={"POST /v1/speech-to-text": [reply]},
        headers=("xi-api-key",),
        **more,
    )


SPOKEN = [{**word, "speaker_id": "speaker_0"} for word in HELLO_YOU]
BATCH = [
    batch(
        "batch",
        {},
        ["final_transcript: Hello you"],
        Reply(json={"language_code": "eng", "text": "Hello you", "words": SPOKEN, "transcription_id": "t"}),
    ),
    batch(
        "batch with options",
        {
            "model": "scribe_v2",
            "language_code": "en-US",
            "tag_audio_events": False,
            "keyterms": ["a b", "é"],
            "no_verbatim": True,
            "enable_logging": False,
        },
        ["final_transcript: Hello"],
        Reply(json={"text": "Hello"}),
        frames=tone(0.3, rate=48000, channels=2),
    ),
    *(
        batch(
            f"batch refused with {status}",
            {},
            [],
            Reply(status, json={"detail": {"status": "x", "message": "No."}}, headers={"x-trace-id": "t-1"}),
        )
        for status in (401, 422, 429, 500)
    ),
]


@pytest.mark.parametrize("case", STREAMS + BATCH, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", STREAMS + BATCH, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
