"""livekit's capabilities, derived from what a spec's rules do and from the options."""

from __future__ import annotations

from typing import Any

from livekit.agents import stt

from ..expressions.nothing import NOTHING
from ..protocol.names import Names
from ..protocol.options import OptionSet
from ..protocol.plan import Plan
from ..protocol.transcript import TranscriptPlan

__all__ = ["derive_capabilities"]


def derive_capabilities(plan: Plan, options: OptionSet, names: Names) -> stt.STTCapabilities:
    """What an adapter can do with these options.

    A capability that the spec writes is as written, and false where that gives nothing; the others follow
    from the sections, events and fields that are there.
    """
    stream = plan.stream
    rules = [rule for section in (stream.rules, stream.on_close) for rule in section.walk()] if stream else []
    emitted = {kind for rule in rules for kind, _ in rule.emit}
    transcripts = [rule.transcript for rule in rules if rule.emit]
    if plan.recognize is not None and not transcripts:
        transcripts = [plan.recognize.transcript]
    found: dict[str, Any] = {
        "streaming": stream is not None,
        "interim_results": stt.SpeechEventType.INTERIM_TRANSCRIPT in emitted,
        "diarization": any(plan.speaker or (plan.words and plan.words.speaker) for plan in transcripts),
        "aligned_transcript": _alignment(transcripts),
        "offline_recognize": plan.recognize is not None,
        "keyterms": options.with_role("keyterms") is not None,
        "chat_context": options.with_role("chat_context") is not None,
        "manual_flush": False,
    }
    for name, tree in plan.capabilities.items():
        value = tree.render(names, names.functions)
        found[name] = False if value is NOTHING or value is None else value
    for name, value in found.items():
        if name != "aligned_transcript":
            found[name] = bool(value)
    return stt.STTCapabilities(**found)


def _alignment(transcripts: list[TranscriptPlan]) -> Any:
    if any(plan.words is not None and plan.words.start is not None for plan in transcripts):
        return "word"
    return "chunk" if any(plan.start is not None for plan in transcripts) else False
