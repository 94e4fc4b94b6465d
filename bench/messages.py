"""What the vendors say: utterances of three seconds, ten messages a second, up to fifteen words.

The shapes are those of the vendors' documentation: https://developers.deepgram.com/docs/interim-results,
https://www.assemblyai.com/docs/api-reference/streaming-api/streaming-api,
https://soniox.com/docs/stt/rt/real-time-transcription,
https://platform.openai.com/docs/guides/realtime-transcription.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

__all__ = [
    "PER_SECOND",
    "STAMP",
    "TEXT",
    "UTTERANCE_SECONDS",
    "VENDORS",
    "conversation",
    "finals",
    "utterance",
]

PER_SECOND = 10
"""Messages a second."""

UTTERANCE_SECONDS = 3
"""After so many seconds the vendor sends the final and begins anew."""

COUNT = PER_SECOND * UTTERANCE_SECONDS

STAMP = "0" * 19
"""The text of the last word of a stamped message; the server writes the monotonic nanoseconds over it."""

TEXT = "well I was thinking that we could perhaps meet again on Thursday afternoon at three"
"""What is said in an utterance."""

WORDS = TEXT.split()


def _confidence(index: int, at: int = 0) -> float:
    """Differs from message to message: a repeated interim may be dropped, and every one is to count."""
    return 0.98876953 - index / 500 - at / 100


def _heard(index: int) -> list[str]:
    """The words that message `index` of an utterance knows: every second one hears another."""
    return WORDS[: min(len(WORDS), 1 + index // 2)]


def _deepgram(index: int, words: list[str], begin: int) -> dict[str, Any]:
    final = index == COUNT - 1
    return {
        "type": "Results",
        "channel_index": [0, 1],
        "duration": round(0.1 * (index + 1), 2),
        "start": float(begin),
        "is_final": final,
        "speech_final": final,
        "channel": {
            "alternatives": [
                {
                    "transcript": " ".join(words),
                    "confidence": _confidence(index),
                    "words": [
                        {
                            "word": word.lower(),
                            "start": round(begin + 0.08 + at * 0.24, 2),
                            "end": round(begin + 0.32 + at * 0.24, 2),
                            "confidence": _confidence(index, at),
                            "punctuated_word": word,
                        }
                        for at, word in enumerate(words)
                    ],
                }
            ]
        },
        "metadata": {
            "request_id": "b5ce1f6c-2a0a-4a53-9c8f-1e5a6b9d2f11",
            "model_info": {"name": "general-nova-3", "version": "2025-04-17.21547", "arch": "nova-3"},
            "model_uuid": "40bd3654-e622-47c4-a111-63a61b23bfe8",
        },
        "from_finalize": False,
    }


def _assemblyai(index: int, words: list[str], begin: int) -> dict[str, Any]:
    final = index == COUNT - 1
    return {
        "type": "Turn",
        "turn_order": begin // UTTERANCE_SECONDS,
        "turn_is_formatted": final,
        "end_of_turn": final,
        "transcript": " ".join(words if final else words[:-1]),
        "utterance": " ".join(words) if final else "",
        "language_code": "en",
        "language_confidence": 0.97,
        "end_of_turn_confidence": 1.0 if final else 0.12,
        "words": [
            {
                "start": begin * 1000 + 80 + at * 240,
                "end": begin * 1000 + 320 + at * 240,
                "text": word,
                "confidence": _confidence(index, at),
                "word_is_final": at < len(words) - 1 or final,
            }
            for at, word in enumerate(words)
        ],
    }


def _soniox(index: int, words: list[str], begin: int) -> dict[str, Any]:
    """Every second message makes the oldest word final; the others are said again until they are."""
    final = index == COUNT - 1
    settled, before = max(0, len(words) - 8), max(0, len(_heard(index - 1)) - 8) if index else 0
    if final:
        settled = len(words)
    tokens: list[dict[str, Any]] = [
        {
            "text": word if at == 0 else f" {word}",
            "start_ms": begin * 1000 + 80 + at * 240,
            "end_ms": begin * 1000 + 320 + at * 240,
            "confidence": _confidence(index, at),
            "is_final": at < settled,
            "language": "en",
        }
        for at, word in enumerate(words)
        if at >= before
    ]
    if final:
        tokens.append({"text": "<end>", "is_final": True})
    heard = {"final_audio_proc_ms": begin * 1000 + 240 * settled}
    return {"tokens": tokens, **heard, "total_audio_proc_ms": begin * 1000 + 100 * (index + 1)}


def _openai(index: int, words: list[str], begin: int) -> dict[str, Any]:
    item = {"event_id": f"event_{index:020d}", "item_id": "item_CA9xAbCdEfGhIjKlMnOpQ", "content_index": 0}
    if index == 0:
        return {**item, "type": "input_audio_buffer.speech_started", "audio_start_ms": begin * 1000 + 80}
    if index == COUNT - 2:
        return {**item, "type": "input_audio_buffer.speech_stopped", "audio_end_ms": begin * 1000 + 2900}
    kind = "conversation.item.input_audio_transcription"
    if index == COUNT - 1:
        usage = {"type": "tokens", "total_tokens": 43, "input_tokens": 28, "output_tokens": 15}
        return {**item, "type": f"{kind}.completed", "transcript": " ".join(words), "usage": usage}
    delta = WORDS[(index - 1) // 2] if index % 2 else " "
    return {**item, "type": f"{kind}.delta", "delta": delta}


VENDORS: dict[str, Callable[[int, list[str], int], dict[str, Any]]] = {
    "deepgram": _deepgram,
    "assemblyai": _assemblyai,
    "soniox": _soniox,
    "openai": _openai,
}


def conversation(vendor: str, seconds: float, *, stamped: bool = False) -> list[str]:
    """The messages of so many seconds as JSON texts; whole utterances.

    Arguments:
        vendor: one of `VENDORS`.
        stamped: whether each transcript ends with `STAMP` (Deepgram's only).

    Raises:
        ValueError: stamps are asked of a vendor whose messages have none.
    """
    begins = range(0, max(1, round(seconds)), UTTERANCE_SECONDS)
    return [text for begin in begins for text in utterance(vendor, begin=begin, stamped=stamped)]


def utterance(vendor: str, *, begin: int = 0, stamped: bool = False) -> list[str]:
    """The messages of the utterance that begins after so many seconds; otherwise as of `conversation`."""
    if stamped and vendor != "deepgram":
        raise ValueError(f"{vendor}'s messages have no place for a stamp")
    texts = []
    for index in range(COUNT):
        message = VENDORS[vendor](index, _heard(index), begin)
        if stamped:
            best = message["channel"]["alternatives"][0]
            best["transcript"] += f" {STAMP}"
        texts.append(json.dumps(message, separators=(",", ":")))
    return texts


def finals(seconds: float) -> int:
    """How many finals come within so many seconds."""
    return int(seconds // UTTERANCE_SECONDS)
