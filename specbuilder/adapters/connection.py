"""One WebSocket's life: a session's frames go out, the vendor's messages come in, time passes."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Literal, TypeAlias

from livekit.agents import APIConnectionError, APIError, stt
from livekit.agents.utils import aio

from ..protocol.pacing import Pacer
from ..protocol.replay import FLUSH, FlushMark
from ..protocol.sending import Frame
from ..protocol.session import StreamSession
from ..transport.websocket import ConnectionClosed, WebSocket
from .failures import as_api_error
from .watching import StreamWatch

__all__ = ["Connection", "Input", "Outcome"]

Input: TypeAlias = "bytes | FlushMark"
"""s16le audio in the session's form, or a flush."""

Outcome: TypeAlias = Literal["ended", "renew", "over"]
"""The stream has ended; another connection is wanted at once; or as soon as there is something to say."""


class Connection:
    """Drives a session over an open WebSocket until it ends.

    Arguments:
        session: the protocol.
        socket: the transport.
        source: the input from where this connection takes it up; its end is the end of input.
        deliver: takes the events that came out.
        watch: told when the vendor is ready and when the input has ended.
    """

    def __init__(
        self,
        session: StreamSession,
        socket: WebSocket,
        source: AsyncGenerator[Input, None],
        deliver: Callable[[list[stt.SpeechEvent]], None],
        *,
        watch: StreamWatch | None = None,
    ) -> None:
        self.session = session
        self._socket = socket
        self._source = source
        self._deliver = deliver
        self._watch = watch
        self._loop = asyncio.get_running_loop()
        self._ready = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = math.inf
        self._stopped: APIError | Outcome | None = None
        self._over = self._loop.create_future()
        self._flowing = False
        self._pacing = False

    async def run(self) -> Outcome:
        """Run until the vendor is done, or another connection is to take over.

        Raises:
            APIError: the vendor refused, the socket broke, or a deadline passed.
        """
        pump = asyncio.create_task(self._pump(), name="specbuilder.pump")
        try:
            self._guarded(self.session.start, self._loop.time())
            self._socket.listen(self._received, self._lost)
            await self._over
            if self._stopped == "ended":
                self.session.close(self._loop.time())
        finally:
            self._socket.ignore()
            await aio.cancel_and_wait(pump)
            self._cancel_timer()
            try:
                self._hand_over()
            finally:
                await self._socket.close()
        return self._verdict()

    def _verdict(self) -> Outcome:
        if isinstance(self._stopped, APIError):
            raise self._stopped
        return self._stopped or "ended"

    # -- coming in -----------------------------------------------------------------------------------------

    def _received(self, frame: Frame) -> None:
        """A message of the vendor's, straight from the network."""
        if self._stopped is None:
            self._guarded(self.session.receive, frame, self._loop.time())

    def _lost(self) -> None:
        """No message will come any more."""
        if self._stopped is None:
            try:
                self._stop(self._closed(self._socket.closed()))
            except Exception as error:
                self._fail(error)

    def _guarded(self, step: Callable[..., list[Frame]], *arguments: Any) -> None:
        """Let the session take a step, and do what follows from it; what fails ends the connection."""
        try:
            for frame in step(*arguments):
                self._socket.write(frame)
            self._after()
        except ConnectionClosed:
            # Behind the messages that came before it the close is told, and says why.
            return
        except Exception as error:
            self._fail(error)

    def _closed(self, closed: ConnectionClosed) -> APIError | Outcome:
        error = self.session.closed(closed.code, closed.reason, self._loop.time())
        if error is not None:
            return error
        if self.session.done:
            return "ended"
        if self.session.over:
            return self._replaced()
        if closed.ping_timeout:
            return APIConnectionError("the connection is dead: the vendor answers no ping")
        return APIConnectionError(f"the connection was lost: {closed.reason or 'no reason given'}")

    def _after(self) -> None:
        """What follows everything that may have changed the session."""
        self._hand_over()
        if self.session.done:
            self._stop("ended")
        elif self.session.expired:
            self._stop(self._replaced())
        else:
            if self.session.ready and not self._ready.done():
                self._ready.set_result(None)
                self._flowing = True
                if self._watch is not None:
                    self._watch.ready()
            self._arm()

    def _replaced(self) -> Outcome:
        self.session.replaced(self._loop.time())
        return "over" if self.session.over else "renew"

    def _hand_over(self) -> None:
        if self.session.turn.events:
            self._deliver(self.session.turn.take())

    def _stop(self, outcome: APIError | Outcome) -> None:
        """End the connection; messages that come from now on belong to one that is over."""
        self._flowing = False
        if self._stopped is None:
            self._stopped = outcome
            if not self._over.done():
                self._over.set_result(None)

    def _fail(self, error: Exception) -> None:
        self._stop(as_api_error(error, self.session.label, self.session.redact))

    # -- going out -----------------------------------------------------------------------------------------

    def feed(self, pcm: bytes) -> bool:
        """Send audio, never past audio that still is in the source; False if it would have to wait."""
        if not self._flowing or self._socket.congested:
            return False
        session, now = self.session, self._loop.time()
        if session.pacer is not None and (self._pacing or not session.pacer.takes(len(pcm), now)):
            return False
        try:
            for frame in session.audio(pcm, now):
                self._socket.write(frame)
            self._hand_over()
        except ConnectionClosed:
            # The close is told behind the messages that came before it.
            return True
        except Exception as error:
            self._fail(error)
        return True

    async def _pump(self) -> None:
        """Send the input, in the vendor's form and pace; what fails here ends the reading."""
        try:
            await self._ready
            # Closed here: a generator left to the garbage collector is closed by a task nobody waits for.
            async with aclosing(self._source):
                async for item in self._source:
                    await self._feed(item)
                    if item is FLUSH and self.session.finishing:
                        # The rest of the input is for the next connection.
                        return
            if self._watch is not None:
                self._watch.finishing()
            await self._send(self.session.finish(self._loop.time()))
        except ConnectionClosed:
            # The reader finds the close behind the messages that came before it.
            return
        except Exception as error:
            self._fail(error)

    async def _feed(self, item: Input) -> None:
        now = self._loop.time()
        if isinstance(item, FlushMark):
            frames = self.session.flush(now)
            # After a goodbye of ours audio is for the next connection.
            self._flowing = self._flowing and not self.session.finishing
            await self._send(frames)
            return
        if self.session.pacer is not None:
            await self._feed_paced(item, self.session.pacer)
        else:
            await self._send_audio(self.session.audio(item, now))

    async def _send(self, frames: list[Frame]) -> None:
        await self._send_audio(frames)
        self._after()

    async def _send_audio(self, frames: list[Frame]) -> None:
        """Send audio: besides a report of usage nothing follows from it, and no deadline comes nearer."""
        for frame in frames:
            self._socket.write(frame)
        if self._socket.congested:
            await self._socket.drain(self.session.plan.timeouts.write)
        self._hand_over()

    async def _feed_paced(self, pcm: bytes, pacer: Pacer) -> None:
        """Send no faster than the vendor takes it; what is pushed meanwhile waits its turn."""
        self._pacing = True
        for piece in pacer.pieces(pcm):
            wait = pacer.wait(self._loop.time())
            if wait > 0:
                await asyncio.sleep(wait)
            await self._send_audio(self.session.audio(piece, self._loop.time()))
        self._pacing = False

    def write_update(self, frames: list[Frame]) -> None:
        """Send the frames of an option change, and see whether the connection is to be replaced."""
        self._guarded(lambda: frames)

    # -- time ----------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        due = self.session.due()
        if due is None:
            self._cancel_timer()
        elif due < self._armed_for:
            self._cancel_timer()
            self._armed_for = due
            self._timer = self._loop.call_at(due, self._tick)
        # A timer that is too early finds nothing to do and is set anew: cheaper than moving it at every
        # message.

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._armed_for = None, math.inf

    def _tick(self) -> None:
        self._timer, self._armed_for = None, math.inf
        self._guarded(self.session.tick, self._loop.time())
