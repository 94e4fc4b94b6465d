"""The turn: one state machine owns whether the user is speaking, for every vendor.

It outlives a connection: after a drop the utterance goes on in the next one. What it promises:
START_OF_SPEECH comes once and before the first transcript of an utterance, END_OF_SPEECH once and only while
speaking, blank transcripts never, and a turn always ends after its text.
"""

from __future__ import annotations

from livekit.agents import stt

__all__ = ["Turn"]

_START = stt.SpeechEventType.START_OF_SPEECH
_INTERIM = stt.SpeechEventType.INTERIM_TRANSCRIPT
_FINAL = stt.SpeechEventType.FINAL_TRANSCRIPT
_END = stt.SpeechEventType.END_OF_SPEECH


class Turn:
    """The state of the user's turn and the events it lets through.

    Arguments:
        final_timeout: seconds END_OF_SPEECH waits for the text it ends.

    Attributes:
        speaking: between START_OF_SPEECH and END_OF_SPEECH.
        events: what has come out and was not taken yet.
        held_until: when a waiting END_OF_SPEECH is let go, on the caller's clock; None when none waits.
    """

    __slots__ = (
        "_awaits_final",
        "_final_timeout",
        "_held",
        "_last",
        "_last_kind",
        "events",
        "held_until",
        "speaking",
    )

    def __init__(self, final_timeout: float = 1.0) -> None:
        self.speaking = False
        self.events: list[stt.SpeechEvent] = []
        self.held_until: float | None = None
        self._final_timeout = final_timeout
        self._held: tuple[str, float | None] | None = None
        self._last: list[stt.SpeechData] | None = None
        self._last_kind = _FINAL
        # A final is still due: speech started, or an interim came, and no final since.
        self._awaits_final = False

    @property
    def settled(self) -> bool:
        """Whether all that was said so far is final."""
        return not self._awaits_final

    def take(self) -> list[stt.SpeechEvent]:
        """The events since the last call."""
        events, self.events = self.events, []
        return events

    def start(self, request_id: str = "", speech_start_time: float | None = None) -> None:
        """The vendor heard speech begin; an END that waits for its text is let go first."""
        if self._held is not None:
            self.release()
        if self.speaking:
            return
        self.speaking = True
        self._awaits_final = True
        self._last = None
        self.events.append(
            stt.SpeechEvent(type=_START, request_id=request_id, speech_start_time=speech_start_time)
        )

    def transcript(
        self,
        kind: stt.SpeechEventType,
        alternatives: list[stt.SpeechData],
        request_id: str = "",
        *,
        speech_start_time: float | None = None,
        speech_end_time: float | None = None,
    ) -> bool:
        """An interim, preflight or final transcript.

        Arguments:
            alternatives: never blank; an empty list is dropped.
            speech_start_time: wall clock, given to the START_OF_SPEECH this transcript opens.
            speech_end_time: wall clock, given to a final.

        Returns whether an event came out: repeated interims and preflights do not.
        """
        if not alternatives:
            return False
        if kind is not _FINAL and self._repeats(kind, alternatives):
            return False
        if not self.speaking:
            self.start(request_id, speech_start_time)
        self._last, self._last_kind = alternatives, kind
        final = kind is _FINAL
        self.events.append(
            stt.SpeechEvent(
                type=kind,
                request_id=request_id,
                alternatives=alternatives,
                speech_end_time=speech_end_time if final else None,
            )
        )
        if final:
            self._awaits_final = False
            if self._held is not None:
                self.release()
        elif kind is _INTERIM:
            self._awaits_final = True
        return True

    def _repeats(self, kind: stt.SpeechEventType, alternatives: list[stt.SpeechData]) -> bool:
        last = self._last
        if last is None or self._last_kind is not kind:
            return False
        # Nearly all differ in their text, so that words and times need not be compared.
        return last[0].text == alternatives[0].text and last == alternatives

    def end(self, now: float, request_id: str = "", speech_end_time: float | None = None) -> None:
        """The vendor heard speech end. Held back while the utterance's final is still due."""
        if not self.speaking or self._held is not None:
            return
        self._held = (request_id, speech_end_time)
        if self._awaits_final:
            self.held_until = now + self._final_timeout
        else:
            self.release()

    def release(self) -> None:
        """Let go an END_OF_SPEECH that waits, because its text came or its time is up."""
        if self._held is not None:
            request_id, speech_end_time = self._held
            self.events.append(
                stt.SpeechEvent(type=_END, request_id=request_id, speech_end_time=speech_end_time)
            )
            self._held = None
            self.held_until = None
            self.speaking = False
            self._awaits_final = False
            self._last = None

    def close(self, request_id: str = "", speech_end_time: float | None = None) -> None:
        """The stream ended normally: an open turn ends with it."""
        if self._held is not None:
            self.release()
        elif self.speaking:
            self._awaits_final = False
            self.end(0.0, request_id, speech_end_time)
