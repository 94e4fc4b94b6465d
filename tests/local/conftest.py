"""The recordings as PCM, one loaded recogniser, and one running server for the tests of this folder."""

from __future__ import annotations

import asyncio
import json
import random
import threading
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from specbuilder.local import LocalServer, Recogniser, load_recogniser

AUDIO = Path(__file__).parent.parent / "audio"


@dataclass(frozen=True)
class Recording:
    """A recording of tests/audio: 16 kHz mono."""

    id: str
    file: bytes
    pcm: bytes
    transcript: str


def _recording(entry: dict[str, str]) -> Recording:
    path = AUDIO / entry["file"]
    with wave.open(str(path)) as opened:
        pcm = opened.readframes(opened.getnframes())
    return Recording(entry["id"], path.read_bytes(), pcm, entry["transcript"])


@pytest.fixture(scope="session")
def recordings() -> dict[str, Recording]:
    manifest = json.loads((AUDIO / "manifest.json").read_text(encoding="utf-8"))
    return {entry["id"]: _recording(entry) for entry in manifest}


@pytest.fixture(scope="session")
def noise() -> bytes:
    """Six seconds of white noise."""
    source = random.Random(1)
    return b"".join(int(source.gauss(0, 1500)).to_bytes(2, "little", signed=True) for _ in range(6 * 16_000))


@pytest.fixture(scope="session")
def recogniser() -> Iterator[Recogniser]:
    loaded = load_recogniser()
    yield loaded
    loaded.close()


@pytest.fixture(scope="session")
def server() -> Iterator[LocalServer]:
    """A server in a thread of its own, as a client meets it: it shares no event loop with the tests."""
    started: list[LocalServer] = []
    up = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with LocalServer(max_upload=2 * 2**20) as running:
            started.append(running)
            up.set()
            await stop.wait()

    def host() -> None:
        try:
            loop.run_until_complete(run())
        finally:
            up.set()
            loop.close()

    thread = threading.Thread(target=host)
    thread.start()
    assert up.wait(30)
    assert started, "the server did not start"
    yield started[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(15)
    assert not thread.is_alive()
