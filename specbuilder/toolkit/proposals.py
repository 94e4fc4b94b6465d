"""From a vendor's sample message to selectors: where its text, words, times, confidence and finality are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Proposal", "propose"]

_TEXTS = ("transcript", "text", "displaytext", "utterance", "sentence", "content", "transcription", "result")
_WORD_TEXTS = ("punctuated_word", "word", "text", "content", "w", "value")
_STARTS = ("start", "starttime", "startms", "start_time", "start_ms", "begin", "begin_time", "offset", "from")
_ENDS = ("end", "endtime", "endms", "end_time", "end_ms", "stop", "to")
_DURATIONS = ("duration", "duration_ms", "durationms")
_CONFIDENCES = ("confidence", "conf", "score", "probability")
_SPEAKERS = ("speaker", "speaker_id", "speakerid", "spk")
_LANGUAGES = ("language", "language_code", "lang", "detected_language", "languagecode")
_FINALS = ("is_final", "isfinal", "final", "speech_final", "end_of_turn", "is_last")
_PARTIALS = ("is_partial", "ispartial", "partial", "is_interim")
_KINDS = ("type", "message_type", "messagetype", "event", "message", "msg", "status", "kind")
_FINAL_WORDS = re.compile(r"final|complet|finish|done|recognized|transcript$|endof", re.IGNORECASE)
_PARTIAL_WORDS = re.compile(r"partial|interim|delta|progress|hypothesis|recognizing", re.IGNORECASE)
_PLAIN = re.compile(r"[A-Za-z_]\w*\Z")
_SECONDS = re.compile(r"\d+(\.\d+)?s\Z")


@dataclass(frozen=True)
class Proposal:
    """Selectors for one message.

    Attributes:
        when: the condition that tells such messages, "" for all.
        interim: the condition for an interim, "" for never.
        final: the condition for a final, "" for always.
        transcript: fields of `transcript`, ready to be written.
    """

    when: str
    interim: str
    final: str
    transcript: dict[str, Any]


def propose(message: Any) -> Proposal:
    """Selectors for a message of the vendor's."""
    leaves = list(_leaves(message, ""))
    words_path, words = _words(message)
    transcript: dict[str, Any] = {}
    text = _text(leaves, words_path)
    if text:
        transcript["text"] = text
    times = [leaf for leaf in leaves if not _within(leaf[0], words_path)]
    base = text.rpartition(".")[0] if text else ""
    for field, names in (("confidence", _CONFIDENCES), ("speaker", _SPEAKERS), ("language", _LANGUAGES)):
        found = _named(times, names, base)
        if found:
            transcript[field] = found
    unit = None
    if words:
        transcript["words"] = {"each": words_path, **_word_fields(words[0])}
        unit = _unit(words[0])
    elif start := _named(times, _STARTS, base, numbers=True):
        transcript["start"] = start
        if end := _named(times, _ENDS, base, numbers=True):
            transcript["end"] = end
        elif duration := _named(times, _DURATIONS, base, numbers=True):
            transcript["duration"] = duration
        unit = _unit({name.rpartition(".")[2]: value for name, value in times})
    if unit is not None:
        transcript["unit"] = unit
    kind = _kind(message)
    interim, final = _finality(message, kind)
    return Proposal(_equals(*kind) if kind else "", interim, final, transcript)


def _key(name: str) -> str:
    return name if _PLAIN.match(name) else f'"{name}"'


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Every scalar with the selector that reads it; of a list the first item."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{_key(name)}" if path else _key(name))
    elif isinstance(value, list):
        if value:
            yield from _leaves(value[0], f"{path}[0]")
    else:
        yield path, value


def _last(path: str) -> str:
    return path.rpartition(".")[2].partition("[")[0].strip('"').lower()


def _within(path: str, outer: str) -> bool:
    return bool(outer) and path.startswith(f"{outer}[")


def _text(leaves: Sequence[tuple[str, Any]], words: str) -> str:
    """The text of the whole: by its name, the shortest path first; else the longest text with a blank."""
    texts = [(path, value) for path, value in leaves if isinstance(value, str) and not _within(path, words)]
    named = [(_TEXTS.index(_last(path)), path.count("."), path) for path, _ in texts if _last(path) in _TEXTS]
    if named:
        return min(named)[2]
    spoken = [(len(value), path) for path, value in texts if " " in value]
    return max(spoken)[1] if spoken else ""


def _named(
    leaves: Sequence[tuple[str, Any]], names: Sequence[str], beside: str, *, numbers: bool = False
) -> str:
    """The path of the leaf with one of the names; one beside the text before others."""
    found = [
        (path.rpartition(".")[0] != beside, path.count("."), path)
        for path, value in leaves
        if _last(path) in names and (not numbers or _is_time(value))
    ]
    return min(found)[2] if found else ""


def _is_time(value: Any) -> bool:
    if isinstance(value, str):
        return bool(_SECONDS.match(value))
    return isinstance(value, int | float) and not isinstance(value, bool)


def _words(value: Any, path: str = "") -> tuple[str, list[Mapping[str, Any]]]:
    """The list of words: mappings with a text and a time."""
    if isinstance(value, list):
        first = value[0] if value else None
        if isinstance(first, Mapping) and _first(first, _WORD_TEXTS) and _first(first, _STARTS):
            inner = next(
                (found for key in first if (found := _words(first[key], f"{path}[0].{_key(key)}"))[1]), None
            )
            return inner or (path, [item for item in value if isinstance(item, Mapping)])
        return _words(first, f"{path}[0]") if value else ("", [])
    if isinstance(value, Mapping):
        for key, item in value.items():
            found = _words(item, f"{path}.{_key(key)}" if path else _key(key))
            if found[1]:
                return found
    return "", []


def _first(mapping: Mapping[str, Any], names: Sequence[str]) -> str:
    lower = {key.lower(): key for key in mapping}
    return next((_key(lower[name]) for name in names if name in lower), "")


def _word_fields(word: Mapping[str, Any]) -> dict[str, str]:
    found = {"text": _first(word, _WORD_TEXTS), "start": _first(word, _STARTS)}
    if end := _first(word, _ENDS):
        found["end"] = end
    elif duration := _first(word, _DURATIONS):
        found["duration"] = duration
    for field, names in (("confidence", _CONFIDENCES), ("speaker", _SPEAKERS)):
        if name := _first(word, names):
            found[field] = name
    return found


def _unit(values: Mapping[str, Any]) -> str | None:
    """The unit of times, by the names and the values; None for seconds."""
    names = (*_STARTS, *_ENDS, *_DURATIONS)
    times = {key.lower(): value for key, value in values.items() if key.lower() in names}
    if any(isinstance(value, str) for value in times.values()):
        return "duration"
    if any(key.endswith("ms") for key in times):
        return "ms"
    numbers = [value for value in times.values() if isinstance(value, int | float)]
    if any(value >= 1_000_000 for value in numbers):
        return "ticks"
    whole = all(isinstance(value, int) for value in numbers)
    return "ms" if numbers and whole and max(numbers) >= 100 else None


def _kind(message: Any) -> tuple[str, str] | None:
    """The field at the top that tells messages apart, and its value."""
    if isinstance(message, Mapping):
        lower = {key.lower(): key for key in message}
        for name in _KINDS:
            value = message.get(lower.get(name, ""))
            if isinstance(value, str) and " " not in value:
                return lower[name], value
    return None


def _equals(name: str, value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{_key(name)} == '{escaped}'"


def _finality(message: Any, kind: tuple[str, str] | None) -> tuple[str, str]:
    """When such a message is an interim, and when a final."""
    for path, value in _leaves(message, ""):
        if isinstance(value, bool) and "[" not in path:
            if _last(path) in _FINALS:
                return (f"!({path})" if "." in path else f"!{path}"), path
            if _last(path) in _PARTIALS:
                return path, f"!({path})" if "." in path else f"!{path}"
    if kind is not None and _PARTIAL_WORDS.search(kind[1]):
        return "always", ""
    return "", "always"
