"""A recognition that the vendor ends while the input goes on: what the next one hears, and when it begins."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from specbuilder import SpecError, load_spec
from specbuilder.testing import TestResult, run_test

SPEC: dict[str, Any] = {
    "spec": 1,
    "base_url": "wss://vendor.test",
    "stream": {
        "connect": "/listen",
        "audio": {"chunk": "100ms"},
        "flush": {"send": "flush"},
        "finish": {"send": "bye"},
        "over": "over || $close.code == `1000`",
        "rules": [
            {"when": "text", "emit": {"interim_transcript": "!final", "final_transcript": "final"}},
        ],
        "transcript": {"text": "text", "end": "end"},
    },
}
OVER = {"received": {"over": True}}
CONNECT = {"connect": "/listen"}
START, END = "start_of_speech", "end_of_speech"


def said(text: str, end: float | None = None, *, final: bool = True) -> dict[str, Any]:
    return {"received": {"text": text, "final": final, "end": end}}


def heard(seconds: float) -> dict[str, Any]:
    """The audio that a connection is sent, in chunks of 100 ms."""
    return {"sent": ["3200 bytes"] * round(seconds * 10)}


def play(script: list[Any], **stream: Any) -> TestResult:
    spec = copy.deepcopy(SPEC)
    spec["stream"].update(stream)
    return run_test(load_spec({**spec, "tests": [{"name": "over", "stream": script}]}), 0)


TWO_SECONDS = [CONNECT, {"audio": "2s"}, heard(2.0)]

SCRIPTS: dict[str, list[Any]] = {
    "what follows its last final is heard again, at its place": [
        *TWO_SECONDS,
        said("one", 1.5),
        OVER,
        {"events": [START, {"final_transcript": "one"}, END]},
        CONNECT,
        heard(0.5),
        said("two", 0.4),
        {"events": [START, {"final_transcript": "two", "end": 1.9}]},
    ],
    "without times a final covers all that was sent": [
        *TWO_SECONDS,
        said("one"),
        OVER,
        {"events": [START, {"final_transcript": "one"}, END]},
        {"wait": "60s"},
        {"sent": []},
        {"audio": "100ms"},
        CONNECT,
        heard(0.1),
    ],
    "of a silence only the last moment is heard again": [
        *TWO_SECONDS,
        OVER,
        CONNECT,
        heard(1.0),
        {"audio": "3s"},
        heard(3.0),
        OVER,
        CONNECT,
        heard(1.0),
    ],
    "nobody speaks: the next connection waits for audio": [
        *TWO_SECONDS,
        {"wait": "25s"},
        {"closed": 1000},
        "flush",
        {"wait": "60s"},
        {"sent": []},
        {"audio": "100ms"},
        CONNECT,
        heard(0.1),
    ],
    "long after a final there is nothing left to hear": [
        *TWO_SECONDS,
        said("one", 1.5),
        {"wait": "25s"},
        {"closed": 1000},
        {"events": [START, {"final_transcript": "one"}, END]},
        "end_input",
        "ended",
    ],
    "an interim without its final is heard a second time, and no third": [
        *TWO_SECONDS,
        said("on", final=False),
        OVER,
        {"events": [START, {"interim_transcript": "on"}, END]},
        CONNECT,
        heard(2.0),
        {"audio": "3s"},
        heard(3.0),
        said("on", final=False),
        OVER,
        {"events": [START, {"interim_transcript": "on"}, END]},
        CONNECT,
        heard(3.0),
    ],
    "a flush that was not answered is sent again": [
        *TWO_SECONDS,
        said("on", final=False),
        "flush",
        {"sent": ["flush"]},
        OVER,
        CONNECT,
        {"sent": ["3200 bytes"] * 20 + ["flush"]},
    ],
    "a flush that was answered by the end is not": [
        CONNECT,
        {"audio": "500ms"},
        "flush",
        {"sent": ["3200 bytes"] * 5 + ["flush"]},
        OVER,
        {"wait": "60s"},
        {"audio": "500ms"},
        CONNECT,
        heard(0.5),
        "flush",
        said("one", 0.3),
        OVER,
        {"events": [START, {"final_transcript": "one", "end": 0.8}, END]},
        "end_input",
        "ended",
    ],
    "after the end of the input it is the end": [
        *TWO_SECONDS,
        "end_input",
        {"sent": ["flush", "bye"]},
        OVER,
        "ended",
    ],
    "so is a close": [*TWO_SECONDS, "end_input", {"closed": 1000}, "ended"],
    "over at once is a failure": [
        CONNECT,
        {"audio": "500ms"},
        OVER,
        {"error": {"retryable": True, "message": "the vendor ended the recognition as soon as it had begun"}},
        CONNECT,
        {"wait": "100ms"},
        {"closed": 1000},
        {"error": {"status": 503, "retryable": True}},
    ],
    "but not with a final": [CONNECT, {"audio": "500ms"}, said("one"), OVER, {"audio": "100ms"}, CONNECT],
    "another close is what it always was": [
        *TWO_SECONDS,
        {"closed": 1011},
        {"error": {"status": 503, "retryable": True}},
    ],
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=list(SCRIPTS))
def test_over(script: list[Any]) -> None:
    result = play(script)
    assert not result.failures, result.failures


def test_a_flush_may_finish_the_connection() -> None:
    script = [
        CONNECT,
        "flush",
        {"sent": []},
        {"audio": "250ms"},
        {"sent": ["3200 bytes", "3200 bytes"]},
        "flush",
        {"sent": ["1600 bytes", "bye"]},
        {"audio": "200ms"},
        {"sent": []},
        said("one", 0.2),
        {"closed": 1000},
        {"events": [START, {"final_transcript": "one"}, END]},
        CONNECT,
        heard(0.2),
        said("two", 0.1),
        {"events": [START, {"final_transcript": "two", "end": 0.35}]},
        "end_input",
        {"sent": ["bye"]},
        {"closed": 1000},
        "ended",
    ]
    result = play(script, flush={"finish": True}, over=None)
    assert not result.failures, result.failures


def test_a_connection_finished_by_a_flush_ends_at_its_deadline_too() -> None:
    script = [
        CONNECT,
        {"audio": "200ms"},
        "flush",
        {"audio": "100ms"},
        {"wait": "10s"},
        {"events": [START, {"interim_transcript": "one"}, {"final_transcript": "one"}, END]},
        CONNECT,
    ]
    changes: dict[str, Any] = {
        "flush": {"finish": True},
        "state": {"text": {"type": "value"}},
        "on_close": [{"emit": "final_transcript", "transcript": {"text": "$text"}}],
        "rules": [{"when": "text", "set": {"text": "text"}, "emit": "interim_transcript"}],
    }
    result = play([*script[:3], said("one", final=False), *script[3:]], **changes)
    assert not result.failures, result.failures


def test_a_rule_may_answer() -> None:
    rules = [
        {
            "when": "ping",
            "set": {"number": "ping"},
            "emit": "start_of_speech",
            "send": {"pong": "{{ number }}", "chunks": "{{ sent_chunks }}"},
            "clear": ["number"],
        },
        {"when": "text", "emit": "final_transcript"},
    ]
    script = [
        CONNECT,
        {"audio": "200ms"},
        heard(0.2),
        {"received": {"ping": 7}},
        {"events": [START]},
        {"sent": [{"pong": 7, "chunks": 2}]},
        {"received": {"text": "one"}},
        {"sent": []},
    ]
    result = play(script, rules=rules, state={"number": {"type": "value"}})
    assert not result.failures, result.failures


def test_silence_that_is_sent_is_no_input() -> None:
    """Keepalives and answers of silence move the vendor's clock, and not the input's."""
    script = [
        CONNECT,
        {"audio": "1s"},
        {"wait": "10s"},
        {"received": {"quiet": True}},
        {"sent": ["3200 bytes"] * 11 + ["6400 bytes"]},
        {"audio": "1s"},
        said("one", 2.0),
        said("two", 1.2),
        {"events": [START, {"final_transcript": "one", "end": 1.7}, {"final_transcript": "two", "end": 1.0}]},
    ]
    result = play(
        script,
        keepalive={"every": "10s", "send": "{{ silence(100) }}"},
        rules=[{"when": "quiet", "send": "{{ silence(200) }}"}, *SPEC["stream"]["rules"]],
    )
    assert not result.failures, result.failures


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        ({"finish": {"until": "$close.code"}}, "$close is not known here: it belongs to stream.over"),
        ({"query": {"n": "{{ flushes }}"}}, "'flushes' is not known here: it belongs to a stream"),
        ({"state": {"flushes": {"type": "number"}}}, "'flushes'"),
        ({"on_close": [{"send": "bye"}]}, "nothing can be sent any more"),
        ({"flush": {"finish": True, "send": "x"}}, "a flush that finishes sends what 'finish' sends"),
    ],
)
def test_what_cannot_be_said(stream: dict[str, Any], problem: str) -> None:
    with pytest.raises(SpecError) as caught:
        play([CONNECT], **stream)
    assert problem in str(caught.value)
