"""`recognize()` without a network: the exchange, and the one event its reply is."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from livekit.agents import APIError, LanguageCode, stt

from .plan import Plan, RecognizePlan
from .requests import Action, HttpExchange

__all__ = ["joined", "recognition", "recognition_event"]

_FINAL = stt.SpeechEventType.FINAL_TRANSCRIPT


def recognition(plan: Plan, exchange: HttpExchange) -> Generator[Action, Any, Any]:
    """The steps, the request and the cleanup; returns the message of the reply.

    Raises:
        APIError: the vendor refused.
    """
    section = plan.recognize
    assert section is not None
    assert section.request is not None
    message, failure = None, None
    try:
        yield from exchange.run_steps((*plan.steps, *section.steps))
        message = yield from exchange.ask(section.request)
    except APIError as error:
        failure = error
    if section.cleanup is not None:
        yield from exchange.clean_up(section.cleanup)
    if failure is not None:
        raise failure
    return message


def recognition_event(
    plan: RecognizePlan, exchange: HttpExchange, message: Any, language: str, seconds: float
) -> stt.SpeechEvent:
    """The final transcript of a reply.

    Arguments:
        language: what to say when the vendor does not.
        seconds: length of the audio, for usage the vendor does not report.
    """
    scope = exchange.scope
    alternatives = plan.transcript.build(message, scope, language, 0.0, None)
    request_id = plan.transcript.request(message, scope)
    if request_id is None and plan.request_id is not None:
        found = plan.request_id(message, scope)
        request_id = str(found) if found else None
    event = stt.SpeechEvent(
        type=_FINAL,
        request_id=request_id or "",
        # livekit reads the first alternative unguarded; no speech is an empty one.
        alternatives=alternatives or [_silent(language)],
    )
    if plan.usage is not None:
        inputs, outputs, reported = plan.usage.read(message, scope)
        event.recognition_usage = stt.RecognitionUsage(max(0.0, reported) or seconds, inputs, outputs)
    return event


def joined(finals: Sequence[stt.SpeechEvent], join: str, language: str, request_id: str) -> stt.SpeechEvent:
    """One event of a stream's finals: texts joined, words in a row, the times of the whole."""
    parts = [event.alternatives[0] for event in finals]
    if not parts:
        data = _silent(language)
    else:
        words = [word for part in parts for word in part.words or []]
        data = replace(
            parts[0],
            text=join.join(part.text for part in parts),
            end_time=parts[-1].end_time,
            confidence=sum(part.confidence for part in parts) / len(parts),
            words=words or None,
        )
    return stt.SpeechEvent(type=_FINAL, request_id=request_id, alternatives=[data])


def _silent(language: str) -> stt.SpeechData:
    return stt.SpeechData(language=LanguageCode(language), text="")
