"""RTZR streaming transcription: our spec against livekit-plugins-rtzr."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt
from livekit.plugins import rtzr

from tests.differential.harness import (
    ANY,
    APP_DONE,
    Build,
    Case,
    Correction,
    check_ours,
    check_plugin,
    end,
    flush,
    say,
    seen,
    until_events,
)
from tests.support.streams import tone
from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, Reply, ScriptedVendor, Send

TOKEN = Reply(json={"access_token": "TOK", "expire_at": 4000000000})
LAST = [AfterText("EOS"), Close(1000)]
HEARD = [AfterAudio(seconds=0.2, rate=8000)]


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin takes them from the environment only."""
    monkeypatch.setenv("RTZR_CLIENT_ID", "test-id")
    monkeypatch.setenv("RTZR_CLIENT_SECRET", "test-key")


def rtzr_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        plugin = rtzr.STT(http_session=session, **options)
        plugin._client._api_base = vendor.url
        plugin._client._ws_base = vendor.ws_url
        return plugin

    return build


def result(text: str, start: int, duration: int, final: bool = False, **more: Any) -> Send:
    return Send(
        {
            "seq": 0,
            "start_at": start,
            "duration": duration,
            "final": final,
            "alternatives": [{"text": text, "confidence": 0.0}],
            **more,
        }
    )


def streaming(
    name: str,
    options: dict[str, Any],
    expect: Sequence[str],
    script: Sequence[Any],
    *corrections: Correction,
    seconds: float = 0.25,
    **more: Any,
) -> Case:
    settings: dict[str, Any] = {
        "options": options,
        "app": (say(tone(seconds, rate=8000)), end),
        "connections": [script],
        "replies": {"POST /v1/authenticate": [TOKEN]},
        "corrections": [Correction("audio is not counted", "usage.audio_duration", 0, seconds), *corrections],
        **more,
    }
    return Case(name, rtzr_plugin(**options), "rtzr", expect, **settings)


CASES = [
    streaming(
        "plain exchange",
        {},
        ["start_of_speech", "interim_transcript: 안녕", "final_transcript: 안녕하세요", "end_of_speech"],
        [
            *HEARD,
            Send({"type": "ready"}),
            result("", 0, 100),
            result("안녕", 20, 100),
            result(
                "안녕하세요", 20, 150, True, words=[{"text": "안녕하세요", "start_at": 20, "duration": 150}]
            ),
            *LAST,
        ],
        query_order=True,
    ),
    streaming(
        "every option",
        {
            "model": "sommers_ja",
            "language": "ja",
            "sample_rate": 16000,
            "domain": "MEETING",
            "epd_time": 0.5,
            "noise_threshold": 0.7,
            "active_threshold": 0.9,
            "use_punctuation": True,
            "keywords": [("スタック", 2.5), ("LiveKit", -1.0)],
        },
        ["start_of_speech", "final_transcript: はい", "end_of_speech"],
        [AfterAudio(seconds=0.25), result("はい", 20, 150, True), *LAST],
        app=(say(tone(0.25)), end),
        query_order=True,
    ),
    streaming(
        "a flush ends the segment, and what follows has a connection of its own",
        {},
        [
            "start_of_speech",
            "final_transcript: 안녕하세요",
            "end_of_speech",
            "start_of_speech",
            "final_transcript: 네",
            "end_of_speech",
        ],
        [],
        *(
            Correction("times begin anew with each segment", f"events.4.alternatives.0.{name}", ANY, time)
            for name, time in (("start", 0.27), ("end", 0.37))
        ),
        connections=[
            [
                AfterAudio(seconds=0.25, rate=8000),
                AfterText("EOS"),
                result("안녕하세요", 20, 150, True),
                Close(1000),
            ],
            [AfterAudio(seconds=0.15, rate=8000), AfterText("EOS"), result("네", 20, 100, True), Close(1000)],
        ],
        app=(
            say(tone(0.25, rate=8000)),
            flush,
            until_events(3),
            say(tone(0.15, rate=8000)),
            end,
        ),
        seconds=0.4,
    ),
    streaming(
        "words to favour are escaped",
        {"keywords": ["a&domain=X", "b:2.0"]},
        [],
        [*HEARD, *LAST],
        Correction(
            "words to favour go into the query as they are",
            "wire.connections.0.query",
            ANY,
            lambda pairs: [
                ["keywords", "a&domain=X,b:2.0"] if pair == ["keywords", "a"] else pair
                for pair in pairs
                if pair != ["domain", "X,b:2.0"]
            ],
        ),
    ),
    streaming(
        "in-band error",
        {},
        [],
        [*HEARD, Send({"error": "overload"}), APP_DONE, Close(1000)],
        seconds=0.2,
    ),
    streaming(
        "dropped with 1011",
        {},
        ["start_of_speech", "interim_transcript: 안녕"],
        [*HEARD, result("안녕", 20, 100), Close(1011)],
        Correction(
            "a lost connection is not noticed while no audio is sent",
            "error",
            ANY,
            {"status": 503, "retryable": True},
        ),
        seconds=0.2,
        app=(say(tone(0.2, rate=8000)),),
        plugin_until=seen(2),
    ),
    *(
        streaming(
            f"handshake refused with {status}",
            {},
            [],
            [],
            connections=[[Refuse(status, {"msg": "No."})]],
            app=(say(tone(0.1, rate=8000, chunk=0.1)),),
            corrections=[],
        )
        for status in (401, 429, 500)
    ),
    *(
        streaming(
            f"no token, {status}",
            {},
            [],
            [],
            connections=[],
            replies={"POST /v1/authenticate": [Reply(status, json={"msg": "No."})]},
            app=(say(tone(0.1, rate=8000, chunk=0.1)),),
            corrections=[],
        )
        for status in (401, 500)
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
