"""The stream session: one connection's protocol as a pure state machine.

Audio, flushes, option changes and the vendor's messages go in; frames to send and livekit's events come out.
It opens nothing, awaits nothing and reads no clock: whoever drives it passes the time (`now`, monotonic
seconds).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from livekit.agents import APIConnectionError, APIError, APITimeoutError, stt

from ..expressions.trees import Tree
from .audio import sample_count
from .codecs import CodecError
from .errors import NORMAL_CLOSES, ErrorTable
from .names import COUNTERS, Names
from .plan import StreamPlan
from .reading import MessageScope
from .requests import render_seconds
from .sending import AudioFormat, AudioSender, Frame, frames_and_silence, frames_of
from .state_table import StateTable
from .timeline import Timeline
from .transcript import TranscriptPlan
from .turn import Turn
from .usage import UsageCounter

__all__ = ["StreamSession"]

_FINAL = stt.SpeechEventType.FINAL_TRANSCRIPT
_INTERIM = stt.SpeechEventType.INTERIM_TRANSCRIPT
_START = stt.SpeechEventType.START_OF_SPEECH
_END = stt.SpeechEventType.END_OF_SPEECH

DEFAULT_QUIET = 2.0
"""Seconds without a message that end a stream whose spec has no `finish` at all."""

MOMENT = 1.0
"""Seconds within which what was sent may not have been heard yet, and a recognition cannot have been one."""


class StreamSession:
    """The protocol of one connection.

    Arguments:
        plan: the compiled `stream` section.
        errors: the compiled `errors` section.
        names: the connection's names, steps' replies included.
        turn: the user's turn, shared by the connections of a stream; events come out there.
        audio: the form of the audio.
        label: the adapter's label, for logs.
        redact: masks secrets in a vendor's texts.
        offset: the stream's `start_time_offset`, asked when an event is made.
        language: what the user asked for, "" when several or none.
        interim_results: whether interims are wanted at all.
        headers: the handshake's reply headers.
        replayed: seconds of input that are sent again before new audio.
        anchored: told the epoch seconds of the vendor's time zero when the first audio leaves.
        now: monotonic seconds.
        wall: epoch seconds, for livekit's wall-clock times.

    Attributes:
        ready: the opening exchange is over and audio may be sent.
        done: the vendor has said its last; the connection may end.
        finalized: seconds of this connection's input whose text is final.
        over: the vendor has ended this recognition, or a flush has, and the input goes on in another one.
        expired: the connection should be replaced now: it is over, or (its age, an option change) due for it
            and the turn allows it.
    """

    def __init__(
        self,
        plan: StreamPlan,
        errors: ErrorTable,
        names: Names,
        turn: Turn,
        audio: AudioFormat,
        *,
        label: str = "stt",
        redact: Callable[[str], str] = str,
        offset: Callable[[], float] = lambda: 0.0,
        language: str = "",
        interim_results: bool = True,
        headers: Mapping[str, str] | None = None,
        replayed: float = 0.0,
        anchored: Callable[[float], None] | None = None,
        now: float = 0.0,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.plan = plan
        self.turn = turn
        self.names = names
        self.scope = MessageScope(names, label, redact)
        self.scope.headers = headers or {}
        self.request_id = ""
        self.ready = False
        self.done = False
        self.over = False
        self.finalized = 0.0
        self.label = label
        self.redact = redact
        self._errors = errors
        self._offset = offset
        self._language = language
        self._interims = interim_results
        self._wall = wall
        self._format = audio
        self._codec = plan.codec
        self._usage = UsageCounter(plan.usage, now, self._heard_seconds)
        self._timeline = Timeline(replayed, wall, anchored)
        self._replayed = replayed
        names["audio"] = {"sample_rate": audio.sample_rate, "channels": audio.channels}
        self._flushed_bytes = 0
        self._flushes = 0
        for counter in COUNTERS:
            names.pop(counter, None)
        # Asked for when a message is rendered; counting at every chunk would cost more than sending it.
        names.live["sent_ms"] = lambda: self._milliseconds_since(0)
        names.live["unflushed_ms"] = lambda: self._milliseconds_since(self._flushed_bytes)
        names.live["sent_chunks"] = lambda: self._sender.index
        names.live["flushes"] = lambda: self._flushes
        self._sender = AudioSender(plan.audio, audio, names, plan.codec)
        self._state = StateTable(plan.state, names, self.scope)
        self._now = now
        self._opened_at = now
        self._last_sent = now
        self._last_received = now
        self._open_at = 0
        self._first_sent: float | None = None
        self._finish_started: float | None = None
        self._ahead = 0.0
        self._until_held = False
        self._goes_on = False
        self._asked = 0.0
        self._final_at: float | None = None
        self._kept_alive_at: float | None = None
        self._answers: list[Frame] = []
        self._closed_rules = False
        self._renewal = False
        self._lapsed = False
        self._pending_update: dict[str, Any] = {}
        self._every = (
            render_seconds(plan.keepalive.every, names, "stream.keepalive.every") if plan.keepalive else None
        )
        self._max_age = (
            render_seconds(plan.max_age, names, "stream.max_age") if plan.max_age is not None else None
        )
        self._quiet = self._quiet_seconds()

    # -- going out -----------------------------------------------------------------------------------------

    def start(self, now: float) -> list[Frame]:
        """The opening messages, up to the first one that must be waited for."""
        self._opened_at = self._last_received = now
        return self._sent(self._advance(now), now)

    def _advance(self, now: float) -> list[Frame]:
        """Send opening messages until the next `wait`; past the last one audio may flow."""
        frames: list[Frame] = []
        while self._open_at < len(self.plan.open):
            step = self.plan.open[self._open_at]
            if step.condition is None or step.condition.holds(self.names, self.names.functions):
                if step.wait is not None:
                    return frames
                if step.send is not None:
                    frames += frames_of(step.send, self.names, self._codec)
            self._open_at += 1
        self.ready = True
        if self._pending_update:
            changed, self._pending_update = self._pending_update, {}
            frames += self._update_frames(changed)
        return frames

    def audio(self, pcm: bytes | bytearray | memoryview, now: float) -> list[Frame]:
        """Frames of input samples (s16le at the session's rate and channels)."""
        return self._send_audio(self._sender.push(pcm), now)

    def _send_audio(self, frames: list[Frame], now: float) -> list[Frame]:
        if frames:
            self._until_held = False
            self._timeline.anchor()
            if self._usage.due(now):
                self._emit_usage(now)
            self._last_sent = now
            if self._first_sent is None:
                self._first_sent = now
        return frames

    def _heard_seconds(self) -> float:
        """Seconds of audio the vendor was sent on this connection."""
        return self._sender.sent_bytes / self._format.bytes_per_second

    @property
    def sent_seconds(self) -> float:
        """The same of the input, without silence the protocol added."""
        return self._timeline.input_time(self._heard_seconds())

    def _milliseconds_since(self, start: int) -> int | float:
        value = (self._sender.sent_bytes - start) * 1000 / self._format.bytes_per_second
        return int(value) if value.is_integer() else value

    @property
    def pace(self) -> float | None:
        """How many times faster than real time audio may go at most; None: no limit."""
        return self._format.pace

    def flush(self, now: float) -> list[Frame]:
        """The partial chunk, then what the vendor needs to finalize what it has heard."""
        frames = self._send_audio(self._sender.flush(), now)
        message = self._flush_message(now)
        if message:
            self._flushes += 1
            self._asked = self.sent_seconds
        self._flushed_bytes = self._sender.sent_bytes
        self._emit_usage(now)
        return self._sent(frames + message, now)

    def _flush_message(self, now: float) -> list[Frame]:
        plan = self.plan.flush
        if plan is None or not _holds(plan.condition, self.names):
            return []
        if plan.finish:
            # What nothing was said to has nothing to finalize.
            self._goes_on = self._sender.sent_bytes > 0
            return self._finish_message(now) if self._goes_on else []
        frames: list[Frame] = []
        if plan.silence is not None:
            seconds = render_seconds(plan.silence, self.names, "stream.flush.silence")
            frames += self._silence(seconds, now)
        if plan.send is not None:
            frames += frames_of(plan.send, self.names, self._codec)
        return frames

    def _silence(self, seconds: float, now: float) -> list[Frame]:
        samples = sample_count(seconds, self._format.sample_rate)
        if samples <= 0:
            return []
        self._timeline.pad(self._heard_seconds(), samples / self._format.sample_rate)
        frames = self._sender.push(bytes(samples * self._format.channels * 2))
        return self._send_audio(frames + self._sender.flush(), now)

    def finish(self, now: float) -> list[Frame]:
        """The end of the input: what tells the vendor, and from now on its last messages are awaited."""
        message = self._finish_message(now)
        self._flushes += bool(message)
        if self._until_held:
            self.done = True
        return self._sent(message, now)

    def _finish_message(self, now: float) -> list[Frame]:
        frames: list[Frame] = []
        plan = self.plan.finish
        if plan is not None and plan.send is not None and _holds(plan.condition, self.names):
            frames = frames_of(plan.send, self.names, self._codec)
        self._finish_started = self._last_received = now
        if self._first_sent is not None:
            self._ahead = max(0.0, self.sent_seconds - (now - self._first_sent))
        return frames

    @property
    def finishing(self) -> bool:
        """Whether no more input goes to this connection: the input has ended, or a flush has finished it."""
        return self._finish_started is not None

    def update(self, changed: Mapping[str, Any], now: float) -> list[Frame]:
        """The in-band message of changed options; before the opening is over it waits for that."""
        if not self.ready:
            self._pending_update.update(changed)
            return []
        return self._sent(self._update_frames(changed), now)

    def _update_frames(self, changed: Mapping[str, Any]) -> list[Frame]:
        if self.plan.update is None:
            return []
        return frames_of(self.plan.update, self.names.fork(changed=dict(changed)), self._codec)

    def renew(self) -> None:
        """Ask for another connection as soon as the user is not speaking."""
        self._renewal = True

    def _sent(self, frames: list[Frame], now: float) -> list[Frame]:
        if frames:
            self._last_sent = now
        return frames

    # -- coming in -----------------------------------------------------------------------------------------

    def receive(self, frame: Frame, now: float) -> list[Frame]:
        """A frame of the vendor's.

        Returns:
            frames to send: answers of rules, and the rest of the opening exchange.

        Raises:
            APIError: the message is an error of the vendor's; events it leaves behind are in the turn.
        """
        self._last_received = now
        try:
            message = self.plan.codec.decode(frame)
        except CodecError as problem:
            self.scope.note_broken("message", f"skipped, {problem}")
            return []
        self.scope.message = message
        error = self._errors.of_message(message, self.scope, self.redact, self.request_id or None)
        if error is not None:
            self._run_on_close(now)
            self._emit_usage(now)
            raise error
        self._now = now
        self._read(message, now)
        frames = self._answer(message, now)
        finish, over = self.plan.finish, self.plan.over
        if finish is not None and finish.until is not None and finish.until.holds(message, self.scope):
            self._until_held = True
            if self.finishing:
                self._conclude(now)
        if over is not None and over.holds(message, self.scope):
            if self._is_over_at_once(now):
                self._emit_usage(now)
                raise APIConnectionError("the vendor ended the recognition as soon as it had begun")
            self._conclude(now)
        if self._answers:
            answers, self._answers = self._answers, []
            frames = self._sent(answers + frames, now)
        return frames

    def _read(self, message: Any, now: float) -> None:
        self._state.bind(message)
        if self.plan.request_id is not None:
            found = self.plan.request_id.read(message, self.scope)
            if found:
                self.request_id = str(found)
        self.plan.rules.run(message, self)
        if self.plan.usage is not None:
            self._read_usage(message)

    def _answer(self, message: Any, now: float) -> list[Frame]:
        """Go on with the opening exchange when this is the message it waits for."""
        if self.ready or self._open_at >= len(self.plan.open):
            return []
        wait = self.plan.open[self._open_at].wait
        if wait is None or not wait.holds(message, self.scope):
            return []
        self._open_at += 1
        return self._sent(self._advance(now), now)

    def set_state(self, name: str, value: Any) -> None:
        """Replace a state variable."""
        self._state.set(name, value)

    def add_state(self, name: str, value: Any) -> None:
        """Add to a state variable; null adds nothing."""
        self._state.add(name, value)

    def clear_state(self, name: str) -> None:
        """Bring a state variable back to its beginning."""
        self._state.clear(name)

    def send(self, message: Tree) -> None:
        """Send the vendor a message of a rule's."""
        self._answers += self._rendered(message)

    def emit(self, kind: stt.SpeechEventType, item: Any, transcript: TranscriptPlan) -> None:
        """Make an event of the rule's item; the turn decides whether it comes out."""
        request_id = transcript.request(item, self.scope) or self.request_id
        if kind is _START:
            start, _ = transcript.span(item, self.scope)
            self.turn.start(request_id, self._timeline.wall_time(start))
        elif kind is _END:
            _, end = transcript.span(item, self.scope)
            self.turn.end(
                self._now, request_id, self._timeline.wall_time(end) or self._timeline.last_final_wall
            )
        elif kind is not _INTERIM or self._interims:
            self._emit_transcript(kind, item, transcript, request_id)

    def _emit_transcript(
        self, kind: stt.SpeechEventType, item: Any, transcript: TranscriptPlan, request_id: str
    ) -> None:
        offset = self._offset()
        alternatives = transcript.build(
            item,
            self.scope,
            language=self._language,
            offset=offset,
            place=self._timeline.placing,
        )
        if not alternatives:
            return
        end_wall = None
        if kind is _FINAL:
            end = alternatives[0].end_time - offset if alternatives[0].end_time else 0.0
            end_wall = self._timeline.final(end)
            # No further than what was sent: a time that is wrong must not give up audio yet to come.
            sent = self.sent_seconds
            self.finalized = max(self.finalized, min(end, sent) if end > 0 else sent)
            self._final_at = self._now
        self.turn.transcript(kind, alternatives, request_id, speech_end_time=end_wall)

    def _read_usage(self, message: Any) -> None:
        event = self._usage.read(message, self.scope, self.request_id)
        if event is not None:
            self.turn.events.append(event)

    def _emit_usage(self, now: float) -> None:
        event = self._usage.report(now, self.request_id)
        if event is not None:
            self.turn.events.append(event)

    # -- time ----------------------------------------------------------------------------------------------

    @property
    def expired(self) -> bool:
        """Whether the connection should be replaced now: its time is up and no utterance is open.

        Not every vendor says when speech ends: a final that nothing followed for a while ends it as well.
        """
        if self.over:
            return True
        return self._renewal and not self.finishing and (self._lapsed or not self.turn.speaking)

    @property
    def _lapses_at(self) -> float | None:
        """When an utterance whose text is final counts as over; None when none is open or nobody asks."""
        if not self._renewal or self.finishing or not self.turn.speaking or not self.turn.settled:
            return None
        return self._last_received + self.plan.timeouts.final

    def due(self) -> float | None:
        """When `tick` wants to be called next; None: nothing is waited for."""
        times = []
        if self.turn.held_until is not None:
            times.append(self.turn.held_until)
        if self._lapses_at is not None and not self._lapsed:
            times.append(self._lapses_at)
        if not self.ready:
            times.append(self._opened_at + self.plan.timeouts.ready)
        if self._every is not None and self.ready and not self.done:
            times.append(self._last_sent + self._every)
        if self._max_age is not None and not self._renewal:
            times.append(self._opened_at + self._max_age)
        if self._finish_started is not None:
            times.append(self._finish_deadline(self._finish_started))
            if self._quiet is not None:
                times.append(self._last_received + self._quiet)
        return min(times) if times else None

    def tick(self, now: float) -> list[Frame]:
        """What time alone brings: a keepalive, an END_OF_SPEECH let go, a deadline.

        Raises:
            APITimeoutError: the vendor is not ready in time.
        """
        if self.turn.held_until is not None and now >= self.turn.held_until:
            self.turn.release()
        if not self.ready and now >= self._opened_at + self.plan.timeouts.ready:
            self._run_on_close(now)
            raise APITimeoutError(f"the vendor was not ready within {self.plan.timeouts.ready:g} s")
        if self._max_age is not None and now >= self._opened_at + self._max_age:
            self._renewal = True
        lapses_at = self._lapses_at
        self._lapsed = lapses_at is not None and now >= lapses_at
        if self._finish_started is not None and self._finish_is_over(now):
            self._conclude(now)
        return self._keepalive(now)

    def _finish_is_over(self, now: float) -> bool:
        assert self._finish_started is not None
        if self._quiet is not None and now >= self._last_received + self._quiet:
            return True
        if now < self._finish_deadline(self._finish_started):
            return False
        self.scope.note_broken(
            "stream.timeouts.finish",
            f"the vendor's last message did not come within {self.plan.timeouts.finish:g} s",
        )
        return True

    def _finish_deadline(self, started: float) -> float:
        # A vendor may still be hearing what was sent faster than it was spoken: it has that much longer, for
        # as long as it goes on answering.
        limit = self.plan.timeouts.finish
        return min(self._last_received + limit, started + limit + self._ahead)

    def _keepalive(self, now: float) -> list[Frame]:
        if self._every is None or not self.ready or self.done or now < self._last_sent + self._every:
            return []
        assert self.plan.keepalive is not None
        self._last_sent = self._kept_alive_at = now
        return self._rendered(self.plan.keepalive.send)

    def _rendered(self, message: Tree) -> list[Frame]:
        """The frames of a message that may hold silence, which the vendor counts and the input does not."""
        frames, silence = frames_and_silence(message, self.names, self._codec)
        if silence:
            self._timeline.pad(self._heard_seconds(), silence / self._format.bytes_per_second)
            self._sender.sent_bytes += silence
        return frames

    def _quiet_seconds(self) -> float | None:
        finish = self.plan.finish
        if finish is None:
            return DEFAULT_QUIET
        return (
            None if finish.quiet is None else render_seconds(finish.quiet, self.names, "stream.finish.quiet")
        )

    # -- the end -------------------------------------------------------------------------------------------

    def _conclude(self, now: float) -> None:
        """The vendor has said its last on this connection."""
        if not self.finishing:
            self._count_heard(now)
        elif self._goes_on:
            self.finalized = self.sent_seconds
        else:
            self.done = True
            return
        self.over = True

    def _is_over_at_once(self, now: float) -> bool:
        """Whether the vendor ends a recognition that was none; without end it would be asked for the next."""
        is_nothing = not (self.finishing or self.finalized or self._asked)
        return is_nothing and now < self._opened_at + MOMENT

    def _count_heard(self, now: float) -> None:
        """Count as heard what need not be sent again although no final covers it."""
        listened = 0.0 if self._first_sent is None else now - self._first_sent
        sent = self.sent_seconds
        if not self.turn.settled:
            # Text without its final: the audio gets a second chance, and only one.
            heard = 0.0 if self.finalized else min(self._replayed, listened)
        elif self._final_at is not None and now < self._final_at + MOMENT:
            # It ended with this final; what followed was for the next one, unless a flush asked for it.
            heard = self._asked
        else:
            # It listened and had nothing to say, except of what came in the last moment.
            is_idle = self._last_sent == self._kept_alive_at or now >= self._last_sent + MOMENT
            heard = max(self._asked, min(listened, sent if is_idle else sent - MOMENT))
        self.finalized = max(self.finalized, min(heard, sent))

    def close(self, now: float) -> None:
        """The normal end of the stream: `on_close` rules, an open turn ends, the last usage is told."""
        self._run_on_close(now)
        self.turn.close(self.request_id, self._timeline.last_final_wall)
        self._emit_usage(now)

    def replaced(self, now: float) -> None:
        """The connection ends in favour of another one: between two utterances, or because it is over."""
        if self.finishing:
            self._run_on_close(now)
        self.turn.close(self.request_id, self._timeline.last_final_wall)
        self._emit_usage(now)

    def closed(self, code: int | None, reason: str, now: float) -> APIError | None:
        """The vendor closed, or the socket broke (`code` None or 1006).

        Returns:
            the error this is; None when it is the normal end, of the stream or (`over`) of this recognition.
        """
        if self.done or self.over:
            return None
        lost = code is None or code == 1006
        if (self.finishing and code in NORMAL_CLOSES) or (not lost and self._ends_it(code, reason, now)):
            self._conclude(now)
            return None
        self._emit_usage(now)
        error = None if lost else self._errors.of_close(code or 0, reason, self.redact)
        # A connection that is tried again says nothing: the utterance goes on in the next one.
        if error is not None and not error.retryable:
            self._run_on_close(now)
        return error

    def _ends_it(self, code: int | None, reason: str, now: float) -> bool:
        """Whether a close is the vendor's way to end a recognition."""
        if self.plan.over is None or self._is_over_at_once(now):
            return False
        self.names["close"] = {"code": code, "reason": reason}
        self.scope.message = None
        self._state.bind(None)
        return bool(self.plan.over.holds(None, self.scope))

    def _run_on_close(self, now: float) -> None:
        if self._closed_rules:
            return
        self._closed_rules = True
        self._now = now
        self.scope.message = None
        self._state.bind(None)
        self.plan.on_close.run(None, self)


def _holds(condition: Any, names: Names) -> bool:
    return condition is None or bool(condition.holds(names, names.functions))
