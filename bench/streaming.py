"""Paced streams in this process: what they cost, and how late things happen."""

from __future__ import annotations

import asyncio
import gc
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from livekit import rtc
from livekit.agents import stt

from bench.messages import PER_SECOND, STAMP, UTTERANCE_SECONDS, conversation, finals, utterance
from bench.sides import RATES, Side, open_session, side, unthrottle
from bench.vendor import VendorProcess

__all__ = ["FRAME_SECONDS", "connect", "frames", "memory", "percentiles", "streaming", "wire"]

FRAME_SECONDS = 0.05
"""Audio per pushed frame: what livekit's room input gives to an STT."""

_WARM_UP_SECONDS = 1.0
_SILENT_SECONDS = 60.0
"""How long the last message is waited for; who is later than that has fallen behind for good."""

_FINAL = stt.SpeechEventType.FINAL_TRANSCRIPT
_TEXTS = (_FINAL, stt.SpeechEventType.INTERIM_TRANSCRIPT)


def frames(rate: int, seconds: float = FRAME_SECONDS, count: int = 20) -> list[rtc.AudioFrame]:
    """Different frames of 16-bit mono audio; making them is not the STT's work, so they are made ahead."""
    samples = round(rate * seconds)
    return [
        rtc.AudioFrame(bytes((at * 7 + byte) % 251 for byte in range(samples * 2)), rate, 1, samples)
        for at in range(count)
    ]


def percentiles(nanoseconds: Sequence[int]) -> dict[str, float]:
    """p50, p99 and p99.9 in microseconds."""
    ordered = sorted(nanoseconds)
    last = len(ordered) - 1
    return {
        name: round(ordered[min(last, int(len(ordered) * share))] / 1e3, 1)
        for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
    }


def _resident() -> int:
    """Bytes of this process in memory; on other systems than Linux the most there have been."""
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    # Bytes on macOS: getrusage(2).
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _waited() -> int:
    """Nanoseconds this process was ready to run without getting a core; 0 on other systems than Linux."""
    # https://docs.kernel.org/scheduler/sched-stats.html#proc-pid-schedstat
    return int(Path("/proc/self/schedstat").read_text().split()[1]) if sys.platform == "linux" else 0


class _Ear:
    """Counts what comes back, and notes how late it is where messages are stamped."""

    def __init__(self, is_floor: bool, stamped: bool, words: bool) -> None:
        self.heard = 0
        self.finals = 0
        self.lags: list[int] = []
        self._all = asyncio.Event()
        self._expected = 0
        self.listen: Callable[[Any], None] = self._message if is_floor else self._event
        self._stamped = stamped
        self._reads_words = words

    def _message(self, message: Any) -> None:
        self.heard += 1
        if self._stamped:
            text = message["channel"]["alternatives"][0]["transcript"]
            self.lags.append(time.monotonic_ns() - int(text[-len(STAMP) :]))
        # The floor does not know a final when it sees one: it waits for all messages of the utterances.
        if self.heard % (PER_SECOND * UTTERANCE_SECONDS) == 0:
            self._final()

    def _event(self, event: stt.SpeechEvent) -> None:
        self.heard += 1
        if self._stamped and event.type in _TEXTS:
            text = event.alternatives[0].text
            self.lags.append(time.monotonic_ns() - int(text[-len(STAMP) :]))
        if self._reads_words and event.type in _TEXTS:
            assert event.alternatives[0].words
        if event.type is _FINAL:
            self._final()

    def _final(self) -> None:
        self.finals += 1
        if self.finals >= self._expected:
            self._all.set()

    def expect(self, finals: int) -> None:
        """Begin to count."""
        self.heard = self.finals = 0
        self.lags.clear()
        self._expected = finals

    async def complete(self) -> None:
        """Wait for as many finals as are expected."""
        if self.finals < self._expected:
            self._all.clear()
            waiting = asyncio.ensure_future(self._all.wait())
            await asyncio.wait([waiting], timeout=_SILENT_SECONDS)
            waiting.cancel()
        if self.finals < self._expected:
            raise RuntimeError(f"only {self.finals} of {self._expected} finals came")


async def _push_all(
    target: Side, streams: int, audio: Sequence[rtc.AudioFrame], start: float, seconds: float, speed: float
) -> list[int]:
    """Push a frame to every stream every 50 ms, spread over that time.

    Streams are pushed to in groups, as a clock for each of them would cost more than what is measured.

    Returns:
        how late each group was, in nanoseconds.
    """
    groups = min(streams, max(5, streams // 40))
    members = [range(group, streams, groups) for group in range(groups)]
    tick = FRAME_SECONDS / groups / speed
    lags = []
    for index in range(round(seconds / FRAME_SECONDS) * groups):
        due = start + index * tick
        delay = due - time.monotonic()
        # Who is late must still let the loop run, or nothing pushed would ever leave.
        await asyncio.sleep(max(0.0, delay))
        lags.append(time.monotonic_ns() - int(due * 1e9))
        for stream in members[index % groups]:
            await target.push(stream, audio[(index // groups + stream) % len(audio)])
    return lags


async def _play(
    target: Side,
    vendor: VendorProcess,
    streams: int,
    audio: Sequence[rtc.AudioFrame],
    seconds: float,
    speed: float,
) -> list[int]:
    """So many seconds of both directions; see `_push_all`."""
    start = time.monotonic() + 0.05
    talking = asyncio.create_task(vendor.play(start, round(seconds * PER_SECOND), speed))
    lags = await _push_all(target, streams, audio, start, seconds, speed)
    await talking
    return lags


async def _opened(target: Side, streams: int, vendor: VendorProcess) -> None:
    for _ in range(streams):
        await target.open()
        # Not all handshakes at once: the deadlines are for one.
        await asyncio.sleep(0.004)
    await vendor.ready(streams)


async def streaming(
    vendor: str,
    name: str,
    *,
    streams: int,
    seconds: float,
    speed: float = 1.0,
    stamped: bool = False,
    words: bool = False,
    interims: bool = False,
    during: Callable[[], Any] | None = None,
) -> dict[str, Any]:
    """Real-time streams with ten messages a second each.

    Arguments:
        name: the side, or "clock".
        seconds: of audio per stream; whole utterances.
        speed: times real time at which both directions go.
        stamped: also measure from the vendor's write to the event (Deepgram only).
        words: read the words of each transcript too, not only its text.
        interims: take the OpenAI plugin's throttle off, so that it does what ours does.
        during: makes a context manager around what is measured.

    Returns:
        `cpu`: µs per second of audio; `load`: share of a core; `waited`: share of the time it waited for a
        core; `heard`: events or messages; `event`: µs from the vendor's write to the event; `push`: µs the
        pushing was late; `memory`: KiB per stream, with the modules that the side needs; `sent`: bytes per
        second of audio.
    """
    ear = _Ear(name == "floor", stamped, words)
    audio = frames(RATES[vendor])
    is_clock = name == "clock"
    if interims:
        unthrottle()
    messages = conversation(vendor, seconds, stamped=stamped)
    async with VendorProcess(messages=messages) as far, open_session() as session:
        before = _resident()
        target = side(vendor, name, far.address, session, ear.listen)
        if not is_clock:
            await _opened(target, streams, far)
        await _play(target, far, streams, audio, _WARM_UP_SECONDS, speed)
        await asyncio.sleep(0.3)
        ear.expect(0 if is_clock else finals(seconds) * streams)
        gc.collect()
        report = await far.report()
        began, cpu, waited = time.monotonic(), time.process_time(), _waited()
        if during is None:
            lags = await _play(target, far, streams, audio, seconds, speed)
        else:
            with during():
                lags = await _play(target, far, streams, audio, seconds, speed)
        await ear.complete()
        took, waited = time.monotonic() - began, _waited() - waited
        # What a side still holds back, to keep to a vendor's pace, is part of the work.
        await asyncio.sleep(0.2)
        cpu = time.process_time() - cpu
        sent = (await far.report())["received_bytes"] - report["received_bytes"]
        grown = _resident() - before
        await target.close()
    return {
        "cpu": round(cpu / seconds / streams * 1e6, 1),
        "load": round(cpu / took, 4),
        "waited": round(waited / took / 1e9, 4),
        "heard": ear.heard,
        "event": percentiles(ear.lags) if stamped else None,
        "push": percentiles(lags),
        "memory": round(grown / 1024 / streams, 1),
        "sent": round(sent / seconds / streams),
    }


async def wire(vendor: str, name: str, *, pushes: int) -> dict[str, Any]:
    """One stream, from `push_frame` to the arrival at the vendor's process: `wire` in µs.

    A frame is pushed every 10 ms, not every 50: that changes nothing but how long it takes.
    """
    rate = RATES[vendor]
    samples = round(rate * FRAME_SECONDS)
    async with VendorProcess(messages=utterance(vendor), reads_stamps=True) as far, open_session() as session:
        target = side(vendor, name, far.address, session, lambda heard: None)
        await _opened(target, 1, far)
        for _ in range(pushes):
            data = time.monotonic_ns().to_bytes(8, "little") + bytes(samples * 2 - 8)
            await target.push(0, rtc.AudioFrame(data, rate, 1, samples))
            await asyncio.sleep(0.01)
        lags = (await far.report())["lags"]
        await target.close()
    if len(lags) != pushes:
        raise RuntimeError(f"{len(lags)} of {pushes} frames came")
    return {"wire": percentiles(lags)}


async def connect(vendor: str, name: str, *, streams: int) -> dict[str, Any]:
    """From asking for a stream to its first audio at the vendor: `connect` in µs, one after the other."""
    rate = RATES[vendor]
    samples = round(rate * FRAME_SECONDS)
    async with VendorProcess(messages=utterance(vendor), reads_stamps=True) as far, open_session() as session:
        target = side(vendor, name, far.address, session, lambda heard: None)
        for _ in range(streams):
            data = time.monotonic_ns().to_bytes(8, "little") + bytes(samples * 2 - 8)
            await target.push(await target.open(), rtc.AudioFrame(data, rate, 1, samples))
            await asyncio.sleep(0.03)
        lags = (await far.report())["lags"]
        await target.close()
    if len(lags) != streams:
        raise RuntimeError(f"{len(lags)} of {streams} streams connected")
    return {"connect": percentiles(lags)}


async def memory(vendor: str, name: str, *, streams: int) -> dict[str, Any]:
    """What an open stream without audio holds: `memory` in KiB each, after the first fifty."""
    async with VendorProcess(messages=utterance(vendor)) as far, open_session() as session:
        target = side(vendor, name, far.address, session, lambda heard: None)
        await _opened(target, 50, far)
        await asyncio.sleep(0.2)
        gc.collect()
        before = _resident()
        await _opened(target, streams, far)
        await far.ready(streams + 50)
        await asyncio.sleep(0.2)
        gc.collect()
        grown = _resident() - before
        await target.close()
    return {"memory": round(grown / 1024 / streams, 1)}
