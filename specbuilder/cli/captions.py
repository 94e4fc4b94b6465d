"""Captions out of a transcript: SubRip (.srt) and WebVTT (.vtt).

Cues follow the usual rules for reading along: at most two lines of 42 columns, at most seven seconds, a new
cue after a pause and after a sentence that filled a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, chop_cells

from .output import printable
from .transcript import Segment

__all__ = ["Cue", "cues", "srt", "vtt"]

LINE = 42
"""Columns of a line; wide characters take two."""

LONGEST = 7.0
"""Seconds a cue may stay."""

SHORTEST = 1.0
"""Seconds a cue stays if the next one leaves it the time."""

PAUSE = 1.5
"""Seconds of silence that end a cue."""

_SENTENCE_ENDS = tuple(".?!…。？！।؟")


@dataclass(frozen=True)
class Cue:
    """Lines, and from when to when (seconds) they are seen."""

    start: float
    end: float
    lines: tuple[str, ...]


@dataclass(frozen=True)
class _Token:
    """A piece of text that is never broken. `gap` is what stands before it: a blank, or nothing."""

    text: str
    start: float
    end: float
    gap: str = " "


def srt(segments: Iterable[Segment]) -> str:
    """Captions as SubRip. It knows no escape, so an arrow in the text is only shortened."""
    blocks = (
        f"{number}\n{_stamp(cue.start, ',')} --> {_stamp(cue.end, ',')}\n"
        + "\n".join(line.replace("-->", "->") for line in cue.lines)
        + "\n"
        for number, cue in enumerate(cues(segments), 1)
    )
    return "\n".join(blocks)


def vtt(segments: Iterable[Segment]) -> str:
    """Captions as WebVTT, with `&`, `<` and `>` escaped (https://www.w3.org/TR/webvtt1/)."""
    blocks = (
        f"{_stamp(cue.start, '.')} --> {_stamp(cue.end, '.')}\n" + "\n".join(map(_escaped, cue.lines)) + "\n"
        for cue in cues(segments)
    )
    return "\n".join(["WEBVTT\n", *blocks])


def cues(segments: Iterable[Segment]) -> list[Cue]:
    """Cut segments into cues that follow one another without overlap."""
    # Segments overlap where several people speak.
    found = sorted(
        (_cue(tokens) for segment in segments for tokens in _cut(_tokens(segment))), key=lambda cue: cue.start
    )
    return [
        _timed(cue, found[index + 1].start if index + 1 < len(found) else None)
        for index, cue in enumerate(found)
    ]


def _timed(cue: Cue, following: float | None) -> Cue:
    """The cue, long enough to be read and over when the next one begins."""
    end = max(cue.end, cue.start + SHORTEST)
    if following is not None:
        # Of two that begin at once the first is still to be seen.
        end = max(min(end, following), cue.start + 0.001)
    return Cue(cue.start, end, cue.lines)


# -- tokens ------------------------------------------------------------------------------------------------


def _tokens(segment: Segment) -> list[_Token]:
    """The segment's own text, which has the punctuation, with the times of its words."""
    texts = printable(segment.text).split()
    spoken = [piece for word in segment.words for piece in _spread(word.text.split(), word.start, word.end)]
    if len(spoken) == len(texts):
        timed = [_Token(text, word.start, word.end) for text, word in zip(texts, spoken, strict=True)]
    elif spoken:
        timed = _matched(texts, spoken)
    else:
        timed = _spread(texts, segment.start, segment.end)
    return [piece for token in timed for piece in _fitting(token)]


def _spread(texts: Sequence[str], start: float, end: float) -> list[_Token]:
    """Share a stretch of time among texts by their length."""
    total = sum(map(len, texts)) or 1
    found, at = [], 0
    for text in texts:
        begin, at = at, at + len(text)
        found.append(_Token(text, start + (end - start) * begin / total, start + (end - start) * at / total))
    return found


def _matched(texts: Sequence[str], spoken: Sequence[_Token]) -> list[_Token]:
    """Texts timed by words that are written otherwise ("10" and "ten"): by their share of the letters."""
    total = sum(len(word.text) for word in spoken)
    edges, at = [], 0
    for word in spoken:
        edges.append((at / total, (at + len(word.text)) / total, word))
        at += len(word.text)

    def moment(share: float) -> float:
        for first, last, word in edges:
            if share <= last:
                inside = (max(share, first) - first) / (last - first)
                return word.start + (word.end - word.start) * inside
        return edges[-1][2].end

    return [_Token(token.text, moment(token.start), moment(token.end)) for token in _spread(texts, 0.0, 1.0)]


def _fitting(token: _Token) -> list[_Token]:
    """The token, or its pieces where it is longer than a line, as in a script without blanks."""
    if cell_len(token.text) <= LINE:
        return [token]
    first, *others = _spread(chop_cells(token.text, LINE), token.start, token.end)
    return [first, *(_Token(piece.text, piece.start, piece.end, gap="") for piece in others)]


# -- cues --------------------------------------------------------------------------------------------------


def _cut(tokens: Sequence[_Token]) -> Iterator[list[_Token]]:
    current: list[_Token] = []
    for token in tokens:
        if current and _ends(current, token):
            yield current
            current = []
        current.append(token)
    if current:
        yield current


def _ends(current: Sequence[_Token], token: _Token) -> bool:
    """Whether a cue is over before this token."""
    return (
        len(_lines([*current, token])) > 2
        or token.end - current[0].start > LONGEST
        or token.start - current[-1].end >= PAUSE
        or (current[-1].text.endswith(_SENTENCE_ENDS) and cell_len(_text(current)) >= LINE)
    )


def _cue(tokens: Sequence[_Token]) -> Cue:
    return Cue(tokens[0].start, tokens[-1].end, _balanced(tokens))


def _balanced(tokens: Sequence[_Token]) -> tuple[str, ...]:
    """One line where it fits, else two of about the same length."""
    if cell_len(_text(tokens)) <= LINE:
        return (_text(tokens),)
    pairs = ((_text(tokens[:at]), _text(tokens[at:])) for at in range(1, len(tokens)))
    fitting = [pair for pair in pairs if max(map(cell_len, pair)) <= LINE]
    return min(fitting, key=lambda pair: max(map(cell_len, pair))) if fitting else _lines(tokens)


def _lines(tokens: Sequence[_Token]) -> tuple[str, ...]:
    """Lines filled one after the other."""
    lines: list[str] = []
    for token in tokens:
        longer = lines[-1] + token.gap + token.text if lines else ""
        if lines and cell_len(longer) <= LINE:
            lines[-1] = longer
        else:
            lines.append(token.text)
    return tuple(lines)


def _text(tokens: Sequence[_Token]) -> str:
    return "".join(token.gap * (index > 0) + token.text for index, token in enumerate(tokens))


def _stamp(seconds: float, mark: str) -> str:
    milliseconds = max(0, round(seconds * 1000))
    minutes, rest = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}{mark}{rest % 1000:03}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
