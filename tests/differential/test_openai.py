"""OpenAI transcriptions: our spec against livekit-plugins-openai, by HTTP and over the realtime WebSocket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.differential.harness import (
    ANY,
    APP_DONE,
    Case,
    Correction,
    check_ours,
    check_plugin,
    end,
    say,
    session_keyterms,
    until_audio,
    until_connection,
    until_events,
    until_message,
    update,
)
from tests.differential.plugins import openai_plugin
from tests.support.streams import tone
from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, Reply, Send, base64_audio

ITEM = "conversation.item.input_audio_transcription"
SESSION = AfterText({"type": "session.update"})
COMMIT = AfterText({"type": "input_audio_buffer.commit"})
NOTHING_LEFT = Send(
    {
        "type": "error",
        "error": {
            "type": "invalid_request_error",
            "code": "input_audio_buffer_commit_empty",
            "message": "Error committing input audio buffer: buffer too small.",
            "param": None,
        },
    }
)
TOKENS = {"type": "tokens", "total_tokens": 22, "input_tokens": 13, "output_tokens": 9}


def started(item: str) -> Send:
    return Send({"type": "input_audio_buffer.speech_started", "audio_start_ms": 100, "item_id": item})


def stopped(item: str) -> Send:
    return Send({"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 900, "item_id": item})


def delta(item: str, text: str) -> Send:
    return Send({"type": f"{ITEM}.delta", "item_id": item, "content_index": 0, "delta": text})


def completed(item: str, text: str, **more: Any) -> Send:
    return Send({"type": f"{ITEM}.completed", "item_id": item, "transcript": text, "usage": TOKENS, **more})


# The plugin says nothing at the end of input and waits for the server to close; ours commits the rest.
COMMITS = Correction(
    "it does not tell the vendor that the input has ended",
    "wire.connections.0.sent",
    ANY,
    lambda sent: [*sent, {"type": "input_audio_buffer.commit"}],
)


def usage(seconds: float) -> Correction:
    return Correction(
        "audio is counted by the times of the vendor's items only", "usage.audio_duration", ANY, seconds
    )


def realtime(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    options = {"use_realtime": True, **options}
    settings: dict[str, Any] = {
        "options": options,
        "read_audio": base64_audio("audio"),
        "app": (say(tone(0.25, rate=24000)), until_events(len(expect)), end),
        "connections": [[SESSION, *script, APP_DONE, Close(1000)]],
        "ours": [[SESSION, *script, COMMIT, NOTHING_LEFT, Close(1000)]],
        "corrections": [COMMITS, usage(0.25)],
        **more,
    }
    plugin = settings.pop("plugin", None) or openai_plugin(**options)
    return Case(name, plugin, "openai", expect, **settings)


def failing(name: str, expect: Sequence[str], script: Sequence[Any], **more: Any) -> Case:
    settings: dict[str, Any] = {
        "app": (say(tone(0.2, rate=24000)),),
        "connections": [script],
        "ours": None,
        "corrections": [usage(0.2)],
        **more,
    }
    return realtime(name, {}, expect, [], **settings)


def refused(status: int, *, retryable: bool) -> Correction:
    return Correction(
        "a refused handshake is the HTTP library's own error",
        "error",
        {"type": "WSServerHandshakeError", "status": None, "retryable": False},
        {"type": "APIStatusError", "status": status, "retryable": retryable},
    )


REALTIME = [
    realtime(
        "plain exchange: END waits for the text",
        {},
        ["start_of_speech", "interim_transcript: Hello", "final_transcript: Hello world", "end_of_speech"],
        [
            AfterAudio(seconds=0.25, rate=24000),
            Send({"type": "session.updated", "session": {}}),
            started("item_1"),
            stopped("item_1"),
            Send({"type": "input_audio_buffer.committed", "item_id": "item_1"}),
            delta("item_1", "Hello"),
            completed("item_1", "Hello world", languages=[{"code": "en"}]),
        ],
        query_order=True,
        corrections=[
            COMMITS,
            usage(0.25),
            Correction(
                "END_OF_SPEECH comes before the text",
                "events",
                ANY,
                lambda events: [events[0], *events[2:], events[1]],
            ),
        ],
    ),
    realtime(
        "deltas of two items at a time",
        {},
        [
            "start_of_speech",
            "interim_transcript: Hello",
            "interim_transcript: Bye",
            "final_transcript: Hello world",
            "end_of_speech",
            "start_of_speech",
            "final_transcript: Bye.",
            "end_of_speech",
        ],
        [
            AfterAudio(seconds=0.25, rate=24000),
            started("item_1"),
            delta("item_1", "Hello"),
            delta("item_2", "Bye"),
            completed("item_1", "Hello world"),
            completed("item_2", "Bye."),
        ],
        app=(say(tone(0.25, rate=24000)), until_audio(12000), until_events(4), end),
        corrections=[
            COMMITS,
            usage(0.25),
            Correction(
                "the texts of items that overlap are mixed",
                "events",
                ANY,
                lambda events: [
                    *events[:2],
                    {
                        **events[1],
                        "request_id": "item_2",
                        "alternatives": [{**events[1]["alternatives"][0], "text": "Bye"}],
                    },
                    events[2],
                    {"type": "end_of_speech", "request_id": ""},
                    {"type": "start_of_speech", "request_id": ""},
                    events[3],
                    {"type": "end_of_speech", "request_id": ""},
                ],
            ),
        ],
    ),
    realtime(
        "options, and audio at 16 kHz is resampled to 24",
        {
            "model": "gpt-4o-transcribe",
            "language": "de-DE",
            "prompt": "Names: Anna, Bob.",
            "noise_reduction_type": "near_field",
            "turn_detection": {"type": "server_vad", "threshold": 0.7, "silence_duration_ms": 500},
        },
        [],
        [],
        app=(say(tone(0.3)), until_audio(12000), end),
        resampled=True,
        corrections=[COMMITS, usage(0.3)],
    ),
    realtime(
        "a detector of another kind, or only its threshold",
        {"turn_detection": {"type": "semantic_vad", "eagerness": "low"}},
        [],
        [],
        app=(
            until_message(1),
            update(turn_detection={"threshold": 0.7}),
            until_message(2),
            say(tone(0.1, rate=24000)),
            until_audio(4800),
            end,
        ),
        corrections=[COMMITS, usage(0.1)],
    ),
    realtime(
        "a language cannot be taken back in-band",
        {},
        [],
        [],
        connections=[[SESSION], [SESSION, APP_DONE, Close(1000)]],
        ours=[[SESSION], [SESSION, COMMIT, NOTHING_LEFT, Close(1000)]],
        app=(
            until_message(1),
            update(detect_language=True),
            until_connection(2),
            say(tone(0.1, rate=24000)),
            until_audio(4800, connection=1),
            end,
        ),
        corrections=[
            Correction(
                "it does not tell the vendor that the input has ended",
                "wire.connections.1.sent",
                ANY,
                lambda sent: [*sent, {"type": "input_audio_buffer.commit"}],
            ),
            usage(0.1),
        ],
    ),
    realtime(
        "a realtime-only model, with the session's terms in-band",
        {"model": "gpt-live-transcribe", "language": ["en-US", "de"]},
        [],
        [],
        app=(
            until_message(1),
            session_keyterms("Anna"),
            until_message(2),
            say(tone(0.1, rate=24000)),
            until_audio(4800),
            end,
        ),
        plugin=openai_plugin(model="gpt-live-transcribe", language=["en-US", "de"], vad=None),
        corrections=[COMMITS, usage(0.1)],
    ),
    realtime(
        "options changed in-band",
        {},
        [],
        [],
        app=(
            until_message(1),
            update(prompt="names", language="fr"),
            until_message(2),
            say(tone(0.1, rate=24000)),
            until_audio(4800),
            end,
        ),
        corrections=[COMMITS, usage(0.1)],
    ),
    failing(
        "in-band error",
        ["start_of_speech"],
        [
            AfterAudio(seconds=0.2, rate=24000),
            started("item_1"),
            Send({"type": "error", "error": {"code": "invalid_value", "message": "Bad.", "param": None}}),
        ],
        error=("retryable",),
    ),
    failing(
        "dropped with 1011",
        ["start_of_speech"],
        [AfterAudio(seconds=0.2, rate=24000), started("item_1"), Close(1011)],
        error=("retryable",),
    ),
    failing(
        "closed with 1008: policy",
        [],
        [AfterAudio(seconds=0.2, rate=24000), Close(1008, "policy")],
        error=("retryable",),
        corrections=[
            usage(0.2),
            Correction(
                "a close code counts as an HTTP status",
                "error",
                {"retryable": True},
                {"retryable": False},
            ),
        ],
    ),
    *(
        failing(
            f"handshake refused with {status}",
            [],
            [Refuse(status, {"error": {"message": "No.", "code": "x"}})],
            app=(),
            error=("type", "status", "retryable"),
            corrections=[refused(status, retryable=status != 401)],
        )
        for status in (401, 503)
    ),
]


def batch(name: str, options: dict[str, Any], expect: Sequence[str], reply: Reply, **more: Any) -> Case:
    return Case(
        name,
        openai_plugin(**options),
        "openai",
        expect,
        options=options,
        replies={"POST /v1/audio/transcriptions": [reply]},
        **more,
    )


SEGMENT = {"id": 0, "start": 0.0, "end": 1.1, "text": "hallo welt", "avg_logprob": -0.2}
BATCH = [
    batch(
        "json",
        {},
        ["final_transcript: hello world"],
        Reply(json={"text": "hello world", "languages": [{"code": "de"}], "usage": TOKENS}),
    ),
    batch(
        "whisper-1 replies in detail, with the language's name",
        {"model": "whisper-1", "language": "de-DE", "prompt": "p", "temperature": 0.2},
        ["final_transcript: hallo welt"],
        Reply(json={"language": "german", "duration": 1.2, "text": "hallo welt", "segments": [SEGMENT]}),
        frames=tone(0.3, rate=48000, channels=2),
        corrections=[
            Correction(
                "the segments' times are left out",
                "events.0.alternatives.0",
                ANY,
                lambda data: {
                    **data,
                    "end": 1.1,
                    "words": [{"text": "hallo welt", "start": 0.0, "end": 1.1, "confidence": 0.8187}],
                },
            )
        ],
    ),
    batch(
        "keywords and several languages",
        {"model": "gpt-transcribe", "language": ["en-US", "de", "en"], "keywords": ["LiveKit", "é"]},
        ["final_transcript: hello"],
        Reply(json={"text": "hello", "languages": [{"code": "en"}]}),
    ),
    batch(
        "detect_language asks for none",
        {"detect_language": True},
        ["final_transcript: hello"],
        Reply(json={"text": "hello"}),
    ),
    *(
        batch(
            f"refused with {status}",
            {},
            [],
            Reply(status, json={"error": {"message": "No.", "type": "x", "param": None, "code": "y"}}),
        )
        for status in (400, 401, 429, 500)
    ),
]


@pytest.mark.parametrize("case", REALTIME + BATCH, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", REALTIME + BATCH, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
