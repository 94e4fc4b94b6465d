"""The measured process's end of the vendor: starts `bench.server` and talks to it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["VendorProcess"]


_ROOT = Path(__file__).resolve().parent.parent


class VendorProcess:
    """A vendor in a process of its own; use it as an async context manager.

    Arguments:
        scenario: `messages` (JSON texts, repeated), `reply` (the answer to every HTTP
            request), `reads_stamps` (whether audio begins with the nanoseconds at which it was pushed).
    """

    def __init__(self, **scenario: Any) -> None:
        self._scenario = json.dumps(scenario)
        self.address = ""

    async def __aenter__(self) -> VendorProcess:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.server"),
            cwd=_ROOT,
            stdin=pipe,
            stdout=pipe,
            limit=2**24,
        )
        self.address = f"127.0.0.1:{await self._ask(self._scenario)}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()

    async def _line(self) -> str:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the vendor's process has ended; its error stands above")
        return line.decode().strip()

    async def _ask(self, command: str) -> str:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n".encode())
        return await self._line()

    async def ready(self, count: int) -> None:
        """Wait until so many WebSockets are open."""
        await self._ask(f"ready {count}")

    async def play(self, start: float, count: int, speed: float) -> None:
        """Have `count` messages sent to each connection from the monotonic time `start` on, to the end."""
        await self._ask(f"go {start!r} {count} {speed!r}")

    async def report(self) -> dict[str, Any]:
        """What the vendor has received; see `server.Vendor.report`."""
        report: dict[str, Any] = json.loads(await self._ask("report"))
        return report
