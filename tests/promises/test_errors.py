"""What a failure is to livekit: its own error types, a status, a request id, and whether to try again."""

from __future__ import annotations

import asyncio
import time
from email.utils import formatdate
from typing import Any

import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, APIError, APIStatusError
from websockets.asyncio.server import ServerConnection, serve

from tests.promises.acme import NO_RETRY, ONE_RETRY, acme, http_spec, merged, stream_spec
from tests.promises.listening import listen
from tests.support.streams import outcome, push, silence
from tests.support.vendor import (
    AfterAudio,
    AfterText,
    Close,
    Drop,
    Refuse,
    Reply,
    ScriptedVendor,
    Send,
)

STATUSES = [
    (400, False),
    (401, False),
    (402, False),
    (403, False),
    (404, False),
    (408, True),
    (409, False),
    (422, False),
    (425, True),
    (429, True),
    (499, False),
    (500, True),
    (502, True),
    (503, True),
    (504, True),
    (529, True),
]
BODY = {"error": {"message": "because", "id": "req-9"}}


def status_of(error: BaseException | None) -> tuple[int, bool]:
    """Status and `retryable` of what must be an `APIStatusError`."""
    assert isinstance(error, APIStatusError), repr(error)
    return error.status_code, error.retryable


@pytest.mark.parametrize(("status", "retryable"), STATUSES)
async def test_a_refused_handshake(status: int, retryable: bool) -> None:
    result, _ = await listen([Refuse(status, BODY)])
    assert status_of(result.error) == (status, retryable)
    assert isinstance(result.error, APIStatusError)
    assert result.error.message == "because"
    assert result.error.request_id == "req-9"


@pytest.mark.parametrize(("status", "retryable"), STATUSES)
async def test_a_refused_request(status: int, retryable: bool) -> None:
    async with ScriptedVendor(replies={"POST /v1/transcribe": [Reply(status, json=BODY)]}) as vendor:
        adapter = acme(vendor, http_spec())
        with pytest.raises(APIStatusError) as failure:
            await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        await adapter.aclose()
    assert status_of(failure.value) == (status, retryable)
    assert failure.value.request_id == "req-9"
    assert "because" in str(failure.value)


@pytest.mark.parametrize(("status", "retryable"), [(401, False), (429, True), (503, True)])
async def test_a_refused_step(status: int, retryable: bool) -> None:
    spec = stream_spec(steps=[{"name": "session", "post": "/v1/session"}])
    async with ScriptedVendor(replies={"POST /v1/session": [Reply(status, json=BODY)]}) as vendor:
        adapter = acme(vendor, spec)
        result = await outcome(adapter.stream(conn_options=NO_RETRY), failed=vendor.failed)
        await adapter.aclose()
    assert status_of(result.error) == (status, retryable)


@pytest.mark.parametrize(("status", "retryable"), STATUSES)
async def test_an_error_in_a_message(status: int, retryable: bool) -> None:
    result, _ = await listen([AfterAudio(0.1), Send({"type": "error", "code": status, "message": "because"})])
    assert status_of(result.error) == (status, retryable)
    assert "because" in str(result.error)


@pytest.mark.parametrize(
    ("code", "status"), [("429", 429), ("odd", 500), (None, 500), (3000, 500), (True, 500)]
)
async def test_the_status_in_a_message_is_read_with_care(code: Any, status: int) -> None:
    result, _ = await listen([Send({"type": "error", "code": code, "message": "because"})])
    assert status_of(result.error)[0] == status


async def test_an_error_inside_a_reply_that_says_200() -> None:
    replies = {
        "POST /v1/transcribe": [Reply(200, json={"type": "error", "code": 402, "message": "no credit"})]
    }
    async with ScriptedVendor(replies=replies) as vendor:
        adapter = acme(vendor, http_spec())
        with pytest.raises(APIStatusError, match="no credit") as failure:
            await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
        await adapter.aclose()
    assert status_of(failure.value) == (402, False)


@pytest.mark.parametrize("body", ["<html>gateway</html>", "", b"\xff\xfe", "[1]", "null"], ids=repr)
@pytest.mark.parametrize("status", [200, 502])
async def test_a_reply_that_is_no_json_object(status: int, body: Any) -> None:
    replies = {"POST /v1/transcribe": [Reply(status, body=body)]}
    async with ScriptedVendor(replies=replies) as vendor:
        adapter = acme(vendor, http_spec())
        if status == 200 and body in ("[1]", "null"):
            event = await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
            assert event.alternatives[0].text == ""
        else:
            with pytest.raises(APIStatusError) as failure:
                await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
            assert status_of(failure.value) == (502, True)
        await adapter.aclose()


@pytest.mark.parametrize(
    ("code", "after_stop", "expected"),
    [
        (1000, False, (503, True)),
        (1001, False, (503, True)),
        (1008, False, (403, False)),
        (1011, False, (503, True)),
        (4001, False, (401, False)),
        (4150, False, (429, True)),
        (4200, False, (503, True)),
        (1000, True, None),
        (1001, True, None),
        (1008, True, (403, False)),
        (1011, True, (503, True)),
        (4001, True, (401, False)),
    ],
)
async def test_close_codes(code: int, after_stop: bool, expected: tuple[int, bool] | None) -> None:
    first = AfterText({"type": "stop"}) if after_stop else AfterAudio(0.1)
    result, _ = await listen([first, Close(code, "the reason")], seconds=0.1, end=after_stop)
    if expected is None:
        assert result.error is None
    else:
        assert status_of(result.error) == expected
        assert "the reason" in str(result.error)
        assert str(code) in str(result.error)


@pytest.mark.parametrize("after_stop", [False, True])
async def test_a_close_without_a_code(after_stop: bool) -> None:
    async def vendor(socket: ServerConnection) -> None:
        wanted = str if after_stop else bytes
        while not isinstance(await socket.recv(), wanted):
            pass
        if after_stop:
            await socket.recv()  # The text was the flush; this is the stop.
        socket.protocol.send_close()
        socket.send_data()
        await socket.wait_closed()

    async with serve(vendor, "127.0.0.1", 0) as server:
        host, port = next(iter(server.sockets)).getsockname()[:2]
        adapter = acme(f"http://{host}:{port}")
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, silence(0.1), end=after_stop)
        result = await outcome(stream)
        await adapter.aclose()
    if after_stop:
        assert result.error is None
    else:
        assert status_of(result.error) == (503, True)


async def test_a_fatal_error_is_not_retried() -> None:
    message = Send({"type": "error", "code": 403})
    failures: list[list[Any]] = [[Refuse(401)], [AfterAudio(0.1), Close(4001)], [message]]
    for failure in failures:
        result, vendor = await listen(failure, conn_options=ONE_RETRY)
        assert status_of(result.error)[1] is False
        assert len(vendor.handshakes) == 1


async def test_a_transient_error_is_retried() -> None:
    ending: list[Any] = [AfterText({"type": "stop"}), Send({"type": "done"})]
    message = Send({"type": "error", "code": 429})
    failures: list[list[Any]] = [[Refuse(503)], [AfterAudio(0.1), Close(4100)], [message]]
    for failure in failures:
        result, vendor = await listen(failure, ending, conn_options=ONE_RETRY)
        assert result.error is None
        assert len(vendor.handshakes) == 2


async def test_a_recognition_is_retried_by_livekit_alone() -> None:
    answers = [Reply(503), Reply(200, json={"text": "hi", "id": "r-1"})]
    async with ScriptedVendor(replies={"POST /v1/transcribe": answers}) as vendor:
        adapter = acme(vendor, http_spec())
        event = await adapter.recognize(silence(0.1), conn_options=ONE_RETRY)
        await adapter.aclose()
    assert event.alternatives[0].text == "hi"
    assert event.request_id == "r-1"
    assert len(vendor.requests) == 2


async def test_a_fatal_recognition_is_not_retried() -> None:
    async with ScriptedVendor(replies={"POST /v1/transcribe": [Reply(401)]}) as vendor:
        adapter = acme(vendor, http_spec())
        with pytest.raises(APIStatusError):
            await adapter.recognize(silence(0.1), conn_options=ONE_RETRY)
        await adapter.aclose()
    assert len(vendor.requests) == 1


async def test_retry_after_is_kept_to() -> None:
    """The vendor's wish counts, although livekit would try again after a tenth of a second."""
    ending: list[Any] = [AfterText({"type": "stop"}), Send({"type": "done"})]
    result, vendor = await listen([Refuse(429, headers={"Retry-After": "1"})], ending, conn_options=ONE_RETRY)
    assert result.error is None
    first, second = vendor.handshakes
    assert second.at - first.at >= 0.99


async def test_retry_after_is_kept_to_by_requests_and_may_be_a_date() -> None:
    later = formatdate(time.time() + 2, usegmt=True)
    answers = [Reply(503, headers={"Retry-After": later}), Reply(json={"text": "hi"})]
    async with ScriptedVendor(replies={"POST /v1/transcribe": answers}) as vendor:
        adapter = acme(vendor, http_spec())
        await adapter.recognize(silence(0.1), conn_options=ONE_RETRY)
        await adapter.aclose()
    assert vendor.requests[1].at - vendor.requests[0].at >= 0.5


async def test_a_vendor_that_asks_for_more_than_a_minute_has_refused() -> None:
    """So that a fallback takes over at once."""
    started = time.monotonic()
    result, _ = await listen([Refuse(429, headers={"Retry-After": "61"})], conn_options=ONE_RETRY)
    assert status_of(result.error) == (429, False)
    assert "61" in str(result.error)
    assert time.monotonic() - started < 2.0


async def test_a_redirect_is_not_followed() -> None:
    """It could carry the key to another host."""
    async with ScriptedVendor() as other:
        target = {"Location": f"{other.url}/v1/transcribe"}
        vendor = ScriptedVendor(
            [Refuse(302, headers={"Location": f"{other.ws_url}/v1/live"})],
            replies={"POST /v1/transcribe": [Reply(307, headers=target)]},
        )
        async with vendor:
            batch = acme(vendor, http_spec())
            with pytest.raises(APIStatusError) as failure:
                await batch.recognize(silence(0.1), conn_options=NO_RETRY)
            assert status_of(failure.value) == (307, False)
            live = acme(vendor)
            result = await outcome(live.stream(conn_options=NO_RETRY))
            assert status_of(result.error) == (302, False)
            await batch.aclose()
            await live.aclose()
        assert other.wire == []


async def test_a_spec_may_read_a_status_otherwise() -> None:
    spec = merged(http_spec(), {"errors": {"http": {"status": {409: 503, 500: 400}}}})
    answers = [Reply(409), Reply(500)]
    async with ScriptedVendor(replies={"POST /v1/transcribe": answers}) as vendor:
        adapter = acme(vendor, spec)
        for expected in ((503, True), (400, False)):
            with pytest.raises(APIStatusError) as failure:
                await adapter.recognize(silence(0.1), conn_options=NO_RETRY)
            assert status_of(failure.value) == expected
        await adapter.aclose()


async def test_what_leaves_a_stream_is_always_livekits_error() -> None:
    """A reply without the field that an address needs is the spec's or the vendor's fault, and no crash."""
    spec = stream_spec(steps=[{"name": "session", "post": "/v1/session"}], connect="{{ session.url }}")
    async with ScriptedVendor(replies={"POST /v1/session": [Reply(json={"uri": "ws://x"})]}) as vendor:
        adapter = acme(vendor, spec)
        result = await outcome(adapter.stream(conn_options=ONE_RETRY), failed=vendor.failed)
        await adapter.aclose()
    assert isinstance(result.error, APIConnectionError)
    assert not result.error.retryable
    assert "stream.connect" in str(result.error)


async def test_a_lost_connection_is_retryable() -> None:
    result, _ = await listen([AfterAudio(0.1), Drop()])
    assert isinstance(result.error, APIConnectionError)
    assert result.error.retryable


async def test_a_server_that_speaks_no_websocket() -> None:
    async def babble(reader: Any, writer: Any) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail ready\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    adapter = acme(f"http://127.0.0.1:{port}")
    result = await outcome(adapter.stream(conn_options=NO_RETRY))
    await adapter.aclose()
    server.close()
    await server.wait_closed()
    assert isinstance(result.error, APIError)
    assert isinstance(result.error, APIConnectionError)


async def test_the_budget_of_retries_starts_anew_after_a_final() -> None:
    """Otherwise a long call with a vendor that closes after every utterance would run out of attempts."""
    utterance: list[Any] = [AfterAudio(0.1), Send({"type": "final", "text": "a", "end": 0.1}), Close(1011)]
    ending: list[Any] = [AfterText({"type": "stop"}), Send({"type": "done"})]
    options = APIConnectOptions(max_retry=1, retry_interval=0.0, timeout=3.0)
    result, vendor = await listen(*[utterance] * 5, ending, conn_options=options, seconds=0.6)
    assert result.error is None
    assert len(vendor.handshakes) == 6
