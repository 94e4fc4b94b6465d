"""The stream session: one connection's protocol as a pure state machine.

Audio, flushes, option changes and the vendor's messages go in; frames to send and livekit's events come out.
It opens nothing, awaits nothing and reads no clock: whoever drives it passes the time (`now`, monotonic
seconds). What comes in is read here; `Outgoing` writes what is sent, and `Ending` judges when it is to end.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from livekit.agents import APIConnectionError, APIError, APITimeoutError, stt

from ..expressions.trees import Tree
from .codecs import CodecError
from .ending import Ending
from .errors import NORMAL_CLOSES, ErrorTable
from .names import Names
from .outgoing import Outgoing
from .plan import StreamPlan
from .reading import MessageScope
from .sending import AudioFormat, Frame
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
        pacer: says when audio may leave; None: whenever it comes.
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
        self.pacer = audio.pacer()
        self._errors = errors
        self._offset = offset
        self._language = language
        self._interims = interim_results
        self._timeline = Timeline(replayed, wall, anchored)
        self._state = StateTable(plan.state, names, self.scope)
        self._outgoing = Outgoing(plan, names, audio, self._timeline, now)
        self._ending = Ending(plan, names, self._outgoing, turn, self.scope, replayed=replayed, now=now)
        self._usage = UsageCounter(plan.usage, now, self._outgoing.heard_seconds)
        self._now = now
        self._has_final = False
        self._answers: list[Frame] = []
        self._closed_rules = False

    # -- going out -----------------------------------------------------------------------------------------

    def start(self, now: float) -> list[Frame]:
        """The opening messages, up to the first one that must be waited for."""
        self._ending.open(now)
        frames = self._outgoing.open(now)
        self.ready = self._outgoing.ready
        return frames

    def audio(self, pcm: bytes | bytearray | memoryview, now: float) -> list[Frame]:
        """Frames of input samples (s16le at the session's rate and channels)."""
        frames = self._outgoing.audio(pcm, now)
        if self.pacer is not None:
            self.pacer.sent(len(pcm), now)
        if frames and now >= self._usage.due_at:
            self._emit_usage(now)
        return frames

    @property
    def sent_seconds(self) -> float:
        """Seconds of input the vendor was sent on this connection, without silence the protocol added."""
        return self._outgoing.sent_seconds

    def flush(self, now: float) -> list[Frame]:
        """The partial chunk, then what the vendor needs to finalize what it has heard."""
        outgoing, ending = self._outgoing, self._ending
        frames = outgoing.rest(now)
        message = self._flush_message(now)
        if message:
            outgoing.flushes += 1
            ending.asked = outgoing.sent_seconds
        outgoing.mark_flush()
        self._emit_usage(now)
        return frames + message

    def _flush_message(self, now: float) -> list[Frame]:
        plan = self.plan.flush
        if plan is None or not plan.finish:
            return self._outgoing.flush(now)
        # What nothing was said to has nothing to finalize.
        self._ending.goes_on = self._outgoing.flush_applies and self._outgoing.heard_seconds() > 0
        return self._finish_message(now) if self._ending.goes_on else []

    def finish(self, now: float) -> list[Frame]:
        """The end of the input: what tells the vendor, and from now on its last messages are awaited."""
        message = self._finish_message(now)
        self._outgoing.flushes += bool(message)
        if self._ending.has_last_word:
            self.done = True
        return message

    def _finish_message(self, now: float) -> list[Frame]:
        message = self._outgoing.finish(now)
        self._ending.finish(now)
        return message

    @property
    def finishing(self) -> bool:
        """Whether no more input goes to this connection: the input has ended, or a flush has finished it."""
        return self._ending.finishing

    def update(self, changed: Mapping[str, Any], now: float) -> list[Frame]:
        """The in-band message of changed options; before the opening is over it waits for that."""
        return self._outgoing.update(changed, now)

    def renew(self) -> None:
        """Ask for another connection as soon as the user is not speaking."""
        self._ending.renew()

    # -- coming in -----------------------------------------------------------------------------------------

    def receive(self, frame: Frame, now: float) -> list[Frame]:
        """A frame of the vendor's.

        Returns:
            frames to send: answers of rules, and the rest of the opening exchange.

        Raises:
            APIError: the message is an error of the vendor's; events it leaves behind are in the turn.
        """
        self._ending.last_received = now
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
        self._read(message)
        frames = [] if self.ready else self._go_on(message, now)
        finish, over = self.plan.finish, self.plan.over
        if finish is not None and finish.until is not None and finish.until.holds(message, self.scope):
            self._ending.last_word_after = self._outgoing.sent_chunks
            if self.finishing:
                self._conclude(now)
        if over is not None and over.holds(message, self.scope):
            if self._ending.is_over_at_once(now, self.finalized):
                self._emit_usage(now)
                raise APIConnectionError("the vendor ended the recognition as soon as it had begun")
            self._conclude(now)
        if self._answers:
            answers, self._answers = self._answers, []
            frames = self._outgoing.noted(answers + frames, now)
        # Kept until the next one, messages would get old enough for the garbage collector to go through them.
        self.scope.message = None
        return frames

    def _read(self, message: Any) -> None:
        self._state.bind(message)
        if self.plan.request_id is not None:
            found = self.plan.request_id.read(message, self.scope)
            if found:
                self.request_id = str(found)
        self.plan.rules.run(message, self)
        if self.plan.usage is not None:
            self._read_usage(message)

    def _go_on(self, message: Any, now: float) -> list[Frame]:
        """Go on with the opening exchange when this is the message it waits for."""
        frames = self._outgoing.go_on(message, self.scope, now)
        self.ready = self._outgoing.ready
        return frames

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
        self._answers += self._outgoing.message(message)

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
        alternatives = transcript.build(item, self.scope, self._language, offset, self._timeline.placing)
        if not alternatives:
            return
        end_wall = None
        if kind is _FINAL:
            end = alternatives[0].end_time - offset if alternatives[0].end_time else 0.0
            end_wall = self._timeline.final(end)
            # No further than what was sent: a time that is wrong must not give up audio yet to come.
            sent = self._outgoing.sent_seconds
            self.finalized = max(self.finalized, min(end, sent) if end > 0 else sent)
            self._ending.final_at = self._now
            self._has_final = True
        self.turn.transcript(kind, alternatives, request_id, speech_end_time=end_wall)

    def _read_usage(self, message: Any) -> None:
        has_final, self._has_final = self._has_final, False
        event = self._usage.read(message, self.scope, self._now, self.request_id, has_final)
        if event is not None:
            self.turn.events.append(event)

    def _emit_usage(self, now: float) -> None:
        event = self._usage.report(now, self.request_id)
        if event is not None:
            self.turn.events.append(event)

    # -- time ----------------------------------------------------------------------------------------------

    @property
    def expired(self) -> bool:
        """Whether the connection should be replaced now: it is over, or is to be renewed and may be left."""
        ending = self._ending
        return self.over or (ending.renewing and ending.is_free)

    def due(self) -> float | None:
        """When `tick` wants to be called next; None: nothing is waited for.

        It is asked after every message, so that what is not waited for costs a comparison and no call.
        """
        ending, outgoing, due = self._ending, self._outgoing, self.turn.held_until
        if due is None:
            due = math.inf
        if not self.ready:
            at = ending.ready_by
        else:
            at = math.inf if self.done else outgoing.last_sent + outgoing.every
        if at < due:
            due = at
        at = ending.due() if ending.finishing or ending.renewing else ending.old_at
        if at < due:
            due = at
        return None if due == math.inf else due

    def tick(self, now: float) -> list[Frame]:
        """What time alone brings: a keepalive, an END_OF_SPEECH let go, a deadline.

        Raises:
            APITimeoutError: the vendor is not ready in time, or owes the final of what it has heard.
        """
        if self.turn.held_until is not None and now >= self.turn.held_until:
            self.turn.release()
        if not self.ready and now >= self._ending.ready_by:
            self._run_on_close(now)
            raise APITimeoutError(f"the vendor was not ready within {self.plan.timeouts.ready:g} s")
        if self._ending.tick(now):
            if self._ending.gave_up:
                self._check_settled(now)
            self._conclude(now)
        return self._outgoing.keepalive(now) if self.ready and not self.done else []

    # -- the end -------------------------------------------------------------------------------------------

    def _check_settled(self, now: float) -> None:
        """Fail rather than lose what was said: the next attempt sends it again.

        Raises:
            APITimeoutError: there is text without its final.
        """
        self._run_on_close(now)
        if not self.turn.settled:
            self._emit_usage(now)
            limit = self.plan.timeouts.finish
            raise APITimeoutError(f"the final of what was said last did not come within {limit:g} s")

    @property
    def unanswered(self) -> bool:
        """Whether the finish deadline passed without a word of the vendor since the end of the input."""
        return self._ending.unanswered

    def _conclude(self, now: float) -> None:
        """The vendor has said its last on this connection."""
        ending = self._ending
        if not ending.finishing:
            self.finalized = ending.heard(now, self.finalized)
        elif ending.goes_on:
            self.finalized = self.sent_seconds
        else:
            self.done = True
            return
        self.over = True

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
        if self.plan.over is None or self._ending.is_over_at_once(now, self.finalized):
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
