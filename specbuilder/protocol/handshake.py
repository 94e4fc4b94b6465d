"""The WebSocket handshake as data: what is asked, and whether other options would ask the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..expressions.nothing import NOTHING
from .addresses import encode_query
from .audio import silence, wav_header
from .names import COUNTERS, Names
from .plan import Plan, StreamPlan
from .requests import HttpExchange, StepPlan
from .sending import AudioFormat, frames_of

__all__ = ["HandshakeRequest", "fingerprint", "handshake", "prepare"]

_FIXED = {"now": lambda: 0.0, "uuid": lambda: "00000000-0000-4000-8000-000000000000"}
"""For comparing two connection plans: what changes with time or chance is no difference."""


@dataclass(frozen=True, slots=True)
class HandshakeRequest:
    """What opens a WebSocket. All of it may carry keys, so none of it is in the repr.

    Attributes:
        url: absolute, percent-encoded, with its query.
        headers: in the order to be sent.
        subprotocols: offered in this order.
    """

    url: str = field(repr=False)
    headers: list[tuple[str, str]] = field(repr=False)
    subprotocols: list[str] = field(repr=False)


def prepare(names: Names, format: AudioFormat) -> Names:
    """Put what is known of a stream's audio before any was sent into the names of its connection."""
    names.functions = {
        **names.functions,
        "silence": lambda ms: silence(ms, format.sample_rate, format.channels, format.encoding),
        "wav_header": lambda: wav_header(format.sample_rate, format.channels),
    }
    names["audio"] = {"sample_rate": format.sample_rate, "channels": format.channels}
    names.update(dict.fromkeys(COUNTERS, 0))
    return names


def handshake(stream: StreamPlan, exchange: HttpExchange) -> HandshakeRequest:
    """The handshake of a stream, once its steps have run.

    Raises:
        ValueError: the address, query or a header cannot be written; the message names the place.
    """
    address = exchange.address(stream.connect, stream.from_reply, websocket=True, place="stream.connect")
    names = exchange.at(address)
    query = stream.query.render(names, names.functions) if stream.query is not None else NOTHING
    headers = exchange.render_headers(
        stream.headers, stream.connect, stream.from_reply, address, names, "stream"
    )
    protocols = [template.render(names, names.functions) for template in stream.subprotocols]
    url = address.url("" if query is NOTHING else encode_query(query, "stream.query"))
    return HandshakeRequest(url, headers, [str(item) for item in protocols if item is not NOTHING])


def fingerprint(
    plan: Plan,
    names: Names,
    exchange_of: Callable[[Names], HttpExchange],
    format: AudioFormat,
    live: Mapping[str, Any],
) -> Any:
    """Everything a connection says before audio; where two are equal no reconnect is needed.

    Arguments:
        names: fresh names of the settings.
        exchange_of: the HTTP side of an attempt with the names it is given.
        live: the names of the open connection, for the replies of its steps.
    """
    names = Names(names, computed=names.computed, volatile=names.volatile, functions=_FIXED)
    exchange = exchange_of(prepare(names, format))
    assert plan.stream is not None
    asked = []
    for step in (*plan.steps, *plan.stream.steps):
        asked.append(_step(step, exchange))
        if step.name:
            names[step.name] = live.get(step.name)
    request = handshake(plan.stream, exchange)
    opening = [
        frames_of(step.send, names, plan.stream.codec)
        for step in plan.stream.open
        if step.send is not None and (step.condition is None or step.condition.holds(names, names.functions))
    ]
    return id(plan), asked, (request.url, request.headers, request.subprotocols), opening


def _step(step: StepPlan, exchange: HttpExchange) -> Any:
    names = exchange.names
    if step.condition is not None and not step.condition.holds(names, names.functions):
        return None
    if step.request is not None:
        request = exchange.build(step.request, 0.0)
        return request.method, request.url, request.headers, request.body
    return step.use, step.arguments.render(names, names.functions) if step.arguments else None
