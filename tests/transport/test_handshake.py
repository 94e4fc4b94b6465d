"""Opening a WebSocket: what is asked for, and everything that can go wrong before it is open."""

from __future__ import annotations

import asyncio
import logging
import time
from types import SimpleNamespace

import pytest
from livekit.agents import APIConnectionError, APITimeoutError
from websockets.frames import Opcode

from specbuilder.transport import websocket
from specbuilder.transport.websocket import HandshakeRefused, WebSocket, connect

from .vendor import (
    CERTIFICATE,
    KEY,
    Handler,
    Mailbox,
    frame,
    read_frame,
    read_head,
    refused_port,
    reset,
    said,
    send,
    serve,
    tls_server,
    upgrade,
)

SECRET_HEADERS = [("Authorization", f"Token {KEY}")]


async def until_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read what comes until the client goes."""
    await reader.read(-1)


def accepting(seen: list[str], *headers: str) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.extend(await upgrade(reader, writer, *headers))
        await reader.read(-1)

    return handle


def answering(raw: bytes) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        writer.write(raw)

    return handle


async def test_the_request_is_sent_as_it_is() -> None:
    seen: list[str] = []
    async with serve(
        accepting(seen, "Sec-WebSocket-Protocol: two", "DG-Request-Id: 17", "X-A: 1", "x-a: 2")
    ) as port:
        socket = await connect(
            f"ws://127.0.0.1:{port}/a;b/c%2Fd;e=1?x=%20y&x=%2B&z=a+b",
            headers=[("X-Tag", "one"), ("Authorization", "Token abc"), ("X-Tag", "zwei ü")],
            subprotocols=["one", "two"],
            timeout=5,
        )
        assert socket.response_headers["dg-request-id"] == "17"
        assert socket.response_headers["x-a"] == "1, 2"
        await socket.close()
    assert seen[0] == "GET /a;b/c%2Fd;e=1?x=%20y&x=%2B&z=a+b HTTP/1.1"
    ours = [line for line in seen if line.startswith(("X-Tag", "Authorization"))]
    assert ours == ["X-Tag: one", "Authorization: Token abc", "X-Tag: zwei ü"]
    assert "Sec-WebSocket-Protocol: one, two" in seen
    assert f"Host: 127.0.0.1:{port}" in seen
    assert not any("Sec-WebSocket-Extensions" in line for line in seen)
    assert [line for line in seen if line.startswith("User-Agent: specbuilder")] != []


async def test_a_given_user_agent_is_the_only_one() -> None:
    seen: list[str] = []
    async with serve(accepting(seen)) as port:
        socket = await connect(f"ws://127.0.0.1:{port}", headers=[("user-agent", "mine")], timeout=5)
        await socket.close()
    assert [line for line in seen if line.lower().startswith("user-agent")] == ["user-agent: mine"]


@pytest.mark.parametrize("body_as", ["length", "chunked", "end"])
async def test_a_refused_handshake_carries_the_reply_and_no_key(body_as: str) -> None:
    body = b'{"err_code": "INVALID_AUTH"}'
    framed = {
        "length": b"Content-Length: %d\r\n\r\n%s" % (len(body), body),
        "chunked": b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body),
        "end": b"Connection: close\r\n\r\n" + body,
    }[body_as]
    raw = b"HTTP/1.1 401 Unauthorized\r\nDG-Request-Id: 17\r\nContent-Type: application/json\r\n" + framed
    async with serve(answering(raw)) as port:
        with pytest.raises(HandshakeRefused) as caught:
            await connect(f"ws://127.0.0.1:{port}/v1?k={KEY}", headers=SECRET_HEADERS, timeout=5)
    reply = caught.value.reply
    assert (reply.status, reply.body, reply.headers["dg-request-id"]) == (401, body, "17")
    assert str(caught.value) == f"ws://127.0.0.1:{port}/v1 refused the WebSocket with HTTP 401"
    assert KEY not in said(caught.value)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None


async def test_a_redirect_is_not_followed() -> None:
    reached: list[str] = []
    async with serve(accepting(reached)) as elsewhere:
        raw = f"HTTP/1.1 302 Found\r\nLocation: ws://127.0.0.1:{elsewhere}/\r\nContent-Length: 0\r\n\r\n"
        async with serve(answering(raw.encode())) as port:
            with pytest.raises(HandshakeRefused) as caught:
                await connect(f"ws://127.0.0.1:{port}", headers=SECRET_HEADERS, timeout=5)
    assert caught.value.reply.status == 302
    assert reached == []


@pytest.mark.parametrize("raw", [b"", b"nonsense\r\n\r\n", b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\n\r\n"])
async def test_a_broken_answer_is_a_connection_error(raw: bytes) -> None:
    async with serve(answering(raw)) as port:
        with pytest.raises(APIConnectionError) as caught:
            await connect(f"ws://127.0.0.1:{port}/v1?key={KEY}", headers=SECRET_HEADERS, timeout=5)
    assert caught.value.retryable
    assert str(caught.value).startswith(f"no WebSocket to ws://127.0.0.1:{port}/v1: ")
    assert KEY not in said(caught.value)


async def test_a_reset_during_the_handshake_is_a_connection_error() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        reset(writer)

    async with serve(handle) as port:
        with pytest.raises(APIConnectionError, match="EOFError") as caught:
            await connect(f"ws://127.0.0.1:{port}", headers=SECRET_HEADERS, timeout=5)
    assert KEY not in said(caught.value)


async def test_a_refused_port_is_a_connection_error() -> None:
    with refused_port() as port, pytest.raises(APIConnectionError) as caught:
        await connect(f"ws://127.0.0.1:{port}/v1?key={KEY}", headers=SECRET_HEADERS, timeout=5)
    assert str(caught.value).endswith("ConnectionRefusedError: Connection refused")
    assert caught.value.retryable
    assert KEY not in said(caught.value)


async def test_secrets_in_the_path_are_masked() -> None:
    def redact(text: str) -> str:
        return text.replace(KEY, "***")

    with refused_port() as port, pytest.raises(APIConnectionError, match=r"/v1/\*\*\*/ask") as caught:
        await connect(f"ws://127.0.0.1:{port}/v1/{KEY}/ask", timeout=5, redact=redact)
    assert KEY not in said(caught.value)


@pytest.mark.usefixtures("no_dns")
async def test_an_unknown_host_is_a_connection_error() -> None:
    with pytest.raises(APIConnectionError, match="gaierror: Name or service not known") as caught:
        await connect(f"wss://no-such-host.invalid/?key={KEY}", headers=SECRET_HEADERS, timeout=5)
    assert KEY not in said(caught.value)


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_no_answer_is_a_timeout(scheme: str) -> None:
    async with serve(until_the_end) as port:
        began = time.monotonic()
        with pytest.raises(APITimeoutError, match=r"within 0.2 s") as caught:
            await connect(f"{scheme}://127.0.0.1:{port}", headers=SECRET_HEADERS, timeout=0.2)
    assert 0.1 < time.monotonic() - began < 2
    assert caught.value.retryable
    assert KEY not in said(caught.value)


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "ws://[broken", "nothing", "ws://127.0.0.1/#here"])
async def test_an_address_that_is_none_is_not_retried(url: str) -> None:
    with pytest.raises(APIConnectionError) as caught:
        await connect(f"{url}?key={KEY}", timeout=5)
    assert not caught.value.retryable
    assert KEY not in said(caught.value)


async def test_a_header_cannot_begin_another() -> None:
    seen: list[str] = []
    async with serve(accepting(seen)) as port:
        with pytest.raises(APIConnectionError, match="ValueError") as caught:
            await connect(f"ws://127.0.0.1:{port}", headers=[("X", f"a\r\nY: {KEY}")], timeout=5)
    assert not caught.value.retryable
    assert seen == []
    assert KEY not in said(caught.value)


async def test_tls_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(accepting([]), tls_server()) as port:
        with pytest.raises(APIConnectionError, match=r"SSLCertVerificationError: self.signed") as caught:
            await connect(f"wss://127.0.0.1:{port}", headers=SECRET_HEADERS, timeout=5)
        assert caught.value.retryable
        assert KEY not in said(caught.value)
        monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
        socket = await connect(f"wss://127.0.0.1:{port}", headers=SECRET_HEADERS, timeout=5)
        await send(socket, "hello", timeout=5)
        await socket.close()


async def test_no_key_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("specbuilder", "websockets", "websockets.client"):
        caplog.set_level(logging.DEBUG, logger=name)

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await read_frame(reader)

    async with serve(handle) as port:
        socket = await connect(f"ws://127.0.0.1:{port}?key={KEY}", headers=SECRET_HEADERS, timeout=5)
        await send(socket, f'{{"api_key": "{KEY}"}}', timeout=5)
        await socket.close()
    assert KEY not in caplog.text


class TestCancellation:
    @pytest.mark.parametrize("scheme", ["ws", "wss"])
    async def test_it_ends_a_connect_that_hangs(self, scheme: str) -> None:
        reached = asyncio.Event()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            reached.set()
            await reader.read(-1)

        async with serve(handle) as port:
            task = asyncio.create_task(connect(f"{scheme}://127.0.0.1:{port}", timeout=30))
            await reached.wait()
            began = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - began < 1

    async def test_it_is_never_lost(self) -> None:
        # Whatever connecting is doing in that turn of the event loop, in the turn it succeeds too.
        turns = done_before = 0
        async with serve(accepting([])) as port:
            while done_before < 5:
                task: asyncio.Task[WebSocket] = asyncio.create_task(
                    connect(f"ws://127.0.0.1:{port}", timeout=5)
                )
                for _ in range(turns):
                    await asyncio.sleep(0)
                accepted = task.cancel()
                await asyncio.wait([task])
                assert task.cancelled() == accepted
                if not accepted:
                    done_before += 1
                    await task.result().close(timeout=0.01)
                turns += 1
        assert turns > 5


class TestProxy:
    @staticmethod
    def proxy(asked: list[str]) -> Handler:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append((await read_head(reader))[0])
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            await upgrade(reader, writer)
            writer.write(frame("through the proxy"))
            assert (await read_frame(reader))[0] is Opcode.CLOSE

        return handle

    async def greeting(self, proxy: str | bool | None = True) -> str | bytes:
        socket = await connect("ws://vendor.invalid:81/", timeout=5, proxy=proxy)  # type: ignore[arg-type]
        greeting = await Mailbox(socket).recv()
        await socket.close()
        return greeting

    async def test_a_given_one_is_used(self) -> None:
        asked: list[str] = []
        async with serve(self.proxy(asked)) as port:
            assert await self.greeting(f"http://127.0.0.1:{port}") == "through the proxy"
        assert asked == ["CONNECT vendor.invalid:81 HTTP/1.1"]

    async def test_the_jobs_is_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with serve(self.proxy([])) as port:
            job = SimpleNamespace(proc=SimpleNamespace(http_proxy=f"http://127.0.0.1:{port}"))
            monkeypatch.setattr(websocket, "get_job_context", lambda: job)
            assert await self.greeting() == "through the proxy"

    async def test_the_environments_is_used_otherwise(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with serve(self.proxy([])) as port:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
            assert await self.greeting() == "through the proxy"

    @pytest.mark.usefixtures("no_dns")
    async def test_none_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        async with serve(self.proxy([])) as port:
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
            with pytest.raises(APIConnectionError, match="gaierror"):
                await self.greeting(None)

    async def test_one_that_refuses_is_a_connection_error(self) -> None:
        async with serve(answering(b"HTTP/1.1 407 Who are you\r\nContent-Length: 0\r\n\r\n")) as port:
            with pytest.raises(APIConnectionError, match="InvalidProxyStatus") as caught:
                await self.greeting(f"http://user:{KEY}@127.0.0.1:{port}")
        assert KEY not in said(caught.value)
