"""Speech gets through although a vendor is dead, or the connection to it breaks."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from livekit.agents import inference, stt

from specbuilder import load_adapter
from specbuilder.adapters.stt import SpecSTT
from specbuilder.local import LocalServer, word_error_rate
from tests.local.conftest import Recording
from tests.support.streams import frames

from .hearing import check_order, check_times, hear
from .proxy import FaultyLine

BYTES_PER_SECOND = 32_000


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port that refuses connections: it is taken, and nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


async def test_fallback_from_a_dead_stream(
    vosk: SpecSTT, dead_port: int, recordings: dict[str, Recording]
) -> None:
    recording = recordings["librivox_0870"]
    dead = load_adapter("vosk", base_url=f"ws://127.0.0.1:{dead_port}")
    async with dead, stt.FallbackAdapter([dead, vosk], max_retry_per_stt=0) as fallback:
        changes: list[stt.AvailabilityChangedEvent] = []
        fallback.on("stt_availability_changed", changes.append)
        heard = await hear(fallback.stream(), recording.pcm, pace=4.0)
    assert [(change.stt, change.available) for change in changes] == [(dead, False)]
    check_order(heard)
    assert word_error_rate(recording.transcript, heard.text) <= 0.15


async def test_fallback_from_a_dead_request(
    openai: SpecSTT, dead_port: int, recordings: dict[str, Recording]
) -> None:
    recording = recordings["librivox_0870"]
    dead = load_adapter("openai_compatible", base_url=f"http://127.0.0.1:{dead_port}")
    several: list[stt.STT[Any]] = [dead, openai]
    async with dead, stt.FallbackAdapter(several, vad=inference.VAD(), max_retry_per_stt=0) as fallback:
        event = await fallback.recognize(frames(recording.pcm, chunk=0.5))
    assert word_error_rate(recording.transcript, event.alternatives[0].text) <= 0.10


@pytest.mark.parametrize("spoken", [1.5, 4.5, 7.0, 10.5])
async def test_a_connection_lost_in_the_middle_of_speech(
    server: LocalServer, recordings: dict[str, Recording], spoken: float
) -> None:
    jfk = recordings["jfk"]
    line = FaultyLine(server.url, int(spoken * BYTES_PER_SECOND))
    async with line, load_adapter("vosk", base_url=line.url) as adapter:
        heard = await hear(adapter.stream(), jfk.pcm, pace=4.0)
    assert len(line.sent) == 2
    check_order(heard)
    check_times(heard, len(jfk.pcm) / BYTES_PER_SECOND)
    # A sentence lost or said twice would be far beyond this.
    assert word_error_rate(jfk.transcript, heard.text) <= 0.15
    # What was final before the cut is not sent again; what was not, is.
    assert line.sent[0] + line.sent[1] > len(jfk.pcm)
    assert (line.sent[1] < len(jfk.pcm)) == (spoken > 4)
