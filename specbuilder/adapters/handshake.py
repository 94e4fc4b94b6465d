"""From settings to an open WebSocket: steps, address, headers, handshake."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livekit.agents import APIConnectOptions

from ..expressions.nothing import NOTHING
from ..protocol.addresses import Address, encode_query
from ..protocol.codecs import Codec
from ..protocol.names import Names
from ..protocol.plan import Plan, StreamPlan
from ..protocol.reading import MessageScope
from ..protocol.requests import HttpExchange, StepPlan, render_seconds
from ..protocol.sending import AudioFormat, frames_of
from ..transport.websocket import HandshakeRefused, WebSocket, connect
from .exchange import ExchangeDriver

__all__ = ["ConnectContext", "Dialer", "Handshake"]

_FIXED = {"now": lambda: 0.0, "uuid": lambda: "00000000-0000-4000-8000-000000000000"}
"""For comparing two connection plans: what changes with time or chance is no difference."""


@dataclass(frozen=True)
class ConnectContext:
    """What a connection is made of.

    Attributes:
        plan: the chosen plan.
        names: fresh names of the options.
        override: the caller's base address.
        driver: runs the steps.
        redact: masks secrets.
        label: for logs.
    """

    plan: Plan
    names: Names
    override: Address | None
    driver: ExchangeDriver
    redact: Any
    label: str

    def exchange(self, names: Names) -> HttpExchange:
        """The HTTP side of an attempt."""
        return HttpExchange(
            base_url=self.plan.base_url,
            override=self.override,
            headers=self.plan.headers,
            errors=self.plan.errors,
            names=names,
            scope=MessageScope(names, self.label),
            redact=self.redact,
        )


@dataclass(frozen=True)
class Handshake:
    """An open WebSocket, and the names it was opened with."""

    socket: WebSocket
    names: Names


@dataclass(frozen=True)
class Dialer:
    """Opens the WebSocket of a stream."""

    context: ConnectContext
    conn_options: APIConnectOptions
    format: AudioFormat

    @property
    def _stream(self) -> StreamPlan:
        assert self.context.plan.stream is not None
        return self.context.plan.stream

    def _prepared(self, names: Names) -> Names:
        names["audio"] = {"sample_rate": self.format.sample_rate, "channels": self.format.channels}
        names["sent_ms"] = names["unflushed_ms"] = 0
        return names

    async def dial(self) -> Handshake:
        """Run the steps and open the socket.

        Raises:
            APIError: a step or the handshake failed.
        """
        stream = self._stream
        names = self._prepared(self.context.names)
        exchange = self.context.exchange(names)
        steps = (*self.context.plan.steps, *stream.steps)
        if steps:
            await self.context.driver.run(exchange.run_steps(steps), self.conn_options.timeout)
        url, headers, protocols = self._request(exchange)
        ping = render_seconds(stream.ping, names, "stream.ping")
        refused: HandshakeRefused
        try:
            socket = await connect(
                url,
                headers=headers,
                subprotocols=protocols,
                timeout=min(stream.timeouts.connect, self.conn_options.timeout),
                ping=ping or None,
                redact=self.context.redact,
            )
        except HandshakeRefused as error:
            refused = error
        else:
            return Handshake(socket, names)
        raise self.context.plan.errors.of_reply(
            refused.reply, exchange.scope, self.context.redact, "the handshake"
        )

    def _request(self, exchange: HttpExchange) -> tuple[str, list[tuple[str, str]], list[str]]:
        stream, place = self._stream, "stream"
        address = exchange.address(stream.connect, stream.from_reply, websocket=True, place="stream.connect")
        names = exchange.at(address)
        query = stream.query.render(names, names.functions) if stream.query is not None else NOTHING
        headers = exchange.render_headers(
            stream.headers, stream.connect, stream.from_reply, address, names, place
        )
        protocols = [template.render(names, names.functions) for template in stream.subprotocols]
        url = address.url("" if query is NOTHING else encode_query(query, "stream.query"))
        return url, headers, [str(item) for item in protocols if item is not NOTHING]

    def fingerprint(self, live: Mapping[str, Any]) -> Any:
        """Everything a connection of these settings says before audio; two that are equal need no reconnect.

        Arguments:
            live: the names of the open connection, for the replies of its steps.
        """
        names = Names(
            self.context.names,
            computed=self.context.names.computed,
            volatile=self.context.names.volatile,
            functions=_FIXED,
        )
        exchange = self.context.exchange(self._prepared(names))
        steps = (*self.context.plan.steps, *self._stream.steps)
        asked = []
        for step in steps:
            asked.append(_step_fingerprint(step, exchange))
            if step.name:
                names[step.name] = live.get(step.name)
        codec: Codec = self._stream.codec
        opening = [
            frames_of(step.send, names, codec)
            for step in self._stream.open
            if step.send is not None
            and (step.condition is None or step.condition.holds(names, names.functions))
        ]
        return id(self.context.plan), asked, self._request(exchange), opening


def _step_fingerprint(step: StepPlan, exchange: HttpExchange) -> Any:
    names = exchange.names
    if step.condition is not None and not step.condition.holds(names, names.functions):
        return None
    if step.request is not None:
        request = exchange.build(step.request, 0.0)
        return request.method, request.url, request.headers, request.body
    return step.use, step.arguments.render(names, names.functions) if step.arguments else None
