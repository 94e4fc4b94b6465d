"""Groq transcriptions: our spec against livekit-plugins-groq."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt
from livekit.plugins import groq

from tests.differential.harness import Build, Case, check_ours, check_plugin
from tests.support.streams import tone
from tests.support.vendor import Reply, ScriptedVendor

ROUTE = "POST /openai/v1/audio/transcriptions"


def groq_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        return groq.STT(api_key="test-key", base_url=f"{vendor.url}/openai/v1", **options)

    return build


def batch(name: str, options: dict[str, Any], expect: Sequence[str], reply: Reply, **more: Any) -> Case:
    return Case(
        name, groq_plugin(**options), "groq", expect, options=options, replies={ROUTE: [reply]}, **more
    )


CASES = [
    batch(
        "plain",
        {},
        ["final_transcript:  hello world"],
        Reply(json={"text": " hello world", "x_groq": {"id": "req_01abc"}}),
    ),
    batch(
        "every option",
        {"model": "whisper-large-v3", "language": "de-DE", "prompt": "Names: Anna."},
        ["final_transcript: hallo"],
        Reply(json={"text": "hallo"}),
        frames=tone(0.3, rate=48000, channels=2),
    ),
    batch(
        "a detected language is not asked for by name",
        {"detect_language": True},
        ["final_transcript: hola"],
        Reply(json={"text": "hola"}),
    ),
    *(
        batch(
            f"refused with {status}",
            {},
            [],
            Reply(status, json={"error": {"message": "No.", "type": "x", "code": "y"}}),
        )
        for status in (400, 401, 429, 500)
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
