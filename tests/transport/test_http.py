"""HTTP: every status is a reply, every fault a livekit error, and no secret in any of them."""

from __future__ import annotations

import asyncio
import gzip
import time

import aiohttp
import pytest
from livekit.agents import APIConnectionError, APIStatusError, APITimeoutError
from livekit.agents.utils import http_context

from specbuilder.protocol.http import Reply, Request
from specbuilder.transport.http import HttpSessions, send

from .vendor import CERTIFICATE, KEY, Handler, read_head, refused_port, reset, said, serve, tls_server


def request(port: int, path: str = "/v1", *, scheme: str = "http", body: bytes | None = b"audio") -> Request:
    headers = [("Authorization", f"Token {KEY}")]
    return Request("GET" if body is None else "POST", f"{scheme}://127.0.0.1:{port}{path}", headers, body)


async def ask(
    asked: Request, *, timeout: float = 5, connect_timeout: float = 5, max_bytes: int = 2**20
) -> Reply:
    async with aiohttp.ClientSession() as session:
        return await send(
            session,
            asked,
            timeout=timeout,
            connect_timeout=connect_timeout,
            max_bytes=max_bytes,
            redact=lambda text: text.replace(KEY, "***"),
        )


def answering(raw: bytes, then_close: bool = True) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(raw)
        if not then_close:
            await reader.read()

    return handle


@pytest.mark.parametrize("status", [200, 204, 302, 401, 429, 500, 503])
async def test_every_status_is_a_reply(status: int) -> None:
    body = b"" if status == 204 else b'{"error": "no"}'
    raw = (
        f"HTTP/1.1 {status} X\r\nRetry-After: 7\r\nX-Two: a\r\nx-two: b\r\n"
        f"Location: http://127.0.0.1:1/\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    async with serve(answering(raw)) as port:
        reply = await ask(request(port))
    assert (reply.status, reply.body) == (status, body)
    assert reply.headers["retry-after"] == "7"
    assert reply.headers["x-two"] == "a, b"


async def test_the_request_is_sent_as_it_is() -> None:
    seen: list[str] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend(await read_head(reader))
        assert await reader.readexactly(5) == b"audio"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with serve(handle) as port:
        asked = request(port, "/a;b=1/c%2Fd?x=%20y&x=%2B&z=a+b")
        asked.headers.extend([("X-Tag", "one"), ("X-Tag", "two")])
        await ask(asked)
    assert seen[0] == "POST /a;b=1/c%2Fd?x=%20y&x=%2B&z=a+b HTTP/1.1"
    assert [line for line in seen if line.startswith("X-Tag")] == ["X-Tag: one", "X-Tag: two"]
    assert f"Authorization: Token {KEY}" in seen
    assert not any(line.lower().startswith("content-type") for line in seen)


async def test_a_large_body_arrives_whole() -> None:
    audio = bytes(range(256)) * 12 * 1024

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await read_head(reader)
        assert f"Content-Length: {len(audio)}" in head
        same = await reader.readexactly(len(audio)) == audio
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + str(same).encode())

    async with serve(handle) as port:
        assert (await ask(request(port, body=audio))).body == b"True"


async def test_compressed_replies_are_decoded() -> None:
    packed = gzip.compress(b"hello")
    raw = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed
    async with serve(answering(raw)) as port:
        assert (await ask(request(port, body=None))).body == b"hello"


@pytest.mark.parametrize("packed", [False, True])
async def test_a_reply_that_is_too_large_is_refused(packed: bool) -> None:
    body = bytes(3 * 2**20)
    encoding = b""
    if packed:
        body, encoding = gzip.compress(body), b"Content-Encoding: gzip\r\n"
    raw = b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n" % (encoding, len(body)) + body
    async with serve(answering(raw)) as port:
        with pytest.raises(APIConnectionError, match="larger than 1048576 bytes") as caught:
            await ask(request(port))
    assert not caught.value.retryable


async def test_a_body_that_never_ends_is_a_timeout() -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    async with serve(answering(raw, then_close=False)) as port:
        with pytest.raises(APITimeoutError, match=r"within 0.1 s") as caught:
            await ask(request(port, f"/v1?key={KEY}"), timeout=0.1)
    assert caught.value.retryable
    assert KEY not in said(caught.value)


async def test_no_answer_at_all_is_a_timeout() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serve(handle) as port:
        with pytest.raises(APITimeoutError, match="no complete reply from http://127"):
            await ask(request(port), timeout=0.1)


async def test_connecting_has_a_deadline_of_its_own() -> None:
    # A server that takes TCP but never answers the TLS greeting.
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with serve(handle) as port:
        with pytest.raises(APITimeoutError, match=r"no connection to .* within 0.1 s"):
            await ask(request(port, scheme="https"), timeout=5, connect_timeout=0.1)


async def test_a_refused_port_is_a_connection_error() -> None:
    with refused_port() as port, pytest.raises(APIConnectionError, match="Connection refused") as caught:
        await ask(request(port, f"/v1/listen?token={KEY}"))
    assert str(caught.value).startswith(f"POST to http://127.0.0.1:{port}/v1/listen: ConnectionRefusedError")
    assert caught.value.retryable
    assert KEY not in said(caught.value)


@pytest.mark.usefixtures("no_dns")
async def test_an_unknown_host_is_a_connection_error() -> None:
    with pytest.raises(
        APIConnectionError, match=r"no-such-host\.invalid/: gaierror: Name or service"
    ) as caught:
        await ask(Request("GET", f"http://no-such-host.invalid/?k={KEY}", [("Authorization", KEY)], None))
    assert KEY not in said(caught.value)


async def test_a_reset_is_a_connection_error() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        await writer.drain()
        reset(writer)

    async with serve(handle) as port:
        with pytest.raises(APIConnectionError) as caught:
            await ask(request(port))
    assert not isinstance(caught.value, APITimeoutError)
    assert caught.value.retryable
    assert KEY not in said(caught.value)


@pytest.mark.parametrize(
    "raw", [b"", b"not HTTP at all\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"]
)
async def test_a_broken_reply_is_a_connection_error(raw: bytes) -> None:
    async with serve(answering(raw)) as port:
        with pytest.raises(APIConnectionError) as caught:
            await ask(request(port))
    assert not isinstance(caught.value, APIStatusError)
    assert KEY not in said(caught.value)


@pytest.mark.parametrize("url", ["http://[broken", "no-address", "ftp://127.0.0.1/"])
async def test_an_address_that_is_none_is_not_retried(url: str) -> None:
    with pytest.raises(APIConnectionError) as caught:
        await ask(Request("GET", f"{url}?key={KEY}", [], None))
    assert not caught.value.retryable
    assert KEY not in said(caught.value)


async def test_a_header_cannot_begin_another() -> None:
    async with serve(answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) as port:
        asked = request(port)
        asked.headers.append(("X-Evil", f"a\r\nInjected: {KEY}"))
        with pytest.raises(APIConnectionError, match="ValueError") as caught:
            await ask(asked)
    assert not caught.value.retryable
    assert KEY not in said(caught.value)


async def test_tls_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with serve(answering(raw), tls_server()) as port:
        with pytest.raises(APIConnectionError, match="certificate") as caught:
            await ask(request(port, scheme="https"))
        assert caught.value.retryable
        assert KEY not in said(caught.value)
        monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
        sessions = HttpSessions()
        reply = await send(sessions.get(), request(port, scheme="https"), timeout=5, connect_timeout=5)
        assert reply.body == b"ok"
        await sessions.aclose()


async def test_secrets_in_the_path_are_masked() -> None:
    with refused_port() as port, pytest.raises(APIConnectionError, match=r"/v1/\*\*\*/ask") as caught:
        await ask(request(port, f"/v1/{KEY}/ask"))
    assert KEY not in said(caught.value)


async def test_a_cancellation_passes() -> None:
    asked = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        asked.set()
        await reader.read()

    async with serve(handle) as port:
        task = asyncio.create_task(ask(request(port)))
        await asked.wait()
        began = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - began < 1


async def test_a_closed_session_is_a_connection_error() -> None:
    session = aiohttp.ClientSession()
    await session.close()
    with pytest.raises(APIConnectionError, match="RuntimeError"):
        await send(session, request(1), timeout=1, connect_timeout=1)


class TestSessions:
    async def test_the_given_one_is_used_and_left_open(self) -> None:
        async with aiohttp.ClientSession() as given:
            sessions = HttpSessions(given)
            assert sessions.get() is given
            await sessions.aclose()
            assert not given.closed

    async def test_livekits_is_used_within_a_job_and_left_open(self) -> None:
        async with http_context.open() as shared:
            sessions = HttpSessions()
            assert sessions.get() is shared
            await sessions.aclose()
            assert not shared.closed

    async def test_its_own_is_made_once_and_closed(self) -> None:
        sessions = HttpSessions()
        own = sessions.get()
        assert sessions.get() is own
        assert isinstance(own.connector, aiohttp.TCPConnector)
        assert own.connector.limit_per_host == 50
        await sessions.aclose()
        assert own.closed
        again = sessions.get()
        assert again is not own
        await sessions.aclose()
        await sessions.aclose()
        assert again.closed

    def test_each_event_loop_gets_its_own(self) -> None:
        sessions = HttpSessions()

        async def use(close: bool) -> aiohttp.ClientSession:
            session = sessions.get()
            if close:
                await sessions.aclose()
            return session

        async def both() -> aiohttp.ClientSession:
            session = await use(close=False)
            await session.close()
            return session

        first = asyncio.run(both())
        second = asyncio.run(use(close=True))
        assert first is not second
        assert second.closed
