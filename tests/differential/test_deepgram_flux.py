"""Deepgram Flux (/v2/listen): our spec against STTv2 of livekit-plugins-deepgram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt
from livekit.plugins import deepgram

from specbuilder import load_adapter
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
    until_message,
    update,
)
from tests.support.streams import tone
from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, ScriptedVendor, Send

HELLO = {"word": "hello", "confidence": 0.8, "start": 0.0, "end": 0.3}
THERE = {"word": "there", "confidence": 0.6, "start": 0.4, "end": 0.7}
CONNECTED = Send({"type": "Connected", "request_id": "r1", "sequence_id": 0})
CLOSE_STREAM = AfterText({"type": "CloseStream"})
START_TIME = Correction(
    "it does not say when speech began",
    "events.0",
    ANY,
    lambda event: {**event, "has_speech_start_time": True},
)
END = {"type": "end_of_speech", "request_id": ""}


def flux_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        return deepgram.STTv2(
            api_key="test-key", base_url=f"{vendor.ws_url}/v2/listen", http_session=session, **options
        )

    return build


def turn(event: str, *words: dict[str, Any], end: float = 0.5, **more: Any) -> Send:
    return Send(
        {
            "type": "TurnInfo",
            "request_id": "r1",
            "event": event,
            "turn_index": 0,
            "audio_window_start": 0.0,
            "audio_window_end": end,
            "transcript": " ".join(word["word"] for word in words),
            "words": list(words),
            "end_of_turn_confidence": 0.5,
            **more,
        }
    )


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(0.25)), end),
        "connections": [[CONNECTED, *script]],
        **more,
    }
    return Case(name, flux_plugin(**options), "deepgram_flux", expect, **settings)


def failing(name: str, expect: Sequence[str], script: Sequence[Any], **more: Any) -> Case:
    return streaming(
        name,
        {},
        expect,
        [AfterAudio(seconds=0.2), *script],
        **{
            "app": (say(tone(0.2)),),
            "corrections": [
                Correction("audio before an error is not counted", "usage.audio_duration", 0, 0.2)
            ],
            **more,
        },
    )


CASES = [
    streaming(
        "plain exchange",
        {},
        [
            "start_of_speech",
            "interim_transcript: hello",
            "interim_transcript: hello there",
            "final_transcript: hello there",
            "end_of_speech",
        ],
        [
            AfterAudio(seconds=0.2),
            turn("Update"),
            turn("StartOfTurn", HELLO),
            turn("Update", HELLO, THERE, end=1.0),
            turn("EndOfTurn", HELLO, THERE, end=1.2, languages=["es", "en"], languages_hinted=["en"]),
            CLOSE_STREAM,
            Close(1000),
        ],
        query_order=True,
        corrections=[START_TIME],
    ),
    streaming(
        "every option",
        {
            "model": "flux-general-multi",
            "sample_rate": 24000,
            "audio_chunk_duration_ms": 80,
            "eager_eot_threshold": 0.4,
            "eot_threshold": 0.7,
            "eot_timeout_ms": 5000,
            "keyterm": ["alpha", "b c"],
            "tags": ["t"],
            "language_hint": ["en", "es"],
            "mip_opt_out": True,
            "numerals": True,
            "profanity_filter": True,
            "redact": "numbers",
        },
        [],
        [AfterAudio(seconds=0.25, rate=24000), CLOSE_STREAM, Close(1000)],
        app=(say(tone(0.25, rate=24000)), end),
        query_order=True,
    ),
    streaming(
        "thresholds of 0 are left out, one keyterm is a text",
        {"eot_threshold": 0.0, "eot_timeout_ms": 0, "keyterm": "LiveKit"},
        [],
        [AfterAudio(seconds=0.25), CLOSE_STREAM, Close(1000)],
    ),
    streaming(
        "an eager end is taken back; a turn without words",
        {"eager_eot_threshold": 0.5},
        [
            "start_of_speech",
            "preflight_transcript: hello",
            "interim_transcript: hello",
            "preflight_transcript: hello there",
            "final_transcript: hello there",
            "end_of_speech",
            "start_of_speech",
            "end_of_speech",
        ],
        [
            AfterAudio(seconds=0.2),
            turn("StartOfTurn"),
            turn("EagerEndOfTurn", HELLO),
            turn("TurnResumed", HELLO),
            turn("EagerEndOfTurn", HELLO, THERE, end=0.9),
            turn("EndOfTurn", HELLO, THERE, end=1.0),
            turn("StartOfTurn"),
            turn("EndOfTurn"),
            CLOSE_STREAM,
            Close(1000),
        ],
    ),
    streaming(
        "a turn is open at the end of input",
        {},
        [
            "start_of_speech",
            "interim_transcript: hello",
            "final_transcript: hello",
            "end_of_speech",
        ],
        [AfterAudio(seconds=0.2), turn("StartOfTurn", HELLO), CLOSE_STREAM, Close(1000)],
        corrections=[
            START_TIME,
            Correction(
                "a turn still open at the end has no final and no end",
                "events",
                ANY,
                lambda events: [*events, {**events[1], "type": "final_transcript"}, END],
            ),
        ],
    ),
    streaming(
        "a flush sends the partial chunk and no message",
        {},
        [],
        [AfterAudio(seconds=0.17), CLOSE_STREAM, Close(1000)],
        app=(say(tone(0.12)), flush, until_audio(3840), say(tone(0.05)), end),
    ),
    streaming(
        "options changed in-band",
        {"model": "flux-general-multi"},
        [],
        [
            AfterText({"type": "Configure"}),
            Send({"type": "ConfigureFailure", "request_id": "r1", "sequence_id": 10}),
            CLOSE_STREAM,
            Close(1000),
        ],
        app=(
            say(tone(0.1)),
            until_audio(3200),
            update(eot_threshold=0.8, keyterm=["x", "y"], language_hint=["en"]),
            until_message(1),
            say(tone(0.1)),
            end,
        ),
    ),
    streaming(
        "numerals need a new connection",
        {},
        [
            "start_of_speech",
            "final_transcript: hello",
            "end_of_speech",
        ],
        [],
        connections=[
            [CONNECTED, AfterAudio(seconds=0.1), turn("StartOfTurn"), turn("EndOfTurn", HELLO, end=0.1)],
            [CONNECTED, CLOSE_STREAM, Close(1000)],
        ],
        app=(
            say(tone(0.1)),
            flush,
            until_events(3),
            update(numerals=True, eot_threshold=0.8),
            until_connection(2),
            say(tone(0.1)),
            end,
        ),
    ),
    failing(
        "in-band error",
        ["start_of_speech"],
        [
            turn("StartOfTurn"),
            Send({"type": "Error", "sequence_id": 11, "code": "INTERNAL_SERVER_ERROR", "description": "x"}),
            Close(1011),
        ],
        corrections=[
            Correction("audio before an error is not counted", "usage.audio_duration", 0, 0.2),
            Correction(
                "an in-band error is only logged",
                "error",
                {"status": "close 1011", "retryable": True},
                {"status": 500, "retryable": True},
            ),
        ],
    ),
    failing(
        "dropped with 1011", ["start_of_speech"], [turn("StartOfTurn"), Close(1011)], error=("retryable",)
    ),
    *(
        streaming(
            f"handshake refused with {status}",
            {},
            [],
            [],
            app=(),
            connections=[[Refuse(status, {"err_code": "X", "err_msg": "No."})]],
        )
        for status in (401, 429, 500)
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"eager_eot_threshold": 0.8}, "eager_eot_threshold"),
        ({"tags": ["x" * 129]}, "tags"),
        ({"audio_chunk_duration_ms": 0}, "audio_chunk_duration_ms"),
    ],
)
def test_refused_alike(options: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=error.removesuffix("s")):
        deepgram.STTv2(api_key="test-key", **options)
    with pytest.raises(ValueError, match=error):
        load_adapter("deepgram_flux", api_key="test-key", **options)
