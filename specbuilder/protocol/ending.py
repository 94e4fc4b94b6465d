"""When a connection ends: the finish deadline, its age, and what counts as heard by then."""

from __future__ import annotations

import math

from .names import Names
from .outgoing import Outgoing
from .plan import StreamPlan
from .reading import MessageScope
from .requests import render_seconds
from .turn import Turn

__all__ = ["Ending"]

DEFAULT_QUIET = 2.0
"""Seconds without a message that end a stream whose spec has no `finish` at all."""

MOMENT = 1.0
"""Seconds within which what was sent may not have been heard yet, and a recognition cannot have been one."""


class Ending:
    """Judges whether one connection is to end; it is told what happens, and acts on nothing.

    Arguments:
        plan: the compiled `stream` section.
        names: the connection's names, for durations that are templates.
        outgoing: what the connection has sent.
        turn: the user's turn.
        scope: where a vendor that does not end in time is noted.
        replayed: seconds of input that are sent again before new audio.
        now: monotonic seconds.

    Attributes:
        last_received: when the vendor's newest message came.
        final_at: when its newest final came; None before.
        asked: seconds of input that the newest flush asked about.
        last_word_after: how many chunks had been sent when the message came that `finish.until` describes;
            None before.
        finishing: no more input goes to this connection: the input has ended, or a flush has finished it.
        goes_on: it was a flush, and the input goes on in another connection.
        renewing: another connection is wanted as soon as the turn allows it.
        gave_up: the finish deadline has passed.
        unanswered: it has, and not one message came after the end of the input.
        ready_by: when the opening exchange must be over.
        old_at: when the connection is too old; infinite when nobody asks any more.

    Raises:
        ValueError: a template gave no duration for `stream.max_age` or `stream.finish.quiet`.
    """

    def __init__(
        self,
        plan: StreamPlan,
        names: Names,
        outgoing: Outgoing,
        turn: Turn,
        scope: MessageScope,
        *,
        replayed: float,
        now: float,
    ) -> None:
        self.final_at: float | None = None
        self.asked = 0.0
        self.last_word_after: int | None = None
        self.finishing = False
        self.goes_on = False
        self.renewing = False
        self.gave_up = False
        self.unanswered = False
        self._timeouts = plan.timeouts
        self._outgoing = outgoing
        self._turn = turn
        self._scope = scope
        self._replayed = replayed
        self._finished_at = self._finish_by = math.inf
        self._lapsed = False
        self._max_age = (
            math.inf if plan.max_age is None else render_seconds(plan.max_age, names, "stream.max_age")
        )
        self._quiet = _quiet(plan, names)
        self.open(now)

    def open(self, now: float) -> None:
        """The connection begins."""
        self._opened_at = self.last_received = now
        self.ready_by = now + self._timeouts.ready
        self.old_at = math.inf if self.renewing else now + self._max_age

    # -- another connection --------------------------------------------------------------------------------

    def renew(self) -> None:
        """Another connection is wanted as soon as the user is not speaking."""
        self.renewing = True
        self.old_at = math.inf

    @property
    def is_free(self) -> bool:
        """Whether a connection that is to be renewed may be left now: no utterance is open.

        Not every vendor says when speech ends: a final that nothing followed for a while ends it as well.
        """
        return not self.finishing and (self._lapsed or not self._turn.speaking)

    def _lapses_at(self) -> float:
        """When an utterance whose text is final counts as over; infinite when none is open or nobody asks."""
        if not self.renewing or self.finishing or not self._turn.speaking or not self._turn.settled:
            return math.inf
        return self.last_received + self._timeouts.final

    def is_over_at_once(self, now: float, finalized: float) -> bool:
        """Whether the vendor ends a recognition that was none; without end it would be asked for the next."""
        is_nothing = not (self.finishing or finalized or self.asked)
        return is_nothing and now < self._opened_at + MOMENT

    def heard(self, now: float, finalized: float) -> float:
        """Seconds of input that need not be sent again, those included that no final covers."""
        outgoing = self._outgoing
        listened = 0.0 if outgoing.first_sent is None else now - outgoing.first_sent
        sent = outgoing.sent_seconds
        if not self._turn.settled:
            # Text without its final: the audio gets a second chance, and only one.
            heard = 0.0 if finalized else min(self._replayed, listened)
        elif self.final_at is not None and now < self.final_at + MOMENT:
            # It ended with this final; what followed was for the next one, unless a flush asked for it.
            heard = self.asked
        else:
            # It listened and had nothing to say, except of what came in the last moment.
            last = outgoing.last_sent
            is_idle = last == outgoing.kept_alive_at or now >= last + MOMENT
            heard = max(self.asked, min(listened, sent if is_idle else sent - MOMENT))
        return max(finalized, min(heard, sent))

    # -- the end of the input ------------------------------------------------------------------------------

    def finish(self, now: float) -> None:
        """No more input goes to this connection; the vendor's last messages are awaited."""
        self.finishing = True
        self.last_received = self._finished_at = now
        outgoing, ahead = self._outgoing, 0.0
        if outgoing.first_sent is not None:
            ahead = max(0.0, outgoing.sent_seconds - (now - outgoing.first_sent))
        # A vendor may still be hearing what was sent faster than it was spoken: it has that much longer, for
        # as long as it goes on answering.
        self._finish_by = now + self._timeouts.finish + ahead

    @property
    def has_last_word(self) -> bool:
        """Whether the vendor has said its last and was sent no audio after it."""
        return self.last_word_after == self._outgoing.sent_chunks

    def _finish_deadline(self) -> float:
        return min(self.last_received + self._timeouts.finish, self._finish_by)

    def _is_finished(self, now: float) -> bool:
        if not self.finishing:
            return False
        if now >= self.last_received + self._quiet:
            return True
        if now < self._finish_deadline():
            return False
        self.gave_up = True
        self.unanswered = self.last_received == self._finished_at
        self._scope.note_broken(
            "stream.timeouts.finish",
            f"the vendor's last message did not come within {self._timeouts.finish:g} s",
        )
        return True

    # -- time ----------------------------------------------------------------------------------------------

    def due(self) -> float:
        """When `tick` wants to be called next, while finishing or renewing; infinite: for nothing."""
        if self.finishing:
            return min(self._finish_deadline(), self.last_received + self._quiet, self.old_at)
        return math.inf if self._lapsed else self._lapses_at()

    def tick(self, now: float) -> bool:
        """What time alone brings; whether the vendor's last messages need not be awaited any longer."""
        if now >= self.old_at:
            self.renew()
        self._lapsed = now >= self._lapses_at()
        return self._is_finished(now)


def _quiet(plan: StreamPlan, names: Names) -> float:
    """Seconds without a message after the end of the input that end the stream; infinite: they do not."""
    if plan.finish is None:
        return DEFAULT_QUIET
    if plan.finish.quiet is None:
        return math.inf
    return render_seconds(plan.finish.quiet, names, "stream.finish.quiet")
