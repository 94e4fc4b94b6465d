"""AssemblyAI Universal-Streaming: our spec against livekit-plugins-assemblyai."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.differential.harness import (
    ANY,
    Case,
    Correction,
    agent_says,
    check_ours,
    check_plugin,
    end,
    say,
    session_keyterms,
    until_audio,
    until_message,
    update,
)
from tests.differential.plugins import assemblyai_plugin
from tests.support.streams import tone
from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, Send

MY = {"start": 1216, "end": 1635, "text": "My", "confidence": 0.9, "word_is_final": True}
NAME = {"start": 1635, "end": 2515, "text": "name", "confidence": 0.8, "word_is_final": True}
IS = {"start": 2556, "end": 2975, "text": "is", "confidence": 0.7, "word_is_final": False}
BEGIN = Send({"type": "Begin", "id": "sess-1", "expires_at": 1772570132})
STARTED = Send({"type": "SpeechStarted", "timestamp": 1216, "confidence": 0.98})
TERMINATE = AfterText({"type": "Terminate"})
END = [
    Send({"type": "Termination", "audio_duration_seconds": 1, "session_duration_seconds": 1}),
    Close(1000),
]


def turn(transcript: str, *words: Any, end_of_turn: bool = False, **more: Any) -> Send:
    return Send(
        {
            "type": "Turn",
            "turn_order": 0,
            "turn_is_formatted": False,
            "end_of_turn": end_of_turn,
            "transcript": transcript,
            "end_of_turn_confidence": 0.5,
            "words": list(words),
            "utterance": "",
            **more,
        }
    )


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(0.25)), end),
        "connections": [script],
        **more,
    }
    return Case(name, assemblyai_plugin(**options), "assemblyai", expect, **settings)


CASES = [
    streaming(
        "plain exchange with a tail after Terminate",
        {},
        [
            "start_of_speech",
            "interim_transcript: My name",
            "interim_transcript: My name is",
            "final_transcript: My name is",
            "end_of_speech",
        ],
        [
            BEGIN,
            AfterAudio(seconds=0.25),
            STARTED,
            turn("My name", MY, NAME, language_code="en", speaker_label="UNKNOWN"),
            TERMINATE,
            turn(
                "My name is",
                MY,
                NAME,
                IS,
                end_of_turn=True,
                language_code="es",
                language_confidence=0.99,
                speaker_label="A",
            ),
            *END,
        ],
        query_order=True,
    ),
    streaming(
        "one message, five events; formatted and unformatted turns",
        {"format_turns": True},
        [
            "start_of_speech",
            "interim_transcript: My",
            "preflight_transcript: My",
            "interim_transcript: My name",
            "preflight_transcript: name",
            "interim_transcript: My name",
            "final_transcript: My name.",
            "end_of_speech",
        ],
        [
            BEGIN,
            AfterAudio(seconds=0.25),
            STARTED,
            turn("My", MY, utterance="My"),
            turn("my name", MY, NAME, utterance="name", end_of_turn=True),
            turn("My name.", MY, {**NAME, "confidence": 0.85}, end_of_turn=True, turn_is_formatted=True),
            TERMINATE,
            *END,
        ],
    ),
    streaming(
        "without format_turns both messages of an end are finals",
        {"model": "universal-streaming-english"},
        [
            "start_of_speech",
            "interim_transcript: My",
            "final_transcript: my",
            "end_of_speech",
            "start_of_speech",
            "interim_transcript: Is",
            "final_transcript: Is.",
            "end_of_speech",
        ],
        [
            BEGIN,
            AfterAudio(seconds=0.25),
            STARTED,
            turn("my", MY, end_of_turn=True),
            STARTED,
            turn("Is.", {**IS, "text": "Is"}, end_of_turn=True, turn_is_formatted=True),
            TERMINATE,
            *END,
        ],
    ),
    streaming(
        "options of the English model",
        {
            "model": "universal-streaming-english",
            "sample_rate": 8000,
            "buffer_size_seconds": 0.1,
            "end_of_turn_confidence_threshold": 0.4,
            "min_turn_silence": 300,
            "max_turn_silence": 900,
            "format_turns": False,
            "keyterms_prompt": ["é, x", "b"],
            "vad_threshold": 0.3,
            "speaker_labels": True,
            "max_speakers": 2,
            "domain": "medical-v1",
        },
        [],
        [BEGIN, TERMINATE, *END],
        app=(say(tone(0.25, rate=8000)), end),
        corrections=[
            Correction("audio is counted only at the end of a turn", "usage.audio_duration", 0, 0.25)
        ],
    ),
    streaming(
        "options of the Universal-3 models",
        {
            "language_codes": ["en-US", "Spanish", "es"],
            "language_detection": False,
            "continuous_partials": True,
            "interruption_delay": 200,
            "prompt": "A call about cars & bikes.",
            "agent_context": "Which car?",
            "previous_context_n_turns": 2,
            "voice_focus": "near-field",
            "voice_focus_threshold": 0.5,
            "mode": "max_accuracy",
        },
        [],
        [BEGIN, TERMINATE, *END],
        corrections=[
            Correction("audio is counted only at the end of a turn", "usage.audio_duration", 0, 0.25)
        ],
    ),
    streaming(
        "a mode leaves the silences to the vendor, but for those given",
        {
            "model": "u3-pro",
            "mode": "balanced",
            "min_turn_silence": 250,
            "keyterms_prompt": [],
            "language_codes": "es",
        },
        [],
        [BEGIN, TERMINATE, *END],
        corrections=[
            Correction("audio is counted only at the end of a turn", "usage.audio_duration", 0, 0.25)
        ],
    ),
    streaming(
        "a preflight begins where the last one ended, and the next turn anew",
        {"format_turns": True},
        [
            "start_of_speech",
            "interim_transcript: My",
            "preflight_transcript: My",
            "interim_transcript: My is",
            "preflight_transcript: is",
            "interim_transcript: My is",
            "final_transcript: My is.",
            "end_of_speech",
            "start_of_speech",
            "interim_transcript: name",
            "preflight_transcript: name",
            "end_of_speech",
        ],
        [
            BEGIN,
            AfterAudio(seconds=0.25),
            STARTED,
            turn("My", MY, utterance="My"),
            turn("My is", MY, IS, utterance="is"),
            turn("My is.", MY, IS, end_of_turn=True, turn_is_formatted=True),
            STARTED,
            turn("name", {**NAME, "start": 3000, "end": 3300}, utterance="name"),
            TERMINATE,
            *END,
        ],
        corrections=[
            Correction(
                "a turn still open at the end has no end",
                "events",
                ANY,
                lambda events: [*events, {"type": "end_of_speech", "request_id": ""}],
            )
        ],
    ),
    streaming(
        "the session's terms and the agent's words, in-band",
        {"keyterms_prompt": ["old"]},
        [],
        [
            BEGIN,
            AfterText({"type": "UpdateConfiguration"}),
            AfterText({"type": "UpdateConfiguration"}),
            TERMINATE,
            *END,
        ],
        app=(
            say(tone(0.1)),
            until_audio(3200),
            session_keyterms("Anna", "old"),
            until_message(1),
            agent_says("x" * 100 + "What is your name? " * 100),
            until_message(2),
            end,
        ),
        corrections=[
            Correction("audio is counted only at the end of a turn", "usage.audio_duration", 0, 0.1)
        ],
    ),
    streaming(
        "options changed in-band",
        {"keyterms_prompt": ["old"]},
        [],
        [BEGIN, AfterText({"type": "UpdateConfiguration"}), TERMINATE, *END],
        app=(
            say(tone(0.1)),
            until_audio(3200),
            update(keyterms_prompt=["a", "b c"], language_codes=["en-GB"], min_turn_silence=200, prompt="p"),
            until_message(1),
            say(tone(0.1)),
            end,
        ),
        corrections=[
            Correction("audio is counted only at the end of a turn", "usage.audio_duration", 0, 0.2)
        ],
    ),
    streaming(
        "session expired, said in-band",
        {},
        ["start_of_speech"],
        [
            AfterAudio(seconds=0.2),
            STARTED,
            Send({"type": "Error", "error_code": 3008, "error": "Session Expired"}),
            Close(3008, "Session Expired"),
        ],
        app=(say(tone(0.2)),),
        corrections=[
            Correction(
                "an in-band error is only logged",
                "error",
                {"status": "close 3008", "retryable": True},
                {"status": 408, "retryable": True},
            ),
            Correction("audio is counted only at the end of a turn", "usage.audio_duration", 0, 0.2),
        ],
    ),
    streaming(
        "closed with 1008: a bad key",
        {},
        [],
        [AfterAudio(seconds=0.2), Close(1008, "Unauthorized Connection")],
        app=(say(tone(0.2)),),
        corrections=[
            Correction(
                "a close code counts as an HTTP status",
                "error",
                {"status": "close 1008", "retryable": True},
                {"status": 401, "retryable": False},
            ),
            Correction("audio is counted only at the end of a turn", "usage.audio_duration", 0, 0.2),
        ],
    ),
    streaming(
        "dropped with 1011",
        {},
        ["start_of_speech", "interim_transcript: My"],
        [AfterAudio(seconds=0.2), STARTED, turn("My", MY), Close(1011)],
        app=(say(tone(0.2)),),
        error=("retryable",),
        corrections=[
            Correction("audio is counted only at the end of a turn", "usage.audio_duration", 0, 0.2)
        ],
    ),
    *(
        streaming(
            f"handshake refused with {status}",
            {},
            [],
            [Refuse(status, "No.")],
            app=(),
            error=("type", "status", "retryable"),
            corrections=[
                Correction(
                    "a refused handshake is the HTTP library's own error",
                    "error",
                    {"type": "WSServerHandshakeError", "status": None, "retryable": False},
                    {"type": "APIStatusError", "status": status, "retryable": status >= 500},
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
