"""OpenAI's models on Azure: our spec against livekit-plugins-openai's `STT.with_azure`, batch only.

The plugin's realtime connection knows nothing of Azure (no version, no deployment, no api-key header).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt
from livekit.plugins import openai

from tests.differential.harness import ANY, Build, Case, Correction, check_ours, check_plugin
from tests.support.streams import tone
from tests.support.vendor import Reply, ScriptedVendor

AZURE = {"azure_endpoint": "https://name.openai.azure.com", "api_version": "2024-10-21"}
SEGMENT = {"id": 0, "start": 0.0, "end": 1.1, "text": "hallo welt", "avg_logprob": -0.2}


def azure_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        return openai.STT.with_azure(api_key="test-key", **{**options, "azure_endpoint": vendor.url})

    return build


def batch(
    name: str,
    options: dict[str, Any],
    expect: Sequence[str],
    reply: Reply,
    *,
    deployment: str = "dep1",
    **more: Any,
) -> Case:
    options = {**AZURE, "azure_deployment": "dep1", **options}
    return Case(
        name,
        azure_plugin(**options),
        "azure_openai",
        expect,
        options=options,
        replies={f"POST /openai/deployments/{deployment}/audio/transcriptions": [reply]},
        headers=("api-key", "authorization"),
        **more,
    )


BATCH = [
    batch(
        "json",
        {},
        ["final_transcript: hello world"],
        Reply(json={"text": "hello world", "usage": {"input_tokens": 14, "output_tokens": 9}}),
    ),
    batch(
        "another version, and the model as the deployment",
        {
            "azure_deployment": None,
            "api_version": "2025-03-01-preview",
            "detect_language": True,
            "prompt": "p",
        },
        ["final_transcript: hello"],
        Reply(json={"text": "hello"}),
        deployment="gpt-4o-mini-transcribe",
    ),
    batch(
        "whisper-1 replies in detail",
        {"model": "whisper-1", "language": "de-DE", "temperature": 0.2},
        ["final_transcript: hallo welt"],
        Reply(json={"language": "german", "duration": 1.2, "text": "hallo welt", "segments": [SEGMENT]}),
        frames=tone(0.3, rate=48000, channels=2),
        corrections=[
            Correction(
                "the segments' times are left out",
                "events.0.alternatives.0",
                ANY,
                lambda data: {
                    **data,
                    "end": 1.1,
                    "words": [{"text": "hallo welt", "start": 0.0, "end": 1.1, "confidence": 0.8187}],
                },
                # It is openai's, whose plugin this is.
                defect=False,
            )
        ],
    ),
    *(
        batch(
            f"refused with {status}",
            {},
            [],
            Reply(status, json={"error": {"message": "No.", "code": str(status)}}),
        )
        for status in (401, 404, 429, 500)
    ),
]


@pytest.mark.parametrize("case", BATCH, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", BATCH, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
