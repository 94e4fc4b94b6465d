"""When a connection that is due for replacement is replaced: between two utterances, whoever ends them."""

from __future__ import annotations

from typing import Any

import pytest

from specbuilder import load_spec
from specbuilder.testing import run_test

SPEC: dict[str, Any] = {
    "spec": 1,
    "base_url": "wss://vendor.test",
    "options": {"model": "one"},
    "stream": {
        "connect": "/listen",
        "query": {"model": "{{ model }}"},
        "rules": [{"emit": {"interim_transcript": "!final", "final_transcript": "final"}}],
        "transcript": {"text": "text"},
    },
}
FIRST = {"connect": "/listen?model=one"}
SECOND = {"connect": "/listen?model=two"}
CHANGE = {"update": {"model": "two"}}


def said(text: str, *, final: bool) -> dict[str, Any]:
    return {"received": {"text": text, "final": final}}


@pytest.mark.parametrize(
    "script",
    [
        # A final that nothing follows ends the utterance, and the turn with it.
        [
            FIRST,
            said("Hello", final=True),
            CHANGE,
            {"wait": "1s"},
            {"events": ["start_of_speech", {"final_transcript": "Hello"}, "end_of_speech"]},
            SECOND,
        ],
        # An interim is waited for.
        [
            FIRST,
            said("Hel", final=False),
            CHANGE,
            {"wait": "10s"},
            said("Hello", final=True),
            {"wait": "900ms"},
            {"events": ["start_of_speech", {"interim_transcript": "Hel"}, {"final_transcript": "Hello"}]},
            {"wait": "100ms"},
            {"events": ["end_of_speech"]},
            SECOND,
        ],
    ],
    ids=["after a final", "not after an interim"],
)
def test_a_vendor_that_never_says_the_end(script: list[Any]) -> None:
    spec = load_spec({**SPEC, "tests": [{"name": "renewal", "stream": script}]})
    assert not run_test(spec, 0).failures
