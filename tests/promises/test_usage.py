"""RECOGNITION_USAGE and the metrics: what was sent, or what the vendor says; every second once."""

from __future__ import annotations

from typing import Any

import pytest
from livekit.agents.metrics import STTMetrics

from specbuilder.expressions.selectors import compile_selector
from specbuilder.protocol.measures import Measure
from specbuilder.protocol.reading import MessageScope, Reading
from specbuilder.protocol.usage import UsageCounter, UsagePlan
from tests.promises.acme import NO_RETRY, ONE_RETRY, acme, final, http_spec, stream_spec
from tests.promises.listening import listen
from tests.support.streams import outcome, push, silence, tone, total_usage
from tests.support.vendor import AfterAudio, AfterText, Close, Drop, Pause, Reply, ScriptedVendor, Send

STOP = AfterText({"type": "stop"})
DONE = Send({"type": "done"})


@pytest.mark.parametrize("seconds", [0.0, 0.01, 0.12, 1.0, 7.3])
async def test_the_seconds_sent_are_reported(seconds: float) -> None:
    result, _ = await listen([STOP, DONE], seconds=seconds)
    assert total_usage(result.events)["audio_duration"] == pytest.approx(seconds, abs=1e-6)


async def test_usage_is_reported_at_a_flush_and_not_again_at_the_end() -> None:
    vendor = ScriptedVendor([STOP, DONE])
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.5), end=False)
        stream.flush()
        await push(stream, tone(0.25))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    reports = [event.recognition_usage.audio_duration for event in result.events if event.recognition_usage]
    assert reports == [pytest.approx(0.5), pytest.approx(0.25)]


async def test_a_dropped_connection_reports_what_it_sent() -> None:
    """The vendor heard 0.3 s and more, and the audio that is sent again a second time: it bills both."""
    vendor = ScriptedVendor([AfterAudio(0.5), Drop()], [STOP, DONE])
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=ONE_RETRY)
        await push(stream, tone(0.5))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert total_usage(result.events)["audio_duration"] == pytest.approx(1.0)


async def test_a_running_total_of_the_vendors_is_reported_as_differences() -> None:
    spec = stream_spec(usage={"total_audio_duration": "total", "unit": "ms"})
    totals = [Send({"type": "tick", "total": total}) for total in (400, 400, 300, None, "x")]
    messages = [*totals, Send({**final("a"), "total": 450}), Send({"total": 900}), Send({"total": 1000})]
    result, _ = await listen([STOP, *messages, DONE], spec=spec)
    reports = [event.recognition_usage.audio_duration for event in result.events if event.recognition_usage]
    assert reports == [pytest.approx(0.45), pytest.approx(0.55)]


def test_a_running_total_is_reported_every_five_seconds() -> None:
    """Not with each of its messages: livekit makes metrics of every report."""
    plan = UsagePlan(
        total_audio_duration=Measure(Reading(compile_selector("total"), "usage")),
        output_tokens=Reading(compile_selector("tokens"), "usage"),
    )
    counter, scope = UsageCounter(plan, 100.0, lambda: 99.0), MessageScope({}, "test")
    reports = []
    for tenth in range(1, 121):
        event = counter.read({"total": tenth / 10, "tokens": 2}, scope, 100.0 + tenth / 10, "r", False)
        reports += [(tenth, event)] if event else []
    assert [tenth for tenth, _ in reports] == [50, 100]
    usages = [event.recognition_usage for _, event in reports]
    usages.append(counter.report(112.0, "r").recognition_usage)
    assert [usage.audio_duration for usage in usages] == pytest.approx([5.0, 5.0, 2.0])
    assert [usage.output_tokens for usage in usages] == [100, 100, 40]
    assert counter.report(113.0, "r") is None


async def test_a_running_total_starts_anew_with_a_connection() -> None:
    spec = stream_spec(usage={"total_audio_duration": "total"})
    first: list[Any] = [AfterAudio(0.1), Send({"total": 5}), Pause(0.1), Close(1011)]
    result, _ = await listen(first, [STOP, Send({"total": 2}), DONE], spec=spec, conn_options=ONE_RETRY)
    assert total_usage(result.events)["audio_duration"] == pytest.approx(7.0)


async def test_durations_and_tokens_of_the_vendors_are_summed() -> None:
    spec = stream_spec(
        usage={"audio_duration": "seconds", "input_tokens": "tokens.in", "output_tokens": "tokens.out"}
    )
    messages: list[Any] = [
        {"seconds": 0.5, "tokens": {"in": 10, "out": 2}},
        {"seconds": 0.25},
        {"tokens": {"in": 1, "out": 1}},
        {"seconds": -4, "tokens": {"in": "x"}},
    ]
    result, _ = await listen([STOP, *(Send(message) for message in messages), DONE], spec=spec)
    assert total_usage(result.events) == {
        "audio_duration": pytest.approx(0.75),
        "input_tokens": 11,
        "output_tokens": 3,
    }


async def test_tokens_alone_leave_the_seconds_to_the_engine() -> None:
    spec = stream_spec(usage={"output_tokens": "tokens"})
    result, _ = await listen([STOP, Send({"tokens": 3}), Send({"tokens": 4}), DONE], spec=spec, seconds=0.3)
    assert total_usage(result.events) == {
        "audio_duration": pytest.approx(0.3),
        "input_tokens": 0,
        "output_tokens": 7,
    }


async def test_silence_the_protocol_adds_is_billed_too() -> None:
    spec = stream_spec(flush={"silence": "300ms", "send": {"type": "flush"}})
    result, vendor = await listen([STOP, DONE], spec=spec, seconds=0.2)
    assert len(vendor.audio(0)) == 16000
    assert total_usage(result.events)["audio_duration"] == pytest.approx(0.5)


async def test_metrics_of_a_stream() -> None:
    """One report of the connection, without usage, and one for each usage event."""
    metrics: list[STTMetrics] = []
    vendor = ScriptedVendor([Send({"id": "r-1"}), STOP, Send(final("a")), DONE])
    async with vendor:
        adapter = acme(vendor)
        adapter.on("metrics_collected", metrics.append)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.4))
        await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    connected, *used = metrics
    assert connected.acquire_time > 0
    assert connected.audio_duration == 0.0
    assert not connected.connection_reused
    assert sum(one.audio_duration for one in used) == pytest.approx(0.4)
    assert {one.label for one in metrics} == {"specbuilder.acme"}
    assert all(one.streamed for one in metrics)
    assert connected.metadata is not None
    assert (connected.metadata.model_name, connected.metadata.model_provider) == ("one", "acme")


async def test_metrics_of_a_recognition() -> None:
    metrics: list[STTMetrics] = []
    async with ScriptedVendor(
        replies={"POST /v1/transcribe": [Reply(json={"text": "a", "id": "r-1"})]}
    ) as vendor:
        adapter = acme(vendor, http_spec())
        adapter.on("metrics_collected", metrics.append)
        await adapter.recognize(silence(1.5), conn_options=NO_RETRY)
        await adapter.aclose()
    (only,) = metrics
    assert only.request_id == "r-1"
    assert only.audio_duration == pytest.approx(1.5)
    assert only.duration > 0
    assert not only.streamed
