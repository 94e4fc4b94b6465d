"""Soniox real-time: our spec against livekit-plugins-soniox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from livekit.agents import stt
from livekit.plugins import soniox

from tests.differential.harness import ANY, Case, Correction, check_ours, check_plugin, end, say
from tests.differential.plugins import soniox_plugin
from tests.support.streams import tone, total_usage
from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, Send


def token(text: str, start: int | None = None, stop: int | None = None, **more: Any) -> dict[str, Any]:
    times = {} if start is None else {"start_ms": start, "end_ms": stop}
    return {"text": text, **times, "confidence": 0.9, "is_final": True, **more}


def tokens(total: int, *items: dict[str, Any], **more: Any) -> Send:
    return Send({"tokens": list(items), "final_audio_proc_ms": total, "total_audio_proc_ms": total, **more})


def is_keepalive(message: Any) -> bool:
    """Ours keeps an idle connection alive; the plugin also one that is not idle."""
    return bool(message == {"type": "keepalive"})


SPANISH: dict[str, Any] = {"language": "es", "source_language": "en", "translation_status": "translation"}
MARKER = {"text": "<end>", "is_final": True}
START = {"type": "start_of_speech", "request_id": ""}
FINISHED = tokens(1200, finished=True)
CONFIG = AfterText(lambda message: "audio_format" in message)
FINALIZE = AfterText({"type": "finalize"})

NEVER_ENDS = Correction("nothing ends a stream, not even `finished`", "ended", False, True)
SAYS_NOTHING = Correction(
    "it does not tell the vendor that the input has ended",
    "wire.connections.0.sent",
    ANY,
    lambda sent: [*sent, {"type": "finalize"}, {"binary": 0}],
)


def reported(seconds: float) -> Callable[[list[stt.SpeechEvent]], bool]:
    """Whether that much usage was reported: it is the last thing a message gives."""
    return lambda events: total_usage(events)["audio_duration"] > seconds - 1e-6


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    """A case that the plugin never ends: its stream is read until the last usage.

    To ours the vendor answers the end of input with `finished`; the plugin says nothing it could answer.
    """
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(0.25)), end),
        "ignore": is_keepalive,
        "connections": [[*script, FINISHED]],
        "ours": [[*script, FINALIZE, FINISHED, Close(1000)]],
        "plugin_until": reported(1.2),
        "chunks": False,
        "corrections": [NEVER_ENDS, SAYS_NOTHING],
        **more,
    }
    plugin = settings.pop("plugin", None) or soniox_plugin(**options)
    return Case(name, plugin, "soniox", expect, **settings)


def failing(name: str, expect: Sequence[str], script: Sequence[Any], **more: Any) -> Case:
    """A case that ends with an error while audio may still come."""
    return streaming(
        name,
        {},
        expect,
        [],
        **{
            "app": (say(tone(0.2)),),
            "connections": [script],
            "ours": None,
            "plugin_until": None,
            "corrections": (),
            **more,
        },
    )


CASES = [
    streaming(
        "plain exchange, the rest at the end",
        {},
        [
            "start_of_speech",
            "interim_transcript: Hello wor",
            "preflight_transcript: Hello world",
            "final_transcript: Hello world",
            "end_of_speech",
            "start_of_speech",
            "preflight_transcript:  Bye",
            "final_transcript:  Bye",
            "end_of_speech",
        ],
        [
            CONFIG,
            AfterAudio(seconds=0.2),
            tokens(
                400,
                token("Hello", 100, 300, speaker="1", language="en"),
                token(" wor", 300, 400, is_final=False, language="en"),
            ),
            tokens(500, token(" world", 300, 500, confidence=0.8, speaker="2", language="en")),
            tokens(600, MARKER),
            tokens(900, token(" Bye", 700, 900, language="en")),
        ],
        corrections=[
            NEVER_ENDS,
            SAYS_NOTHING,
            Correction(
                "the last preflight is repeated at the end",
                "events",
                ANY,
                lambda events: events[:7] + events[8:],
            ),
        ],
    ),
    streaming(
        "every option",
        {
            "model": "stt-rt-v4",
            "language_hints": ["en", "es"],
            "language_hints_strict": True,
            "context": "A call about cars.",
            "num_channels": 1,
            "sample_rate": 24000,
            "enable_speaker_diarization": True,
            "enable_language_identification": False,
            "max_endpoint_delay_ms": 700,
            "endpoint_sensitivity": -0.5,
            "endpoint_latency_adjustment_level": 0,
            "client_reference_id": "ref-1",
        },
        [],
        [CONFIG, AfterAudio(seconds=0.2, rate=24000)],
        app=(say(tone(0.25, rate=24000)), end),
    ),
    streaming(
        "the marker stands in the middle of a message",
        {},
        [
            "start_of_speech",
            "interim_transcript: One",
            "final_transcript: One two",
            "end_of_speech",
            "start_of_speech",
            "interim_transcript:  three",
            "end_of_speech",
        ],
        [
            CONFIG,
            AfterAudio(seconds=0.2),
            tokens(300, token("One", 100, 300, is_final=False)),
            tokens(
                600,
                token("One", 100, 300),
                token(" two", 300, 500),
                MARKER,
                token(" three", 550, 600, is_final=False),
            ),
            tokens(700),
            tokens(800, MARKER),
        ],
    ),
    streaming(
        "text and marker in one message, while idle",
        {},
        ["start_of_speech", "final_transcript: Yes", "end_of_speech"],
        [CONFIG, AfterAudio(seconds=0.2), tokens(300, token("Yes", 100, 300), MARKER)],
        corrections=[
            NEVER_ENDS,
            SAYS_NOTHING,
            Correction(
                "text and end in one message have no beginning",
                "events",
                ANY,
                lambda events: [START, *events],
            ),
        ],
    ),
    streaming(
        "several languages, and tokens without times, speaker or language",
        {"enable_speaker_diarization": True},
        [
            "start_of_speech",
            "preflight_transcript: Sí, sí, okay hola",
            "final_transcript: Sí, sí, okay hola",
            "end_of_speech",
        ],
        [
            CONFIG,
            AfterAudio(seconds=0.2),
            tokens(
                500,
                {"text": "Sí, ", "is_final": True},
                token("sí, ", 100, 200, language="es"),
                token("okay ", 300, 400, language="en", speaker="2"),
                token("hola", 450, 500, confidence=0.4, language="es", speaker="1"),
            ),
            tokens(600, MARKER),
        ],
    ),
    *(
        streaming(
            f"{translation['type']} translation: its tokens make the text, the original's are the source",
            {"translation": translation},
            [
                "start_of_speech",
                "interim_transcript: Hola",
                "preflight_transcript: Hola mundo",
                "final_transcript: Hola mundo",
                "end_of_speech",
            ],
            [
                CONFIG,
                AfterAudio(seconds=0.2),
                tokens(300, token("Hello", 100, 300, language="en", translation_status="original")),
                tokens(
                    500,
                    token(" wor", 300, 500, is_final=False, language="en", translation_status="original"),
                    token("Hola", is_final=False, **SPANISH),
                ),
                tokens(
                    700,
                    token(" world", 300, 700, language="en", translation_status="original"),
                    token(" you", 700, 720, is_final=False, language="en", translation_status="original"),
                    token("Hola", **SPANISH),
                    token(" mundo", **SPANISH),
                ),
                tokens(800, MARKER),
            ],
            plugin=soniox_plugin(
                translation=soniox.TranslationConfig(**translation)  # type: ignore[arg-type]
            ),
        )
        for translation in (
            {"type": "one_way", "target_language": "es"},
            {"type": "two_way", "language_a": "en", "language_b": "es"},
        )
    ),
    *(
        failing(
            f"in-band error {code}",
            ["start_of_speech", "preflight_transcript: Yes", "final_transcript: Yes", "end_of_speech"],
            [
                CONFIG,
                AfterAudio(seconds=0.2),
                tokens(300, token("Yes", 100, 300)),
                Send({"tokens": [], "error_code": code, "error_message": "Cannot continue request."}),
                Close(1000),
            ],
            corrections=[
                Correction(
                    "the last preflight is repeated at the end",
                    "events",
                    ANY,
                    lambda events: events[:2] + events[3:],
                )
            ],
        )
        for code in (401, "503")
    ),
    failing(
        "dropped with 1011",
        ["start_of_speech", "interim_transcript: Yes"],
        [
            CONFIG,
            AfterAudio(seconds=0.2),
            tokens(300, token("Yes", 100, 300, is_final=False)),
            Close(1011),
        ],
        connections=[
            [
                CONFIG,
                AfterAudio(seconds=0.2),
                tokens(300, token("Yes", 100, 300, is_final=False)),
                Close(1011),
            ],
            [CONFIG, tokens(1200)],
        ],
        ours=[
            [
                CONFIG,
                AfterAudio(seconds=0.2),
                tokens(300, token("Yes", 100, 300, is_final=False)),
                Close(1011),
            ]
        ],
        error=("retryable",),
        plugin_until=reported(1.5),
        corrections=[
            Correction(
                "a lost connection is replaced at once, uncounted", "error", None, {"retryable": True}
            ),
            Correction("a lost connection is replaced at once, uncounted", "usage.audio_duration", 1.5, 0.3),
            Correction(
                "a lost connection is replaced at once, uncounted",
                "wire.connections",
                ANY,
                lambda all_: all_[:1],
            ),
        ],
    ),
    *(
        failing(f"handshake refused with {status}", [], [Refuse(status, "No.")], app=())
        for status in (401, 503)
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
