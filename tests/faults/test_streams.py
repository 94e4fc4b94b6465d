"""Every fault against every protocol: nothing lost, nothing said twice, nothing hangs.

After each fault the second connection goes well. Then the stream gives one final transcript without an error,
and the audio is whole on that connection; or the fault is fatal, and no second connection is made.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from livekit.agents import APIConnectionError, APIConnectOptions, APIStatusError, APITimeoutError

from tests.faults.families import FAMILIES, Family
from tests.faults.proxy import Line, Shape
from tests.faults.table import (
    CLOSES,
    QUICK,
    SECONDS,
    WAITING,
    Fault,
    Impatient,
    at_once,
    check_turns,
    finals,
    finishing,
    heard,
)
from tests.faults.unreachable import nobody, nowhere, stranger
from tests.promises.listening import until_true
from tests.support.streams import Outcome, outcome, push, silence, tone
from tests.support.vendor import AfterText, Close, Pause, Script, ScriptedVendor

RETRY = Impatient(max_retry=1, timeout=0.7)


async def run(
    family: Family,
    vendor: ScriptedVendor,
    *,
    url: str = "",
    stream: Any = None,
    seconds: float = SECONDS,
    options: APIConnectOptions = RETRY,
    open_until: int = 0,
) -> Outcome:
    """Push a tone and end the input; what came out.

    Arguments:
        open_until: the input stays open until there were so many handshakes, or the stream has failed.
    """
    adapter = family.adapter(url or vendor.url, stream)
    live = adapter.stream(conn_options=options)
    with contextlib.suppress(RuntimeError):
        # livekit's refusal of input, when the stream has failed before all was pushed.
        audio = (
            silence(seconds, chunk=5.0, rate=family.rate) if seconds > 1 else tone(seconds, rate=family.rate)
        )
        await push(live, audio, end=False)
        if open_until:
            await until_true(
                lambda: len(vendor.handshakes) == open_until or live._task.done(), "the next connection"
            )
        live.end_input()
    result = await outcome(live, failed=vendor.failed)
    await adapter.aclose()
    check_turns(result)
    return result


@pytest.mark.parametrize("fault", QUICK, ids=str)
@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_fault_of_a_stream(family: Family, fault: Fault) -> None:
    if fault.name == "write stall" and family.name == "assemblyai":
        pytest.skip("its audio goes no faster than it is spoken, and fills no buffer")
    await check(family, fault)


@pytest.mark.parametrize("fault", WAITING, ids=str)
async def test_a_fault_that_is_waited_for(fault: Fault) -> None:
    await at_once(FAMILIES, lambda family: check(family, fault))


async def check(family: Family, fault: Fault) -> None:
    """A fault against one protocol."""
    async with family.vendor(fault.script(family), family.whole("hello")) as vendor:
        result = await run(family, vendor, stream=fault.stream or None, seconds=fault.seconds)
    if fault.status is not None:
        assert isinstance(result.error, APIStatusError), result.error
        assert (result.error.status_code, result.error.retryable) == (fault.status, False)
        assert len(vendor.handshakes) == 1
        return
    assert result.error is None
    assert finals(result) == ["hello"]
    assert len(vendor.handshakes) == (1 if fault.same else 2)
    last = len(vendor.handshakes) - 1
    if fault.seconds == SECONDS:
        assert vendor.audio_bytes(last) >= round(SECONDS * family.rate) * 2 - 64


@pytest.mark.parametrize("after", [False, True], ids=["before the end of input", "after it"])
@pytest.mark.parametrize("code", CLOSES)
@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_close(family: Family, code: int, after: bool) -> None:
    """Every close code is what the spec's table says; before the end of input none is a success."""
    if after and code in (1000, 1001):
        pytest.skip("the normal end")
    begin = finishing(family) if after else heard(family)
    async with family.vendor([*begin, Close(code, "why")], family.whole("hello")) as vendor:
        adapter = family.adapter("http://127.0.0.1:1")
        status = adapter._settings.plan.errors.close.status(code)
        result = await run(family, vendor, open_until=0 if after else 2)
    if status >= 500 or status in (408, 425, 429):
        assert result.error is None
        assert finals(result) == ["hello"]
        assert len(vendor.handshakes) == 2
    else:
        assert isinstance(result.error, APIStatusError)
        assert (result.error.status_code, result.error.retryable) == (status, False)
        assert len(vendor.handshakes) == 1


@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_messages_that_come_twice_or_in_another_order(family: Family) -> None:
    both = [*family.says("one"), *family.says("two")]
    script = [*family.opening, *both, *reversed(both), *both, AfterText(family.finish), *both, *family.done]
    async with family.vendor(script) as vendor:
        result = await run(family, vendor)
    assert result.error is None
    assert {"one", "two"} <= set(finals(result))


# -- the line itself -----------------------------------------------------------------------------------------

CUTS = {
    "in the handshake": Shape(cut_up=60),
    "in the reply to the handshake": Shape(cut_down=40),
    "in the middle of a frame": Shape(cut_up=1500),
}


@pytest.mark.parametrize("shape", CUTS.values(), ids=CUTS.keys())
@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_line_that_is_cut(family: Family, shape: Shape) -> None:
    # A handshake that was cut never reaches the vendor.
    scripts = [family.whole("hello")] if shape.cut_up == 60 else [list(family.opening), family.whole("hello")]
    await check_line(family, shape, *scripts)


async def test_a_line_that_is_silent_from_the_handshake_on() -> None:
    silent = Shape(hold_down=0)
    await at_once(
        FAMILIES, lambda family: check_line(family, silent, list(family.opening), family.whole("hello"))
    )


async def check_line(family: Family, shape: Shape, *scripts: Script) -> None:
    """The first WebSocket breaks, and the second one is whole; the request for a session is left alone."""
    before = [Shape()] if family.session else []
    vendor = family.vendor(*scripts)
    async with vendor, Line(vendor, *before, shape) as line:
        result = await run(family, vendor, url=line.url)
    assert result.error is None
    assert finals(result) == ["hello"]
    assert line.count == len(before) + 2


@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_line_that_passes_a_few_bytes_at_a_time(family: Family) -> None:
    vendor = family.vendor(family.whole("hello"))
    async with vendor, Line(vendor, *[Shape(piece=7)] * 2) as line:
        result = await run(family, vendor, url=line.url)
    assert result.error is None
    assert finals(result) == ["hello"]


@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_port_that_nobody_listens_on(family: Family) -> None:
    async with nobody() as url, ScriptedVendor() as vendor:
        result = await run(family, vendor, url=url)
    assert isinstance(result.error, APIConnectionError)


@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_name_that_is_none(family: Family) -> None:
    async with nowhere() as url, ScriptedVendor() as vendor:
        result = await run(family, vendor, url=url)
    assert isinstance(result.error, APIConnectionError)


@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_certificate_that_nobody_knows(family: Family) -> None:
    async with stranger() as url, ScriptedVendor() as vendor:
        result = await run(family, vendor, url=url)
    assert isinstance(result.error, APIConnectionError)
    assert not isinstance(result.error, APITimeoutError)


@pytest.mark.parametrize("jump", [-1e6, 1e6])
@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_the_clock_jumps(family: Family, jump: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deadlines are monotonic: a step of the wall clock, either way, ends and prolongs nothing."""
    real = time.time
    script = [*heard(family), Pause(0.05), *family.whole("hello")[len(family.opening) :]]
    async with family.vendor(script) as vendor:
        adapter = family.adapter(vendor.url)
        live = adapter.stream(conn_options=RETRY)
        await push(live, tone(SECONDS, rate=family.rate), end=False)
        await vendor.until(lambda: vendor.audio_bytes(0) > 0, "audio")
        monkeypatch.setattr(time, "time", lambda: real() + jump)
        live.end_input()
        started = time.monotonic()
        result = await outcome(live, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert finals(result) == ["hello"]
    assert time.monotonic() - started < 5.0
