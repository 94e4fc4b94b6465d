"""An open WebSocket: messages in order, faults found in time, nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
from livekit.agents import APITimeoutError
from websockets.frames import Opcode

from specbuilder.transport.deadline import timeout
from specbuilder.transport.websocket import ConnectionClosed, WebSocket, connect

from .vendor import (
    KEY,
    Handler,
    Mailbox,
    close_frame,
    frame,
    read_frame,
    reset,
    said,
    send,
    serve,
    until,
    upgrade,
)


@contextlib.asynccontextmanager
async def opened(
    handle: Handler, *, ping: float | None = 20, max_bytes: int = 2**20
) -> AsyncIterator[WebSocket]:
    """A WebSocket to a vendor that does `handle` after the handshake."""

    async def upgraded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await handle(reader, writer)

    async with serve(upgraded) as port:
        socket = await connect(
            f"ws://127.0.0.1:{port}/v1?key={KEY}",
            headers=[("Authorization", KEY)],
            timeout=5,
            ping=ping,
            max_bytes=max_bytes,
            redact=lambda text: text.replace(KEY, "***"),
        )
        try:
            yield socket
        finally:
            await socket.close()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read on and say nothing."""
    await reader.read(-1)


async def stalled(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Stop reading, and never close."""
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    await asyncio.Event().wait()


def sending(*raw: bytes) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(raw))
        await reader.read(-1)

    return handle


async def send_for_ever(socket: WebSocket, timeout: float) -> None:
    while True:
        await send(socket, bytes(2**16), timeout=timeout)


async def closed(socket: WebSocket) -> ConnectionClosed:
    """Why it is over, once it is; what comes until then is dropped."""
    if not socket._connection.ended:
        ended = asyncio.Event()
        socket.listen(lambda message: None, ended.set)
        await ended.wait()
    error = socket.closed()
    assert KEY not in said(error)
    return error


class TestMessages:
    async def test_they_go_out_as_text_or_binary(self) -> None:
        got: list[tuple[Opcode, bytes]] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            got.extend([await read_frame(reader) for _ in range(4)])
            writer.write(frame("got them"))

        async with opened(handle) as socket:
            mail = Mailbox(socket)
            await send(socket, "grüezi", timeout=1)
            await send(socket, b"\x00\xff" * 400, timeout=1)
            await send(socket, memoryview(b"0123456789")[2:5], timeout=1)
            await send(socket, b"", timeout=1)
            assert await mail.recv() == "got them"
        assert got == [
            (Opcode.TEXT, "grüezi".encode()),
            (Opcode.BINARY, b"\x00\xff" * 400),
            (Opcode.BINARY, b"234"),
            (Opcode.BINARY, b""),
        ]

    async def test_they_come_in_as_they_were_sent(self) -> None:
        raw = [
            frame("grüezi"),
            frame(b"\x00\xff"),
            frame("gr", fin=False),
            frame(b"", Opcode.CONT, fin=False),
            frame(b"are you there?", Opcode.PING),
            frame(b"\xc3", Opcode.CONT, fin=False),
            frame(b"\xbc", Opcode.CONT),
            frame(b"", fin=False),
            frame(b"ab", Opcode.CONT),
            frame(""),
            frame(b""),
        ]
        async with opened(sending(*raw)) as socket:
            mail = Mailbox(socket)
            messages = [await mail.recv() for _ in range(6)]
        assert messages == ["grüezi", b"\x00\xff", "grü", b"ab", "", b""]
        assert [type(message) for message in messages] == [str, bytes, str, bytes, str, bytes]

    async def test_one_that_comes_with_the_handshake_is_not_lost(self) -> None:
        # `upgrade` and this frame leave in one segment, as neither waits for the network.
        async with opened(sending(frame("ready"))) as socket:
            mail = Mailbox(socket)
            assert await mail.recv() == "ready"

    async def test_a_huge_one_arrives_whole(self) -> None:
        text = "0123456789abcdef" * 2**16
        async with opened(sending(frame(text))) as socket:
            mail = Mailbox(socket)
            assert await mail.recv() == text

    @pytest.mark.parametrize("fragments", [1, 8])
    async def test_one_that_is_too_large_ends_the_connection(self, fragments: int) -> None:
        piece = bytes(2**21 // fragments)
        kinds = [Opcode.BINARY, *[Opcode.CONT] * (fragments - 1)]
        raw = [frame(piece, kind, fin=at == fragments - 1) for at, kind in enumerate(kinds)]
        answer: list[tuple[Opcode, bytes]] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(frame("before") + b"".join(raw) + frame("after"))
            answer.append(await read_frame(reader))

        async with opened(handle) as socket:
            mail = Mailbox(socket)
            assert await mail.recv() == "before"
            error = await closed(socket)
            assert (error.code, error.clean, error.reason) == (None, False, "message too large")
        assert answer[0][0] is Opcode.CLOSE
        assert answer[0][1].startswith((1009).to_bytes(2, "big"))

    async def test_text_that_is_not_utf8_ends_the_connection(self) -> None:
        async with opened(sending(frame("before"), frame(b"\xff", Opcode.TEXT), frame("after"))) as socket:
            mail = Mailbox(socket)
            assert await mail.recv() == "before"
            error = await closed(socket)
        assert (error.code, error.reason) == (None, "text that is not UTF-8")

    async def test_a_violation_of_the_protocol_ends_the_connection(self) -> None:
        async with opened(sending(frame("before"), frame("?", Opcode.CONT), frame("after"))) as socket:
            mail = Mailbox(socket)
            assert await mail.recv() == "before"
            error = await closed(socket)
        assert (error.code, error.reason) == (None, "violation of the WebSocket protocol")


class TestTheVendorCloses:
    @pytest.mark.parametrize(
        ("raw", "code", "reason"),
        [
            (close_frame(1000), 1000, ""),
            (close_frame(4001, "out of quota"), 4001, "out of quota"),
            (close_frame(1011, f"key {KEY} broke it"), 1011, "key *** broke it"),
            (frame(b"", Opcode.CLOSE), 1005, ""),
        ],
    )
    async def test_code_and_reason_are_told(self, raw: bytes, code: int, reason: str) -> None:
        async with opened(sending(raw)) as socket:
            error = await closed(socket)
            assert (error.code, error.reason, error.clean, error.ping_timeout) == (code, reason, True, False)
            with pytest.raises(ConnectionClosed) as caught:
                await send(socket, "too late", timeout=1)
            assert caught.value.code == code

    async def test_what_came_before_is_delivered_before(self) -> None:
        raw = [frame(str(number)) for number in range(500)]
        async with opened(sending(*raw, close_frame(1000), frame("after"))) as socket:
            mail = Mailbox(socket)
            await until(lambda: not socket._connection.is_open)
            assert [await mail.recv() for _ in raw] == [str(number) for number in range(500)]
            assert (await closed(socket)).code == 1000
            assert (await closed(socket)).code == 1000

    async def test_a_vendor_that_keeps_tcp_open_does_not_hold_us_up(self) -> None:
        gone = asyncio.Event()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(close_frame(1000))
            with contextlib.suppress(ConnectionError):
                await reader.read(-1)
            gone.set()

        async with opened(handle) as socket:
            began = time.monotonic()
            assert (await closed(socket)).code == 1000
            assert time.monotonic() - began < 0.2
            # Without a close() of ours, too, the socket is dropped.
            await gone.wait()
            assert time.monotonic() - began < 2

    async def test_the_end_of_tcp_without_a_close_frame(self) -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(frame("half a conv"))

        async with opened(handle) as socket:
            mail = Mailbox(socket)
            assert await mail.recv() == "half a conv"
            error = await closed(socket)
        assert (error.code, error.clean, error.reason) == (None, False, "ended without a close frame")

    async def test_writing_after_a_failure_is_not_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        async with opened(silent) as socket:
            # As a failed write leaves it: asyncio tells of the end in the next round of the loop.
            socket._connection.transport.abort()
            for _ in range(20):
                socket.write(b"audio")
            assert (await closed(socket)).clean is False
        assert not caplog.records

    async def test_a_reset(self) -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(frame("one"))
            await read_frame(reader)
            reset(writer)

        async with opened(handle) as socket:
            mail = Mailbox(socket)
            assert await mail.recv() == "one"
            await send(socket, "now", timeout=1)
            error = await closed(socket)
        assert (error.code, error.clean) == (None, False)
        assert error.reason == "ConnectionResetError: Connection reset by peer"


class TestPings:
    async def test_a_half_open_socket_is_found(self) -> None:
        async with opened(silent, ping=0.1) as socket:
            began = time.monotonic()
            error = await closed(socket)
            assert 0.1 < time.monotonic() - began < 2
        assert (error.code, error.clean, error.ping_timeout) == (None, False, True)
        assert error.reason == "no answer to a ping"

    async def test_it_is_found_while_a_sender_waits(self) -> None:
        async with opened(stalled, ping=0.1) as socket:
            sender = asyncio.create_task(send_for_ever(socket, timeout=30))
            assert (await closed(socket)).ping_timeout
            with pytest.raises(ConnectionClosed) as caught:
                await sender
            assert caught.value.ping_timeout

    async def test_a_vendor_that_answers_stays(self) -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(5):
                opcode, content = await read_frame(reader)
                assert opcode is Opcode.PING
                writer.write(frame(content, Opcode.PONG))
            writer.write(frame("still here"))
            await reader.read(-1)

        async with opened(handle, ping=0.05) as socket:
            mail = Mailbox(socket)
            assert await mail.recv() == "still here"

    async def test_messages_before_anybody_listens_are_not_the_vendors_fault(self) -> None:
        async with opened(sending(*[frame(bytes(2**19))] * 8), ping=0.05) as socket:
            connection = socket._connection
            await until(lambda: bool(connection._early))
            await asyncio.sleep(0.3)  # six times the interval, in which nothing may happen
            assert connection.is_open
            # What the network holds meanwhile is not read.
            assert len(connection._early) < 8
            mail = Mailbox(socket)
            assert [len(await mail.recv()) for _ in range(8)] == [2**19] * 8

    async def test_there_are_none_without_an_interval(self) -> None:
        async with opened(silent, ping=None) as socket:
            assert socket._connection._ping_timer is None


class TestAVendorThatStopsReading:
    async def test_sending_has_a_deadline(self) -> None:
        async with opened(stalled) as socket:
            began = time.monotonic()
            with pytest.raises(APITimeoutError, match="stopped reading") as caught:
                await send_for_ever(socket, timeout=0.2)
            assert time.monotonic() - began < 10
            assert caught.value.retryable
            assert KEY not in said(caught.value)

    async def test_a_cancelled_send_loses_and_breaks_nothing(self) -> None:
        go_on = asyncio.Event()
        numbers: list[int] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await go_on.wait()
            writer.transport.resume_reading()  # type: ignore[attr-defined]
            while not numbers or numbers[-1] != 99_999:
                numbers.append(int.from_bytes((await read_frame(reader))[1][:4], "big"))
            writer.write(frame("all"))

        async with opened(handle) as socket:
            mail = Mailbox(socket)
            number = 0
            while True:
                task = asyncio.create_task(send(socket, number.to_bytes(4, "big") + bytes(2**16), timeout=30))
                await asyncio.sleep(0)
                number += 1
                if not task.done():
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    break
            go_on.set()
            await send(socket, (99_999).to_bytes(4, "big"), timeout=5)
            assert await mail.recv() == "all"
        assert numbers == [*range(number), 99_999]


class TestClosing:
    async def test_it_says_goodbye(self) -> None:
        seen: list[tuple[Opcode, bytes]] = []

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            seen.append(await read_frame(reader))
            writer.write(close_frame(1000))

        async with opened(handle) as socket:
            await socket.close(1001)
            error = await closed(socket)
        assert seen == [(Opcode.CLOSE, (1001).to_bytes(2, "big"))]
        assert (error.code, error.clean) == (1000, True)

    @pytest.mark.parametrize("handle", [silent, stalled])
    async def test_a_vendor_that_does_not_answer_is_dropped(self, handle: Handler) -> None:
        async with opened(handle) as socket:
            if handle is stalled:
                with contextlib.suppress(APITimeoutError):
                    await send_for_ever(socket, timeout=0.05)
            began = time.monotonic()
            await socket.close(timeout=0.1)
            assert time.monotonic() - began < 1
            error = await closed(socket)
            assert (error.code, error.reason) == (None, "closed on our side")

    async def test_it_may_be_done_twice_and_at_once(self) -> None:
        async with opened(silent) as socket:
            await asyncio.gather(socket.close(), socket.close())
            await socket.close()

    async def test_cancelled_it_still_drops_the_socket(self) -> None:
        gone = asyncio.Event()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                await reader.read(-1)
            gone.set()

        async with opened(handle) as socket:
            closing = asyncio.create_task(socket.close(timeout=30))
            await asyncio.sleep(0)
            closing.cancel()
            with pytest.raises(asyncio.CancelledError):
                await closing
            async with timeout(2):
                await gone.wait()

    async def test_unread_messages_do_not_hold_it_up(self) -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(64):
                writer.write(frame(bytes(2**19)))
            await reader.read(-1)
            writer.write(close_frame(1000))

        async with opened(handle) as socket:
            await until(lambda: bool(socket._connection._early))
            began = time.monotonic()
            await socket.close()
            assert time.monotonic() - began < 1

    async def test_a_code_that_may_not_be_sent_does_no_harm(self) -> None:
        async with opened(silent) as socket:
            await socket.close(1006)
            assert not (await closed(socket)).clean
