"""When was each word of a known text spoken? pocketsphinx as a forced aligner.

Moonshine gives no word times. An acoustic model that is told the words only has to find their borders,
which it does to about 16 ms on labelled speech, in a seventieth of the sound's length.
"""

from __future__ import annotations

import threading
import unicodedata
from typing import Any

from .sphinx import load_decoder
from .types import Word, seconds_of

__all__ = ["Aligner", "spoken_words", "spread"]

_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGITS = dict(zip("0123456789", _NAMES, strict=True))

# How English spelling mostly sounds, longest spelling first, in the phones of the CMU dictionary. Rough is
# enough: the aligner needs a likely sound for a rare name, not the right one.
_SPELLINGS = """
tion SH AH N, ough AO, igh AY, tch CH, sch SH
ch CH, sh SH, th TH, ph F, ck K, ng NG, qu K W, wh W, kn N, wr R
ee IY, ea IY, oo UW, ou AW, ow OW, oa OW, ai EY, ay EY, oy OY, oi OY, au AO, aw AO, ew UW
er ER, ir ER, ur ER, ar AA R, or AO R
a AE, b B, c K, d D, e EH, f F, g G, h HH, i IH, j JH, k K, l L, m M, n N, o AA, p P, q K, r R, s S, t T
u AH, v V, w W, x K S, y IY, z Z
"""
_ENTRIES = (entry.strip().partition(" ") for entry in _SPELLINGS.strip().replace("\n", ",").split(","))
_SOUNDS = {spelling: phones for spelling, _, phones in _ENTRIES}
_LONGEST_SPELLING = max(map(len, _SOUNDS))

_BEAM = 1e-120
"""How unlikely a path may get before it is given up: wide, since a guessed pronunciation may be far off.
It costs a sixth more time."""

_MOST_NEW_WORDS = 5000
"""Words added to the dictionary before it is loaded afresh, so that it stays bounded."""


def spoken_words(text: str) -> list[str]:
    """The words of a text without the punctuation around them; marks standing alone are left out."""
    words = (word.strip("".join(c for c in word if not c.isalnum())) for word in text.split())
    return [word for word in words if word]


def spread(words: list[str], start: float, end: float) -> tuple[Word, ...]:
    """Times in proportion to the words' letters, where nothing better can be known."""
    letters = sum(map(len, words))
    placed, before = [], 0
    for word in words:
        begin = start + (end - start) * before / letters
        before += len(word)
        placed.append(Word(word, round(begin, 3), round(start + (end - start) * before / letters, 3)))
    return tuple(placed)


class Aligner:
    """Finds word times; may be called from several threads.

    Raises:
        EngineUnavailable: pocketsphinx cannot be loaded here.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._load()

    def _load(self) -> None:
        self._decoder: Any = load_decoder(lm=None, beam=_BEAM, wbeam=_BEAM, pbeam=_BEAM)
        self._added = 0

    def align(self, pcm: bytes, text: str, start: float) -> tuple[Word, ...]:
        """The words of `text` with their times.

        Args:
            pcm: the sound the text was recognised in, 16 kHz.
            text: what is said in it, with or without punctuation.
            start: seconds of the stream at which `pcm` begins.

        Returns:
            One `Word` for each of `spoken_words(text)`. Where sound and text do not fit, they are spread out.
        """
        words = spoken_words(text)
        if not words:
            return ()
        # "well-known" and "42" are aligned as several words and put together again.
        parts = [_parts(word) for word in words]
        with self._lock:
            times = self._times(pcm, [part for some in parts for part in some])
        if times is None:
            return spread(words, start, start + seconds_of(pcm))
        placed, at = [], 0
        for word, some in zip(words, parts, strict=True):
            begin, end = times[at][0], times[at + len(some) - 1][1]
            at += len(some)
            placed.append(Word(word, round(start + begin, 3), round(start + end, 3)))
        return tuple(placed)

    def _times(self, pcm: bytes, parts: list[str]) -> list[tuple[float, float]] | None:
        if not pcm:
            return None
        if self._added > _MOST_NEW_WORDS:
            self._load()
        for part in parts:
            if self._decoder.lookup_word(part) is None:
                self._decoder.add_word(part, _sound(part), True)
                self._added += 1
        try:
            self._decoder.set_align_text(" ".join(parts))
            self._decoder.start_utt()
            self._decoder.process_raw(pcm, full_utt=True)
            self._decoder.end_utt()
        except RuntimeError:
            # The aligner refuses a text that cannot fit the sound.
            self._load()
            return None
        # Between the words stand silence and noise, named <sil>, <s>, [NOISE]. The last frame counts too.
        segments = [segment for segment in self._decoder.seg() or () if segment.word[0] not in "<[+"]
        if len(segments) != len(parts):
            return None
        frame = 1 / self._decoder.config["frate"]
        return [(segment.start_frame * frame, (segment.end_frame + 1) * frame) for segment in segments]


def _parts(word: str) -> list[str]:
    """A word as the dictionary spells it: plain lower-case letters, digits read out, hyphens open."""
    plain = unicodedata.normalize("NFKD", word.lower().replace("’", "'"))
    read_out = "".join(f" {_DIGITS[c]} " if c in _DIGITS else c for c in plain)
    kept = "".join(
        c if c in "'abcdefghijklmnopqrstuvwxyz" else "" if unicodedata.combining(c) else " " for c in read_out
    )
    return [part for part in (some.strip("'") for some in kept.split()) if part] or ["uh"]


def _sound(part: str) -> str:
    phones, at = [], 0
    while at < len(part):
        for size in range(_LONGEST_SPELLING, 0, -1):
            spelling = part[at : at + size]
            if len(spelling) == size and spelling in _SOUNDS:
                phones.append(_SOUNDS[spelling])
                break
        at += size
    return " ".join(phones)
