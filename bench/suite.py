"""Which works are measured, and how: every measurement in a fresh process, sides and rounds in turn."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.messages import VENDORS
from bench.sides import SIDES

__all__ = ["FULL", "QUICK", "SCALES", "Work", "environment", "run"]

_ROOT = Path(__file__).resolve().parent.parent

_LIMIT_SECONDS = 300
"""After so long a measurement is given up."""

SCALES = (1, 10, 100, 500, 1000)
"""Streams in one process."""


@dataclass(frozen=True)
class Work:
    """One thing to measure on several sides.

    Arguments:
        key: its name in results and on the command line.
        request: what `bench.client` is asked, without the side.
        sides: in turn; ("",) for what has none.
        rounds: at most, where one round takes long.
    """

    key: str
    request: dict[str, Any]
    sides: Sequence[str] = SIDES
    rounds: int = 99


def _streaming(vendor: str, **request: Any) -> dict[str, Any]:
    return {"measure": "streaming", "vendor": vendor, "streams": 100, "seconds": 6, **request}


def _busy(vendor: str, **request: Any) -> dict[str, Any]:
    """More than a core can do in time, so that it never sleeps."""
    return _streaming(vendor, streams=200, seconds=15, speed=10, **request)


_ON_DEEPGRAM = {"vendor": "deepgram"}

FULL = (
    *(Work(f"streaming.{vendor}", _streaming(vendor)) for vendor in VENDORS),
    Work("streaming.clock", _streaming("deepgram"), ("clock",)),
    *(Work(f"busy.{vendor}", _busy(vendor)) for vendor in VENDORS),
    Work("streaming.interims", _streaming("openai", interims=True)),
    Work("busy.interims", _busy("openai", interims=True)),
    Work("busy.words", _busy("deepgram", words=True), ("plugin", "ours")),
    Work("busy.clock", _busy("deepgram"), ("clock",)),
    Work("batch", {"measure": "batch", "requests": 300}),
    Work("latency", _streaming("deepgram", streams=1, seconds=120, speed=10, stamped=True)),
    Work("wire", {"measure": "wire", "pushes": 500, **_ON_DEEPGRAM}),
    Work("connect", {"measure": "connect", "streams": 40, **_ON_DEEPGRAM}),
    Work("memory", {"measure": "memory", "streams": 200, **_ON_DEEPGRAM}),
    Work("start", {"measure": "start"}, ("plugin", "ours")),
    Work("load", {"measure": "load"}, ("plugin", "ours")),
    Work("base", {"measure": "base", "times": 5000}, ("",)),
    *(
        Work(
            f"scaling.{streams}", _streaming("deepgram", streams=streams, seconds=12, stamped=True), rounds=3
        )
        for streams in SCALES
    ),
    Work("profile", {"measure": "profile", "streams": 100, "seconds": 24}, ("",), rounds=1),
)
"""Everything in docs/benchmarks.md."""

QUICK = (
    Work("streaming.deepgram", _streaming("deepgram", seconds=3)),
    Work("batch", {"measure": "batch", "requests": 150}),
    Work(
        "latency", _streaming("deepgram", streams=1, seconds=30, speed=20, stamped=True), ("plugin", "ours")
    ),
)
"""What shows in two minutes whether a change has made things slower."""


def environment() -> dict[str, str]:
    """What the numbers depend on."""
    names = ["livekit-agents", "aiohttp", "websockets", "orjson", "openai"]
    names += [f"livekit-plugins-{vendor}" for vendor in VENDORS]
    cores = os.cpu_count()
    return {
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}, {_processor()}, {cores} cores",
        "load before": f"{os.getloadavg()[0]:.2f}",
        **{name: metadata.version(name) for name in names},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def run(works: Sequence[Work], rounds: int, tell: Callable[[str], None]) -> Iterator[dict[str, Any]]:
    """Measure.

    Arguments:
        tell: is told what is being measured.

    Returns:
        one record for each measurement: `work`, `side`, `round`, and `result` or `failed` (why).
    """
    for number in range(rounds):
        for work in works:
            if number >= work.rounds:
                continue
            # Each round begins with another side, so that none always comes first.
            first = number % len(work.sides)
            for name in (*work.sides[first:], *work.sides[:first]):
                tell(f"round {number + 1}/{rounds}: {work.key} {name}")
                request = {**work.request, **({"name": name} if name else {})}
                yield {"work": work.key, "side": name, "round": number, **_measured(request)}


def _measured(request: dict[str, Any]) -> dict[str, Any]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "bench.client", json.dumps(request)]
    try:
        done = subprocess.run(
            command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=_LIMIT_SECONDS
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"no result within {_LIMIT_SECONDS} s"}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no reason given"])[-1]}
    return {"result": json.loads(done.stdout.splitlines()[-1])}
