from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import AsyncIterator

import aiohttp
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from specbuilder.local import EngineUnavailable, LocalServer

from .conftest import Recording
from .test_recogniser import hide

SERVE = """
from specbuilder.local import serve
serve(port=0, max_streams=2, ready=lambda server: print(server.url, flush=True))
print("closed")
"""


def work_threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("specbuilder-local")}


async def closing(ws: ClientConnection) -> AsyncIterator[str]:
    """What still comes before the connection is closed, however it is closed."""
    try:
        while True:
            yield str(await ws.recv())
    except ConnectionClosed:
        return


async def test_closing_with_open_streams_says_going_away_and_leaves_nothing(
    recordings: dict[str, Recording],
) -> None:
    before = work_threads()
    server = LocalServer()
    await server.start()
    url = server.url.replace("http:", "ws:")
    sockets = [await connect(url) for _ in range(3)]
    pcm = recordings["jfk"].pcm
    for ws in sockets:
        await ws.send(
            pcm[: 5 * 32_000]
        )  # seconds of sound: the work on it is under way when the server closes
    began = time.monotonic()
    await server.close()
    assert time.monotonic() - began < 8
    for ws in sockets:
        replies = [message async for message in closing(ws)]
        assert all("partial" in reply for reply in replies)
        assert ws.close_code == 1001
        await ws.close()
    assert work_threads() == before
    await server.close()


async def test_closing_ends_a_long_transcription(recordings: dict[str, Recording]) -> None:
    server = LocalServer()
    await server.start()
    data = aiohttp.FormData()
    data.add_field("file", recordings["jfk"].pcm * 6, filename="a", content_type="audio/pcm")
    data.add_field("model", "whisper-1")
    data.add_field("stream", "true")
    async with aiohttp.ClientSession() as client:
        response = await client.post(f"{server.url}/v1/audio/transcriptions", data=data)
        first = await response.content.readline()
        closing = asyncio.create_task(server.close())
        rest = await response.content.read()
        began = time.monotonic()
        await closing
        assert time.monotonic() - began < 6
        response.close()
    assert b"transcript.text.delta" in first
    last = json.loads(rest.decode().strip().rpartition("data: ")[2])
    assert last["type"] == "error"
    assert "shutting down" in last["error"]["message"]


async def test_a_taken_port_is_an_error_that_leaves_nothing() -> None:
    before = work_threads()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match=r"address already in use|10048"):
            await LocalServer(port=taken.getsockname()[1]).start()
    assert work_threads() == before


async def test_no_engine_is_an_error_that_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = work_threads()
    hide(monkeypatch, "moonshine_voice")
    hide(monkeypatch, "pocketsphinx")
    with pytest.raises(EngineUnavailable, match="pip install"):
        await LocalServer().start()
    assert work_threads() == before


async def test_the_fallback_engine_serves_too(recordings: dict[str, Recording]) -> None:
    async with LocalServer(engine="pocketsphinx") as server:
        data = aiohttp.FormData()
        data.add_field("file", recordings["go_forward"].file, filename="a.wav", content_type="audio/wav")
        data.add_field("model", "pocketsphinx-en-us")
        async with (
            aiohttp.ClientSession() as client,
            client.post(f"{server.url}/v1/audio/transcriptions", data=data) as response,
        ):
            assert response.status == 200
            assert (await response.json())["text"] == "go forward ten meters"


def test_serve_stops_cleanly_on_a_signal() -> None:
    signals = (signal.SIGINT, signal.SIGTERM)
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", SERVE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
                )
            )
            for _ in signals
        ]
        for number, process in zip(signals, processes, strict=True):
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            with urllib.request.urlopen(f"{url}/healthz", timeout=10) as answer:
                assert json.load(answer)["status"] == "ok"
            process.send_signal(number)
            out, err = process.communicate(timeout=20)
            assert (process.returncode, out, err) == (0, "closed\n", "")
