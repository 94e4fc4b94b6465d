"""Nothing waits for ever: every wait has a deadline of its own, and a dead socket is found."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, APITimeoutError

from tests.promises.acme import NO_RETRY, acme, final, http_spec, stream_spec
from tests.promises.listening import listen, next_event, until_true
from tests.support.streams import outcome, push, silence, tone
from tests.support.vendor import (
    AfterAudio,
    AfterText,
    Drop,
    Hang,
    NoHandshake,
    Pause,
    Refuse,
    Reply,
    ScriptedVendor,
    Send,
    StopReading,
)

SHORT = APIConnectOptions(max_retry=0, timeout=0.4)


async def test_a_half_open_socket_is_found_by_ping() -> None:
    vendor = ScriptedVendor([AfterAudio(0.1), Hang()])
    async with vendor:
        adapter = acme(vendor, stream_spec(ping="150ms"))
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        started = time.monotonic()
        result = await outcome(stream, failed=vendor.failed)
        assert time.monotonic() - started < 2.0
        await adapter.aclose()
    assert isinstance(result.error, APIConnectionError)
    assert result.error.retryable
    assert "ping" in str(result.error)


async def test_a_half_open_socket_is_found_while_audio_flows() -> None:
    vendor = ScriptedVendor([AfterAudio(0.1), Hang()])
    async with vendor:
        adapter = acme(vendor, stream_spec(ping="150ms"))
        stream = adapter.stream(conn_options=NO_RETRY)
        pushing = asyncio.create_task(push(stream, silence(3.0), pace=1.0, end=False))
        started = time.monotonic()
        result = await outcome(stream, failed=vendor.failed)
        assert time.monotonic() - started < 2.0
        pushing.cancel()
        await asyncio.wait([pushing])
        await adapter.aclose()
    assert isinstance(result.error, APIConnectionError)


async def test_a_vendor_that_answers_pings_and_is_silent_is_alive() -> None:
    vendor = ScriptedVendor([AfterAudio(0.1), Pause(0.8), Send(final("late"))])
    async with vendor:
        adapter = acme(vendor, stream_spec(ping="100ms"))
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        assert (await next_event(stream, "final_transcript")).alternatives[0].text == "late"
        await adapter.aclose()


async def test_a_vendor_that_stops_reading_is_an_error() -> None:
    vendor = ScriptedVendor([StopReading()])
    async with vendor:
        adapter = acme(vendor, stream_spec(timeouts={"write": "300ms"}))
        stream = adapter.stream(conn_options=NO_RETRY)
        # More than the buffers of the operating system take.
        await push(stream, silence(600.0, chunk=1.0), end=False)
        started = time.monotonic()
        result = await outcome(stream, failed=vendor.failed)
        assert time.monotonic() - started < 4.0
        await adapter.aclose()
    assert isinstance(result.error, APITimeoutError)
    assert result.error.retryable
    assert "stopped reading" in str(result.error)


@pytest.mark.parametrize("by", ["spec", "caller"])
async def test_a_vendor_that_is_never_ready_is_an_error(by: str) -> None:
    changes: dict[str, Any] = {"open": [{"send": {"type": "hello"}}, {"wait": "type == 'ready'"}]}
    if by == "spec":
        changes["timeouts"] = {"ready": "300ms"}
    started = time.monotonic()
    result, vendor = await listen(
        [AfterText({"type": "hello"})],
        spec=stream_spec(**changes),
        conn_options=NO_RETRY if by == "spec" else SHORT,
    )
    assert 0.25 < time.monotonic() - started < 2.0
    assert isinstance(result.error, APITimeoutError)
    assert "ready" in str(result.error)
    assert vendor.audio(0) == b""


@pytest.mark.parametrize("by", ["spec", "caller"])
async def test_a_handshake_that_hangs_is_an_error(by: str) -> None:
    spec = stream_spec(timeouts={"connect": "300ms"}) if by == "spec" else stream_spec()
    started = time.monotonic()
    result, _ = await listen([NoHandshake()], spec=spec, conn_options=NO_RETRY if by == "spec" else SHORT)
    assert 0.25 < time.monotonic() - started < 2.0
    assert isinstance(result.error, APITimeoutError)
    assert result.error.retryable


async def test_a_host_that_takes_no_connection_is_an_error() -> None:
    """A listening socket whose queue is full: TCP itself hangs."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        adapter = acme(f"http://127.0.0.1:{address[1]}")
        stream = adapter.stream(conn_options=SHORT)
        started = time.monotonic()
        result = await outcome(stream)
        assert time.monotonic() - started < 2.0
        await adapter.aclose()
        for filler in fillers:
            filler.close()
    assert isinstance(result.error, APITimeoutError)


async def test_a_port_that_nobody_listens_on_is_an_error_at_once() -> None:
    adapter = acme("http://127.0.0.1:1")
    stream = adapter.stream(conn_options=NO_RETRY)
    result = await outcome(stream, deadline=2.0)
    await adapter.aclose()
    assert isinstance(result.error, APIConnectionError)
    assert result.error.retryable


async def test_a_request_has_a_deadline() -> None:
    async with ScriptedVendor(replies={"POST /v1/transcribe": [Reply(delay=3.0)]}) as vendor:
        adapter = acme(vendor, http_spec(timeout="300ms"))
        started = time.monotonic()
        with pytest.raises(APITimeoutError) as failure:
            await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        assert time.monotonic() - started < 2.0
        assert failure.value.retryable
        await adapter.aclose()


async def test_a_poll_has_a_deadline_for_the_whole() -> None:
    busy = [Reply(json={"status": "busy"}) for _ in range(50)]
    async with ScriptedVendor(replies={"POST /v1/transcribe": busy}) as vendor:
        adapter = acme(vendor, http_spec(until="status == 'ready'", every="50ms", timeout="300ms"))
        with pytest.raises(APITimeoutError):
            await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        await adapter.aclose()
        assert 3 < len(vendor.requests) < 10


async def test_a_step_has_a_deadline() -> None:
    spec = stream_spec(steps=[{"name": "session", "post": "/v1/session", "timeout": "300ms"}])
    async with ScriptedVendor(replies={"POST /v1/session": [Reply(delay=3.0)]}) as vendor:
        adapter = acme(vendor, spec)
        stream = adapter.stream(conn_options=NO_RETRY)
        result = await outcome(stream, deadline=2.0)
        await adapter.aclose()
    assert isinstance(result.error, APITimeoutError)


async def test_a_keepalive_goes_out_only_when_nothing_else_does() -> None:
    spec = stream_spec(keepalive={"every": "400ms", "send": {"type": "alive"}})
    vendor = ScriptedVendor([])
    async with vendor:
        adapter = acme(vendor, spec)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.8), pace=1.0, end=False)
        assert vendor.messages(0) == []
        await vendor.until(lambda: len(vendor.messages(0)) >= 2, "keepalives")
        await adapter.aclose()
    assert vendor.messages(0)[:2] == [{"type": "alive"}] * 2


async def test_the_next_socket_replaces_one_that_is_too_old_between_utterances() -> None:
    first: list[Any] = [AfterAudio(0.2), Send(final("one", 0.1, 0.2)), Pause(1.0), Send({"type": "end"})]
    vendor = ScriptedVendor(
        first, [AfterText({"type": "stop"}), Send(final("two", 0.1, 0.2)), Send({"type": "done"})]
    )
    async with vendor:
        adapter = acme(vendor, stream_spec(max_age="800ms"))
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.2), end=False)
        await next_event(stream, "final_transcript")
        assert len(vendor.handshakes) == 1
        await next_event(stream, "end_of_speech")
        await until_true(lambda: len(vendor.handshakes) == 2, "the second socket")
        await push(stream, tone(0.2))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert len(vendor.audio(1)) == 6400


@pytest.mark.parametrize(
    ("script", "changes"),
    [
        pytest.param([NoHandshake()], {}, id="the handshake hangs"),
        pytest.param([], {"open": [{"wait": "type == 'ready'"}]}, id="never ready"),
        pytest.param([Refuse(429, headers={"Retry-After": "1"})], {}, id="always told to wait"),
    ],
)
async def test_a_vendor_that_never_connects_uses_up_the_retries(script: Any, changes: dict[str, Any]) -> None:
    """livekit takes an attempt that outlived its timeout for one that had connected, and counts anew."""
    vendor = ScriptedVendor(script, repeat=True)
    async with vendor:
        adapter = acme(vendor, stream_spec(**changes))
        stream = adapter.stream(conn_options=APIConnectOptions(max_retry=2, retry_interval=0.0, timeout=0.3))
        result = await outcome(stream, deadline=6.0)
        await adapter.aclose()
    assert isinstance(result.error, APIConnectionError)
    assert len(vendor.handshakes) == 3


async def test_an_attempt_that_had_connected_starts_the_count_anew() -> None:
    attempt: list[Any] = [Send({"type": "ready"}), Pause(0.5), Drop()]
    vendor = ScriptedVendor(*[attempt] * 4, [Send({"type": "ready"}), AfterText({"type": "flush"})])
    async with vendor:
        adapter = acme(vendor, stream_spec(open=[{"wait": "type == 'ready'"}]))
        stream = adapter.stream(conn_options=APIConnectOptions(max_retry=1, retry_interval=0.0, timeout=0.3))
        await until_true(lambda: len(vendor.handshakes) == 5, "the fifth connection")
        stream.flush()
        await vendor.until(lambda: len(vendor.messages(4)) == 1, "the flush")
        await adapter.aclose()
