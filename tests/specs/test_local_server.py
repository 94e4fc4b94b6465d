"""`openai_compatible` with a real server: words, segments or only the text, and its refusals."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from livekit.agents import APIStatusError

from specbuilder import load_adapter
from specbuilder.local import LocalServer
from tests.support.streams import tone, wav_frames

TEXT = "He turned sharply and faced Gregson across the table."


@pytest.fixture
async def server() -> AsyncIterator[LocalServer]:
    async with LocalServer(api_key="test-key") as running:
        yield running


async def test_what_is_asked_for_is_read(server: LocalServer, audio: dict[str, Path]) -> None:
    frames = list(wav_frames(audio["arctic_a0009"]))
    found: list[Any] = []
    async with aiohttp.ClientSession() as session:
        for granularities in ([], ["word"], ["segment"]):
            adapter = load_adapter(
                "openai_compatible",
                api_key="test-key",
                base_url=server.url,
                http_session=session,
                timestamp_granularities=granularities,
            )
            event = await adapter.recognize(frames)
            found.append(event.alternatives[0])
            await adapter.aclose()
    plain, words, segments = found
    # The model cuts differently from run to run, but hardly on this recording.
    assert [data.text.lower().strip(".") for data in found] == [TEXT.lower().strip(".")] * 3
    assert (plain.words, plain.end_time) == (None, 0.0)
    assert len(words.words) == len(TEXT.split())
    assert 0.0 <= words.start_time < words.words[3].start_time < words.end_time < 3.6
    assert 1 <= len(segments.words) < len(words.words)
    assert segments.end_time > 2.5


async def test_a_refusal_says_why(server: LocalServer) -> None:
    async with aiohttp.ClientSession() as session:
        adapter = load_adapter("openai_compatible", base_url=server.url, http_session=session)
        with pytest.raises(APIStatusError) as caught:
            await adapter.recognize(tone(0.2))
        await adapter.aclose()
    assert (caught.value.status_code, caught.value.retryable) == (401, False)
    assert "key" in caught.value.message.lower()
