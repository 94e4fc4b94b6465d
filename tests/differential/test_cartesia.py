"""Cartesia: our spec against livekit-plugins-cartesia, ink-2 with turns and ink-whisper."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt
from livekit.plugins import cartesia

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
    until_connection,
    until_events,
    update,
)
from tests.support.streams import tone
from tests.support.vendor import Accept, AfterAudio, AfterText, Close, Refuse, ScriptedVendor, Send

WHISPER = {"model": "ink-whisper"}
CONNECTED = Send({"type": "connected", "request_id": "r1"})
CLOSE = AfterText({"type": "close"})
DONE = [AfterText("close"), Send({"type": "done", "request_id": "r1"}), Close(1000)]


def cartesia_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        return cartesia.STT(api_key="test-key", base_url=vendor.url, http_session=session, **options)

    return build


def turn(event: str, text: str | None = None) -> Send:
    said = {} if text is None else {"transcript": text}
    return Send({"type": f"turn.{event}", "request_id": "r1", **said})


def heard(text: str, duration: float, *words: tuple[str, float, float], final: bool = True) -> Send:
    return Send(
        {
            "type": "transcript",
            "is_final": final,
            "text": text,
            "duration": duration,
            "language": "xx",
            "words": [{"word": word, "start": start, "end": stop} for word, start, stop in words],
            "request_id": "r1",
        }
    )


def at(event: dict[str, Any], start: float, stop: float) -> dict[str, Any]:
    """The event at other times."""
    return {**event, "alternatives": [{**event["alternatives"][0], "start": start, "end": stop}]}


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(0.35)), end),
        "connections": [script],
        "headers": ("x-api-key", "cartesia-version"),
        **more,
    }
    return Case(name, cartesia_plugin(**options), "cartesia", expect, **settings)


def failing(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    return streaming(
        name,
        options,
        expect,
        [AfterAudio(seconds=0.32), *script],
        **{"app": (say(tone(0.32)),), "error": ("retryable",), **more},
    )


TURNS = [
    streaming(
        "plain exchange",
        {},
        [
            "start_of_speech",
            "interim_transcript: Hey can",
            "final_transcript: Hey can you help?",
            "end_of_speech",
        ],
        [
            CONNECTED,
            AfterAudio(seconds=0.32),
            turn("start"),
            turn("update", ""),
            turn("update", "Hey can"),
            turn("update", "Hey can"),
            turn("end", "Hey can you help?"),
            CLOSE,
            Close(1000),
        ],
        query_order=True,
    ),
    streaming(
        "every option",
        {
            "model": "ink-2",
            "sample_rate": 24000,
            "audio_chunk_duration_ms": 100,
            "language": "en-GB",
            "encoding": "pcm_s16le",
            "turn_start_threshold": 0.7,
            "turn_eager_end_threshold": 0.4,
            "turn_end_threshold": 0.1,
            "turn_end_timeout_ms": 5600,
            "keyterm": ["a b", "é&x"],
        },
        ["start_of_speech", "final_transcript: Hey", "end_of_speech"],
        [AfterAudio(seconds=0.3, rate=24000), turn("start"), turn("end", "Hey"), CLOSE, Close(1000)],
        app=(say(tone(0.35, rate=24000)), end),
        query_order=True,
    ),
    streaming(
        "an eager end is taken back; texts that are left out",
        {},
        [
            "start_of_speech",
            "interim_transcript:  Hey",
            "preflight_transcript:  Hey",
            "interim_transcript:  Hey",
            "preflight_transcript:  Hey you",
            "final_transcript:  Hey you",
            "end_of_speech",
        ],
        [
            AfterAudio(seconds=0.32),
            turn("start"),
            turn("start"),
            turn("update", " Hey"),
            turn("eager_end", ""),
            turn("update", " Hey"),
            turn("resume"),
            turn("eager_end", " Hey you"),
            turn("update", " Hey you"),
            turn("end", ""),
            CLOSE,
            Close(1000),
        ],
    ),
    streaming(
        "a turn is open at the end of input",
        {},
        ["start_of_speech", "interim_transcript: Hey", "final_transcript: Hey", "end_of_speech"],
        [AfterAudio(seconds=0.32), turn("start"), turn("update", "Hey"), CLOSE, Close(1000)],
    ),
    failing(
        "in-band error",
        {},
        ["start_of_speech", "interim_transcript: Hey", "final_transcript: Hey", "end_of_speech"],
        [
            turn("start"),
            turn("update", "Hey"),
            Send({"type": "error", "title": "Oops", "message": "boom", "request_id": "r1"}),
        ],
    ),
    failing(
        "in-band error of the caller's",
        {},
        [],
        [
            Send({"type": "error", "title": "Invalid model", "status_code": 404, "request_id": "r1"}),
            Close(1000),
        ],
        error=("status", "retryable"),
        corrections=[
            Correction(
                "an in-band error is only logged",
                "error",
                {"status": None, "retryable": True},
                {"status": 404, "retryable": False},
            )
        ],
    ),
    failing(
        "dropped with 1011",
        {},
        ["start_of_speech", "interim_transcript: Hey"],
        [turn("start"), turn("update", "Hey"), Close(1011)],
        corrections=[
            Correction(
                "an error ends a turn that goes on in the next connection",
                "events",
                ANY,
                lambda events: events[:2],
            )
        ],
    ),
]

LEGACY = [
    streaming(
        "whisper: plain exchange",
        WHISPER,
        ["start_of_speech", "final_transcript: Hello there", "end_of_speech"],
        [
            Accept({"X-Request-Id": "h1"}),
            AfterAudio(seconds=0.32),
            heard("Hello there", 1.0, ("Hello", 0.0, 0.3), ("there", 0.4, 0.6)),
            AfterText("finalize"),
            Send({"type": "flush_done", "request_id": "r1"}),
            *DONE,
        ],
        query_order=True,
    ),
    streaming(
        "whisper: another language, a flush, interims and an empty final",
        {"language": "de-DE", "audio_chunk_duration_ms": 100, "sample_rate": 8000},
        [
            "start_of_speech",
            "interim_transcript: Hal",
            "final_transcript: Hallo",
            "end_of_speech",
            "start_of_speech",
            "final_transcript: du",
            "end_of_speech",
        ],
        [
            AfterText("finalize"),
            heard("", 0.2, final=False),
            heard("Hal", 0.5, ("Hal", 0.1, 0.3), final=False),
            heard("Hallo", 1.0, ("Hallo", 0.1, 0.4)),
            heard("", 0.0),
            heard("du", 0.5, ("du", 1.1, 1.3)),
            *DONE,
        ],
        app=(say(tone(0.25, rate=8000)), flush, until_events(7), end),
        corrections=[
            Correction("an empty final is emitted", "events", ANY, lambda all_: all_[:4] + all_[7:]),
            Correction(
                "interims move the clock of what comes after them",
                "events.1",
                ANY,
                lambda event: at(event, 0.0, 0.5),
            ),
            Correction(
                "interims move the clock of what comes after them",
                "events.2",
                ANY,
                lambda event: at(event, 0.0, 1.0),
            ),
            Correction(
                "interims move the clock of what comes after them",
                "events.5",
                ANY,
                lambda event: at(event, 1.0, 1.5),
            ),
        ],
    ),
    streaming(
        "whisper: another language needs a new connection, another region does not",
        {"language": "de"},
        ["start_of_speech", "final_transcript: Hallo", "end_of_speech"],
        [],
        connections=[
            [AfterAudio(seconds=0.32), heard("Hallo", 0.32, ("Hallo", 0.0, 0.3))],
            DONE,
        ],
        app=(
            say(tone(0.32)),
            until_events(3),
            update(language="de-AT"),
            update(language="fr-FR"),
            until_connection(2),
            say(tone(0.16)),
            end,
        ),
        corrections=[Correction("audio is counted at finals only", "usage.audio_duration", 0.32, 0.48)],
    ),
    failing(
        "whisper: in-band error",
        WHISPER,
        [],
        [Send({"type": "error", "code": 503, "message": "boom"})],
        corrections=[Correction("audio is counted at finals only", "usage.audio_duration", 0, 0.32)],
    ),
    failing(
        "whisper: in-band error of the caller's",
        WHISPER,
        [],
        [Send({"type": "error", "code": 400, "message": "bad"}), Close(1000)],
        error=("status", "retryable"),
        corrections=[
            Correction("audio is counted at finals only", "usage.audio_duration", 0, 0.32),
            Correction(
                "an in-band error is only logged",
                "error",
                {"status": None, "retryable": True},
                {"status": 400, "retryable": False},
            ),
        ],
    ),
    failing(
        "whisper: dropped with 1011",
        WHISPER,
        ["start_of_speech", "interim_transcript: Hal"],
        [heard("Hal", 0.3, ("Hal", 0.0, 0.2), final=False), Close(1011)],
        corrections=[Correction("audio is counted at finals only", "usage.audio_duration", 0, 0.32)],
    ),
]

REFUSED = [
    streaming(
        f"handshake of {options.get('model', 'ink-2')} refused with {status}",
        options,
        [],
        [Refuse(status, {"title": "No."})],
        app=(),
    )
    for options, status in (({}, 401), ({}, 429), (WHISPER, 401), (WHISPER, 500))
]


@pytest.mark.parametrize("case", TURNS + LEGACY + REFUSED, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", TURNS + LEGACY + REFUSED, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)


def test_turn_options_need_a_turn_model() -> None:
    with pytest.raises(ValueError, match="keyterm"):
        cartesia.STT(api_key="test-key", language="de", keyterm=["x"])
    with pytest.raises(ValueError, match="keyterm"):
        load_adapter("cartesia", api_key="test-key", language="de", keyterm=["x"])
