"""SLNG's bridge protocol: our spec against livekit-plugins-slng with one candidate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from livekit.plugins import slng

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
from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, Send

MODEL = "deepgram/nova:3"
READY = [
    AfterText({"type": "init"}),
    Send({"type": "ready", "session_id": "sess-1", "slng_request_id": "rq-1"}),
]
CLOSE = AfterText({"type": "close"})
LAST = [CLOSE, Close(1000)]
HELLO = {"word": "hello", "start": 0.1, "end": 0.15}
WORLD = {"word": "world", "start": 0.16, "end": 0.19}
UTTERANCE = ["start_of_speech", "interim_transcript: hello", "final_transcript: hello world", "end_of_speech"]
GOODBYE = Correction(
    "it says goodbye after an error", "wire.connections.0.sent", ANY, lambda sent: sent[:-1], defect=False
)


def slng_plugin(**options: Any) -> Build:
    more = options.pop("model_options", {})
    return lambda vendor, session: slng.STT(
        api_key="test-key", slng_base_url=vendor.address, http_session=session, **options, **more
    )


def partial(text: str) -> Send:
    return Send({"type": "partial_transcript", "transcript": text, "confidence": 0.5})


def final(text: str, **more: Any) -> Send:
    return Send({"type": "final_transcript", "transcript": text, "confidence": 0.9, **more})


def results(text: str, is_final: bool | str) -> Send:
    alternative = {"transcript": text, "confidence": 0.8, "words": [HELLO]}
    return Send(
        {
            "type": "Results",
            "is_final": is_final,
            "channel": {"alternatives": [alternative]},
            "language": "en",
        }
    )


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    options = {"model": MODEL, **options}
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(0.25)), end),
        "connections": [[*READY, *script]],
        "headers": ("authorization", "x-api-key"),
        # It counts up to each final, and what is not final not at all.
        "skip": ("usage",),
        **more,
    }
    return Case(name, slng_plugin(**options), "slng", expect, **settings)


CASES = [
    streaming(
        "plain exchange",
        {},
        UTTERANCE,
        [
            AfterAudio(seconds=0.2),
            partial("hello"),
            Send({"type": "SpeechStarted"}),
            final(" hello world ", language="en", duration=0.2, words=[HELLO, WORLD]),
            final(""),
            Send({"type": "utterance_end", "last_word_end": 0.19}),
            *LAST,
        ],
    ),
    streaming(
        "every option",
        {
            "sample_rate": 8000,
            "encoding": "pcm_s16le",
            "buffer_size_seconds": 0.1,
            "enable_partial_transcripts": False,
            "vad_threshold": 0.4,
            "vad_min_silence_duration_ms": 400,
            "vad_speech_pad_ms": 40,
            "enable_diarization": True,
            "min_speakers": 2,
            "max_speakers": 3,
            "language": "de",
            "region_override": ["EU-west", "us"],
            "world_part_override": "EU",
            "external_agent_id": "agent-1",
            "external_session_id": "session-1",
            "provider_api_key": "provider-key",
            "extra_headers": {"X-Extra": "1"},
            "model_options": {"foo": 1, "whisper_params": {"task": "translate"}},
        },
        ["start_of_speech", "final_transcript: hallo", "end_of_speech"],
        [AfterAudio(seconds=0.2, rate=8000), partial("hal"), final("hallo", words=[HELLO]), *LAST],
        app=(say(tone(0.25, rate=8000)), end),
        headers=(
            "authorization",
            "x-api-key",
            "x-region-override",
            "x-world-part-override",
            "x-slng-agent-id",
            "x-slng-session-id",
            "x-slng-provider-key",
            "x-extra",
        ),
    ),
    streaming(
        "a Deepgram model's messages",
        {},
        ["start_of_speech", "interim_transcript: dg", "final_transcript: dg final", "end_of_speech"],
        [
            AfterAudio(seconds=0.2),
            Send({"type": "Metadata"}),
            results("dg", False),
            results("dg final", "true"),
            results("", True),
            *LAST,
        ],
        corrections=[
            Correction(
                "an interim's times are left out",
                "events.1.alternatives.0",
                ANY,
                lambda data: {**data, "start": 0.1, "end": 0.15},
            )
        ],
    ),
    streaming(
        "an empty final does not end what was begun",
        {},
        UTTERANCE,
        [AfterAudio(seconds=0.2), partial("hello"), final(""), final("hello world", words=[HELLO]), *LAST],
    ),
    streaming(
        "a flush finalizes, and the end only what was said since",
        {},
        ["start_of_speech", "final_transcript: hello", "end_of_speech"],
        [
            AfterAudio(seconds=0.25),
            AfterText({"type": "finalize"}),
            final("hello", words=[HELLO]),
            *LAST,
        ],
        app=(say(tone(0.25)), flush, until_events(3), end),
    ),
    streaming(
        "an option change makes a new connection",
        {},
        ["start_of_speech", "final_transcript: hello", "end_of_speech"],
        [],
        connections=[
            [*READY, AfterAudio(seconds=0.128), final("hello", words=[{**HELLO, "end": 0.128}])],
            [*READY, *LAST],
        ],
        app=(
            say(tone(0.128)),
            until_events(3),
            update(vad_threshold=0.6),
            say(tone(0.128)),
            until_connection(2),
            end,
        ),
        # It loses what it hears meanwhile.
        skip=("usage", "wire.connections.0.sent", "wire.connections.1.sent", "wire.connections.1.chunks"),
    ),
    streaming(
        "in-band error",
        {},
        ["start_of_speech", "interim_transcript: hello"],
        [
            AfterAudio(seconds=0.192),
            partial("hello"),
            Send({"type": "error", "code": "provider_error", "message": "upstream died"}),
            Close(1011),
        ],
        app=(say(tone(0.192)),),
        corrections=[GOODBYE],
    ),
    streaming(
        "in-band error that is not to be tried again",
        {},
        [],
        [AfterAudio(seconds=0.192), Send({"type": "Error", "data": {"code": "413", "message": "No."}})],
        app=(say(tone(0.192)),),
        corrections=[GOODBYE],
    ),
    streaming(
        "dropped with 1011",
        {},
        ["start_of_speech", "interim_transcript: hello"],
        [AfterAudio(seconds=0.192), partial("hello"), Close(1011)],
        app=(say(tone(0.192)),),
        corrections=[Correction("the close code is lost", "error.status", "close -1", 503)],
    ),
    *(
        streaming(
            f"handshake refused with {status}",
            {},
            [],
            [],
            app=(say(tone(0.1, chunk=0.1)),),
            connections=[[Refuse(status, {"error": "No."})]],
            corrections=[
                Correction(
                    "an error is not one of livekit's",
                    "error",
                    ANY,
                    {"status": status, "retryable": status != 401},
                )
            ],
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
