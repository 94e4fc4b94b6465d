"""What is counted, timed and traced while streams run, and that none of it holds a key or what was said."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import prometheus_client
import pytest
from livekit.agents.telemetry import set_tracer_provider, tracer
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.promises.acme import KEY, ONE_RETRY, final, interim
from tests.promises.listening import listen
from tests.support.vendor import AfterAudio, AfterText, Close, Drop, Refuse, Send

LABEL = "specbuilder.acme"
GOOD = [
    AfterAudio(0.1),
    Send(interim("a secret word")),
    AfterText({"type": "stop"}),
    Send(final("a secret word")),
    Send({"type": "done"}),
]


def value(name: str, **labels: str) -> float:
    """A metric's value now."""
    return prometheus_client.REGISTRY.get_sample_value(name, {"stt": LABEL, **labels}) or 0.0


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """Where spans are collected."""
    before = tracer._tracer_provider
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    set_tracer_provider(provider)
    yield exporter
    set_tracer_provider(before)


def named(spans: InMemorySpanExporter, name: str) -> list[ReadableSpan]:
    """The finished spans of a name."""
    return [span for span in spans.get_finished_spans() if span.name == name]


async def test_a_good_stream(spans: InMemorySpanExporter, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="specbuilder")
    before = value("specbuilder_connects_total", outcome="connected")
    first = value("specbuilder_first_transcript_seconds_count")
    last = value("specbuilder_final_seconds_count")
    await listen(GOOD)
    assert value("specbuilder_connects_total", outcome="connected") == before + 1
    assert value("specbuilder_first_transcript_seconds_count") == first + 1
    assert value("specbuilder_final_seconds_count") == last + 1
    names = [span.name for span in spans.get_finished_spans()]
    assert [name for name in names if name.startswith("specbuilder.")] == [
        "specbuilder.connect",
        "specbuilder.ready",
        "specbuilder.finalize",
    ]
    over = [record for record in caplog.records if "connection over" in record.getMessage()]
    assert [(record.stt, record.error) for record in over] == [(LABEL, None)]  # type: ignore[attr-defined]


async def test_a_drop_a_retry_and_a_replay() -> None:
    drops = value("specbuilder_drops_total", error="APIConnectionError")
    retries = value("specbuilder_retries_total")
    replayed = value("specbuilder_replayed_seconds_total")
    await listen([AfterAudio(0.1), Drop()], GOOD, conn_options=ONE_RETRY)
    assert value("specbuilder_drops_total", error="APIConnectionError") == drops + 1
    assert value("specbuilder_retries_total") == retries + 1
    assert value("specbuilder_replayed_seconds_total") == pytest.approx(replayed + 0.2, abs=0.06)


async def test_a_refusal_and_a_close_by_their_status(spans: InMemorySpanExporter) -> None:
    refused, closed = (
        value("specbuilder_connects_total", outcome="401"),
        value("specbuilder_drops_total", error="403"),
    )
    await listen([Refuse(401, {"error": {"message": KEY}})])
    await listen([AfterAudio(0.1), Close(1008)])
    assert value("specbuilder_connects_total", outcome="401") == refused + 1
    assert value("specbuilder_drops_total", error="403") == closed + 1
    assert [span.status.description for span in named(spans, "specbuilder.connect")] == ["401", None]


async def test_garbage_is_counted() -> None:
    before = value("specbuilder_garbage_messages_total")
    await listen([Send("{"), Send(b"\x00"), Send("]"), *GOOD])
    assert value("specbuilder_garbage_messages_total") == before + 3


async def test_nothing_of_it_holds_a_key_or_what_was_said(spans: InMemorySpanExporter) -> None:
    await listen([Refuse(503, KEY)], GOOD, conn_options=ONE_RETRY)
    text = prometheus_client.generate_latest().decode()
    text += "".join(
        span.to_json() for span in spans.get_finished_spans() if span.name.startswith("specbuilder.")
    )
    assert KEY not in text
    assert "a secret word" not in text
