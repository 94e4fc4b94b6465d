"""What must come of a session: the results of a conformance run, and livekit's contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from livekit.agents import stt

from .scenes import FINAL

__all__ = ["Check", "Report", "Session", "leaks", "order_problems", "told"]

_START, _END = stt.SpeechEventType.START_OF_SPEECH, stt.SpeechEventType.END_OF_SPEECH
_TEXTS = (
    stt.SpeechEventType.INTERIM_TRANSCRIPT,
    stt.SpeechEventType.PREFLIGHT_TRANSCRIPT,
    FINAL,
)


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        section: "stream" or "recognize".
        name: a fault, or what of the contract it is about.
        problems: what was wrong; empty when it passed.
        seconds: how long it took.
    """

    section: str
    name: str
    problems: tuple[str, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether nothing was wrong."""
        return not self.problems


@dataclass(frozen=True)
class Report:
    """The checks of one spec.

    Attributes:
        skipped: what could not be checked, and why.
    """

    spec: str
    checks: tuple[Check, ...]
    skipped: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every check passed, and there was one."""
        return bool(self.checks) and all(check.passed for check in self.checks)


@dataclass
class Session:
    """What came of one session."""

    events: list[stt.SpeechEvent] = field(default_factory=list)
    error: BaseException | None = None
    ended: bool = False
    seconds: float = 0.0

    @property
    def finals(self) -> list[str]:
        return [
            event.alternatives[0].text for event in self.events if event.type is FINAL and event.alternatives
        ]


def order_problems(events: list[stt.SpeechEvent]) -> list[str]:
    """Where events break livekit's contract: START, then transcripts, then END; no blank transcript."""
    problems = []
    speaking = False
    streamed = any(event.type in (_START, _END) for event in events)
    for event in events:
        if event.type is _START:
            if speaking:
                problems.append("START_OF_SPEECH comes twice")
            speaking = True
        elif event.type is _END:
            if not speaking:
                problems.append("END_OF_SPEECH without a START_OF_SPEECH")
            speaking = False
        elif event.type in _TEXTS and streamed:
            if not speaking:
                problems.append(f"{event.type.value} before START_OF_SPEECH")
            if not event.alternatives or not event.alternatives[0].text.strip():
                problems.append(f"{event.type.value} is blank")
    return problems


def leaks(session: Session, keys: Sequence[str]) -> bool:
    """Whether a key stands in the error or anything it was caused by."""
    error = session.error
    while error is not None:
        text = f"{error!r} {error} {getattr(error, 'body', '')}"
        if any(key in text for key in keys):
            return True
        error = error.__cause__ or error.__context__
    return False


def told(session: Session) -> str:
    if session.error is not None:
        return f"{type(session.error).__name__}: {session.error}"
    return "it ended" if session.ended else "nothing came in time"
