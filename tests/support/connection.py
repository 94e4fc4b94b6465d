"""One WebSocket connection of a `ScriptedVendor`: it reads and records, and follows the script beside."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiohttp import WSMsgType, web

from tests.support.log import WireLog, wait_for_event
from tests.support.script import (
    AfterAudio,
    AfterText,
    Close,
    Drop,
    Hang,
    Pause,
    Send,
    Step,
    StopReading,
    WaitFor,
)
from tests.support.wire import Binary, Closed, Ping, Text, is_subset

__all__ = ["Connection", "abort"]


class Connection:
    """An accepted WebSocket.

    Args:
        log: where everything is recorded.
        number: of the connection, from 0.
        request: the handshake's request.
        socket: prepared with autoping and autoclose off, as this class answers pings and closes itself.
    """

    def __init__(
        self, log: WireLog, number: int, request: web.BaseRequest, socket: web.WebSocketResponse
    ) -> None:
        self._log = log
        self._number = number
        self._request = request
        self._socket = socket
        self._close_sent = False
        self._hung = False
        self._matched = 0

    async def play(self, script: Sequence[Step]) -> None:
        """Follow the script, then read until the client leaves. At the end the TCP connection is closed."""
        reader = asyncio.ensure_future(self._read())
        try:
            for step in script:
                if isinstance(step, StopReading):
                    reader.cancel()
                    self._pause_transport()
                    await _forever()
                if not await self._perform(step):
                    return
            await reader
            if self._hung:
                await _forever()
        finally:
            reader.cancel()
            if self._request.transport is not None:
                self._request.transport.close()

    async def _perform(self, step: Step) -> bool:
        """Do one step; False when the connection is over."""
        if isinstance(step, Send):
            message = step.message
            return await self._send(message(self._log.frames(self._number)) if callable(message) else message)
        if isinstance(step, AfterAudio):
            size = step.bytes_needed
            return await self._wait(lambda: self._log.audio_bytes(self._number) >= size, step)
        if isinstance(step, AfterText):
            match = step
            return await self._wait(lambda: self._found(match), step)
        if isinstance(step, WaitFor):
            return await self._wait_for_test(step)
        if isinstance(step, Pause):
            await asyncio.sleep(step.seconds)
        elif isinstance(step, Close):
            await self._send_close(step.code, step.reason)
        elif isinstance(step, Drop):
            abort(self._request)
            return False
        elif isinstance(step, Hang):
            self._hung = True
        else:
            raise TypeError(f"{type(step).__name__} is only good as the first step")
        return True

    async def _send(self, message: Any) -> bool:
        try:
            if isinstance(message, bytes):
                await self._socket.send_bytes(message)
            else:
                await self._socket.send_str(message if isinstance(message, str) else json.dumps(message))
        except ConnectionError:
            return False  # The client has left: its events show the test what it missed.
        return True

    async def _send_close(self, code: int, reason: str = "") -> None:
        # Not aiohttp's own close(): that one reads until the answer itself, and what it reads is lost.
        writer = self._socket._writer
        if writer is None or self._close_sent:
            return
        self._close_sent = True
        try:
            await writer.close(code, reason.encode())
        except ConnectionError:
            return

    async def _wait(self, condition: Callable[[], bool], step: Step) -> bool:
        deadline = time.monotonic() + self._log.timeout
        while not condition():
            if self._log.closed(self._number) is not None:
                self._log.problem(f"connection {self._number}: the client left before {step}")
                return False
            if not await self._log.next_entry(deadline):
                self._log.problem(f"connection {self._number}: waited {self._log.timeout} s for {step}")
                abort(self._request)
                return False
        return True

    async def _wait_for_test(self, step: WaitFor) -> bool:
        is_set = await wait_for_event(step.event, self._log.timeout)
        if not is_set:
            self._log.problem(f"connection {self._number}: the test never set the event")
        return is_set

    def _found(self, step: AfterText) -> bool:
        frames = self._log.frames(self._number)
        for index in range(self._matched, len(frames)):
            frame = frames[index]
            if isinstance(frame, Text) and _matches(step, frame):
                self._matched = index + 1
                return True
        return False

    async def _read(self) -> None:
        """Record frames until the client leaves; answer pings and the close frame unless hung."""
        socket, record, number = self._socket, self._log.record, self._number
        while True:
            message = await socket.receive()
            now = time.monotonic()
            if message.type == WSMsgType.TEXT:
                record(Text(message.data, number, now, _parse(message.data)))
            elif message.type == WSMsgType.BINARY:
                record(Binary(bytes(message.data), number, now))
            elif message.type == WSMsgType.PING:
                record(Ping(number, now))
                if not self._hung:
                    await socket.pong(message.data)
            elif message.type == WSMsgType.CLOSE:
                record(Closed(message.data, message.extra or "", number, now))
                if not self._hung:
                    await self._send_close(message.data or 1000)
                return
            elif message.type in (WSMsgType.CLOSING, WSMsgType.CLOSED, WSMsgType.ERROR):
                record(Closed(None, "", number, now))
                return

    def _pause_transport(self) -> None:
        transport = self._request.transport
        if isinstance(transport, asyncio.ReadTransport):
            transport.pause_reading()


def abort(request: web.BaseRequest) -> web.Response:
    """Reset the TCP connection. The response is for aiohttp's sake; it cannot be sent any more."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _forever() -> None:
    await asyncio.Event().wait()


def _matches(step: AfterText, frame: Text) -> bool:
    if isinstance(step.match, str):
        return frame.text == step.match
    if isinstance(step.match, Mapping):
        return is_subset(step.match, frame.json)
    return step.match(frame.message)


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
