"""Finding out how a scene's messages carry words.

A scene's messages are the templates. Where their texts, times and confidences stand is found by trial: a leaf
of a message is changed, the core reads the scene again, and what changes in its events tells what the leaf
means. So any selector that reads a text which stands in the message is turned round, whatever it looks like.
What comes of it is tried once more with the core; where the words do not come out again, `CannotSay` tells
why.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

from livekit.agents import stt

from ..protocol.spec import Spec
from ..testing.clock import DEFAULT_TIME, Clock
from ..testing.stage import NotNow, Stage, Surroundings
from ..testing.watch import Watch
from .scenes import FINAL, Line, Scene, open_stage, play
from .trees import Place, get, leaves, replaced
from .words import CannotSay, Number, Phrasebook, Row, Said, Template

__all__ = ["learn", "learn_reply"]

_INTERIM = (stt.SpeechEventType.INTERIM_TRANSCRIPT, stt.SpeechEventType.PREFLIGHT_TRANSCRIPT)
_END = stt.SpeechEventType.END_OF_SPEECH
_MARKER = "zqxj"
_STEPS = (8.0, -0.25)
"""What is added to a number to see which it is; a confidence has no room for eight more."""

_TRIALS = ("one two three", "five six seven eight")


def learn(spec: Spec, scene: Scene, api_key: str) -> Phrasebook:
    """Find out how the messages of a scene carry words.

    Raises:
        CannotSay: they cannot carry other ones, or the scene has none.
    """
    for outer in (False, True):
        try:
            return _Learner(spec, scene, api_key, outer).book()
        except CannotSay as problem:
            why = problem
    raise why


def learn_reply(spec: Spec, scene: Scene, api_key: str) -> Template:
    """Find out how the reply of a recognition carries words.

    Raises:
        CannotSay: it cannot carry other ones.
    """
    for outer in (False, True):
        try:
            return _Learner(spec, scene, api_key, outer).reply()
        except CannotSay as problem:
            why = problem
    raise why


class _Learner:
    """Tries changes of one scene's messages.

    Arguments:
        outer: words are the items of the list around the one their texts are in.
    """

    def __init__(self, spec: Spec, scene: Scene, api_key: str, outer: bool) -> None:
        self._outer = outer
        self._scene = scene
        key = api_key if spec.options.api_key is not None else None
        self._spec, self._key = spec, key
        self._watch = Watch(spec)
        received = [at for at, line in enumerate(scene.lines) if line.word == "received"]
        self._received = [at for at in received if not isinstance(scene.lines[at].value, str)]

    # -- the core ------------------------------------------------------------------------------------------

    def _events(self, messages: Sequence[Any]) -> list[stt.SpeechEvent]:
        """What the core makes of these messages, after what the scene does before its first text."""
        around = Surroundings(self._spec, self._key, Clock(DEFAULT_TIME), self._watch, {})
        stage = open_stage(around, self._scene.settings, self._scene.section)
        events: list[stt.SpeechEvent] = []
        if self._scene.handshake is None:
            return self._replied(stage, messages[0])
        try:
            for line in self._scene.lines[: self._begin]:
                if line.word != "end_input":
                    play(stage, line.word, line.value)
            play(stage, "audio", "2s")
            for message in messages:
                events += play(stage, "received", message).events
            # An END that waits for a text is let go by time.
            events += play(stage, "wait", "2s").events
        except (NotNow, ValueError, TypeError, AttributeError, KeyError):
            return []
        return [] if stage.error is not None else events

    def _replied(self, stage: Stage, body: Any) -> list[stt.SpeechEvent]:
        """What the core makes of this body in the reply that gives the text."""
        *before, last = self._scene.lines[: self._begin + 1]
        try:
            for line in before:
                play(stage, line.word, line.value)
            events = list(play(stage, "reply", {**last.value, "body": body}).events)
        except (NotNow, ValueError, TypeError, AttributeError, KeyError):
            return []
        return [] if stage.error is not None else events

    # -- parts of the scene --------------------------------------------------------------------------------

    def book(self) -> Phrasebook:
        lines = self._scene.lines
        final = next((at for at in self._received if lines[at].is_final and any(lines[at].texts)), None)
        if final is None:
            raise CannotSay("no message of the script gives a final text")
        speech = [at for at in self._received if at <= final and lines[at].events and _speaks(lines[at])]
        self._begin = speech[0]
        after = [at for at in self._received if at > final]
        trailing = []
        for at in after:
            if any(event.type is _END for event in lines[at].events) and not lines[at].texts:
                trailing.append(at)
            else:
                break
        utterance = [at for at in self._received if self._begin <= at <= final]
        interim = next((at for at in utterance if at != final and _has(lines[at], _INTERIM)), None)
        template = self._final([lines[at] for at in utterance], [lines[at].value for at in trailing])
        partial = None
        if interim is not None:
            partial = self._interim([lines[at] for at in utterance if at <= interim])
        ended = next((at for at, line in enumerate(lines) if line.word == "end_input"), len(lines))
        end = [lines[at].value for at in after if at > ended and not lines[at].texts and at not in trailing]
        begin = [lines[at].value for at in self._received if at < self._begin]
        ids = _ids(template.messages)
        book = Phrasebook(begin, end, True, template, partial, ids)
        return self._tried(book)

    def reply(self) -> Template:
        """The reply that gives the text."""
        lines = self._scene.lines
        self._begin = next(
            (at for at, line in enumerate(lines) if line.word == "reply" and line.is_final), -1
        )
        body = lines[self._begin].value.get("body") if self._begin >= 0 else None
        if not isinstance(body, dict | list):
            raise CannotSay("no JSON reply of the script gives a text")
        template = self._template([body], (FINAL,))
        said = Said(_TRIALS[0], 0.1, 0.7)
        data = _last(self._events(template.messages_for(said)), (FINAL,))
        if data is None or data.text.strip() != said.text:
            raise CannotSay("other words in the reply do not come out of the spec's selectors again")
        return template

    def _tried(self, book: Phrasebook) -> Phrasebook:
        """The book as it proves itself: two utterances, with interims where they can be had."""
        one, two = (Said(text, start, start + 0.6) for text, start in zip(_TRIALS, (0.1, 0.8), strict=True))
        for ids in ([], book.ids):
            for repeats in (True, False):
                for interim in (book.interims, None):
                    found = Phrasebook(book.begin, book.end, repeats, book.finals, interim, ids)
                    if self._proves(found, one, two):
                        return found
        raise CannotSay("other words in the messages do not come out of the spec's selectors again")

    def _proves(self, book: Phrasebook, one: Said, two: Said) -> bool:
        messages: list[Any] = []
        interims = []
        for number, said in enumerate((one, two)):
            before = ""
            for count in (1, 2):
                part = Said(" ".join(said.text.split()[:count]), said.start, said.end)
                if book.interims is not None:
                    messages += book.interim(part, before, number)
                    interims.append(part.text)
                    before = part.text
            messages += book.final(said, bool(before), number)
        events = self._events(messages)
        finals = [event.alternatives[0].text.strip() for event in events if event.type is FINAL]
        if finals != [one.text, two.text]:
            return False
        came = [event.alternatives[0].text.strip() for event in events if event.type in _INTERIM]
        return all(text in came for text in interims)

    # -- templates -----------------------------------------------------------------------------------------

    def _final(self, utterance: Sequence[Line], trailing: list[Any]) -> Template:
        """The messages of a final text; those of its interims only where it does not come without."""
        plain = [line for line in utterance if line.is_final or not _has(line, _INTERIM)]
        for lines in (plain, list(utterance)):
            messages = [line.value for line in lines]
            try:
                return self._template([*messages, *trailing], (FINAL,))
            except CannotSay as problem:
                why = problem
        raise why

    def _interim(self, part: Sequence[Line]) -> Template | None:
        try:
            return self._template([line.value for line in part], _INTERIM)
        except CannotSay:
            return None

    def _template(self, messages: list[Any], kinds: tuple[stt.SpeechEventType, ...]) -> Template:
        """Where the text of these messages' last event of a kind stands."""
        last = _last(self._events(messages), kinds)
        if last is None:
            raise CannotSay("the script's messages give no such text by themselves")
        template = Template(messages)
        whole: list[tuple[int, Place]] = []
        parts: list[tuple[int, Place]] = []
        listed: list[tuple[int, Place]] = []
        for at, message in enumerate(messages):
            for path, value in leaves(message):
                if not isinstance(value, str) or not value.strip():
                    continue
                events = self._events(_with(messages, at, path, _MARKER))
                data = _last(events, kinds)
                if data is None:
                    continue
                elsewhere = (event for event in events if event.type not in kinds and event.alternatives)
                if kinds == (FINAL,) and any(
                    _MARKER in event.alternatives[0].text for event in elsewhere if _MARKER not in data.text
                ):
                    # The beginning of the next utterance, which nobody has said.
                    template.blanks.append((at, path))
                if data.text == _MARKER:
                    whole.append((at, path))
                elif _MARKER in data.text:
                    parts.append((at, path))
                if any(str(word) == _MARKER for word in data.words or []):
                    listed.append((at, path))
        if not whole and not parts:
            raise CannotSay("no text of the script's messages comes out in an event")
        self._place(template, whole, parts, listed, last, kinds)
        return template

    def _place(
        self,
        template: Template,
        whole: list[tuple[int, Place]],
        parts: list[tuple[int, Place]],
        listed: list[tuple[int, Place]],
        last: stt.SpeechData,
        kinds: tuple[stt.SpeechEventType, ...],
    ) -> None:
        """Decide what is written where: a whole text, a list of words, or both."""
        template.texts = [place for place in whole if place not in listed or not _in_list(place[1])]
        rows: dict[tuple[int, Place], list[Place]] = {}
        for at, path in [*parts, *listed, *(place for place in whole if place not in template.texts)]:
            cut = self._list_of(path)
            if cut is None:
                template.blanks.append((at, path))
            else:
                rows.setdefault((at, path[:cut]), []).append(path[cut:])
        carrying = [key for key in rows if any((key[0], (*key[1], *rest)) in parts for rest in rows[key])]
        if not whole and template.blanks and not carrying:
            # A text in pieces without a list: all of it goes into the first piece.
            template.texts = [template.blanks.pop(0)]
        for number, (key, rests) in enumerate(rows.items()):
            if carrying and not whole and key in carrying and key != carrying[0]:
                # What further messages add to the text has been said already.
                self._empty(template, key)
            elif not number or key in carrying or whole:
                template.rows.append(self._row(template.messages, key, rests, key in carrying, last, kinds))
            else:
                at, path = key
                template.messages[at] = replaced(template.messages[at], path, [])
        inside = [(row.message, row.path) for row in template.rows]
        template.texts += _echoes(template.messages, last.text, inside, template.texts)
        template.numbers = self._numbers(template.messages, inside, kinds)

    def _empty(self, template: Template, key: tuple[int, Place]) -> None:
        """Leave out the items of a list whose texts would be said twice, and keep its markers."""
        at, path = key
        for index, item in enumerate(get(template.messages[at], path)):
            for rest, value in leaves(item, (index,)):
                changed = _with(template.messages, at, (*path, *rest), _MARKER)
                data = _last(self._events(changed), (FINAL, *_INTERIM))
                if isinstance(value, str) and data is not None and _MARKER in data.text:
                    template.blanks.append((at, (*path, *rest)))

    def _list_of(self, path: Place) -> int | None:
        """How many keys of a path lead to the list of words; None where it has none."""
        lists = [at for at, key in enumerate(path) if isinstance(key, int)]
        if not lists:
            return None
        return lists[-2] if self._outer and len(lists) > 1 else lists[-1]

    def _row(
        self,
        messages: list[Any],
        key: tuple[int, Place],
        rests: list[Place],
        carries: bool,
        last: stt.SpeechData,
        kinds: tuple[stt.SpeechEventType, ...],
    ) -> Row:
        at, path = key
        index = rests[0][0]
        assert isinstance(index, int)
        items = get(messages[at], path)
        item = items[index]
        texts = tuple(dict.fromkeys(rest[1:] for rest in rests))
        said = _plain(get(item, texts[0]))
        # The same word in another spelling, which nothing reads.
        texts += tuple(
            place
            for place, value in leaves(item)
            if place not in texts and isinstance(value, str) and said and _plain(value) == said
        )
        joined = "".join(str(get(one, texts[0]) or "") for one in items)
        spaced = " " in joined or (carries and len(items) == 1 and " " in last.text.strip())
        numbers = []
        base = _word(_last(self._events(messages), kinds), index)
        for rest, value in leaves(item):
            if base is None or isinstance(value, bool) or not isinstance(value, int | float):
                continue
            place = (*path, index, *rest)
            for step in _STEPS:
                changed = _word(_last(self._events(_with(messages, at, place, value + step)), kinds), index)
                meaning = _meaning(base, changed)
                if meaning is not None:
                    numbers.append(
                        (rest, meaning[0], step / meaning[1] if meaning[0] != "confidence" else 1.0)
                    )
                    break
        return Row(at, path, item, texts, spaced, tuple(numbers))

    def _numbers(
        self, messages: list[Any], inside: list[tuple[int, Place]], kinds: tuple[stt.SpeechEventType, ...]
    ) -> list[Number]:
        """Times and confidence of the text itself."""
        base = _span(_last(self._events(messages), kinds))
        found = []
        for at, message in enumerate(messages):
            for path, value in leaves(message):
                if base is None or isinstance(value, bool) or not isinstance(value, int | float):
                    continue
                if any(at == one and path[: len(place)] == place for one, place in inside):
                    continue
                for step in _STEPS:
                    changed = _span(_last(self._events(_with(messages, at, path, value + step)), kinds))
                    meaning = _meaning(base, changed)
                    if meaning is not None:
                        per = step / meaning[1] if meaning[0] != "confidence" else 1.0
                        found.append(Number(at, path, meaning[0], per))
                        break
        return found


def _with(messages: list[Any], at: int, path: Place, value: Any) -> list[Any]:
    return [replaced(one, path, value) if index == at else one for index, one in enumerate(messages)]


def _echoes(
    messages: list[Any],
    text: str,
    inside: list[tuple[int, Place]],
    known: list[tuple[int, Place]],
) -> list[tuple[int, Place]]:
    """Where a message says the text once more, though nothing reads it there."""
    return [
        (at, path)
        for at, message in enumerate(messages)
        for path, value in leaves(message)
        if isinstance(value, str)
        and value.strip() == text.strip()
        and (at, path) not in known
        and not any(at == one and path[: len(place)] == place for one, place in inside)
    ]


def _plain(value: Any) -> str:
    """A word as it is compared: without case and punctuation."""
    return "".join(char for char in str(value).lower() if char.isalnum())


def _speaks(line: Line) -> bool:
    return any(event.type.value != "recognition_usage" for event in line.events)


def _has(line: Line, kinds: tuple[stt.SpeechEventType, ...]) -> bool:
    return any(event.type in kinds for event in line.events)


def _last(events: list[stt.SpeechEvent], kinds: tuple[stt.SpeechEventType, ...]) -> stt.SpeechData | None:
    found = [event for event in events if event.type in kinds and event.alternatives]
    return found[-1].alternatives[0] if found else None


def _in_list(path: Place) -> bool:
    return any(isinstance(key, int) for key in path)


def _ids(messages: list[Any]) -> list[Any]:
    """Texts and numbers that may be an utterance's own, by the names of their keys."""
    found: list[Any] = []
    for message in messages:
        for path, value in leaves(message):
            named = path and str(path[-1]).lower().endswith("id")
            if named and isinstance(value, str | int) and not isinstance(value, bool) and value not in found:
                found.append(value)
    return found


_Measures: TypeAlias = tuple[float, float, float]


def _word(data: stt.SpeechData | None, index: int) -> _Measures | None:
    words = (data.words or []) if data is not None else []
    if index >= len(words):
        return None
    word = words[index]
    return tuple(  # type: ignore[return-value]
        value if isinstance(value, float | int) else 0.0
        for value in (word.start_time, word.end_time, word.confidence)
    )


def _span(data: stt.SpeechData | None) -> _Measures | None:
    return None if data is None else (data.start_time, data.end_time, data.confidence)


def _meaning(before: _Measures, after: _Measures | None) -> tuple[str, float] | None:
    """What a number that was changed is, and by how much the event changed."""
    if after is None:
        return None
    start, end, confidence = (round(new - old, 6) for old, new in zip(before, after, strict=True))
    if start:
        return "start", start
    if end:
        # An end that a start does not move with may be written as a length.
        return ("duration" if before[0] and abs(before[1] - before[0]) < 1e-9 else "end"), end
    return ("confidence", confidence) if confidence else None
