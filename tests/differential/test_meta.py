"""Meta's realtime transcription: our spec against livekit-plugins-meta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt
from livekit.plugins import meta

from tests.differential.harness import (
    Build,
    Case,
    Correction,
    check_ours,
    check_plugin,
    end,
    flush,
    say,
    until_audio,
)
from tests.support.streams import tone
from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, ScriptedVendor, Send

READY = [AfterText({"mode": "ENDPOINTING"}), Send({"sessionId": "sess-1"})]
LAST = [AfterText({"type": "endStream"}), Close(1000)]
HEARD = [AfterAudio(seconds=0.24, rate=24000)]


def meta_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        plugin = meta.STT(api_key="test-key", http_session=session, **options)
        plugin._url = f"{vendor.ws_url}/v1/asr/realtime"  # It takes wss:// only.
        return plugin

    return build


def says(type: str, turn: int | str | None = 1, text: str | None = None) -> Send:
    message: dict[str, Any] = {"type": type}
    if turn is not None:
        message["turnId"] = turn
    if text is not None:
        message["transcript"] = text
    return Send(message)


def streaming(
    name: str, options: dict[str, Any], expect: Sequence[str], script: Sequence[Any], **more: Any
) -> Case:
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(0.24, rate=24000)), end),
        "connections": [[*READY, *script]],
        # The vendor's count has milliseconds; it is compared where it is sent.
        "skip": ("usage",),
        **more,
    }
    return Case(name, meta_plugin(**options), "meta", expect, **settings)


UTTERANCE = ["start_of_speech", "interim_transcript: hel", "final_transcript: Hello.", "end_of_speech"]

CASES = [
    streaming(
        "plain exchange",
        {},
        [*UTTERANCE, "start_of_speech", "final_transcript: Bye.", "end_of_speech"],
        [
            *HEARD,
            says("speechStart"),
            says("transcript", text="hel"),
            says("transcript", text="hel"),
            says("speechComplete", text="Hello."),
            says("speechEnd"),
            Send({"type": "audioProgress", "audioProcessedMs": 240}),
            says("speechStart", "2"),
            says("speechComplete", "2", "Bye."),
            says("speechEnd", "2"),
            *LAST,
        ],
        skip=(),
    ),
    streaming(
        "every option",
        {
            "model": "muse-2",
            "keywords": ["LiveKit", " Muse ", "LiveKit"],
            "language_bias": ["korean", "English"],
        },
        UTTERANCE,
        [
            *HEARD,
            says("speechStart"),
            says("transcript", text="hel"),
            says("speechComplete", text="Hello."),
            says("speechEnd"),
            *LAST,
        ],
    ),
    streaming(
        "the end comes before the text; a text without a turn belongs to the open one",
        {},
        UTTERANCE,
        [
            *HEARD,
            says("speechStart"),
            says("transcript", None, "hel"),
            says("speechEnd"),
            says("speechComplete", text="Hello."),
            *LAST,
        ],
    ),
    streaming(
        "a text without a beginning",
        {},
        UTTERANCE,
        [
            *HEARD,
            says("transcript", text="hel"),
            says("speechComplete", text="Hello."),
            says("speechComplete", text="Hello again."),
            says("transcript", text="hello"),
            says("speechEnd"),
            *LAST,
        ],
    ),
    streaming(
        "a flush sends the partial chunk and no message",
        {},
        [],
        [AfterAudio(seconds=0.21, rate=24000), *LAST],
        app=(say(tone(0.1, rate=24000)), flush, until_audio(4800), say(tone(0.11, rate=24000)), end),
    ),
    streaming(
        "in-band error",
        {},
        ["start_of_speech", "interim_transcript: hel"],
        [
            *HEARD,
            says("speechStart"),
            says("transcript", text="hel"),
            Send({"type": "error", "message": "oops"}),
            Close(1011),
        ],
        app=(say(tone(0.24, rate=24000)),),
    ),
    streaming(
        "dropped with 1011",
        {},
        ["start_of_speech", "interim_transcript: hel"],
        [*HEARD, says("speechStart"), says("transcript", text="hel"), Close(1011)],
        app=(say(tone(0.24, rate=24000)),),
        corrections=[
            Correction(
                "a lost connection is fatal",
                "error",
                {"status": None, "retryable": False},
                {"status": 503, "retryable": True},
            )
        ],
    ),
    streaming(
        "closed for good",
        {},
        [],
        [*HEARD, Close(1008)],
        app=(say(tone(0.24, rate=24000)),),
        corrections=[
            Correction("a close code counts as an HTTP status", "error.status", "close 1008", 400),
        ],
    ),
    *(
        streaming(
            f"handshake refused with {status}",
            {},
            [],
            [],
            app=(),
            connections=[[Refuse(status, {"error": "No."})]],
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
