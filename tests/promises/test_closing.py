"""`aclose()` and cancellation in every state: prompt, and nothing outlives them, no task and no socket.

(Every test of this project fails when it leaves a task behind; these count the sockets as well.)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from livekit.agents import APIConnectionError, APIConnectOptions

from specbuilder.adapters.stt import SpecSTT
from tests.promises.acme import NO_RETRY, SPEC, acme, final, http_spec, interim, stream_spec
from tests.promises.listening import file_descriptors, has_text, until_true
from tests.support.streams import outcome, push, silence, tone
from tests.support.vendor import (
    AfterAudio,
    AfterText,
    Close,
    Hang,
    NoHandshake,
    Refuse,
    Reply,
    ScriptedVendor,
    Send,
    StopReading,
)

PROMPT = 1.5
GATE = stream_spec(open=[{"send": {"type": "hello"}}, {"wait": "type == 'ready'"}])
STEP = stream_spec(steps=[{"name": "session", "post": "/v1/session"}])
SLOW_RETRY = APIConnectOptions(max_retry=3, retry_interval=30.0, timeout=3.0)


@pytest.fixture(autouse=True)
async def no_leaked_sockets() -> AsyncIterator[None]:
    """Every socket opened in a test is closed by its end."""
    before = file_descriptors()
    yield
    await until_true(lambda: file_descriptors() <= before, "sockets to be closed")


async def nothing(stream: Any, vendor: ScriptedVendor) -> None:
    """The state of a stream whose task has not run yet."""


async def asked(stream: Any, vendor: ScriptedVendor) -> None:
    """The vendor has a request or a handshake and does not answer."""
    await vendor.until(lambda: bool(vendor.wire), "a request")


async def greeted(stream: Any, vendor: ScriptedVendor) -> None:
    """The opening exchange waits for the vendor."""
    await vendor.until(lambda: len(vendor.messages(0)) == 1, "hello")


async def talking(stream: Any, vendor: ScriptedVendor) -> None:
    """Audio flows, and the vendor is in the middle of an utterance."""
    await push(stream, tone(0.2), end=False)
    await outcome(stream, until=has_text("he"))


async def stalled(stream: Any, vendor: ScriptedVendor) -> None:
    """The vendor has stopped reading, and a write waits for it."""
    await push(stream, silence(600.0, chunk=1.0), end=False)
    await until_true(
        lambda: stream._connection is not None and stream._connection._socket.congested, "a stall"
    )


async def finishing(stream: Any, vendor: ScriptedVendor) -> None:
    """The input is over, and the vendor's last words are awaited."""
    await push(stream, tone(0.1))
    await vendor.until(lambda: {"type": "stop"} in vendor.messages(0), "the stop")


async def between_attempts(stream: Any, vendor: ScriptedVendor) -> None:
    """livekit waits before it tries again."""
    failures: list[Any] = []
    stream._stt.on("error", failures.append)
    await until_true(lambda: len(failures) == 2, "the second failure")


async def told_to_wait(stream: Any, vendor: ScriptedVendor) -> None:
    """The vendor said when to come back, and the next attempt waits for that."""
    await until_true(lambda: stream._num_retries == 1, "the first failure")
    await asyncio.sleep(0.2)


async def over(stream: Any, vendor: ScriptedVendor) -> None:
    """The stream has ended by itself."""
    await push(stream, tone(0.1))
    await outcome(stream)


STATES = [
    pytest.param(SPEC, [[NoHandshake()]], NO_RETRY, nothing, id="before its first step"),
    pytest.param(SPEC, [[NoHandshake()]], NO_RETRY, asked, id="in the handshake"),
    pytest.param(STEP, [], NO_RETRY, asked, id="in a step"),
    pytest.param(GATE, [[]], NO_RETRY, greeted, id="in the opening exchange"),
    pytest.param(SPEC, [[AfterAudio(0.2), Send(interim("he"))]], NO_RETRY, talking, id="in an utterance"),
    pytest.param(SPEC, [[AfterAudio(0.2), Send(interim("he")), Hang()]], NO_RETRY, talking, id="half open"),
    pytest.param(SPEC, [[StopReading()]], NO_RETRY, stalled, id="stalled"),
    pytest.param(SPEC, [[]], NO_RETRY, finishing, id="awaiting the tail"),
    pytest.param(SPEC, [[Refuse(503)]] * 2, SLOW_RETRY, between_attempts, id="between two attempts"),
    pytest.param(
        SPEC,
        [[Refuse(429, headers={"Retry-After": "50"})]],
        APIConnectOptions(max_retry=3, retry_interval=0.0, timeout=3.0),
        told_to_wait,
        id="told to wait",
    ),
    pytest.param(
        SPEC,
        [[AfterText({"type": "stop"}), Send(final("a")), Close(1000)]],
        NO_RETRY,
        over,
        id="after its end",
    ),
    pytest.param(SPEC, [[Refuse(401)]], NO_RETRY, over, id="after its failure"),
    pytest.param(stream_spec(lazy=True), [], NO_RETRY, nothing, id="lazy and without audio"),
]


def vendor_of(scripts: list[Any]) -> ScriptedVendor:
    return ScriptedVendor(*scripts, replies={"POST /v1/session": [Reply(delay=30.0)]}, timeout=20.0)


@pytest.mark.parametrize(("spec", "scripts", "conn_options", "reach"), STATES)
async def test_a_stream_closes_at_once(spec: Any, scripts: Any, conn_options: Any, reach: Any) -> None:
    async with vendor_of(scripts) as vendor:
        adapter = acme(vendor, spec)
        stream = adapter.stream(conn_options=conn_options)
        await reach(stream, vendor)
        started = time.monotonic()
        await stream.aclose()
        await stream.aclose()
        assert time.monotonic() - started < PROMPT
        assert stream._task.done()
        assert not adapter._streams
        await adapter.aclose()


@pytest.mark.parametrize(("spec", "scripts", "conn_options", "reach"), STATES)
async def test_the_adapter_closes_its_streams(spec: Any, scripts: Any, conn_options: Any, reach: Any) -> None:
    async with vendor_of(scripts) as vendor:
        adapter = acme(vendor, spec)
        stream = adapter.stream(conn_options=conn_options)
        await reach(stream, vendor)
        started = time.monotonic()
        await adapter.aclose()
        await adapter.aclose()
        assert time.monotonic() - started < PROMPT
        assert stream._task.done()


@pytest.mark.parametrize(("spec", "scripts", "conn_options", "reach"), STATES[1:8])
async def test_the_task_can_be_cancelled(spec: Any, scripts: Any, conn_options: Any, reach: Any) -> None:
    """As it is when the event loop shuts down."""
    async with vendor_of(scripts) as vendor:
        adapter = acme(vendor, spec)
        stream = adapter.stream(conn_options=conn_options)
        await reach(stream, vendor)
        stream._task.cancel()
        await asyncio.wait([stream._task], timeout=PROMPT)
        assert stream._task.cancelled()
        await adapter.aclose()


async def test_a_close_in_the_tick_of_the_handshakes_end_is_not_lost() -> None:
    """Up to Python 3.11 `asyncio.wait_for` loses a cancellation that comes in that moment."""
    for turns in range(60):
        async with ScriptedVendor([]) as vendor:
            adapter = acme(vendor)
            stream = adapter.stream(conn_options=NO_RETRY)
            await vendor.until(lambda: len(vendor.handshakes) == 1, "the handshake")
            for _ in range(turns % 20):
                await asyncio.sleep(0)
            closing = asyncio.create_task(adapter.aclose())
            done, _ = await asyncio.wait([closing], timeout=PROMPT)
            assert done, f"aclose hangs {turns % 20} turns after the handshake"
            assert stream._task.done()


async def test_closing_twenty_streams_takes_no_longer_than_one() -> None:
    async with ScriptedVendor([Hang()], repeat=True) as vendor:
        adapter = acme(vendor)
        for _ in range(20):
            adapter.stream(conn_options=NO_RETRY)
        await vendor.until(lambda: len(vendor.handshakes) == 20, "all handshakes")
        started = time.monotonic()
        await adapter.aclose()
        assert time.monotonic() - started < PROMPT


async def test_an_ended_stream_is_forgotten_and_its_socket_closed() -> None:
    script: list[Any] = [AfterText({"type": "stop"}), Send({"type": "done"})]
    async with ScriptedVendor(script, repeat=True) as vendor:
        adapter = acme(vendor)
        before = file_descriptors()
        for _ in range(10):
            stream = adapter.stream(conn_options=NO_RETRY)
            await push(stream, tone(0.1))
            await outcome(stream, failed=vendor.failed)
        assert not adapter._streams
        await until_true(lambda: file_descriptors() <= before, "the sockets to be closed")
        await adapter.aclose()


async def test_a_recognition_can_be_cancelled() -> None:
    async with ScriptedVendor(replies={"POST /v1/transcribe": [Reply(delay=30.0)]}) as vendor:
        adapter = acme(vendor, http_spec())
        task = asyncio.create_task(adapter.recognize(silence(0.1), conn_options=NO_RETRY))
        await vendor.until(lambda: bool(vendor.requests), "the request")
        task.cancel()
        await asyncio.wait([task], timeout=PROMPT)
        assert task.cancelled()
        await adapter.aclose()


async def test_a_recognition_over_the_stream_can_be_cancelled() -> None:
    async with ScriptedVendor([]) as vendor:
        adapter = acme(vendor)
        task = asyncio.create_task(adapter.recognize(silence(0.2), conn_options=NO_RETRY))
        await vendor.until(lambda: {"type": "stop"} in vendor.messages(0), "the stop")
        task.cancel()
        await asyncio.wait([task], timeout=PROMPT)
        assert task.cancelled()
        await adapter.aclose()


async def test_a_setting_that_fails_after_the_handshake_leaves_no_socket() -> None:
    """A duration that an option makes unreadable is found when the connection is open."""
    spec = stream_spec(keepalive={"every": "{{ model }}", "send": {"type": "alive"}})
    async with ScriptedVendor([], []) as vendor:
        adapter = acme(vendor, spec, model="sometimes")
        stream = adapter.stream(conn_options=NO_RETRY)
        result = await outcome(stream, deadline=5.0)
        assert "stream.keepalive.every" in str(result.error)
        assert getattr(result.error, "retryable", None) is False
        await vendor.until(lambda: vendor.closed(0) is not None, "the socket to be closed")
        with pytest.raises(APIConnectionError, match="keepalive"):
            await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        await vendor.until(lambda: vendor.closed(1) is not None, "the other socket to be closed")
        await adapter.aclose()


QUICK_RETRY = APIConnectOptions(max_retry=3, retry_interval=0.0, timeout=3.0)


async def closed_meanwhile(adapter: SpecSTT, task: asyncio.Task[Any]) -> None:
    """Close the adapter; the recognition that is under way fails at once, and livekit does not try again."""
    started = time.monotonic()
    await adapter.aclose()
    await asyncio.wait([task], timeout=PROMPT)
    assert time.monotonic() - started < PROMPT
    error = task.exception()
    assert isinstance(error, APIConnectionError)
    assert "the adapter was closed" in str(error)
    assert not error.retryable


@pytest.mark.parametrize("shared", [False, True], ids=["own session", "the caller's session"])
async def test_closing_ends_a_recognition(shared: bool) -> None:
    replies = {"POST /v1/transcribe": [Reply(delay=30.0)]}
    async with ScriptedVendor(replies=replies) as vendor, aiohttp.ClientSession() as session:
        adapter = acme(vendor, http_spec(), http_session=session if shared else None)
        task = asyncio.create_task(adapter.recognize(silence(0.1), conn_options=QUICK_RETRY))
        await vendor.until(lambda: bool(vendor.requests), "the request")
        await closed_meanwhile(adapter, task)
        assert len(vendor.requests) == 1
        assert session.closed is False


async def test_closing_ends_a_recognition_over_the_stream() -> None:
    async with ScriptedVendor([], repeat=True) as vendor:
        adapter = acme(vendor)
        task = asyncio.create_task(adapter.recognize(silence(0.2), conn_options=QUICK_RETRY))
        await vendor.until(lambda: {"type": "stop"} in vendor.messages(0), "the stop")
        await closed_meanwhile(adapter, task)
        await vendor.until(lambda: vendor.closed(0) is not None, "the socket to be closed")
        assert len(vendor.handshakes) == 1


@pytest.mark.parametrize("attempts", [1, 2], ids=["livekit waits", "the adapter waits"])
async def test_closing_ends_a_recognition_between_two_attempts(
    attempts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = Reply(status=429, headers={"Retry-After": "50"})
    async with ScriptedVendor(replies={"POST /v1/transcribe": [refusal]}) as vendor:
        adapter = acme(vendor, http_spec())
        failures: list[Any] = []
        adapter.on("error", failures.append)
        begun: list[None] = []
        wait = adapter.wait_for_vendor

        async def counted() -> None:
            begun.append(None)
            await wait()

        monkeypatch.setattr(adapter, "wait_for_vendor", counted)
        task = asyncio.create_task(adapter.recognize(silence(0.1), conn_options=QUICK_RETRY))
        await until_true(lambda: bool(failures) and len(begun) == attempts, "the attempt")
        await closed_meanwhile(adapter, task)
        assert len(vendor.requests) == 1


async def test_a_closed_adapter_can_be_used_again() -> None:
    script: list[Any] = [AfterText({"type": "stop"}), Send(final("a")), Send({"type": "done"})]
    async with ScriptedVendor(script, repeat=True) as vendor:
        adapter = acme(vendor)
        await adapter.aclose()
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1))
        result = await outcome(stream, failed=vendor.failed)
        assert "final_transcript" in result.kinds
        await adapter.aclose()


async def test_a_stream_that_nobody_reads_closes() -> None:
    script: list[Any] = [AfterAudio(0.1), *[Send(final(str(number))) for number in range(50)]]
    async with ScriptedVendor(script) as vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.2), end=False)
        await until_true(lambda: stream._event_ch.qsize() >= 0 and bool(vendor.audio(0)), "audio")
        await adapter.aclose()
        with pytest.raises(RuntimeError):
            stream.push_frame(tone(0.01)[0])
