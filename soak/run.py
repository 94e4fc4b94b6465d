"""Keeps many streams going for a while, and says whether anything was lost, doubled or left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import time
import tracemalloc
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc
from livekit.agents import APIConnectOptions, stt

from specbuilder import load_adapter
from specbuilder.adapters.stt import SpecSTT

from .process import VendorProcess
from .vendor import RATE, SPEC

__all__ = ["Report", "soak"]

_FRAME = RATE // 20
_OPTIONS = APIConnectOptions(max_retry=1000, retry_interval=0.05, timeout=5.0)


@dataclass
class Report:
    """What a run has shown.

    Attributes:
        conversations: streams that ran to their end.
        utterances: of these, together.
        faults: how often the vendor played each.
        problems: whatever is wrong; empty when nothing is.
        late: seconds by which audio was pushed too late, at worst. Beyond a second or two the machine is too
            slow for so many streams, and deadlines pass for that reason alone.
        memory: MiB that Python held, at regular times after the beginning.
    """

    conversations: int = 0
    utterances: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    late: float = 0.0
    memory: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        faults = ", ".join(f"{name} {count}" for name, count in sorted(self.faults.items()))
        memory = f"{self.memory[0]:.1f} -> {self.memory[-1]:.1f} MiB" if self.memory else "not measured"
        head = f"{self.conversations} conversations, {self.utterances} utterances"
        head = f"{head}; faults: {faults}; memory: {memory}; late by {self.late:.2f} s at worst"
        return "\n".join([head, *self.problems])


async def soak(seconds: float, streams: int, *, chance: float = 0.001, seed: int = 1) -> Report:
    """Run it.

    Arguments:
        seconds: no conversation begins after that.
        streams: at the same time, each at the pace of speech.
        chance: of each kind of fault, for each 50 ms of audio.
        seed: of the chances and the lengths of conversations.
    """
    report = Report()
    chances = random.Random(seed)
    gc.collect()
    tasks, files = len(asyncio.all_tasks()), _open_files()
    tracemalloc.start()
    try:
        async with VendorProcess(chance, seed) as vendor:
            adapter = load_adapter(SPEC, base_url=vendor.url)
            end = time.monotonic() + seconds
            watch = asyncio.ensure_future(_watch(report, seconds))
            await asyncio.gather(*(_talk(adapter, chances, end, report) for _ in range(streams)))
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
            await adapter.aclose()
        report.faults = vendor.faults
    finally:
        tracemalloc.stop()
    await asyncio.sleep(0.2)
    gc.collect()
    _judge(report, len(asyncio.all_tasks()) - tasks, _open_files() - files)
    return report


def _judge(report: Report, tasks: int, files: int) -> None:
    if tasks > 0:
        report.problems.append(f"{tasks} tasks are left")
    if files > 0:
        report.problems.append(f"{files} files or sockets are left open")
    # The first quarter is for what grows once: caches, pools.
    steady = report.memory[len(report.memory) // 4 :]
    half = len(steady) // 2
    if half >= 4:
        before, after = sorted(steady[:half])[half // 2], sorted(steady[half:])[half // 2]
        if after > before * 1.15 + 2.0:
            report.problems.append(f"memory grew from {before:.1f} to {after:.1f} MiB")
    if not report.conversations:
        report.problems.append("no conversation came to its end")


async def _watch(report: Report, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds / 40)
        # What waits for the collector is not held.
        gc.collect()
        report.memory.append(tracemalloc.get_traced_memory()[0] / 2**20)


async def _talk(adapter: SpecSTT, chances: random.Random, end: float, report: Report) -> None:
    """One conversation after the other."""
    # Not all in the same moment.
    await asyncio.sleep(chances.random())
    while time.monotonic() < end:
        utterances = [chances.uniform(0.3, 1.5) for _ in range(chances.randint(1, 15))]
        stream = adapter.stream(conn_options=_OPTIONS)
        hearing = asyncio.ensure_future(_hear(stream))
        await _speak(stream, utterances, report)
        done, _ = await asyncio.wait([hearing], timeout=60.0)
        if not done:
            report.problems.append("a stream did not end within a minute")
            hearing.cancel()
        else:
            _compare(hearing, len(utterances), report)
        await stream.aclose()
        report.conversations += 1
        report.utterances += len(utterances)


async def _speak(stream: stt.RecognizeStream, utterances: list[float], report: Report) -> None:
    began = time.monotonic()
    sent = 0
    for number, seconds in enumerate(utterances):
        samples = np.full(int(seconds * RATE), number + 1, np.int16)
        for start in range(0, len(samples), _FRAME):
            piece = samples[start : start + _FRAME]
            stream.push_frame(rtc.AudioFrame(piece.tobytes(), RATE, 1, len(piece)))
            sent += len(piece)
            ahead = began + sent / RATE - time.monotonic()
            report.late = max(report.late, -ahead)
            await asyncio.sleep(max(0.0, ahead))
    stream.end_input()


async def _hear(stream: stt.RecognizeStream) -> list[str]:
    final = stt.SpeechEventType.FINAL_TRANSCRIPT
    return [event.alternatives[0].text async for event in stream if event.type is final]


def _compare(hearing: asyncio.Future[list[str]], count: int, report: Report) -> None:
    error = hearing.exception()
    if error is not None:
        report.problems.append(f"a stream failed: {error}")
        return
    expected = [f"u{number}" for number in range(count)]
    if hearing.result() != expected:
        report.problems.append(f"heard {hearing.result()} of {expected}")


def _open_files() -> int:
    return len(os.listdir("/dev/fd"))
