"""Lint rules about tests: what a spec does and claims must be seen in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ..adapters.capabilities import derive_capabilities
from ..language.errors import Path
from .subject import Found, Rule, Subject

__all__ = ["TEST_RULES"]


def _no_tests(subject: Subject) -> Iterator[Found]:
    if not subject.tests:
        yield subject.found(("spec",), "the spec has no tests", "record one: specbuilder record --as-test")


def _not_reached(subject: Subject) -> Iterator[Found]:
    if not subject.tests:
        return
    told: list[str] = []
    for place, mark in subject.coverage.missed:
        # What a rule holds is not reached when the rule is not.
        if not any(place.startswith(f"{outer}.") for outer in told):
            told.append(place)
            yield Found(mark, place, "no test reaches this")


def _failing(subject: Subject) -> Iterator[Found]:
    for result in subject.results:
        if not result.passed:
            first = result.failures[0]
            mark = first.mark if first.mark.file == subject.document.file else result.mark
            yield Found(mark, "tests", f"the test {result.name!r} fails: {first.what}", "specbuilder test")


# -- capabilities ------------------------------------------------------------------------------------------

_Tests = Sequence[Mapping[str, Any]]


def _unproven(subject: Subject) -> Iterator[Found]:
    """A capability livekit relies on, claimed with default options, that no test shows."""
    if not subject.tests:
        return
    try:
        _, names, plan = subject.spec.resolve({}, "key", environ={})
    except ValueError:
        return  # it depends on options that have to be given
    claimed = asdict(derive_capabilities(plan, subject.spec.options, names))
    for capability, (shown, how) in _proofs(subject).items():
        if claimed.get(capability) and not shown(subject.tests):
            yield subject.found(
                _place(subject, capability),
                f"the capability {capability} is claimed, and no test shows it",
                how,
            )


def _proofs(subject: Subject) -> Mapping[str, tuple[Callable[[_Tests], bool], str]]:
    found: dict[str, tuple[Callable[[_Tests], bool], str]] = {
        "streaming": (lambda tests: any("stream" in test for test in tests), "add a test with 'stream'"),
        "offline_recognize": (
            lambda tests: any("recognize" in test for test in tests),
            "add a test with 'recognize'",
        ),
        "interim_results": (
            lambda tests: _event_with(tests, "interim_transcript", "preflight_transcript"),
            "expect an interim_transcript",
        ),
        "diarization": (lambda tests: _event_with(tests, "speaker"), "expect a 'speaker'"),
        "aligned_transcript": (
            lambda tests: _event_with(tests, "words", "start", "end"),
            "expect 'words', or 'start' and 'end'",
        ),
    }
    for role in ("keyterms", "chat_context"):
        option = subject.spec.options.with_role(role)
        if option is not None:
            found[role] = (_given(option.name), f"give the option {option.name} in a test")
    return found


def _given(name: str) -> Callable[[_Tests], bool]:
    """Whether a test begins with the option, or brings it in later."""
    return lambda tests: any(
        name in (test.get("options") or {})
        or any(
            name in (item.get("update") or {})
            for item in test.get("stream") or ()
            if isinstance(item, Mapping)
        )
        for test in tests
    )


def _event_with(tests: _Tests, *keys: str) -> bool:
    """Whether some expected event, or what is within one, has one of the keys."""
    scripts = [script for test in tests for script in (test.get("stream"), test.get("recognize")) if script]
    events = [
        event
        for script in scripts
        for item in script
        if isinstance(item, Mapping)
        for event in item.get("events") or ()
    ]
    return any(_has(event, keys) for event in events)


def _has(value: Any, keys: Sequence[str]) -> bool:
    if isinstance(value, Mapping):
        return any(key in value for key in keys) or any(_has(item, keys) for item in value.values())
    if isinstance(value, list):
        return any(_has(item, keys) for item in value)
    return value in keys


def _place(subject: Subject, capability: str) -> Path:
    if capability in (subject.value.get("capabilities") or {}):
        return ("capabilities", capability)
    option = subject.spec.options.with_role(capability)
    if option is not None:
        return ("options", option.name)
    return (
        ("recognize",) if capability == "offline_recognize" or "stream" not in subject.value else ("stream",)
    )


TEST_RULES = (
    Rule("SB121", "no tests", _no_tests),
    Rule("SB122", "a place no test reaches", _not_reached),
    Rule("SB123", "a test that fails", _failing),
    Rule("SB124", "a capability no test shows", _unproven),
)
