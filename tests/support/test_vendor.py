"""The scripted vendor itself: what it records, what it does, and that its failures are failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from tests.support.vendor import (
    Accept,
    AfterAudio,
    AfterText,
    Close,
    Closed,
    Drop,
    Hang,
    NoHandshake,
    Part,
    Refuse,
    Reply,
    ScriptedVendor,
    Send,
    StopReading,
    WaitFor,
    base64_audio,
)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


async def test_a_script_is_followed_and_the_wire_is_recorded_in_order(session: aiohttp.ClientSession) -> None:
    vendor = ScriptedVendor(
        [
            Accept(headers={"dg-request-id": "r1"}, subprotocol="b"),
            AfterText({"type": "hello"}),
            Send({"type": "ready"}),
            AfterAudio(size=6),
            Send("plain"),
            Send(b"\x01\x02"),
            Close(1011, "NET-0001"),
        ]
    )
    async with vendor:
        url = f"{vendor.url}/v1/listen?b=2&a=%20&a="
        socket = await session.ws_connect(url, headers={"Authorization": "Token k"}, protocols=["a", "b"])
        assert socket.protocol == "b"
        await socket.send_str('{"type": "hello", "more": 1}')
        assert await socket.receive_json() == {"type": "ready"}
        await socket.send_bytes(b"1234")
        await socket.send_bytes(b"56")
        assert await socket.receive_str() == "plain"
        assert await socket.receive_bytes() == b"\x01\x02"
        closing = await socket.receive()
        assert (closing.type, closing.data, closing.extra) == (aiohttp.WSMsgType.CLOSE, 1011, "NET-0001")
        await vendor.until(lambda: vendor.closed(0) is not None, "the close")
    handshake = vendor.handshakes[0]
    assert (handshake.path, handshake.query) == ("/v1/listen", "b=2&a=%20&a=")
    assert handshake.pairs == [("b", "2"), ("a", " "), ("a", "")]
    assert handshake.header("authorization") == "Token k"
    assert handshake.subprotocols == ["a", "b"]
    assert vendor.messages(0) == [{"type": "hello", "more": 1}]
    assert vendor.audio(0) == b"123456"
    assert vendor.chunks(0) == [b"1234", b"56"]
    assert isinstance(vendor.wire[-1], Closed)
    assert vendor.wire[-1].code == 1000  # what aiohttp's client answers, whatever the code was


async def test_multipart_parts_keep_their_order_names_and_types(session: aiohttp.ClientSession) -> None:
    form = aiohttp.FormData()
    form.add_field("model", "whisper-1")
    form.add_field("keywords[]", "a")
    form.add_field("keywords[]", "b")
    form.add_field("file", b"RIFF\xff" * 400_000, filename="file.wav", content_type="audio/wav")
    vendor = ScriptedVendor(
        replies={"POST /up": [Reply(201, json=lambda request: {"host": request.header("host")})]}
    )
    async with vendor, session.post(f"{vendor.url}/up", data=form) as response:
        assert (response.status, await response.json()) == (201, {"host": vendor.address})
    parts = vendor.requests[0].parts
    assert parts is not None
    assert [(part.name, part.value) for part in parts[:3]] == [
        ("model", "whisper-1"),
        ("keywords[]", "a"),
        ("keywords[]", "b"),
    ]
    assert parts[3] == Part("file", "file.wav", "audio/wav", b"RIFF\xff" * 400_000)


async def test_refused_and_second_connection(session: aiohttp.ClientSession) -> None:
    vendor = ScriptedVendor([Refuse(429, {"why": "busy"}, {"Retry-After": "2"})], [Send("second"), Close()])
    async with vendor:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(vendor.url)
        assert refused.value.status == 429
        assert refused.value.headers is not None
        assert refused.value.headers["Retry-After"] == "2"
        socket = await session.ws_connect(vendor.url)
        assert await socket.receive_str() == "second"
        await socket.receive()
    assert [handshake.connection for handshake in vendor.handshakes] == [0, 1]


async def test_a_dropped_connection_has_no_close_frame(session: aiohttp.ClientSession) -> None:
    async with ScriptedVendor([Drop()], replies={"POST /": [Reply(drop=True)]}) as vendor:
        socket = await session.ws_connect(vendor.url)
        closing = await socket.receive()
        assert closing.type in (aiohttp.WSMsgType.ERROR, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.CLOSING)
        assert socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
        await socket.close()
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.post(vendor.url)


async def test_hang_answers_neither_ping_nor_close(session: aiohttp.ClientSession) -> None:
    async with ScriptedVendor([Send("x"), Hang()]) as vendor:
        socket = await session.ws_connect(
            vendor.url, timeout=aiohttp.ClientWSTimeout(ws_close=0.1), autoping=False
        )
        assert await socket.receive_str() == "x"
        await socket.ping()
        await vendor.until(lambda: len(vendor.wire) == 2, "the ping")
        with pytest.raises(asyncio.TimeoutError):
            await socket.receive(timeout=0.1)
        await socket.close()
        assert socket.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE


async def test_stop_reading_stalls_a_client_that_writes_on(session: aiohttp.ClientSession) -> None:
    async with ScriptedVendor([StopReading()]) as vendor:
        socket = await session.ws_connect(vendor.url, timeout=aiohttp.ClientWSTimeout(ws_close=0.1))
        writing = asyncio.ensure_future(socket.send_bytes(bytes(64 << 20)))
        done, _ = await asyncio.wait([writing], timeout=0.5)
        assert not done
        writing.cancel()
        await asyncio.wait([writing])
        await socket.close()
    assert vendor.frames() == []


async def test_no_handshake_holds_the_client(session: aiohttp.ClientSession) -> None:
    async with ScriptedVendor([NoHandshake()]) as vendor:
        connecting = asyncio.ensure_future(session.ws_connect(vendor.url))
        await vendor.until(lambda: len(vendor.handshakes) == 1, "the handshake")
        done, _ = await asyncio.wait([connecting], timeout=0.1)
        assert not done
        connecting.cancel()
        await asyncio.wait([connecting])


async def test_the_test_can_hold_the_script(session: aiohttp.ClientSession) -> None:
    go = asyncio.Event()
    async with ScriptedVendor([WaitFor(go), Send("now"), Close()]) as vendor:
        socket = await session.ws_connect(vendor.url)
        receiving = asyncio.ensure_future(socket.receive_str())
        done, _ = await asyncio.wait([receiving], timeout=0.05)
        assert not done
        go.set()
        assert await receiving == "now"
        await socket.close()


async def test_a_step_that_waits_too_long_fails_with_the_wire(session: aiohttp.ClientSession) -> None:
    async def never_says_bye() -> None:
        async with ScriptedVendor([AfterText("bye")], timeout=0.1) as vendor:
            socket = await session.ws_connect(vendor.url)
            await socket.send_str("hello")
            await socket.receive()
            assert vendor.failed.is_set()
            await socket.close()

    with pytest.raises(AssertionError, match=r"(?s)waited 0.1 s for AfterText.*text hello"):
        await never_says_bye()


async def test_a_client_that_leaves_early_fails_the_waiting_step(session: aiohttp.ClientSession) -> None:
    async def leaves() -> None:
        async with ScriptedVendor([AfterAudio(seconds=1)]) as vendor:
            socket = await session.ws_connect(vendor.url)
            await socket.close()
            await vendor.until(vendor.failed.is_set, "the problem")

    with pytest.raises(AssertionError, match="left before AfterAudio"):
        await leaves()


@pytest.mark.parametrize(("method", "path"), [("GET", "/"), ("POST", "/other")])
async def test_a_request_nobody_scripted_fails(
    session: aiohttp.ClientSession, method: str, path: str
) -> None:
    async def ask() -> None:
        async with ScriptedVendor(replies={"GET /other": [Reply()]}) as vendor:
            response = await session.request(method, f"{vendor.url}{path}")
            assert response.status == 500

    with pytest.raises(AssertionError, match="no reply is scripted"):
        await ask()


async def test_a_connection_nobody_scripted_fails(session: aiohttp.ClientSession) -> None:
    async def connect() -> None:
        async with ScriptedVendor() as vendor:
            with pytest.raises(aiohttp.WSServerHandshakeError):
                await session.ws_connect(vendor.url)

    with pytest.raises(AssertionError, match="no script for connection 0"):
        await connect()


async def test_audio_inside_json(session: aiohttp.ClientSession) -> None:
    vendor = ScriptedVendor([AfterAudio(size=3), Close()], audio=base64_audio("data", "chunk"))
    async with vendor:
        socket = await session.ws_connect(vendor.url)
        await socket.send_json({"type": "stop"})
        await socket.send_json({"type": "audio_chunk", "data": {"chunk": "QUJD"}})
        await socket.receive()
    assert vendor.audio(0) == b"ABC"
    assert vendor.messages(0) == [{"type": "stop"}]
