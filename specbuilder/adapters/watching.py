"""What a stream tells those who run it: Prometheus metrics, OpenTelemetry spans, a log line per connection.

Metrics go to the registry that livekit's worker serves, spans to livekit's tracer. Nothing here is done per
chunk of audio, and nothing holds what was said or an address with its query: docs/operations.md lists it all.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

import prometheus_client
from livekit.agents import APIStatusError, stt
from livekit.agents.telemetry import tracer
from opentelemetry.trace import Span, Status, StatusCode

from ..protocol.session import StreamSession

__all__ = ["StreamWatch"]

logger = logging.getLogger("specbuilder")

_SECONDS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 30.0)

CONNECTS = prometheus_client.Counter(
    "specbuilder_connects", "Attempts to open a connection, by how they ended", ["stt", "outcome"]
)
CONNECT_SECONDS = prometheus_client.Histogram(
    "specbuilder_connect_seconds", "Steps and handshake of a connection", ["stt"], buckets=_SECONDS
)
RETRIES = prometheus_client.Counter("specbuilder_retries", "Attempts after a failed one", ["stt"])
DROPS = prometheus_client.Counter(
    "specbuilder_drops", "Open connections that ended in an error, by its kind", ["stt", "error"]
)
REPLAYED = prometheus_client.Counter(
    "specbuilder_replayed_seconds", "Seconds of audio that were sent again to a new connection", ["stt"]
)
FIRST_TRANSCRIPT = prometheus_client.Histogram(
    "specbuilder_first_transcript_seconds",
    "From a connection's first audio to its first transcript",
    ["stt"],
    buckets=_SECONDS,
)
FINAL = prometheus_client.Histogram(
    "specbuilder_final_seconds",
    "From a flush, or the end of input, to the next final transcript",
    ["stt"],
    buckets=_SECONDS,
)
GARBAGE = prometheus_client.Counter(
    "specbuilder_garbage_messages", "Messages or fields of the vendor's that could not be read", ["stt"]
)

_TRANSCRIPTS = frozenset(
    {
        stt.SpeechEventType.INTERIM_TRANSCRIPT,
        stt.SpeechEventType.PREFLIGHT_TRANSCRIPT,
        stt.SpeechEventType.FINAL_TRANSCRIPT,
    }
)


class StreamWatch:
    """Watches one stream through its connections.

    Arguments:
        label: of the adapter.
    """

    def __init__(self, label: str) -> None:
        self._label = label
        self._span: Span | None = None
        self._failed = False
        self._began: float | None = None
        self._asked: float | None = None

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """While a connection is being opened."""
        if self._failed:
            RETRIES.labels(self._label).inc()
        started = time.monotonic()
        span = self._start("specbuilder.connect")
        outcome = "cancelled"
        try:
            yield
            outcome = "connected"
        except Exception as error:
            self._failed = True
            outcome = _kind(error)
            span.set_status(Status(StatusCode.ERROR, outcome))
            raise
        finally:
            span.end()
            CONNECTS.labels(self._label, outcome).inc()
            CONNECT_SECONDS.labels(self._label).observe(time.monotonic() - started)

    def opened(self, replayed: float) -> None:
        """The socket is open; `replayed` seconds of audio go first once the vendor is ready."""
        self._began = self._asked = None
        self._enter("specbuilder.ready")
        if replayed > 0:
            REPLAYED.labels(self._label).inc(replayed)

    def ready(self) -> None:
        """The vendor takes audio."""
        self._leave()

    def audio_began(self) -> None:
        """The first audio of the connection leaves."""
        self._began = time.monotonic()

    def asked_for_final(self) -> None:
        """A flush was sent."""
        self._asked = time.monotonic()

    def finishing(self) -> None:
        """The input has ended; the vendor's last messages are awaited."""
        self.asked_for_final()
        self._enter("specbuilder.finalize")

    def heard(self, events: list[stt.SpeechEvent]) -> None:
        """Events came out."""
        if self._began is None and self._asked is None:
            return
        kinds = {event.type for event in events}
        if self._began is not None and kinds & _TRANSCRIPTS:
            FIRST_TRANSCRIPT.labels(self._label).observe(time.monotonic() - self._began)
            self._began = None
        if self._asked is not None and stt.SpeechEventType.FINAL_TRANSCRIPT in kinds:
            FINAL.labels(self._label).observe(time.monotonic() - self._asked)
            self._asked = None

    def ended(self, session: StreamSession, error: BaseException | None) -> None:
        """The connection is over; `error` is None after a normal end, a planned renewal or a cancellation."""
        if error is not None:
            self._failed = True
            DROPS.labels(self._label, _kind(error)).inc()
            if self._span is not None:
                self._span.set_status(Status(StatusCode.ERROR, _kind(error)))
        else:
            self._failed = False
        self._leave()
        garbage = sum(session.scope.broken.values())
        if garbage:
            GARBAGE.labels(self._label).inc(garbage)
        logger.debug(
            "%s: connection over",
            self._label,
            extra={
                "stt": self._label,
                "request_id": session.redact(session.request_id),
                "error": None if error is None else _kind(error),
                "sent_seconds": round(session.sent_seconds, 3),
                "garbage": garbage,
            },
        )

    def _start(self, name: str) -> Span:
        return tracer.start_span(name, attributes={"specbuilder.stt": self._label})

    def _enter(self, name: str) -> None:
        self._leave()
        self._span = self._start(name)

    def _leave(self) -> None:
        if self._span is not None:
            self._span.end()
            self._span = None


def _kind(error: BaseException) -> str:
    """A few words that may be the label of a metric: the status, or the type."""
    if isinstance(error, APIStatusError):
        return str(error.status_code)
    return type(error).__name__
