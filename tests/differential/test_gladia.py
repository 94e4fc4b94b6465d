"""Gladia v2 live: our spec against livekit-plugins-gladia, streams and `recognize()`."""

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
    until_audio,
    until_events,
)
from tests.differential.plugins import gladia_plugin
from tests.differential.tree import audio_tree
from tests.support.streams import tone
from tests.support.vendor import AfterAudio, AfterText, Close, HttpRequest, Reply, Send, base64_audio

STOP_MESSAGE = {"type": "stop_recording"}
STOP = AfterText(STOP_MESSAGE)
DONE = Send({"type": "post_final_transcript", "session_id": "s", "data": {"metadata": {}}})
END = [DONE, Close(1000)]
WORDS = [
    {"word": "Hello", "start": 0.1, "end": 0.35, "confidence": 0.91},
    {"word": " world", "start": 0.36, "end": 0.9, "confidence": 0.92},
]


def session(request: HttpRequest) -> dict[str, Any]:
    """The answer to the first step: the socket's address is on the vendor itself."""
    return {
        "id": "636c70f6",
        "created_at": "2025-09-19T12:34:00Z",
        "url": f"ws://{request.header('host')}/v2/live?token=636c70f6",
    }


def transcript(text: str, *, final: bool = True, **more: Any) -> Send:
    utterance = {"start": 0.1, "end": 0.9, "words": WORDS, "text": text, **more}
    return Send(
        {
            "type": "transcript",
            "session_id": "s",
            "data": {"id": "00-00000011", "is_final": final, "utterance": utterance},
        }
    )


def translation(text: str) -> Send:
    translated = {"text": text, "language": "fr", "start": 0.1, "end": 0.9, "confidence": 0.9}
    words = [{"word": "Bonjour", "start": 0.1, "end": 0.4}]
    return Send(
        {
            "type": "translation",
            "error": None,
            "data": {
                "utterance_id": "u",
                "utterance": {"text": "Hello world", "language": "en", "start": 0.1, "end": 0.9},
                "original_language": "en",
                "target_language": "fr",
                "translated_utterance": {**translated, "words": words},
            },
        }
    )


def event(kind: str, text: str | None = None, **more: Any) -> dict[str, Any]:
    """What is right where the plugin gives nothing to correct."""
    tree: dict[str, Any] = {"type": kind, "request_id": "636c70f6"}
    if text is not None:
        words = [{"text": word["word"], "start": word["start"], "end": word["end"]} for word in WORDS]
        data = {"text": text, "language": "en", "start": 0.1, "end": 0.9, "confidence": 1.0, "words": words}
        tree["alternatives"] = [{**data, **more}]
    return tree


UTTERANCE = [
    event("start_of_speech"),
    event("final_transcript", "Hello world."),
    event("end_of_speech"),
]
FIRST = b"".join(bytes(frame.data) for frame in tone(0.15))
SECOND = b"".join(bytes(frame.data) for frame in tone(0.1))
STOPS_TWICE = Correction(
    "a partial chunk ends the session, also at a flush",
    "wire.connections.0.sent",
    ANY,
    lambda sent: sent[:-1],
)


def usage(seconds: float) -> Correction:
    return Correction(
        "audio is counted at a partial chunk and every 5 s only", "usage.audio_duration", ANY, seconds
    )


def exchange(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    settings: dict[str, Any] = {
        "options": options,
        "replies": {"POST /v2/live": [Reply(201, json=session)]},
        "headers": ("x-gladia-key",),
        "read_audio": base64_audio("data", "chunk"),
        "connections": [script],
        **more,
    }
    # The key goes to the first step only: the socket's address has a token of its own.
    return Case(name, gladia_plugin(**options), "gladia", expect, **settings)


STREAMS = [
    exchange(
        "plain exchange",
        {},
        ["start_of_speech", "interim_transcript: Hello", "final_transcript: Hello world.", "end_of_speech"],
        [
            AfterAudio(seconds=0.2),
            Send({"type": "audio_chunk", "acknowledged": True, "data": {"byte_range": [0, 3200]}}),
            Send({"type": "speech_start", "data": {"time": 0.1, "channel": 0}}),
            transcript("  ", final=False),
            transcript(" Hello", final=False, language="de", confidence=0.5),
            transcript(" Hello world.", language="en", confidence=0.91),
            Send({"type": "speech_end", "data": {"time": 0.9, "channel": 0}}),
            STOP,
            *END,
        ],
        app=(say(tone(0.2)), until_events(4), end),
        corrections=[usage(0.2)],
    ),
    exchange(
        "the rest after stop_recording",
        {},
        ["start_of_speech", "final_transcript: Hello world.", "end_of_speech"],
        [AfterAudio(seconds=0.25), STOP, transcript("Hello world."), *END],
        app=(say(tone(0.25)), end),
        corrections=[
            Correction("what comes after the last audio is not read", "events", [], UTTERANCE),
            STOPS_TWICE,
        ],
    ),
    exchange(
        "flush does not end the session",
        {},
        ["start_of_speech", "final_transcript: Hello world.", "end_of_speech"],
        [AfterAudio(seconds=0.25), transcript("Hello world."), STOP, STOP, *END],
        ours=[[AfterAudio(seconds=0.25), transcript("Hello world."), STOP, *END]],
        app=(say(tone(0.15)), flush, until_audio(4800), say(tone(0.1)), until_events(3), end),
        corrections=[
            Correction(
                "a partial chunk ends the session, also at a flush",
                "wire.connections.0.sent",
                [audio_tree(FIRST), STOP_MESSAGE, audio_tree(SECOND), STOP_MESSAGE],
                [audio_tree(FIRST + SECOND), STOP_MESSAGE],
            ),
            usage(0.25),
        ],
    ),
    exchange(
        "every option",
        {
            "model": "solaria-2",
            "interim_results": False,
            "languages": ["de", "fr"],
            "code_switching": False,
            "sample_rate": 8000,
            "endpointing": 0.3,
            "maximum_duration_without_endpointing": 12,
            "region": "us-west",
            "custom_vocabulary": ["LiveKit", {"value": "Gladia", "intensity": 0.4}],
            "custom_spelling": {"Gorish": ["ghorish", "gaurish"]},
            "pre_processing_audio_enhancer": True,
            "pre_processing_speech_threshold": 0.8,
        },
        ["start_of_speech", "final_transcript: Hello world.", "end_of_speech"],
        [
            AfterAudio(seconds=0.2, rate=8000),
            transcript("Hello", final=False),
            transcript("Hello world."),
            STOP,
            *END,
        ],
        app=(say(tone(0.2, rate=8000)), until_events(3), end),
        corrections=[usage(0.2)],
    ),
    exchange(
        "translation: the original's final is held back",
        {
            "translation_enabled": True,
            "translation_target_languages": ["fr"],
            "translation_model": "enhanced",
            "translation_match_original_utterances": False,
            "translation_lipsync": False,
            "translation_context_adaptation": True,
            "translation_context": "A call.",
            "translation_informal": True,
        },
        ["start_of_speech", "interim_transcript: Hello", "final_transcript: Bonjour monde", "end_of_speech"],
        [
            AfterAudio(seconds=0.2),
            transcript("Hello", final=False, language="en"),
            transcript("Hello world.", language="en"),
            translation("Bonjour monde"),
            STOP,
            *END,
        ],
        app=(say(tone(0.2)), until_events(4), end),
        corrections=[usage(0.2)],
    ),
    exchange(
        "in-band error",
        {},
        [],
        [AfterAudio(seconds=0.2), Send({"type": "error", "data": {"message": "Broken."}}), Close(1011)],
        app=(say(tone(0.2)),),
        error=("retryable",),
        corrections=[
            Correction("an in-band error is ignored", "error", None, {"retryable": True}),
            Correction("an abnormal close is taken for an end", "ended", True, False),
            usage(0.2),
        ],
    ),
    exchange(
        "dropped with 1011",
        {},
        ["start_of_speech", "interim_transcript: Hello"],
        [AfterAudio(seconds=0.2), transcript("Hello", final=False), Close(1011)],
        app=(say(tone(0.2)),),
        error=("retryable",),
        corrections=[
            Correction("an abnormal close is taken for an end", "error", None, {"retryable": True}),
            Correction("an abnormal close is taken for an end", "ended", True, False),
            usage(0.2),
        ],
    ),
    *(
        exchange(
            f"session refused with {status}",
            {},
            [],
            [],
            connections=(),
            replies={"POST /v2/live": [Reply(status, json={"message": "No.", "statusCode": status})]},
            app=(),
            corrections=[
                Correction(
                    "a refusal loses its HTTP status",
                    "error",
                    {"status": None, "retryable": True},
                    {"status": status, "retryable": status != 401},
                )
            ],
        )
        for status in (401, 429, 500)
    ),
]

BATCH = [
    exchange(
        "recognize() of one utterance",
        {"languages": ["en"]},
        ["final_transcript: Hello world."],
        [STOP, transcript("Hello", final=False), transcript(" Hello world.", confidence=0.9), *END],
        frames=tone(0.3),
        chunks=False,
    ),
    exchange(
        "recognize() of two utterances",
        {},
        ["final_transcript: Hello world. Bye."],
        [
            STOP,
            transcript("Hello world."),
            transcript("Bye.", start=1.0, end=1.3, words=[{"word": "Bye.", "start": 1.0, "end": 1.3}]),
            *END,
        ],
        frames=tone(0.3),
        chunks=False,
        corrections=[
            Correction(
                "every utterance of a recording is an alternative of its own",
                "events.0.alternatives",
                ANY,
                lambda both: [
                    {
                        **both[0],
                        "text": "Hello world. Bye.",
                        "end": 1.3,
                        "words": both[0]["words"] + both[1]["words"],
                    }
                ],
            )
        ],
    ),
    exchange(
        "recognize() refused with 401",
        {},
        [],
        [],
        connections=(),
        replies={"POST /v2/live": [Reply(401, json={"message": "No."})]},
        corrections=[
            Correction(
                "a refusal loses its HTTP status",
                "error",
                {"status": None, "retryable": True},
                {"status": 401, "retryable": False},
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
