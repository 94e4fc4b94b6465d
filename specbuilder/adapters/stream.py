"""A live stream of a spec-built adapter: connections one after the other, one time line, one turn."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from livekit import rtc
from livekit.agents import APIConnectOptions, stt

from ..protocol.mixing import mixed
from ..protocol.plan import Plan
from ..protocol.replay import FLUSH, ReplayBuffer
from ..protocol.sending import AudioFormat
from ..protocol.session import StreamSession
from ..protocol.settings import Settings, change_options
from ..protocol.turn import Turn
from .connection import Connection, Input, Outcome
from .events import METERED, EventChannel
from .handshake import Dialer, Handshake
from .input import InputChannel
from .watching import StreamWatch

if TYPE_CHECKING:
    from .stt import SpecSTT

__all__ = ["SpecStream"]


class SpecStream(stt.RecognizeStream):
    """One recognition, as long as it lasts; made by `SpecSTT.stream`.

    Reconnects after failures are livekit's (an `APIError` leaves `_run`); an option change or a socket's age
    only replaces the connection. Either way audio whose text is not final is sent again.
    """

    def __init__(
        self,
        *,
        stt: SpecSTT,
        settings: Settings,
        conn_options: APIConnectOptions,
        format: AudioFormat,
        own: Mapping[str, Any],
        replay: float | None = None,
    ) -> None:
        # Before the base class starts the task that runs `_run`.
        assert settings.plan.stream is not None
        self._owner = stt
        self._settings = settings
        self._own = dict(own)
        self._format = format
        self._options = conn_options
        self._turn = Turn(settings.plan.stream.timeouts.final)
        self._replay = ReplayBuffer(
            format.sample_rate * format.channels * 2,
            settings.plan.stream.replay if replay is None else replay,
        )
        self._connection: Connection | None = None
        self._watch = StreamWatch(stt.label)
        self._offset_at_exit = 0.0
        self._position = 0.0
        super().__init__(stt=stt, conn_options=conn_options, sample_rate=format.sample_rate)
        # Before anything could be pushed, or read.
        self._input_ch: InputChannel[Any] = InputChannel()
        self._read_without_tee()

    def _read_without_tee(self) -> None:
        """Let the reader and livekit's metrics task read the events from a channel of ours."""
        is_livekits = type(self)._metrics_monitor_task is stt.RecognizeStream._metrics_monitor_task
        self._event_ch = events = EventChannel(METERED if is_livekits else frozenset(stt.SpeechEventType))
        self._event_aiter = events
        self._tee = events  # type: ignore[assignment]  # It is closed with the stream, no more.
        self._metrics_task.cancel()
        self._metrics_task = asyncio.create_task(
            self._metrics_monitor_task(events.copies), name="STT._metrics_task"
        )

    @property
    def waiting(self) -> int:
        """Frames pushed that no connection has taken yet: a reader of files waits where there are many."""
        return self._input_ch.qsize()

    # -- time ----------------------------------------------------------------------------------------------

    @property
    def start_time_offset(self) -> float:
        """Seconds added to the vendor's times; set by the framework, moved on by every new connection."""
        return self._start_time_offset

    @start_time_offset.setter
    def start_time_offset(self, value: float) -> None:
        if value < 0:
            raise ValueError("start_time_offset must be non-negative")
        self._start_time_offset = self._offset_at_exit = value

    def _enter_attempt(self) -> None:
        """Undo what livekit's retry loop added to the offset: it counts wall time, and ours counts audio.

        A new connection hears the input from where the last final ended; that is exact also when the audio
        comes faster than real time or waited while the vendor was away.
        """
        self._start_time_offset = self._offset_at_exit

    def _move_to_replay(self) -> None:
        """The next connection's time zero is the first piece of input that is sent again."""
        self._start_time_offset += self._replay.start - self._position
        self._position = self._replay.start

    # -- running -------------------------------------------------------------------------------------------

    def _count_attempt(self, *, connected: bool) -> None:
        """Whether this attempt, should it fail, starts livekit's count of retries anew.

        livekit takes that from the attempt's length: one that outlived the timeout had connected. But a
        handshake that hangs, a vendor that is never ready, and a `Retry-After` last as long.
        """
        self._conn_options = self._options if connected else replace(self._options, timeout=math.inf)

    async def _run(self) -> None:
        self._enter_attempt()
        self._count_attempt(connected=False)
        try:
            outcome: Outcome = "renew"
            while outcome != "ended":
                outcome = await self._run_connection(waits=outcome == "over")
        finally:
            self._offset_at_exit = self._start_time_offset

    async def _run_connection(self, *, waits: bool) -> Outcome:
        """Connect and speak until the connection is over; `waits` for something to be said first."""
        plan = self._settings.plan
        assert plan.stream is not None
        await self._owner.wait_for_vendor()
        waits = waits or plan.stream.lazy
        if waits and not self._replay.seconds and not await self._first_input():
            return "ended"
        # Options may have changed while nothing was connected.
        settings = self._settings
        dialer = Dialer(self._owner.context(settings), self._options, self._format)
        started = asyncio.get_running_loop().time()
        with self._watch.connecting():
            handshake = await self._owner.judged(dialer.dial())
        now = asyncio.get_running_loop().time()
        self._report_connection_acquired(now - started, connection_reused=False)
        return await self._owner.judged(self._converse(settings, handshake, now))

    async def _converse(self, settings: Settings, handshake: Handshake, now: float) -> Outcome:
        """Speak over an open socket until the connection is over; the socket is closed then."""
        try:
            session = self._session(settings.plan, handshake, now)
            connection = Connection(
                session, handshake.socket, self._input(session), self._deliver, watch=self._watch
            )
            self._connection = connection
            self._watch.opened(self._replay.seconds)
            failure: Exception | None = None
            try:
                # Options may have changed while the handshake was under way.
                self._bring_from(settings)
                return await connection.run()
            except Exception as error:
                failure = error
                raise
            finally:
                self._connection = None
                self._watch.ended(session, failure)
                self._trim(session)
                if session.ready:
                    self._count_attempt(connected=True)
        finally:
            await handshake.socket.close()

    def _session(self, plan: Plan, handshake: Handshake, now: float) -> StreamSession:
        assert plan.stream is not None
        self._move_to_replay()
        limit = self._options.timeout
        timeouts = plan.stream.timeouts
        return StreamSession(
            replace(plan.stream, timeouts=replace(timeouts, ready=min(timeouts.ready, limit))),
            plan.errors,
            handshake.names,
            self._turn,
            self._format,
            label=self._owner.label,
            redact=self._owner.redact,
            offset=lambda: self._start_time_offset,
            language=self._owner.language_of(handshake.names),
            interim_results=self._owner.capabilities.interim_results,
            headers=handshake.socket.response_headers,
            replayed=self._replay.seconds,
            now=now,
            anchored=self._anchor,
        )

    def _anchor(self, wall: float) -> None:
        """livekit's wall clock of the vendor's time zero (`SpeechEvent.speech_start_time` counts from it)."""
        self._start_time = wall
        self._watch.audio_began()

    def _deliver(self, events: list[stt.SpeechEvent]) -> None:
        for event in events:
            self._event_ch.send_nowait(event)
        self._watch.heard(events)
        if self._connection is not None:
            self._trim(self._connection.session)

    def _trim(self, session: StreamSession) -> None:
        if session.finalized > 0:
            self._replay.trim(self._position + session.finalized)

    # -- input ---------------------------------------------------------------------------------------------

    def push_frame(self, frame: rtc.AudioFrame) -> None:
        """Push audio of any number of channels, at one sample rate throughout."""
        wanted = self._format.channels
        if frame.num_channels != wanted:
            pcm = mixed(frame.data.tobytes(), frame.num_channels, wanted)
            frame = rtc.AudioFrame(pcm, frame.sample_rate, wanted, frame.samples_per_channel)
        if self._resampler is None and wanted > 1 and frame.sample_rate != self._format.sample_rate:
            # The base class would make one that takes interleaved channels for one channel.
            self._resampler = rtc.AudioResampler(
                frame.sample_rate,
                self._format.sample_rate,
                num_channels=wanted,
                quality=rtc.AudioResamplerQuality.HIGH,
            )
        super().push_frame(frame)

    async def _first_input(self) -> bool:
        """Wait for the first audio of a connection that needs some; False when the input ends without any."""
        async for item in self._input_ch:
            if isinstance(item, rtc.AudioFrame):
                self._replay.audio(item.data.tobytes())
                return True
        return False

    def _keep_newest(self) -> None:
        """Move the input that waits to what is kept for the next connection, which is bounded."""
        while self._input_ch.qsize():
            item = self._input_ch.recv_nowait()
            if isinstance(item, rtc.AudioFrame):
                self._replay.audio(item.data.tobytes())
            else:
                self._replay.flush()

    async def _input(self, session: StreamSession) -> AsyncGenerator[Input, None]:
        for kept in self._replay:
            yield kept
        self._input_ch.taker = self._send_now
        try:
            async for item in self._input_ch:
                if isinstance(item, rtc.AudioFrame):
                    pcm = item.data.tobytes()
                    self._replay.audio(pcm)
                    yield pcm
                else:
                    self._replay.flush()
                    self._watch.asked_for_final()
                    yield FLUSH
        finally:
            self._input_ch.taker = None

    def _send_now(self, item: Any) -> bool:
        """Send audio from within `push_frame`, if nothing has to be waited for; whether that was so."""
        connection = self._connection
        if connection is None or not isinstance(item, rtc.AudioFrame):
            return False
        pcm = item.data.tobytes()
        if not connection.feed(pcm):
            return False
        self._replay.audio(pcm)
        return True

    # -- options -------------------------------------------------------------------------------------------

    def update_options(self, **options: Any) -> None:
        """Change options of this stream alone; names, types and errors are those of the adapter.

        Raises:
            TypeError: an unknown option.
            ValueError: a value or combination that is not allowed; nothing is changed then.
        """
        own = {**self._own, **self._owner.spec.options.check(options)}
        settings = self._owner.settings_for({**self._owner.given(), **own})
        self._own = own
        self.apply(settings)

    def prepare(self, given: Mapping[str, Any]) -> Settings:
        """The settings this stream would have with the adapter's new options; its own ones stay.

        Raises:
            ValueError: the combination is not allowed.
        """
        return self._owner.settings_for({**given, **self._own})

    def apply(self, settings: Settings) -> None:
        """Take over prepared settings: by message, in a new connection, or for the next one."""
        before, self._settings = self._settings, settings
        self._bring_from(before)

    def _bring_from(self, before: Settings) -> None:
        """Bring the live connection, if there is one, from earlier settings to the present ones."""
        connection, settings = self._connection, self._settings
        if connection is None or settings is before:
            return
        session, context = connection.session, self._owner.context

        def differs() -> bool:
            old, new = (Dialer(context(one), self._options, self._format) for one in (before, settings))
            try:
                return bool(old.fingerprint(session.names) != new.fingerprint(session.names))
            except ValueError:
                # Not to be told to this vendor at all: the attempt to connect anew says why.
                return True

        now = asyncio.get_running_loop().time()
        connection.write_update(change_options(session, before, settings, differs, now))

    async def aclose(self) -> None:
        """Close the stream at once; safe in every state and more than once."""
        self._owner.forget(self)
        await super().aclose()
