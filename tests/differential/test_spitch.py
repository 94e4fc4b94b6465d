"""Spitch transcription: our spec against livekit-plugins-spitch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt
from livekit.plugins import spitch

from tests.differential.harness import ANY, Build, Case, Correction, check_ours, check_plugin
from tests.support.streams import tone
from tests.support.vendor import Reply, ScriptedVendor

SEGMENTS = [{"text": "ba", "start": 0.1, "end": 0.4}, {"text": "wo", "start": 0.5, "end": 0.9}]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The plugin takes key and address from the environment only."""
    monkeypatch.setenv("SPITCH_API_KEY", "test-key")
    monkeypatch.setenv("SPITCH_BASE_URL", "http://127.0.0.1")
    return monkeypatch


def spitch_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        plugin = spitch.STT(**options)
        plugin._client.base_url = vendor.url
        return plugin

    return build


def batch(name: str, options: dict[str, Any], expect: Sequence[str], reply: Reply, **more: Any) -> Case:
    return Case(
        name,
        spitch_plugin(**options),
        "spitch",
        expect,
        options=options,
        # The SDK asks again where it should not.
        replies={"POST /v1/transcriptions": [reply] * 3},
        headers=("authorization", "x-data-retention"),
        **more,
    )


ID = Correction("the vendor's request id is not passed on", "events.0.request_id", "", "z1")


def refused(status: int, retryable: bool, requests: int) -> Case:
    more = [Correction("one attempt is up to three requests", "wire.requests", ANY, lambda sent: sent[:1])]
    return batch(
        f"refused with {status}",
        {},
        [],
        Reply(status, json={"detail": "No."}),
        corrections=more if requests > 1 else [],
    )


CASES = [
    batch(
        "plain exchange",
        {},
        ["final_transcript: ba wo"],
        Reply(json={"request_id": "z1", "text": "ba wo", "segments": SEGMENTS}),
        corrections=[ID],
    ),
    batch(
        "another language, other audio",
        {"language": "yo"},
        ["final_transcript: ba wo"],
        Reply(json={"request_id": "z1", "text": "ba wo", "segments": None}),
        frames=tone(0.3, rate=48000, channels=2),
        corrections=[ID],
    ),
    batch(
        "a language with a region",
        {"language": "en-US"},
        ["final_transcript: ba wo"],
        Reply(json={"request_id": "z1", "text": "ba wo", "segments": SEGMENTS}),
        corrections=[
            ID,
            Correction(
                "English with a region is asked for without times",
                "wire.requests.0.body",
                ANY,
                lambda parts: [
                    parts[0],
                    {"name": "timestamp", "value": "word"},
                    *parts[1:],
                ],
            ),
        ],
    ),
    batch("no text", {}, ["final_transcript: "], Reply(json={"text": None})),
    refused(401, False, 1),
    refused(429, True, 3),
    refused(500, True, 3),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
