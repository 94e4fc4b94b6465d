"""A live session's wire as a trace: an adapter whose sockets and requests are written down."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, APIStatusError

from ..adapters.exchange import ExchangeDriver
from ..adapters.handshake import ConnectContext, Handshake
from ..adapters.stt import SpecSTT
from ..protocol.codecs import Codec, JsonCodec
from ..protocol.http import Reply, Request
from ..protocol.requests import Action
from ..protocol.sending import Frame
from ..protocol.settings import Settings
from ..transport.websocket import WebSocket
from .trace import Trace, shown_frame

__all__ = ["RecordingSTT"]

_T = TypeVar("_T")

_ONCE = APIConnectOptions(max_retry=0)
"""A recording is of one attempt."""


class RecordingSTT(SpecSTT):
    """An adapter that keeps a trace of everything it says and hears; secrets in it are masked.

    Attributes:
        trace: what has happened so far.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.trace = Trace(time.monotonic, self.redact)
        public = {
            name: value for name, value in self.given().items() if not self.spec.options.options[name].secret
        }
        self.trace.add("spec", self.spec.name, options=public)

    def context(self, settings: Settings) -> ConnectContext:
        """The context of a connection, its HTTP requests written down."""
        context = super().context(settings)
        return replace(context, driver=_TracingDriver(context.driver, self.trace))

    async def judged(self, work: Awaitable[_T]) -> _T:
        """What some work gives; a socket is written down from here on, a failure as it comes."""
        try:
            result = await super().judged(work)
        except APIError as error:
            self._note(error)
            raise
        if isinstance(result, Handshake):
            tapped: Any = _TappedSocket(result.socket, self.trace, self._codec())
            return replace(result, socket=tapped)
        return result

    def _codec(self) -> Codec:
        stream = self.settings_for(self.given()).plan.stream
        return JsonCodec() if stream is None else stream.codec

    def _note(self, error: APIError) -> None:
        status = error.status_code if isinstance(error, APIStatusError) else None
        self.trace.add("error", {"status": status, "message": error.message, "retryable": error.retryable})

    async def record(self, frames: Iterable[rtc.AudioFrame], pace: float = 1.0) -> None:
        """Send audio as a live call would, and read until the vendor's end.

        Arguments:
            pace: times real time; 0: as fast as it is taken.

        Raises:
            APIError: the vendor failed; the trace has what came before.
        """
        if self.capabilities.streaming:
            await self._stream_all(frames, pace)
        else:
            await self.recognize(list(frames), conn_options=_ONCE)

    async def _stream_all(self, frames: Iterable[rtc.AudioFrame], pace: float) -> None:
        import asyncio

        stream = self.stream(conn_options=_ONCE)

        async def push() -> None:
            for frame in frames:
                self.trace.add("audio", frame.duration)
                stream.push_frame(frame)
                await asyncio.sleep(frame.duration / pace if pace else 0)
            self.trace.add("end_input", True)
            stream.end_input()

        pushing = asyncio.create_task(push())
        try:
            async for _ in stream:
                pass
        finally:
            pushing.cancel()
            await asyncio.gather(pushing, return_exceptions=True)
            await stream.aclose()


class _TracingDriver(ExchangeDriver):
    """Runs exchanges with another driver, and writes requests and replies down."""

    def __init__(self, inner: ExchangeDriver, trace: Trace) -> None:
        self._inner = inner
        self._trace = trace

    async def run(self, exchange: Generator[Action, Any, Any], connect_timeout: float) -> Any:
        return await self._inner.run(_noted(exchange, self._trace), connect_timeout)

    def forget(self) -> None:
        self._inner.forget()


def _noted(exchange: Generator[Action, Any, Any], trace: Trace) -> Generator[Action, Any, Any]:
    answer: Any = None
    failure: APIError | None = None
    while True:
        try:
            action = exchange.send(answer) if failure is None else exchange.throw(failure)
        except StopIteration as stop:
            return stop.value
        if isinstance(action, Request):
            trace.add("request", {action.method.lower(): action.url})
        answer, failure = None, None
        try:
            answer = yield action
        except APIError as error:
            failure = error
        if isinstance(answer, Reply):
            body = shown_frame(answer.body.decode("utf-8", "replace"), JsonCodec(), whole=True)
            trace.add("reply", {"status": answer.status, "body": body})


class _TappedSocket:
    """A WebSocket whose messages are written down; everything else is the socket's own."""

    def __init__(self, socket: WebSocket, trace: Trace, codec: Codec) -> None:
        self._socket = socket
        self._trace = trace
        self._codec = codec

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def write(self, frame: Frame) -> None:
        """Send a message."""
        self._trace.add("sent", shown_frame(frame, self._codec, whole=False))
        self._socket.write(frame)

    def listen(self, message: Callable[[Frame], None], end: Callable[[], None]) -> None:
        """Take the messages, written down."""

        def received(frame: Frame) -> None:
            self._trace.add("received", shown_frame(frame, self._codec, whole=True))
            message(frame)

        def ended() -> None:
            closed = self._socket.closed()
            self._trace.add("closed", closed.code, reason=closed.reason)
            end()

        self._socket.listen(received, ended)
