"""From settings to an open WebSocket: steps, address, headers, handshake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from livekit.agents import APIConnectOptions

from ..protocol.addresses import Address
from ..protocol.handshake import fingerprint, handshake, prepare
from ..protocol.names import Names
from ..protocol.plan import Plan, StreamPlan
from ..protocol.reading import MessageScope
from ..protocol.requests import HttpExchange, render_seconds
from ..protocol.sending import AudioFormat
from ..protocol.trust import Guard
from ..transport.websocket import HandshakeRefused, WebSocket, connect
from .exchange import ExchangeDriver

__all__ = ["ConnectContext", "Dialer", "Handshake"]


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
        guard: knows where nothing may be sent to.
        learn: told every reply of a step, because it may hold a token.
    """

    plan: Plan
    names: Names
    override: Address | None
    driver: ExchangeDriver
    redact: Callable[[str], str]
    label: str
    guard: Guard
    learn: Callable[[Any], None]

    def exchange(self, names: Names) -> HttpExchange:
        """The HTTP side of an attempt."""
        return HttpExchange(
            base_url=self.plan.base_url,
            override=self.override,
            headers=self.plan.headers,
            errors=self.plan.errors,
            names=names,
            scope=MessageScope(names, self.label, self.redact),
            redact=self.redact,
            guard=self.guard,
            learn=self.learn,
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

    async def dial(self) -> Handshake:
        """Run the steps and open the socket.

        Raises:
            APIError: a step or the handshake failed.
        """
        stream = self._stream
        names = prepare(self.context.names, self.format)
        exchange = self.context.exchange(names)
        steps = (*self.context.plan.steps, *stream.steps)
        if steps:
            await self.context.driver.run(exchange.run_steps(steps), self.conn_options.timeout)
        request = handshake(stream, exchange)
        ping = render_seconds(stream.ping, names, "stream.ping")
        refused: HandshakeRefused
        try:
            socket = await connect(
                request.url,
                headers=request.headers,
                subprotocols=request.subprotocols,
                timeout=min(stream.timeouts.connect, self.conn_options.timeout),
                ping=ping or None,
                redact=self.context.redact,
            )
        except HandshakeRefused as error:
            refused = error
        else:
            return Handshake(socket, names)
        raise exchange.refused(refused.reply, request.url, "the handshake")

    def fingerprint(self, live: Mapping[str, Any]) -> Any:
        """Everything a connection of these settings says before audio; two that are equal need no reconnect.

        Arguments:
            live: the names of the open connection, for the replies of its steps.
        """
        context = self.context
        return fingerprint(context.plan, context.names, context.exchange, self.format, live)
