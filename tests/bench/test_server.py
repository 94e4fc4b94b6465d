"""The vendor's process: a client of another library understands it, and its report is right."""

from __future__ import annotations

import json
import time

import aiohttp
from websockets.asyncio.client import connect

from bench.messages import utterance
from bench.vendor import VendorProcess


async def test_messages_come_in_order_and_audio_is_counted() -> None:
    messages = utterance("deepgram")
    async with VendorProcess(messages=messages, reads_stamps=True) as vendor:
        async with connect(f"ws://{vendor.address}/v1/listen", compression=None) as socket:
            await vendor.ready(1)
            await socket.send(time.monotonic_ns().to_bytes(8, "little") + bytes(1592))
            await socket.send("x" * 70_000)
            pong = await socket.ping()
            await pong
            await vendor.play(time.monotonic(), 12, 100.0)
            assert [await socket.recv() for _ in range(12)] == messages[:12]
        report = await vendor.report()
    assert (report["received"], report["received_bytes"]) == (2, 71_600)
    assert len(report["lags"]) == 1
    assert 0 < report["lags"][0] < 5e9


async def test_stamps_are_the_moment_of_sending() -> None:
    async with (
        VendorProcess(messages=utterance("deepgram", stamped=True)) as vendor,
        connect(f"ws://{vendor.address}/", compression=None) as socket,
    ):
        await vendor.ready(1)
        before = time.monotonic_ns()
        await vendor.play(time.monotonic(), 1, 1.0)
        message = json.loads(await socket.recv())
    stamp = int(message["channel"]["alternatives"][0]["transcript"].split()[-1])
    assert before < stamp < time.monotonic_ns()


async def test_http_requests_are_answered_on_one_connection() -> None:
    async with VendorProcess(reply={"text": "hi"}) as vendor, aiohttp.ClientSession() as session:
        for _ in range(3):
            async with session.post(f"http://{vendor.address}/x", data=bytes(100_000)) as reply:
                assert await reply.json() == {"text": "hi"}
        assert (await vendor.report())["requests"] == 3
