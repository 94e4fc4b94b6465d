"""The vendor in a process of its own, so that what it costs is not taken from the streams."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from .vendor import FaultyVendor

__all__ = ["VendorProcess"]

_ROOT = Path(__file__).resolve().parent.parent


class VendorProcess:
    """A `FaultyVendor` in another process; use it as an async context manager.

    Arguments:
        chance: of a fault, for each piece of audio that comes.
        seed: of the chances.

    Attributes:
        url: where it listens.
        faults: how often each fault was played; known after the end.
    """

    def __init__(self, chance: float, seed: int) -> None:
        self._arguments = [repr(chance), str(seed)]
        self.url = ""
        self.faults: dict[str, int] = {}

    async def __aenter__(self) -> VendorProcess:
        pipe = asyncio.subprocess.PIPE
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "soak.process", *self._arguments), cwd=_ROOT, stdin=pipe, stdout=pipe
        )
        self.url = json.loads(await self._line())
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self.faults = json.loads(await self._line())
        await self._process.wait()

    async def _line(self) -> bytes:
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("the vendor's process has ended; its error stands above")
        return line


async def _serve(chance: float, seed: int) -> None:
    """Serve until the other side's end of the pipe is closed."""
    async with FaultyVendor(chance, seed) as vendor:
        sys.stdout.write(json.dumps(vendor.url) + "\n")
        sys.stdout.flush()
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    sys.stdout.write(json.dumps(vendor.faults) + "\n")


if __name__ == "__main__":
    asyncio.run(_serve(float(sys.argv[1]), int(sys.argv[2])))
