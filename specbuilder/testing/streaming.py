"""A stream on a stage."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from livekit.agents import APIConnectionError

from ..protocol.audio import sample_count
from ..protocol.handshake import fingerprint, handshake, prepare
from ..protocol.http import Reply
from ..protocol.names import Names
from ..protocol.plan import Plan, StreamPlan
from ..protocol.replay import FLUSH, FlushMark, ReplayBuffer
from ..protocol.sending import Frame
from ..protocol.session import StreamSession
from ..protocol.settings import Settings, change_options
from ..protocol.turn import Turn
from ..protocol.usage import UsagePlan
from .stage import NotNow, Stage, Surroundings

__all__ = ["StreamStage"]

_PIECE = 0.05
"""Seconds of audio that pass at once, as from a microphone."""


class StreamStage(Stage):
    """A stream: connections one after the other, with one turn and one time line.

    The handshake counts as accepted as soon as the script goes on with anything but `refused`. After an
    error that livekit would retry, the next item begins the next attempt.

    Attributes:
        session_type: what connections are made of.
        recognitions: how many are over while the input went on.
    """

    session_type: type[StreamSession] = StreamSession

    def __init__(self, around: Surroundings, settings: Settings) -> None:
        super().__init__(around, settings)
        self._attempted_with = settings
        plan = self._stream
        self._format = settings.audio_format(settings.names(around.clock.functions()))
        self._turn = Turn(plan.timeouts.final)
        self._replay = ReplayBuffer(self._format.sample_rate * self._format.channels * 2, plan.replay)
        self._input: deque[bytes | FlushMark] = deque()
        self._again: deque[bytes | FlushMark] = deque()
        self._input_over = False
        self._session: StreamSession | None = None
        self._names: Names | None = None
        self._offset = 0.0
        self._position = 0.0
        self.recognitions = 0
        # Nothing is connected before there is something to say.
        self._waits = plan.lazy
        if not self._waits:
            self._attempt()

    @property
    def plan(self) -> Plan:
        return self.around.watch.plan(self._attempted_with.plan)

    @property
    def _stream(self) -> StreamPlan:
        plan = self.plan.stream
        if plan is None:
            raise ValueError("there is no stream with these options")
        return plan

    @property
    def mapped_usage(self) -> UsagePlan | None:
        return self._stream.usage

    def waiting(self) -> str:
        if self._waits and self._idle:
            return f": the stream {'is lazy, it ' * self._stream.lazy}connects with its next audio"
        return super().waiting()

    # -- connecting ----------------------------------------------------------------------------------------

    def _attempt(self) -> None:
        self._attempted_with = self.settings
        self._waits = self._stream.lazy
        names = prepare(self.settings.names(self.around.clock.functions()), self._format)
        self._names = None
        self._attempted = self.exchange(names)
        self.ask(self._attempted.run_steps((*self.plan.steps, *self._stream.steps)))

    def answered(self, result: Any) -> None:
        self.connects.append(handshake(self._stream, self._attempted))
        self._names = self._attempted.names

    @property
    def _idle(self) -> bool:
        """No attempt is under way and another one may begin."""
        return not (self.over or self.error or self._session or self.asking or self._names)

    def begin(self) -> None:
        if self._idle and (not self._waits or self._input or self._replay.seconds):
            self._attempt()

    def ready(self) -> None:
        self.begin()
        names, self._names = self._names, None
        if names is not None:
            self._open(names, {})

    def _open(self, names: Names, headers: Mapping[str, str]) -> None:
        clock, plan = self.around.clock, self.plan
        self._offset += self._replay.start - self._position
        self._position = self._replay.start
        self._again = deque(self._replay)
        self._session = self.guarded(
            lambda: self.session_type(
                self._stream,
                plan.errors,
                names,
                self._turn,
                self._format,
                label=self.label,
                redact=self.redact,
                offset=lambda: self._offset,
                language=self.language(names),
                interim_results=self.capable("interim_results", names),
                headers=headers,
                replayed=self._replay.seconds,
                anchored=self._anchored,
                now=clock.now,
                wall=clock.wall,
            )
        )
        # Options may have changed while the handshake was under way.
        self._bring_from(self._attempted_with)
        self._run(lambda session: session.start(clock.now))
        self._pump()

    def _anchored(self, wall: float) -> None:
        self.anchor = wall

    # -- the session ---------------------------------------------------------------------------------------

    def _run(self, action: Callable[[StreamSession], list[Frame]]) -> None:
        """Do something to the session; frames, events and a verdict follow from it."""
        session = self._session
        if session is None:
            return
        frames = self.guarded(lambda: action(session))
        self.frames += frames or []
        self._collect(session)
        if self.error is not None:
            self._session = None
        elif session.done:
            session.close(self.around.clock.now)
            self._end(session)
        elif session.expired:
            session.replaced(self.around.clock.now)
            self.recognitions += session.over
            self._collect(session)
            self._session = None
            self._waits = session.over or self._stream.lazy
            if not (self._waits and self._silent):
                self._attempt()
            elif self._input_over:
                self._end(session)

    @property
    def _silent(self) -> bool:
        """No audio waits for a connection."""
        return not self._replay.seconds and not any(isinstance(item, bytes) for item in self._input)

    def _end(self, session: StreamSession) -> None:
        self._collect(session)
        self._session = None
        self.ended = self.over = True

    def _collect(self, session: StreamSession) -> None:
        self.events += self._turn.take()
        if session.finalized > 0:
            self._replay.trim(self._position + session.finalized)

    def _pump(self) -> None:
        """Send the input that waits, as far as the connection takes it."""
        while (session := self._session) is not None and session.ready:
            if session.finishing:
                return
            if self._again:
                self._feed(self._again.popleft())
            elif self._input:
                item = self._input.popleft()
                if isinstance(item, bytes):
                    self._replay.audio(item)
                else:
                    self._replay.flush()
                self._feed(item)
            elif self._input_over:
                self._run(lambda session: session.finish(self.around.clock.now))
            else:
                return

    def _feed(self, item: bytes | FlushMark) -> None:
        now = self.around.clock.now
        if isinstance(item, FlushMark):
            self._run(lambda session: session.flush(now))
        else:
            pcm = item
            self._run(lambda session: session.audio(pcm, now))

    def _pass(self, seconds: float) -> None:
        """Let time pass, with everything the session does by itself."""
        clock = self.around.clock
        end = clock.now + seconds
        while (session := self._session) is not None:
            due = session.due()
            if due is None or due > end:
                break
            clock.now = max(clock.now, due)
            self._run(lambda session: session.tick(clock.now))
            if session is self._session and session.due() == due:
                # A deadline that stays would be met for ever.
                break
        clock.now = end

    # -- what scripts do -----------------------------------------------------------------------------------

    def _require_life(self) -> None:
        if self.over:
            raise NotNow("the stream has ended")

    def audio(self, seconds: float) -> None:
        """The app speaks for so many seconds, and so much time passes."""
        self._require_life()
        if self._input_over:
            raise NotNow("the input has ended")
        piece = _PIECE if self._format.chunk_bytes is not None else seconds
        samples = sample_count(seconds, self._format.sample_rate)
        step = max(1, sample_count(piece, self._format.sample_rate))
        # A lazy stream begins here; whether the vendor takes the handshake is the script's next item.
        begin = self.begin if self._waits and self._idle else self.ready
        while samples > 0:
            size = min(step, samples)
            samples -= size
            self._input.append(bytes(size * self._format.channels * 2))
            begin()
            self._pump()
            self._pass(size / self._format.sample_rate)

    def flush(self) -> None:
        self._require_life()
        if self._waits and self._idle and self._silent:
            return
        self._input.append(FLUSH)
        self.ready()
        self._pump()

    def end_input(self) -> None:
        self.flush()
        self._input_over = True
        if self._waits and self._idle and self._silent:
            self.ended = self.over = True
        self._pump()

    def update(self, options: Mapping[str, Any]) -> None:
        self._require_life()
        self.ready()
        try:
            after = self.around.settle({**self.settings.given, **options})
        except (TypeError, ValueError) as error:
            self.error = error
            return
        before, self.settings = self.settings, after
        self._bring_from(before)

    def _bring_from(self, before: Settings) -> None:
        """Bring the live session, if there is one, from earlier settings to the present ones."""
        after, now = self.settings, self.around.clock.now
        if after is not before:
            self._run(
                lambda session: change_options(
                    session, before, after, lambda: self._differs(session, before, after), now
                )
            )

    def _differs(self, session: StreamSession, before: Settings, after: Settings) -> bool:
        try:
            old, new = (
                fingerprint(
                    settings.plan,
                    settings.names(),
                    partial(self.exchange, settings=settings),
                    self._format,
                    session.names,
                )
                for settings in (before, after)
            )
        except ValueError:
            # Not to be told to this vendor at all: the attempt to connect anew says why.
            return True
        return bool(old != new)

    def wait(self, seconds: float) -> None:
        self.ready()
        self._pass(seconds)
        self._pump()

    def refused(self, reply: Reply) -> None:
        self.begin()
        if self._names is None:
            raise NotNow("no handshake is under way" + self.waiting())
        self._names = None
        self.fail(self.plan.errors.of_reply(reply, self._attempted.scope, self.redact, "the handshake"))

    def received(self, message: Any) -> None:
        self._require_life()
        self.ready()
        if self._session is None:
            raise NotNow("nothing is connected" + self.waiting())
        frame = _frame(message, self._session.plan)
        self._run(lambda session: session.receive(frame, self.around.clock.now))
        self._pump()

    def closed(self, code: int) -> None:
        if self.ended:
            return
        self.ready()
        if self._session is None:
            raise NotNow("nothing is connected" + self.waiting())
        self._run(lambda session: self._lost(session, code))

    def _lost(self, session: StreamSession, code: int) -> list[Frame]:
        error = session.closed(code, "", self.around.clock.now)
        if error is not None:
            raise error
        if not (session.done or session.over):
            raise APIConnectionError("the connection was lost: no reason given")
        return []


def _frame(message: Any, plan: StreamPlan) -> Frame:
    return message if isinstance(message, str) else plan.codec.encode(message)
