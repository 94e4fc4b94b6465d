"""Deepgram /v1/listen: our spec against livekit-plugins-deepgram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.differential.harness import (
    ANY,
    Case,
    Correction,
    check_ours,
    check_plugin,
    end,
    flush,
    say,
    seen,
    session_keyterms,
    until_audio,
    until_connection,
    until_events,
)
from tests.differential.plugins import deepgram_plugin
from tests.support.streams import tone
from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, Reply, Send

HELLO = {
    "word": "hello",
    "start": 0.0,
    "end": 0.3,
    "confidence": 0.9,
    "punctuated_word": "Hello",
    "speaker": 1,
}
WORLD = {
    "word": "world",
    "start": 0.4,
    "end": 0.7,
    "confidence": 0.8,
    "punctuated_word": "world.",
    "speaker": 2,
}
STARTED = Send({"type": "SpeechStarted", "channel": [0], "timestamp": 0.1})
UTTERANCE_END = Send({"type": "UtteranceEnd", "channel": [0], "last_word_end": 0.7})
CLOSE_STREAM = AfterText({"type": "CloseStream"})
END = [Send({"type": "Metadata", "request_id": "req-1", "duration": 0.3, "channels": 1}), Close(1000)]


def is_keepalive(message: Any) -> bool:
    """Ours keeps an idle connection alive; the plugin also one that is not idle."""
    return bool(message == {"type": "KeepAlive"})


def alternative(text: str, *words: Any, **more: Any) -> dict[str, Any]:
    return {"transcript": text, "confidence": 0.95, "words": list(words), **more}


def result(*alternatives: dict[str, Any], final: bool = True, speech_final: bool = False) -> Send:
    return Send(
        {
            "type": "Results",
            "channel_index": [0, 1],
            "start": 0.0,
            "duration": 1.0,
            "is_final": final,
            "speech_final": speech_final,
            "channel": {"alternatives": list(alternatives)},
            "metadata": {"request_id": "req-1"},
        }
    )


def usage(seconds: float, shared: bool = True) -> Correction:
    """Shown where the plugin's stream is waited for."""
    return Correction(
        "not the audio is counted but the connection's lifetime",
        "usage.audio_duration",
        ANY,
        seconds,
        shared=shared,
    )


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    """A case whose last event comes after CloseStream: the plugin is not waited for any longer.

    Its stream ends up to 5 s after the server has closed; the first case looks at that.
    """
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(0.25)), end),
        "ignore": is_keepalive,
        "plugin_until": seen(len(expect)),
        "corrections": [
            Correction("the end waits for the keepalive's sleep", "ended", False, True),
            usage(0.25),
        ],
        "connections": [script],
        **more,
    }
    return Case(name, deepgram_plugin(**options), "deepgram", expect, **settings)


STREAMS = [
    streaming(
        "plain exchange with a tail after the end of input",
        {},
        [
            "start_of_speech",
            "interim_transcript: hello",
            "final_transcript: Hello world.",
            "final_transcript: Bye.",
            "end_of_speech",
        ],
        [
            AfterAudio(seconds=0.2),
            STARTED,
            result(alternative("hello", HELLO), final=False),
            result(alternative("Hello world.", HELLO, WORLD), alternative("Hello word.", HELLO)),
            CLOSE_STREAM,
            result(alternative("Bye."), speech_final=True),
            *END,
        ],
        query_order=True,
        plugin_until=None,
        corrections=[
            Correction("the end waits for the keepalive's sleep", "ends_late", True, False),
            usage(0.25, shared=False),
        ],
    ),
    streaming(
        "every option",
        {
            "model": "nova-2",
            "language": "de",
            "interim_results": False,
            "punctuate": False,
            "smart_format": True,
            "sample_rate": 24000,
            "no_delay": False,
            "endpointing_ms": 0,
            "enable_diarization": True,
            "filler_words": False,
            "keywords": [("foo bar", 1.5), ("é&x", 2)],
            "tags": ["a", "b c"],
            "profanity_filter": True,
            "redact": ["pci", "ssn"],
            "numerals": True,
            "mip_opt_out": True,
            "vad_events": False,
            "utterance_end_ms": 1000,
            "dictation": True,
            "replace": {"hello": "hi", "a b": "c"},
            "search": ["one", "two"],
        },
        ["start_of_speech", "final_transcript: Hallo Welt", "end_of_speech"],
        [
            AfterAudio(seconds=0.2, rate=24000),
            result(alternative("Hallo Welt", HELLO, WORLD, WORLD)),
            CLOSE_STREAM,
            UTTERANCE_END,
            *END,
        ],
        app=(say(tone(0.25, rate=24000)), end),
    ),
    streaming(
        "keyterms, and words without punctuation",
        {"keyterm": "LiveKit", "punctuate": False},
        ["start_of_speech", "final_transcript: hello", "end_of_speech"],
        [
            AfterAudio(seconds=0.2),
            CLOSE_STREAM,
            result(alternative("hello", HELLO), speech_final=True),
            *END,
        ],
    ),
    streaming(
        "audio at another rate is resampled",
        {},
        ["start_of_speech", "final_transcript: Hello", "end_of_speech"],
        [CLOSE_STREAM, result(alternative("Hello", HELLO), speech_final=True), *END],
        app=(say(tone(0.3, rate=48000)), end),
        resampled=True,
        corrections=[Correction("the end waits for the keepalive's sleep", "ended", False, True), usage(0.3)],
    ),
    streaming(
        "turns: second SpeechStarted, empty texts, endpoints without text",
        {"language": "multi"},
        [
            "start_of_speech",
            "interim_transcript: hola",
            "final_transcript: Hola.",
            "end_of_speech",
            "start_of_speech",
            "final_transcript: Bonjour.",
            "end_of_speech",
        ],
        [
            AfterAudio(seconds=0.2),
            UTTERANCE_END,
            result(alternative(""), speech_final=True),
            STARTED,
            STARTED,
            result(alternative("hola", HELLO, languages=["es"]), final=False),
            result(alternative("Hola.", HELLO, languages=["es", "en"])),
            result(alternative(""), speech_final=True),
            UTTERANCE_END,
            CLOSE_STREAM,
            result(alternative(""), final=False),
            result(alternative("Bonjour.", WORLD, languages=["fr"]), speech_final=True),
            *END,
        ],
    ),
    streaming(
        "flush sends the partial chunk and Finalize",
        {},
        ["start_of_speech", "final_transcript: Hello", "end_of_speech"],
        [
            AfterText({"type": "Finalize"}),
            CLOSE_STREAM,
            result(alternative("Hello", HELLO), speech_final=True),
            *END,
        ],
        app=(say(tone(0.12)), flush, until_audio(3840), say(tone(0.05)), end),
        corrections=[
            Correction("the end waits for the keepalive's sleep", "ended", False, True),
            usage(0.17),
        ],
    ),
    streaming(
        "the session's terms join the user's, in a new connection",
        {"keyterm": "LiveKit"},
        ["start_of_speech", "final_transcript: Hello", "end_of_speech"],
        [],
        connections=[
            [],
            [
                AfterAudio(seconds=0.25),
                CLOSE_STREAM,
                result(alternative("Hello", HELLO), speech_final=True),
                *END,
            ],
        ],
        app=(
            until_connection(1),
            session_keyterms("Anna", "LiveKit"),
            until_connection(2),
            say(tone(0.25)),
            end,
        ),
    ),
    streaming(
        "options changed while the user speaks wait for the end of speech",
        {},
        [
            "start_of_speech",
            "final_transcript: Hello",
            "end_of_speech",
            "start_of_speech",
            "final_transcript: Bye",
            "end_of_speech",
        ],
        [],
        connections=[
            [STARTED, AfterAudio(seconds=0.1), result(alternative("Hello", HELLO), speech_final=True)],
            [
                AfterAudio(seconds=0.25),
                CLOSE_STREAM,
                result(alternative("Bye", WORLD), speech_final=True),
                *END,
            ],
        ],
        app=(
            until_events(1),
            session_keyterms("Anna"),
            say(tone(0.1)),
            until_connection(2),
            say(tone(0.25)),
            end,
        ),
        corrections=[
            Correction("the end waits for the keepalive's sleep", "ended", False, True),
            usage(0.35),
            Correction(
                "times begin anew with the connection",
                "events.4.alternatives.0",
                ANY,
                lambda data: {
                    **data,
                    "start": 0.5,
                    "end": 0.8,
                    "words": [{**data["words"][0], "start": 0.5, "end": 0.8}],
                },
            ),
        ],
    ),
    streaming(
        "in-band error",
        {},
        [],
        [
            AfterAudio(seconds=0.2),
            Send({"type": "Error", "description": "Bad audio.", "message": "x", "variant": "v"}),
            Close(1011, "NET-0000"),
        ],
        app=(say(tone(0.2)),),
        corrections=[
            Correction(
                "an in-band error is only logged",
                "error",
                {"status": "close 1011", "retryable": True},
                {"status": 500, "retryable": True},
            ),
            usage(0.2),
        ],
        plugin_until=None,
    ),
    streaming(
        "dropped with 1011",
        {},
        ["start_of_speech"],
        [AfterAudio(seconds=0.2), STARTED, Close(1011, "NET-0001")],
        app=(say(tone(0.2)),),
        error=("retryable",),
        corrections=[usage(0.2)],
        plugin_until=None,
    ),
    *(
        streaming(
            f"handshake refused with {status}",
            {},
            [],
            [Refuse(status, {"err_code": "X", "err_msg": "No."})],
            app=(),
            corrections=(),
            plugin_until=None,
        )
        for status in (401, 429, 500)
    ),
]

WORDS = [
    {"word": "hola", "start": 0.1, "end": 0.4, "confidence": 0.9, "punctuated_word": "Hola"},
    {"word": "mundo", "start": 0.5, "end": 0.9, "confidence": 0.8, "punctuated_word": "mundo."},
]


def batch(name: str, options: dict[str, Any], expect: Sequence[str], reply: Reply, **more: Any) -> Case:
    return Case(
        name,
        deepgram_plugin(**options),
        "deepgram",
        expect,
        options=options,
        replies={"POST /v1/listen": [reply]},
        headers=("authorization", "content-type", "accept"),
        **more,
    )


def batch_reply(*alternatives: dict[str, Any], **channel: Any) -> Reply:
    return Reply(
        json={
            "metadata": {"request_id": "rid-b", "duration": 1.0, "channels": 1},
            "results": {"channels": [{"alternatives": list(alternatives), **channel}]},
        }
    )


BATCH = [
    batch(
        "batch with a detected language",
        {"detect_language": True},
        ["final_transcript: Hola mundo."],
        batch_reply(
            alternative("Hola mundo.", *WORDS), alternative("Hola mudo.", WORDS[0]), detected_language="es"
        ),
        query_order=True,
    ),
    batch(
        "batch with options",
        {
            "model": "nova-2",
            "keywords": [("a", 1.5)],
            "redact": "pci",
            "smart_format": True,
            "numerals": True,
        },
        ["final_transcript: Hello world."],
        batch_reply(alternative("Hello world.", *WORDS)),
        frames=tone(0.3, rate=48000, channels=2),
    ),
    batch(
        "batch refused with 401",
        {},
        [],
        Reply(401, json={"err_code": "INVALID_AUTH", "err_msg": "Invalid credentials.", "request_id": "x"}),
        corrections=[
            Correction(
                "a refusal loses its HTTP status",
                "error",
                {"status": None, "retryable": True},
                {"status": 401, "retryable": False},
            )
        ],
    ),
    batch(
        "batch refused with 503",
        {},
        [],
        Reply(503, json={"err_code": "BUSY", "err_msg": "Try again."}),
        corrections=[
            Correction(
                "a refusal loses its HTTP status",
                "error",
                {"status": None, "retryable": True},
                {"status": 503, "retryable": True},
            )
        ],
    ),
]


@pytest.mark.parametrize("case", STREAMS + BATCH, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", STREAMS + BATCH, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
