"""fal's Wizper: our spec against livekit-plugins-fal."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import aiohttp
import fal_client.client as fal_client
import pytest
from livekit.agents import stt
from livekit.plugins import fal

from tests.differential.harness import Build, Case, Correction, check_ours, check_plugin
from tests.support.streams import tone
from tests.support.vendor import Reply, ScriptedVendor

PREFIX = "data:audio/x-wav;base64,"


@pytest.fixture(autouse=True)
def address(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugin takes no address; it is put into its SDK, and taken out again here."""
    monkeypatch.setattr(fal_client, "RUN_URL_FORMAT", fal_client.RUN_URL_FORMAT)


def fal_plugin(**options: Any) -> Build:
    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        fal_client.RUN_URL_FORMAT = f"{vendor.url}/"
        return fal.WizperSTT(api_key="test-key", **options)

    return build


def samples(body: dict[str, Any]) -> dict[str, Any]:
    """The body with the audio's samples in place of their text: WAV headers may differ."""
    address = body["audio_url"]
    assert address.startswith(PREFIX)
    return {**body, "audio_url": base64.b64decode(address[len(PREFIX) :])[44:]}


def batch(name: str, options: dict[str, Any], expect: Sequence[str], reply: Reply, **more: Any) -> Case:
    return Case(
        name,
        fal_plugin(**options),
        "fal",
        expect,
        options=options,
        replies={"POST /fal-ai/wizper": [reply]},
        headers=("authorization", "content-type"),
        body=samples,
        **more,
    )


def refused(status: int, detail: Any, retryable: bool) -> Case:
    return batch(
        f"refused with {status}",
        {},
        [],
        Reply(status, json={"detail": detail}),
        corrections=[
            Correction(
                "a refusal loses its HTTP status",
                "error",
                {"status": None, "retryable": True},
                {"status": status, "retryable": retryable},
            )
        ],
    )


CASES = [
    batch(
        "plain exchange",
        {},
        ["final_transcript: hi fal"],
        Reply(json={"text": "hi fal", "chunks": [{"timestamp": [0, 1.2], "text": "hi fal"}]}),
    ),
    batch(
        "another language, other audio",
        {"language": "pt-BR"},
        ["final_transcript: olá"],
        Reply(json={"text": "olá", "chunks": [], "languages": ["pt"]}),
        frames=tone(0.3, rate=48000, channels=2),
    ),
    batch(
        "the vendor's request id",
        {},
        ["final_transcript: hi"],
        Reply(json={"text": "hi"}, headers={"x-fal-request-id": "f1"}),
        corrections=[Correction("the vendor's request id is not passed on", "events.0.request_id", "", "f1")],
    ),
    batch("no text", {}, ["final_transcript: "], Reply(json={"chunks": []})),
    refused(401, "Unauthorized", False),
    refused(422, [{"loc": ["body", "audio_url"], "msg": "field required"}], False),
    refused(500, "Oops", True),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
