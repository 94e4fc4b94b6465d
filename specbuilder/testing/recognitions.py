"""Recognitions on a stage: one request and its steps, or the stream pushed through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livekit.agents import stt

from ..expressions.nothing import NOTHING
from ..protocol.audio import sample_count, wav
from ..protocol.names import Names
from ..protocol.recognition import joined, recognition, recognition_event
from ..protocol.replay import FLUSH
from ..protocol.requests import HttpExchange
from ..protocol.session import StreamSession
from ..protocol.settings import DEFAULT_SAMPLE_RATE, Settings
from .stage import NotNow, Stage, Surroundings
from .streaming import StreamStage

__all__ = ["PushedStage", "RecognizeStage"]

_DEFAULT_AUDIO = 0.05
"""Seconds that are recognized where a script says no `audio`."""

_FINAL = stt.SpeechEventType.FINAL_TRANSCRIPT


class RecognizeStage(Stage):
    """`recognize()` by HTTP. It begins with the first item that is no `audio`."""

    def __init__(self, around: Surroundings, settings: Settings) -> None:
        super().__init__(around, settings)
        self._seconds = 0.0
        self._begun = False
        self._exchange: HttpExchange | None = None

    def audio(self, seconds: float) -> None:
        if self._begun:
            raise NotNow("the audio of a recognition comes before its first request")
        self._seconds += seconds

    def begin(self) -> None:
        if not self._begun:
            self._begun = True
            self._seconds = self._seconds or _DEFAULT_AUDIO
            self.guarded(self._begin)

    def _begin(self) -> None:
        plan, names = self.plan.recognize, self.settings.names(self.around.clock.functions())
        assert plan is not None
        rate = _whole(plan.sample_rate, names, DEFAULT_SAMPLE_RATE)
        channels = _whole(plan.channels, names, 1)
        pcm = bytes(sample_count(self._seconds, rate) * channels * 2)
        names["audio"] = {
            "data": pcm,
            "wav": wav(pcm, rate, channels),
            "sample_rate": rate,
            "channels": channels,
        }
        self._exchange = self.exchange(names)
        self.ask(recognition(self.plan, self._exchange))

    def answered(self, result: Any) -> None:
        plan, exchange = self.plan.recognize, self._exchange
        assert plan is not None
        assert exchange is not None
        event = recognition_event(plan, exchange, result, self.language(exchange.names), self._seconds)
        self.events += [event, *_usage(event)]
        self.ended = self.over = True


def _usage(event: stt.SpeechEvent) -> list[stt.SpeechEvent]:
    """The usage a final carries, as an event a script can name."""
    if event.recognition_usage is None:
        return []
    usage = stt.SpeechEventType.RECOGNITION_USAGE
    return [stt.SpeechEvent(usage, request_id=event.request_id, recognition_usage=event.recognition_usage)]


def _whole(tree: Any, names: Names, default: int) -> int:
    value = NOTHING if tree is None else tree.render(names, names.functions)
    return default if value is NOTHING or value is None else int(value)


class PushedStage(StreamStage):
    """A recognition over the stream: the audio is pushed whole, and the finals become one event."""

    def __init__(self, around: Surroundings, settings: Settings) -> None:
        self._finals: list[stt.SpeechEvent] = []
        self._begun = False
        self._language = ""
        super().__init__(around, settings)

    def begin(self) -> None:
        if not self._begun:
            if not self._input:
                self.audio(_DEFAULT_AUDIO)
            self._begun = True
            self._input.append(FLUSH)
            self._input_over = True
        super().begin()

    def audio(self, seconds: float) -> None:
        if self._begun:
            raise NotNow("the audio of a recognition comes before everything else")
        samples = sample_count(seconds, self._format.sample_rate)
        self._input.append(bytes(samples * self._format.channels * 2))

    def flush(self) -> None:
        raise NotNow("a recognition has no flush")

    def end_input(self) -> None:
        raise NotNow("a recognition has no end_input")

    def update(self, options: Mapping[str, Any]) -> None:
        raise NotNow("a recognition takes no update")

    def _collect(self, session: StreamSession) -> None:
        self._language = self.language(session.names)
        self._finals += [event for event in self._turn.take() if event.type is _FINAL]

    def _end(self, session: StreamSession) -> None:
        super()._end(session)
        plan = self.plan.recognize
        join = " " if plan is None else plan.join
        self.events.append(joined(self._finals, join, self._language, session.request_id))
