"""One WebSocket of the simulator: it reads the client, and plays the vendor's lines when it is time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import WSMsgType, web

from ..protocol.codecs import Codec
from ..protocol.sending import Frame
from ..transport.deadline import timeout
from .clients import ClientReader, samples
from .faults import Fault
from .scenes import Line, Scene

__all__ = ["Conversation", "Speaker", "WireEntry"]

PATIENCE = 5.0
"""Seconds a line waits for a client that does not do what the script says it does."""

GRACE = 0.3
"""Seconds between the vendor's last message and its close: most clients close first."""

LATE = 1.0

_NO_CODE = 1005
"""A close frame without a code; never sent as a number (RFC 6455, section 7.4.1)."""

_GARBAGE = ("{not json", "", b"\x00\xff\xfe", "[]", "42", "null", '{"type": 7, "channel": "x", "tokens": 3}')


@dataclass(frozen=True)
class WireEntry:
    """One thing that went over the wire.

    Attributes:
        connection: number of the WebSocket from 0; None for HTTP.
        sender: "client" or "vendor".
        what: "request", "reply", "handshake", "message", "audio", "close".
        value: a message, `N bytes`, a close code, or method and path; keys are masked.
    """

    connection: int | None
    sender: str
    what: str
    value: Any


class Speaker:
    """Says something else than the script: words in the vendor's format."""

    def begin(self) -> list[Any]:
        """The vendor's messages before the first word."""
        raise NotImplementedError

    async def hear(self, pcm: bytes) -> list[Any]:
        """The messages that 16-bit samples give."""
        raise NotImplementedError

    async def flush(self) -> list[Any]:
        """The messages of what was being said."""
        raise NotImplementedError

    def end(self) -> list[Any]:
        """The vendor's messages after its last word."""
        raise NotImplementedError


@dataclass
class _Client:
    """What the client has done so far."""

    audio: int = 0
    flushes: int = 0
    finished: bool = False
    left: bool = False
    opening: list[Frame] = field(default_factory=list)


class Conversation:
    """An accepted WebSocket.

    Arguments:
        number: of the connection.
        scene: what is played.
        part: which of the scene's recognitions this is.
        goes_on: told when that was not the last one and it has been played.
        record: told everything that goes over the wire.
        fault: what goes wrong on this connection.
        speaker: says words of its own in the place of the scene's.
        admit: looks at the client's first messages; gives what is sent instead of going on, and a close code.
    """

    def __init__(
        self,
        number: int,
        request: web.BaseRequest,
        socket: web.WebSocketResponse,
        scene: Scene,
        reader: ClientReader,
        record: Callable[[WireEntry], None],
        *,
        fault: Fault | None = None,
        speaker: Speaker | None = None,
        part: int = 0,
        goes_on: Callable[[], None] | None = None,
        admit: Callable[[list[Frame]], tuple[list[Any], int] | None] | None = None,
    ) -> None:
        self._number = number
        self._request = request
        self._socket = socket
        self._scene = scene
        self._reader = reader
        self._record = record
        self._fault = fault
        self._speaker = speaker
        self._lines = [line for line in scene.lines if line.part == part]
        self._goes_on = goes_on if part + 1 < scene.parts else None
        self._admit = admit
        self._client = _Client()
        self._changed = asyncio.Event()
        self._pcm: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._said_garbage = False
        self._closed = False
        assert scene.settings.plan.stream is not None
        self._codec: Codec = scene.settings.plan.stream.codec

    async def play(self) -> None:
        """Play to the end; afterwards the connection is closed."""
        reading = asyncio.ensure_future(self._read())
        try:
            if self._is("write-stall"):
                reading.cancel()
                self._stop_reading()
                await self._until(lambda: False)
            if not await self._admitted():
                return
            if self._speaker is not None:
                await self._speak(self._speaker)
            else:
                await self._recite(reading)
                if self._goes_on is not None:
                    # The client has understood that this recognition is over, and connects again.
                    self._goes_on()
                    await self._until(lambda: False, PATIENCE)
            await self._finished()
            await asyncio.sleep(GRACE)
            await self._close(1000)
            await self._until(lambda: self._client.left, PATIENCE)
        except _Gone:
            pass
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            if self._request.transport is not None:
                self._request.transport.close()

    # -- the client ----------------------------------------------------------------------------------------

    async def _read(self) -> None:
        client = self._client
        try:
            while not client.left:
                message = await self._socket.receive()
                if message.type == WSMsgType.TEXT:
                    await self._heard(message.data)
                elif message.type == WSMsgType.BINARY:
                    await self._heard(bytes(message.data))
                else:
                    self._record(WireEntry(self._number, "client", "close", self._socket.close_code))
                    client.left = True
        except ConnectionError:
            client.left = True
        finally:
            self._pcm.put_nowait(None)
            self._tell()

    async def _heard(self, frame: Frame) -> None:
        client = self._client
        audio = self._reader.audio(frame)
        if audio is not None:
            client.audio += len(audio)
            self._record(WireEntry(self._number, "client", "audio", f"{len(audio)} bytes"))
            if self._speaker is not None:
                self._pcm.put_nowait(audio)
        kind = self._reader.kind(frame)
        if audio is None:
            self._record(WireEntry(self._number, "client", "message", frame))
            if not client.audio and kind == "other":
                client.opening.append(frame)
        if kind == "finish":
            client.finished = True
            self._pcm.put_nowait(None)
        elif kind == "flush":
            client.flushes += 1
            if self._speaker is not None:
                self._pcm.put_nowait(b"")
        self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _until(self, condition: Callable[[], bool], seconds: float | None = None) -> None:
        """Wait for something the client does, at most so many seconds.

        Raises:
            _Gone: the client has left.
        """
        try:
            async with timeout(seconds):
                while not condition():
                    if self._client.left:
                        raise _Gone
                    await self._changed.wait()
        except asyncio.TimeoutError:
            return

    @property
    def _over(self) -> bool:
        return self._client.finished or self._client.left

    async def _admitted(self) -> bool:
        """Wait for the client's first messages, and look at them."""
        expected = len(self._scene.opening)
        if expected:
            await self._until(
                lambda: len(self._client.opening) >= expected or self._client.audio > 0, PATIENCE
            )
        refusal = None if self._admit is None else self._admit(self._client.opening)
        if refusal is None:
            return True
        messages, code = refusal
        for message in messages:
            await self._send(message)
        await self._close(code)
        return False

    # -- the vendor ----------------------------------------------------------------------------------------

    async def _recite(self, reading: asyncio.Task[None]) -> None:
        """The scene's lines, each when the client has done what comes before it."""
        wanted = flushes = 0
        late = False
        for line in self._lines:
            # What the core really sent by then: audio may have waited for the vendor's word.
            wanted += sum(len(self._reader.audio(frame) or b"") for frame in line.frames)
            if line.word == "audio":
                target = wanted
                await self._until(lambda target=target: self._client.audio >= target or self._over)  # type: ignore[misc]
            elif line.word == "flush":
                flushes += 1
                count = flushes
                await self._until(
                    lambda count=count: self._client.flushes >= count or self._over,  # type: ignore[misc]
                    PATIENCE,
                )
            elif line.word == "end_input":
                if await self._breaks(reading):
                    return
                await self._finished()
            elif line.word == "closed":
                await self._close(line.value)
                return
            elif line.word == "received":
                if line.texts and await self._goes_wrong(line, reading):
                    return
                if line.is_final and self._is("late-final") and not late:
                    late = True
                    await self._finished()
                    await asyncio.sleep(LATE)
                await self._send(line.value)

    async def _finished(self) -> None:
        """Wait for the end of the client's input."""
        if self._reader.says_its_end:
            await self._until(lambda: self._over)
        else:
            heard = -1
            while heard != self._client.audio and not self._over:
                # A protocol without an end: the audio stops coming.
                heard = self._client.audio
                await self._until(lambda: self._over, 2 * GRACE)
        if self._is("never-closes"):
            await self._until(lambda: False)

    async def _goes_wrong(self, line: Line, reading: asyncio.Task[None]) -> bool:
        """Do the fault that belongs into an utterance; True when nothing follows."""
        if self._is("garbage") and not self._said_garbage:
            self._said_garbage = True
            for frame in _GARBAGE:
                await self._send_frame(frame)
        return line.is_final and await self._breaks(reading)

    async def _breaks(self, reading: asyncio.Task[None]) -> bool:
        """Break the connection if that is the fault: before the first final, and while the client speaks."""
        if self._fault is None:
            return False
        if self._is("half-open"):
            reading.cancel()
            self._stop_reading()
            await self._until(lambda: False)
        if self._is("drop"):
            self._record(WireEntry(self._number, "vendor", "close", None))
            if self._request.transport is not None:
                self._request.transport.abort()
            return True
        if self._fault.close is not None:
            await self._close(self._fault.close)
            return True
        return False

    async def _speak(self, speaker: Speaker) -> None:
        """The speaker's words, as the client's audio gives them."""
        for message in speaker.begin():
            await self._send(message)
        encoding = self._reader.format.encoding
        while (data := await self._pcm.get()) is not None:
            messages = await speaker.hear(samples(data, encoding)) if data else await speaker.flush()
            for message in messages:
                await self._send(message)
        for message in [*await speaker.flush(), *speaker.end()]:
            await self._send(message)

    def _is(self, name: str) -> bool:
        return self._fault is not None and self._fault.name == name

    def _stop_reading(self) -> None:
        transport = self._request.transport
        if transport is not None:
            with contextlib.suppress(RuntimeError):
                transport.pause_reading()

    async def _send(self, message: Any) -> None:
        if self._is("slow"):
            await asyncio.sleep(0.05)
        await self._send_frame(message if isinstance(message, str) else self._codec.encode(message))
        self._record(WireEntry(self._number, "vendor", "message", message))

    async def _send_frame(self, frame: Frame) -> None:
        if self._client.left:
            raise _Gone
        try:
            if isinstance(frame, bytes):
                await self._socket.send_bytes(frame)
            else:
                await self._socket.send_str(frame)
        except ConnectionError:
            raise _Gone from None

    async def _close(self, code: int) -> None:
        if self._closed or self._client.left:
            return
        self._closed = True
        self._record(WireEntry(self._number, "vendor", "close", code))
        writer = self._socket._writer
        with contextlib.suppress(ConnectionError):
            # Not aiohttp's own close(): it reads by itself, while the reader does already.
            if writer is not None and code != _NO_CODE:
                await writer.close(code, b"")
            elif writer is not None:
                await writer.send_frame(b"", WSMsgType.CLOSE)


class _Gone(Exception):
    """The client has left."""
