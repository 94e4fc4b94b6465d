"""The vendor's process: `python -m bench.server`, and its scenario as a line of JSON on standard input.

It does as little as it can per frame, so that a thousand streams fit on one core beside the process that is
measured: frames to send are prepared once, and of frames received only the headers are read. Commands follow
as lines on standard input, answers go as lines to standard output:

    ready N               -> "ready" once N WebSockets are open
    go START COUNT SPEED  -> sends COUNT messages to each, from the monotonic time START on; "done" at the end
    report                -> what was received, as JSON
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import sys
import threading
import time
from collections.abc import Sequence
from typing import Any, cast

from bench.messages import PER_SECOND, STAMP

__all__ = ["main"]

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10


class Vendor:
    """What all connections share: the messages, and what was received."""

    def __init__(self, scenario: dict[str, Any]) -> None:
        self.frames = [_frame(text.encode()) for text in scenario.get("messages", [])]
        self.reply = json.dumps(scenario.get("reply", {})).encode()
        self.reads_stamps: bool = scenario.get("reads_stamps", False)
        self.sockets: list[Peer] = []
        self.opened = asyncio.Condition()
        self.received = 0
        self.received_bytes = 0
        self.requests = 0
        self.lags: list[int] = []

    def report(self) -> dict[str, Any]:
        """What was received. `lags`: nanoseconds from each audio frame's stamp to its arrival."""
        return {
            "received": self.received,
            "received_bytes": self.received_bytes,
            "requests": self.requests,
            "lags": self.lags,
        }

    async def ready(self, count: int) -> None:
        """Wait for so many open WebSockets."""
        async with self.opened:
            await self.opened.wait_for(lambda: len(self.sockets) >= count)

    async def play(self, start: float, count: int, speed: float) -> None:
        """Send `count` messages to each connection; their moments are spread evenly over the interval."""
        peers = list(self.sockets)
        slots = max(1, min(len(peers), 100))
        groups = [peers[slot::slots] for slot in range(slots)]
        tick = 1.0 / PER_SECOND / slots / speed
        for index in range(count * slots):
            delay = start + index * tick - time.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            elif index % 10 == 0:
                await asyncio.sleep(0)
            for peer in groups[index % slots]:
                peer.say(self.frames[(index // slots) % len(self.frames)])


class Peer(asyncio.Protocol):
    """One connection: HTTP requests, until one of them asks for a WebSocket."""

    def __init__(self, vendor: Vendor) -> None:
        self._vendor = vendor
        self._rest = b""
        self._is_socket = False
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        arrived = time.monotonic_ns()
        data = self._rest + data if self._rest else data
        self._rest = self._read_frames(data, arrived) if self._is_socket else self._read_requests(data)

    def say(self, frame: tuple[bytes, bytes | None]) -> None:
        """Send a prepared message, stamped now where it has a place for that."""
        head, tail = frame
        if not self._transport.is_closing():
            self._transport.write(head if tail is None else b"%b%019d%b" % (head, time.monotonic_ns(), tail))

    # -- HTTP ----------------------------------------------------------------------------------------------

    def _read_requests(self, data: bytes) -> bytes:
        while (end := data.find(b"\r\n\r\n")) >= 0:
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(b":") for line in data[:end].split(b"\r\n")[1:])
            }
            if b"sec-websocket-key" in headers:
                self._upgrade(headers[b"sec-websocket-key"])
                return data[end + 4 :]
            if b"transfer-encoding" in headers:
                raise ValueError("this server reads no chunked bodies")
            whole = end + 4 + int(headers.get(b"content-length", b"0"))
            if len(data) < whole:
                break
            self._vendor.requests += 1
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                % (len(self._vendor.reply), self._vendor.reply)
            )
            data = data[whole:]
        return data

    def _upgrade(self, key: bytes) -> None:
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        self._transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n" % accept
        )
        self._is_socket = True
        self._vendor.sockets.append(self)
        asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        async with self._vendor.opened:
            self._vendor.opened.notify_all()

    # -- WebSocket (RFC 6455, section 5.2) -------------------------------------------------------------------

    def _read_frames(self, data: bytes, arrived: int) -> bytes:
        at, size = 0, len(data)
        while size - at >= 6:
            length, start = data[at + 1] & 127, at + 6
            if length == 126:
                length, start = int.from_bytes(data[at + 2 : at + 4], "big"), at + 8
            elif length == 127:
                length, start = int.from_bytes(data[at + 2 : at + 10], "big"), at + 14
            if size < start + length:
                break
            self._frame(data[at] & 15, data[start - 4 : start + length], arrived)
            at = start + length
        return data[at:]

    def _frame(self, opcode: int, masked: bytes, arrived: int) -> None:
        """A frame, from its mask on."""
        if opcode in (_TEXT, _BINARY):
            vendor = self._vendor
            vendor.received += 1
            vendor.received_bytes += len(masked) - 4
            if vendor.reads_stamps and opcode == _BINARY:
                stamp = int.from_bytes(_unmasked(masked[:12]), "little")
                vendor.lags.append(arrived - stamp)
        elif opcode == _PING:
            self._transport.write(bytes((0x80 | _PONG, len(masked) - 4)) + _unmasked(masked))
        elif opcode == _CLOSE:
            self._transport.write(bytes((0x80 | _CLOSE, 2)) + (1000).to_bytes(2, "big"))
            self._transport.close()


def _unmasked(masked: bytes) -> bytes:
    mask = masked[:4]
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(masked[4:]))


def _frame(payload: bytes) -> tuple[bytes, bytes | None]:
    """A text frame, in two pieces around the place of its stamp if it has one."""
    size = len(payload)
    head = bytes((0x81, size)) if size < 126 else b"\x81\x7e" + size.to_bytes(2, "big")
    before, stamp, after = (head + payload).partition(STAMP.encode())
    return (before, after) if stamp else (before, None)


async def _serve(scenario: dict[str, Any]) -> None:
    loop = asyncio.get_running_loop()
    vendor = Vendor(scenario)
    server = await loop.create_server(lambda: Peer(vendor), "127.0.0.1", 0, backlog=1024)
    _answer(str(server.sockets[0].getsockname()[1]))
    commands: asyncio.Queue[Sequence[str]] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(commands.put_nowait, line.split())
        loop.call_soon_threadsafe(commands.put_nowait, ["end"])

    def stay_awake() -> None:
        # A server that sleeps must be woken by whoever writes to it, and on virtual machines that costs the
        # writer several times what the write itself costs. So the loop never waits.
        loop.call_soon(stay_awake)

    stay_awake()
    threading.Thread(target=read, daemon=True).start()
    while (command := await commands.get())[0] != "end":
        if command[0] == "ready":
            await vendor.ready(int(command[1]))
            _answer("ready")
        elif command[0] == "go":
            await vendor.play(float(command[1]), int(command[2]), float(command[3]))
            _answer("done")
        else:
            _answer(json.dumps(vendor.report()))


def _answer(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Serve until standard input ends."""
    asyncio.run(_serve(json.loads(sys.stdin.readline())))


if __name__ == "__main__":
    main()
