"""One measurement in a fresh process, as JSON: `python -m bench.client '{"measure": "streaming", ...}'`."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

__all__ = ["main"]


def _measure(name: str) -> Callable[..., Any]:
    """A measurement by name; each imports no more than it measures."""
    if name in ("load", "start"):
        from bench import starting

        return {"load": starting.load, "start": starting.start}[name]
    from bench import base, batch, profiling, streaming

    works: dict[str, Callable[..., Any]] = {
        "base": base.base,
        "batch": batch.batch,
        "connect": streaming.connect,
        "memory": streaming.memory,
        "profile": profiling.profile,
        "streaming": streaming.streaming,
        "wire": streaming.wire,
    }
    return works[name]


def main() -> None:
    """Measure what the first argument asks for."""
    request = json.loads(sys.argv[1])
    work = _measure(request.pop("measure"))(**request)
    result = asyncio.run(work) if asyncio.iscoroutine(work) else work
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main()
