"""livekit's `FallbackAdapter` over two of ours: whatever fault the first vendor has, the second answers.

livekit goes on to try the first one in the background, so its vendor fails each time it is asked. Audio that
the first one took is lost with it (livekit does not repeat it): the caller speaks on, as into a microphone.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from livekit.agents import APIConnectionError, stt

from tests.faults.families import BATCHES, FAMILIES, KEY, Batch, Family
from tests.faults.table import (
    QUICK,
    REQUEST_FAULTS,
    SECONDS,
    WAITING,
    Fault,
    RequestFault,
    at_once,
    check_turns,
    finals,
)
from tests.faults.unreachable import UNREACHABLE
from tests.promises.acme import acme, final, interim
from tests.promises.listening import file_descriptors, until_true
from tests.support.streams import outcome, push, silence, tone
from tests.support.vad import FlushVAD
from tests.support.vendor import AfterAudio, AfterText, Close, Drop, Refuse, ScriptedVendor, Send

TIMEOUT = 1.0
"""Seconds of one attempt at a connection; a request's own deadline is its spec's."""


@dataclass
class Pair:
    """livekit's adapter over two of ours, and how it judged them: which one is available or not any more."""

    both: stt.FallbackAdapter
    first: stt.STT[Any]
    second: stt.STT[Any]
    judged: list[tuple[stt.STT[Any], bool]] = field(default_factory=list)


@contextlib.asynccontextmanager
async def falling_back(first: stt.STT[Any], second: stt.STT[Any], *, retries: int = 0) -> AsyncIterator[Pair]:
    """Two adapters behind livekit's; all are closed at the end, and no stream is left then."""
    both = stt.FallbackAdapter(
        [first, second],
        vad=FlushVAD(),
        attempt_timeout=TIMEOUT,
        max_retry_per_stt=retries,
        retry_interval=0.01,
    )
    pair = Pair(both, first, second)
    both.on(
        "stt_availability_changed",
        # Where livekit wraps an adapter for its requests, the wrapped one is meant.
        lambda change: pair.judged.append((getattr(change.stt, "wrapped_stt", change.stt), change.available)),
    )
    try:
        yield pair
    finally:
        await both.aclose()
        for adapter in (first, second):
            await adapter.aclose()
            assert not adapter._streams  # type: ignore[attr-defined]


@contextlib.asynccontextmanager
async def vendors(first: ScriptedVendor, second: ScriptedVendor) -> AsyncIterator[None]:
    """Two vendors, of which the first one may be left in the middle of its script."""
    async with second, first:
        yield
        # As it is by background attempts that are closed.
        first.problems.clear()


@pytest.fixture(autouse=True)
async def no_socket_left() -> AsyncIterator[None]:
    """What a test opened is closed when it ends."""
    before = file_descriptors()
    yield
    await until_true(lambda: file_descriptors() <= before, "the sockets to close")


@pytest.mark.parametrize("fault", QUICK, ids=str)
@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_stream_falls_back(family: Family, fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    if fault.name == "write stall" and family.name == "assemblyai":
        pytest.skip("its audio goes no faster than it is spoken, and fills no buffer")
    await check(family, fault)
    assert KEY not in caplog.text


@pytest.mark.parametrize("fault", WAITING, ids=str)
async def test_a_stream_falls_back_after_a_wait(fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    await at_once(FAMILIES, lambda family: check(family, fault))
    assert KEY not in caplog.text


async def check(family: Family, fault: Fault) -> None:
    """A fault of the first of two adapters: the transcript is the second one's."""
    faulty = family.vendor(fault.script(family), repeat=True, attempts=4)
    healthy = family.vendor(family.whole("hello"))
    audio = (
        tone(SECONDS, rate=family.rate)
        if fault.seconds == SECONDS
        else silence(fault.seconds, chunk=5.0, rate=family.rate)
    )
    async with (
        vendors(faulty, healthy),
        falling_back(family.adapter(faulty.url, fault.stream or None), family.adapter(healthy.url)) as pair,
    ):
        live = pair.both.stream()
        await push(live, audio, end=fault.late)
        if not fault.late:
            await until_true(lambda: healthy.handshakes or live._task.done(), "the second adapter")
            await push(live, tone(SECONDS, rate=family.rate))
        result = await outcome(live, failed=healthy.failed)
        await live.aclose()
    assert result.error is None
    assert finals(result) == ["hello"]
    check_turns(result)
    assert pair.judged == ([] if fault.same else [(pair.first, False)])
    if not fault.late:
        assert healthy.audio_bytes(0) >= round(SECONDS * family.rate) * 2 - 64


@pytest.mark.parametrize("fault", REQUEST_FAULTS, ids=str)
@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_a_recognition_falls_back(
    batch: Batch, fault: RequestFault, caplog: pytest.LogCaptureFixture
) -> None:
    faulty, healthy = batch.vendor(*[fault.reply] * 2), batch.vendor(batch.says("hello"))
    async with (
        vendors(faulty, healthy),
        falling_back(batch.adapter(faulty.url, fault.timeout), batch.adapter(healthy.url)) as pair,
    ):
        event = await pair.both.recognize(silence(0.1))
    assert event.alternatives[0].text == "hello"
    assert pair.judged == [(pair.first, False)]
    assert len(healthy.requests) == 1
    assert KEY not in caplog.text


@pytest.mark.parametrize("fault", REQUEST_FAULTS, ids=str)
async def test_a_stream_of_requests_falls_back(fault: RequestFault, caplog: pytest.LogCaptureFixture) -> None:
    """livekit puts a `StreamAdapter` before each of them."""
    batch = next(batch for batch in BATCHES if batch.name == "openai")
    faulty, healthy = batch.vendor(*[fault.reply] * 4), batch.vendor(batch.says("hello"))
    async with (
        vendors(faulty, healthy),
        falling_back(batch.adapter(faulty.url, fault.timeout), batch.adapter(healthy.url)) as pair,
    ):
        live = pair.both.stream()
        await push(live, tone(SECONDS), end=False)
        live.flush()
        await until_true(lambda: pair.judged, "the second adapter")
        await push(live, tone(SECONDS))
        result = await outcome(live)
        await live.aclose()
    assert result.error is None
    assert finals(result) == ["hello"]
    assert KEY not in caplog.text


@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_an_attempt_that_goes_well_is_no_reason_to_fall_back(family: Family) -> None:
    script = [*family.opening, AfterAudio(0.05, rate=family.rate), Drop()]
    vendor, other = family.vendor(script, family.whole("hello")), family.vendor()
    async with (
        vendors(vendor, other),
        falling_back(family.adapter(vendor.url), family.adapter(other.url), retries=1) as pair,
    ):
        live = pair.both.stream()
        await push(live, tone(SECONDS, rate=family.rate))
        result = await outcome(live, failed=vendor.failed)
        await live.aclose()
    assert result.error is None
    assert finals(result) == ["hello"]
    assert pair.judged == []
    assert other.handshakes == []


@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_two_that_fail_are_livekits_error(family: Family) -> None:
    """The one exception that leaves; all that hear it are closed."""
    refused, broken = family.vendor([Refuse(401)], repeat=True), family.vendor([Refuse(503)], repeat=True)
    async with (
        vendors(refused, broken),
        falling_back(family.adapter(refused.url), family.adapter(broken.url)) as pair,
    ):
        live = pair.both.stream()
        result = await outcome(live)
        await live.aclose()
    assert type(result.error) is APIConnectionError
    assert "all STTs failed" in str(result.error)
    assert [available for _, available in pair.judged] == [False, False]


@pytest.mark.parametrize("batch", BATCHES, ids=str)
async def test_two_recognitions_that_fail_are_livekits_error(batch: Batch) -> None:
    refused, broken = (batch.vendor(*[fault.reply] * 2) for fault in (REQUEST_FAULTS[12], REQUEST_FAULTS[3]))
    async with (
        vendors(refused, broken),
        falling_back(batch.adapter(refused.url), batch.adapter(broken.url)) as pair,
    ):
        with pytest.raises(APIConnectionError, match="all STTs failed"):
            await pair.both.recognize(silence(0.1))
    assert [available for _, available in pair.judged] == [False, False]


@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_the_first_one_is_taken_again_when_it_has_recovered(family: Family) -> None:
    """livekit hears the same audio with it in the background, and believes it after a final transcript."""
    hears = [*family.opening, AfterAudio(0.05, rate=family.rate), *family.says("again")]
    first = family.vendor([Refuse(503)], hears, family.whole("back"), attempts=3)
    second = family.vendor([*hears[: len(family.opening) + 1], *family.whole("hello")[len(family.opening) :]])
    async with (
        vendors(first, second),
        falling_back(family.adapter(first.url), family.adapter(second.url)) as pair,
    ):
        live = pair.both.stream()
        await until_true(lambda: second.handshakes, "the second adapter")
        await push(live, tone(SECONDS, rate=family.rate), end=False)
        await until_true(lambda: (pair.first, True) in pair.judged, "the first adapter to recover")
        live.end_input()
        result = await outcome(live, failed=second.failed)
        await live.aclose()
        assert finals(result) == ["hello"]
        live = pair.both.stream()
        await push(live, tone(SECONDS, rate=family.rate))
        result = await outcome(live, failed=first.failed)
        await live.aclose()
    assert finals(result) == ["back"]
    assert len(second.handshakes) == 1


@pytest.mark.parametrize("code", [1000, 1011, 4001])
@pytest.mark.parametrize("family", FAMILIES, ids=str)
async def test_a_close_in_the_middle_falls_back(family: Family, code: int) -> None:
    faulty = family.vendor(
        [*family.opening, AfterAudio(0.05, rate=family.rate), Close(code)], repeat=True, attempts=4
    )
    healthy = family.vendor(family.whole("hello"))
    async with (
        vendors(faulty, healthy),
        falling_back(family.adapter(faulty.url), family.adapter(healthy.url)) as pair,
    ):
        live = pair.both.stream()
        await push(live, tone(SECONDS, rate=family.rate), end=False)
        await until_true(lambda: healthy.handshakes or live._task.done(), "the second adapter")
        await push(live, tone(SECONDS, rate=family.rate))
        result = await outcome(live, failed=healthy.failed)
        await live.aclose()
    assert finals(result) == ["hello"]
    assert pair.judged == [(pair.first, False)]


@pytest.mark.parametrize("place", UNREACHABLE, ids=lambda place: place.__name__)
async def test_a_stream_falls_back_from_what_cannot_be_reached(place: Any) -> None:
    async def check(family: Family) -> None:
        healthy = family.vendor(family.whole("hello"))
        async with healthy, falling_back(family.adapter(url), family.adapter(healthy.url)) as pair:
            live = pair.both.stream()
            await until_true(lambda: healthy.handshakes or live._task.done(), "the second adapter")
            await push(live, tone(SECONDS, rate=family.rate))
            result = await outcome(live, failed=healthy.failed)
            await live.aclose()
        assert result.error is None
        assert finals(result) == ["hello"]
        assert pair.judged == [(pair.first, False)]

    async with place() as url:
        await at_once(FAMILIES, check)


@pytest.mark.parametrize("place", UNREACHABLE, ids=lambda place: place.__name__)
async def test_a_recognition_falls_back_from_what_cannot_be_reached(place: Any) -> None:
    async def check(batch: Batch) -> None:
        healthy = batch.vendor(batch.says("hello"))
        async with healthy, falling_back(batch.adapter(url), batch.adapter(healthy.url)) as pair:
            event = await pair.both.recognize(silence(0.1))
        assert event.alternatives[0].text == "hello"
        assert pair.judged == [(pair.first, False)]

    async with place() as url:
        await at_once(BATCHES, check)


async def test_an_utterance_that_breaks_off_is_said_by_the_second_one() -> None:
    breaking = ScriptedVendor([AfterAudio(0.1), Send(interim("hel")), Drop()], repeat=True)
    healthy = ScriptedVendor([AfterText({"type": "stop"}), Send(final("hello")), Send({"type": "done"})])
    async with vendors(breaking, healthy), falling_back(acme(breaking), acme(healthy)) as pair:
        live = pair.both.stream()
        await push(live, tone(SECONDS), end=False)
        await until_true(lambda: healthy.handshakes or live._task.done(), "the second adapter")
        await push(live, tone(SECONDS))
        result = await outcome(live, failed=healthy.failed)
        await live.aclose()
    assert result.error is None
    # What the first one had begun has no end, as with every plugin; the second one's utterance is whole.
    assert result.kinds == [
        "start_of_speech",
        "interim_transcript",
        "start_of_speech",
        "final_transcript",
        "end_of_speech",
    ]
    assert finals(result) == ["hello"]
