"""`on_error` of `load_adapter`: livekit's errors by default, so that retries and FallbackAdapter see them."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIStatusError, inference, stt

from specbuilder import load_adapter
from tests.support.streams import silence
from tests.support.vendor import Reply, ScriptedVendor

ONE_TRY = APIConnectOptions(max_retry=0, timeout=2.0)
SPEC: dict[str, Any] = {
    "spec": 1,
    "name": "mine",
    "base_url": "https://api.example.com",
    "recognize": {"post": "/v1", "body": "{{ audio.wav }}", "transcript": {"text": "text"}},
}


def vendor_of(*replies: Reply) -> ScriptedVendor:
    return ScriptedVendor(replies={"POST /v1": replies})


async def test_the_default_raises() -> None:
    async with vendor_of(Reply(503)) as vendor, load_adapter(SPEC, base_url=vendor.url) as adapter:
        with pytest.raises(APIStatusError):
            await adapter.recognize(silence(0.1), conn_options=ONE_TRY)


async def test_empty_gives_an_empty_transcript_and_livekits_event() -> None:
    async with vendor_of(Reply(503)) as vendor:
        adapter = load_adapter(SPEC, base_url=vendor.url, on_error="empty")
        errors: list[stt.STTError] = []
        adapter.on("error", errors.append)
        event = await adapter.recognize(silence(0.1), conn_options=ONE_TRY)
        await adapter.aclose()
    assert event.alternatives[0].text == ""
    assert [error.recoverable for error in errors] == [False]


async def test_a_fallback_adapter_goes_to_the_next_one_because_the_first_raises() -> None:
    good = vendor_of(Reply(json={"text": "from the second"}))
    # It goes on looking whether the first one has recovered.
    bad = vendor_of(*[Reply(503)] * 3)
    async with bad, good:
        first, second = load_adapter(SPEC, base_url=bad.url), load_adapter(SPEC, base_url=good.url)
        fallback = stt.FallbackAdapter([first, second], vad=inference.VAD(), max_retry_per_stt=0)
        event = await fallback.recognize(silence(0.1))
        await fallback.aclose()
        await first.aclose()
        await second.aclose()
    assert event.alternatives[0].text == "from the second"


async def test_a_mistake_of_the_caller_is_raised_whatever_the_policy() -> None:
    spec = {**SPEC, "options": {"language": {"default": "en", "enum": ["en"], "role": "language"}}}
    async with load_adapter(spec, on_error="empty") as adapter:
        with pytest.raises(ValueError, match="'fr' is not one of en"):
            await adapter.recognize(silence(0.1), language="fr")
