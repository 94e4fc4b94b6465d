"""Scenes: a spec's tests as a vendor plays them.

A test is run once against the pure core. What the core asks and sends is what a real client is held against;
what the script answers is what the simulator answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from livekit.agents import stt

from ..protocol.handshake import HandshakeRequest
from ..protocol.http import Reply, Request
from ..protocol.sending import Frame
from ..protocol.settings import Settings
from ..protocol.spec import Spec
from ..testing.clock import DEFAULT_TIME, Clock, parse_time
from ..testing.recognitions import PushedStage, RecognizeStage
from ..testing.runner import ACTIONS
from ..testing.stage import NotNow, Stage, Surroundings
from ..testing.streaming import StreamStage
from ..testing.views import body_bytes
from ..testing.watch import Watch

__all__ = ["FINAL", "Exchange", "Line", "Scene", "choose", "open_stage", "play", "scenes_of"]

FINAL = stt.SpeechEventType.FINAL_TRANSCRIPT

_EXPECTATIONS = frozenset({"request", "connect", "sent", "events", "error", "ended"})
_SAMPLE_AUDIO = 0.1


@dataclass(frozen=True)
class Line:
    """One action of a script.

    Attributes:
        word: `audio flush end_input update wait reply refused received closed`, or `ready`: what the client
            says by itself.
        value: what the script says beside it.
        events: what came out of the core.
        frames: what the core sent.
        part: the recognition it belongs to, from 0: a vendor may end one while the input goes on.
    """

    word: str
    value: Any = None
    events: tuple[stt.SpeechEvent, ...] = ()
    frames: tuple[Frame, ...] = ()
    part: int = 0

    @property
    def texts(self) -> list[str]:
        """The texts of the events that have one, in order."""
        return [event.alternatives[0].text for event in self.events if event.alternatives]

    @property
    def is_final(self) -> bool:
        """Whether a final transcript came of it."""
        return any(event.type is FINAL for event in self.events)


@dataclass(frozen=True)
class Exchange:
    """A request the core makes, and the script's reply."""

    request: Request
    reply: Reply


@dataclass(frozen=True)
class Scene:
    """A test that was played.

    Attributes:
        name: the test's.
        section: "stream" or "recognize".
        settings: its options, with the simulator's own.
        lines: what happens, in order.
        exchanges: HTTP, in order.
        handshake: of its first connection; None for HTTP alone.
        opening: what the client says before the vendor has said anything.
        closing: what the client says at its end of input.
        spoken: what the client says in between, its audio above all.
        failed: it ends in an error.
        ended: the script itself reaches the end.
    """

    name: str
    section: str
    settings: Settings = field(repr=False)
    lines: tuple[Line, ...] = field(repr=False)
    exchanges: tuple[Exchange, ...]
    handshake: HandshakeRequest | None
    opening: tuple[Frame, ...] = field(repr=False)
    closing: tuple[Frame, ...] = field(repr=False)
    spoken: tuple[Frame, ...] = field(repr=False)
    failed: bool
    ended: bool

    @property
    def finals(self) -> list[str]:
        """The final texts."""
        return [
            event.alternatives[0].text
            for line in self.lines
            for event in line.events
            if event.type is FINAL and event.alternatives
        ]

    @property
    def parts(self) -> int:
        """How many recognitions the script has, each on a WebSocket of its own."""
        return 1 + max((line.part for line in self.lines), default=0)

    @property
    def plain(self) -> bool:
        """Whether a client plays it that only speaks and then ends its input."""
        return self.parts == 1 and not {"flush", "end_input"} <= {line.word for line in self.lines}

    @property
    def usable(self) -> bool:
        """Whether it shows a whole exchange that gives a text."""
        return not self.failed and any(self.finals)


def scenes_of(
    spec: Spec, given: Mapping[str, Any], api_key: str, tests: list[Any] | None = None
) -> list[Scene]:
    """Every test of a spec that can be played with these options, in order.

    Arguments:
        given: the simulator's own options; they win over a test's.
        tests: other tests than the spec's.
    """
    found = []
    for test in spec.document.value.get("tests") or [] if tests is None else tests:
        scene = _scene(spec, test, given, api_key)
        if scene is not None:
            found.append(scene)
    return found


def choose(scenes: list[Scene], section: str, given: Mapping[str, Any]) -> Scene | None:
    """The scene a simulator plays for a section when none is named: plain, with the fewest options, whole."""
    usable = [scene for scene in scenes if scene.section == section and scene.usable]
    return min(
        usable,
        key=lambda scene: (not scene.plain, len(set(scene.settings.given) - set(given)), not scene.ended),
        default=None,
    )


def _scene(spec: Spec, test: Mapping[str, Any], given: Mapping[str, Any], api_key: str) -> Scene | None:
    section = "stream" if "stream" in test else "recognize"
    options = {**(test.get("options") or {}), **given}
    options.pop("api_key", None)
    key = api_key if spec.options.api_key is not None else None
    at = parse_time(test.get("at", DEFAULT_TIME))
    around = Surroundings(spec, key, Clock(at), Watch(spec), {})
    try:
        stage = open_stage(around, around.settle(options), section)
        return _Recording(str(test.get("name", "")), section, stage).of(test.get(section) or [])
    except (NotNow, TypeError, ValueError):
        # Refused options are a test as well, but nothing a vendor ever sees.
        return None


def open_stage(around: Surroundings, settings: Settings, section: str) -> Stage:
    """The stage of a section.

    Raises:
        ValueError: the options leave no such section.
    """
    recognize = settings.plan.recognize
    if section == "recognize" and recognize is not None and not recognize.over_stream:
        return RecognizeStage(around, settings)
    return (PushedStage if section == "recognize" else StreamStage)(around, settings)


def play(stage: Stage, word: str, value: Any) -> Line:
    """Do one action on a stage, and take what came of it."""
    ACTIONS[word](stage, value)
    events, stage.events = stage.events, []
    frames, stage.frames = stage.frames, []
    return Line(word, value, tuple(events), tuple(frames))


class _Recording:
    """Plays one script and writes down what happens."""

    def __init__(self, name: str, section: str, stage: Stage) -> None:
        self._name = name
        self._section = section
        self._stage = stage
        self._lines: list[Line] = []
        self._exchanges: list[Exchange] = []
        self._opening: tuple[Frame, ...] | None = None

    def of(self, script: list[Any]) -> Scene:
        settings, stage = self._stage.settings, self._stage
        failed = False
        for word, value in _actions(script):
            if stage.error is not None:
                failed = True
                break
            self._act(word, value)
        failed = failed or stage.error is not None
        ended = stage.ended
        handshake = stage.connects[0] if stage.connects else None
        if isinstance(stage, PushedStage):
            # The whole buffer goes out at once, as soon as the vendor is ready for it.
            last = max((at for at, line in enumerate(self._lines) if line.frames), default=-1)
            self._lines.insert(last + 1, Line("end_input"))
        closing, spoken = self._shapes(failed or stage.over)
        return Scene(
            self._name,
            self._section,
            settings,
            tuple(self._lines),
            tuple(self._exchanges),
            handshake,
            self._opening or (),
            closing,
            spoken,
            failed,
            ended,
        )

    def _act(self, word: str, value: Any) -> None:
        stage = self._stage
        if word == "reply":
            stage.begin()
            asked = stage.asked
            line = play(stage, word, value)
            if asked is not None:
                self._exchanges.append(Exchange(asked, _reply(value)))
        else:
            self._listen(word)
            part = stage.recognitions if isinstance(stage, StreamStage) else 0
            line = replace(play(stage, word, value), part=part)
        self._lines.append(line)

    def _listen(self, word: str) -> None:
        """Take what the client says of itself, before the vendor's first word."""
        stage = self._stage
        if self._opening is not None or stage.asked is not None or word == "refused":
            return
        if isinstance(stage, PushedStage):
            if word != "audio":
                stage.ready()
                self._opening = ()
                self._lines.append(Line("ready", frames=tuple(stage.frames)))
                stage.frames = []
        else:
            stage.ready()
            self._opening, stage.frames = tuple(stage.frames), []

    def _shapes(self, over: bool) -> tuple[tuple[Frame, ...], tuple[Frame, ...]]:
        """What the client's end of input and its audio look like; played on when the script does not."""
        lines = list(self._lines)
        if isinstance(self._stage, PushedStage):
            # All of it at once, and the end of the input is its last message.
            everything = tuple(frame for line in lines for frame in line.frames)
            return everything, everything
        if not over and isinstance(self._stage, StreamStage):
            said = {line.word for line in lines}
            extra: list[tuple[str, Any]] = [] if "end_input" in said else [("end_input", None)]
            if "audio" not in said and extra:
                extra.insert(0, ("audio", f"{_SAMPLE_AUDIO}s"))
            for word, value in extra:
                if self._stage.error is None and not self._stage.over:
                    lines.append(play(self._stage, word, value))
        closing = [frame for line in lines if line.word == "end_input" for frame in line.frames]
        spoken = [frame for line in lines if line.word not in ("end_input", "flush") for frame in line.frames]
        return tuple(closing), tuple(spoken)


def _actions(script: list[Any]) -> Iterator[tuple[str, Any]]:
    for item in script:
        word, value = next(iter(item.items())) if isinstance(item, Mapping) else (item, None)
        if word not in _EXPECTATIONS:
            yield word, value


def _reply(value: Mapping[str, Any]) -> Reply:
    headers = {str(name).lower(): str(text) for name, text in (value.get("headers") or {}).items()}
    return Reply(value["status"], headers, body_bytes(value.get("body")))
