"""Each kind of failure: its place, its sentence, and a diff that shows what is different and nothing else."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from specbuilder import load_spec
from specbuilder.testing import format_results, run_tests

from .helpers import STREAM, failure, line_of, run, script


def diff_of(tmp_path: Path, text: str, head: str = STREAM) -> list[str]:
    """The lines of the diff of the one failure."""
    lines = failure(tmp_path, text, head=head).diff.splitlines()
    assert lines[:2] == ["--- expected", "+++ came"]
    return lines[2:]


def test_another_address(tmp_path: Path) -> None:
    assert diff_of(tmp_path, "- connect: /base/listen?model=tiny*") == [
        '-{"get": "/base/listen?model=tiny*"}',
        '+{"get": "/base/listen?model=small&language=en-US"}',
    ]


def test_another_header(tmp_path: Path) -> None:
    lines = diff_of(tmp_path, "- connect: {get: '*', headers: {Authorization: Bearer *, X-Other: a}}")
    assert [line for line in lines if line[0] in "+-"] == [
        '-    "Authorization": "Bearer *",',
        '-    "X-Other": "a"',
        '+    "Authorization": "Token test-key",',
        '+    "X-Other": null',
    ]


def test_other_messages(tmp_path: Path) -> None:
    lines = diff_of(tmp_path, "- audio: 100ms\n- flush\n- sent: [1600 bytes, 800 bytes, {type: '*'}]")
    assert lines == [" 1600 bytes", "-800 bytes", "+1600 bytes", ' {"type": "flush"}']


def test_a_message_too_many(tmp_path: Path) -> None:
    found = failure(tmp_path, "- audio: 100ms\n- sent: [1600 bytes]")
    assert found.what == "other messages were sent (2 instead of 1)"
    assert (found.expected, found.came) == ("1600 bytes", "1600 bytes\n1600 bytes")


def test_json_is_exact(tmp_path: Path) -> None:
    head = STREAM.replace("{type: flush}", "{type: flush, rate: 1, deep: {a: [1, 2]}}")
    for wrong in ("rate: 1.0, deep: '*'", "rate: true, deep: '*'", "rate: 1", "rate: 1, deep: {a: [1]}"):
        assert diff_of(tmp_path, f"- flush\n- sent: [{{type: flush, {wrong}}}]", head=head)


def test_a_long_message_is_shown_line_by_line(tmp_path: Path) -> None:
    head = STREAM.replace("{type: flush}", "{type: flush, text: " + "long " * 30 + ", a: 1}")
    lines = diff_of(tmp_path, "- flush\n- sent: [{type: flush, text: '*', a: 2}]", head=head)
    assert [line for line in lines if line[0] in "+-"] == ['-  "a": 2', '+  "a": 1']


def test_other_events(tmp_path: Path) -> None:
    lines = diff_of(
        tmp_path,
        """
        - received: {type: text, text: Hello, done: true, sure: 0.5}
        - received: {type: end}
        - events: [start_of_speech, {final_transcript: Hullo, confidence: 0.5}, end_of_speech]
        """,
    )
    assert lines == [
        ' {"start_of_speech": null}',
        '-{"final_transcript": "Hullo", "confidence": 0.5}',
        '+{"final_transcript": "Hello", "confidence": 0.5}',
        ' {"end_of_speech": null}',
    ]


def test_an_event_too_few_does_not_shift_the_rest(tmp_path: Path) -> None:
    lines = diff_of(
        tmp_path,
        """
        - received: {type: text, text: Hello, done: true}
        - events: [{final_transcript: Hello}, end_of_speech]
        """,
    )
    assert lines == [
        '+{"start_of_speech": null}',
        ' {"final_transcript": "Hello"}',
        '-{"end_of_speech": "*"}',
    ]


def test_another_error(tmp_path: Path) -> None:
    lines = diff_of(tmp_path, "- closed: 4001\n- error: {status: 403}")
    assert lines[0] == '-{"status": 403}'
    assert lines[1].startswith('+{"status": 401, "retryable": false, "message": "the vendor closed')


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("- ended", "- ended", "it has not ended"),
        ("- error: {status: 500}", "- error", "no error came"),
        ("- request: {get: /}", "- request", "no request was sent"),
        ("- connect: '*'\n- connect: '*' # again", "# again", "no connection was asked for"),
        ("- reply: {status: 200}", "- reply", "reply: no request waits for a reply"),
        ("- wait: 1s\n- refused: {status: 500}", "- refused", "refused: no handshake is under way"),
        ("- closed: 4001\n- audio: 1s", "- audio", "audio: an error came before that: status 401, *"),
        ("- closed: 4001\n- ended", "- ended", "it has not ended: an error came, *"),
        ("- closed: 4001\n- error: {}\n- audio: 1s", "- audio", "audio: the stream has ended"),
        ("- end_input\n- audio: 1s", "- audio", "audio: the input has ended"),
        ("- closed: 4001", "name: a test", "an error came that the script does not expect: status 401, *"),
    ],
)
def test_what_cannot_be_is_said_at_its_place(tmp_path: Path, text: str, line: str, what: str) -> None:
    found = [one for one in run(tmp_path, text).failures if one.mark.line == line_of(tmp_path, line)]
    assert found, run(tmp_path, text).failures
    assert found[0].what.startswith(what.rstrip("*"))


def test_a_request_that_waits_is_named(tmp_path: Path) -> None:
    head = STREAM.replace(
        "  connect: /listen\n", "  connect: /listen\n  steps: [{name: session, post: /session}]\n"
    )
    found = failure(tmp_path, "- received: {type: begin}", head=head)
    assert found.what == "received: nothing is connected: a request waits for its reply"


def test_a_script_stops_where_it_makes_no_sense_and_goes_on_where_it_does(tmp_path: Path) -> None:
    stopped = run(tmp_path, "- closed: 4001\n- audio: 1s\n- ended\n- ended")
    assert len(stopped.failures) == 1
    assert len(run(tmp_path, "- ended\n- sent: [a]\n- audio: 50ms\n- sent: [b]").failures) == 3


def test_an_unknown_step_is_a_failure_at_its_place() -> None:
    spec = load_spec({**_mapping(), "tests": [{"name": "t", "stream": ["flush"]}]})
    spec.document.value["tests"][0]["stream"] = ["flush", "dance", "ended"]
    (result,) = run_tests(spec)
    assert [one.what for one in result.failures] == ["there is no step 'dance'"]


ITEMS: list[Any] = [
    *("flush", "end_input", "ended"),
    *({"audio": length} for length in ("10ms", "120ms", "6s")),
    *({"wait": length} for length in ("1s", "30s")),
    *({"update": options} for options in ({"words": ["a"]}, {"model": "large"}, {"model": "none"}, {"x": 1})),
    *({"received": {"type": kind, "text": "Hello"}} for kind in ("begin", "text", "end", "bye", "oops")),
    {"received": None},
    {"received": "no json"},
    {"received": []},
    {"received": {"type": {}}},
    *({"closed": code} for code in (1000, 1006, 1011, 4001)),
    *({word: {"status": status, "body": {}}} for word in ("reply", "refused") for status in (200, 401, 503)),
    *({"connect": "*"}, {"request": {"post": "*", "json": {}}}, {"sent": ["*"]}, {"error": {"status": 503}}),
    {"events": ["start_of_speech", {"final_transcript": "Hello", "words": [{"text": "*"}]}]},
]


@pytest.mark.parametrize("seed", range(20))
def test_no_script_breaks_the_runner(seed: int) -> None:
    chance = random.Random(seed)
    base = yaml.safe_load(STREAM)
    base["stream"]["lazy"] = chance.random() < 0.3
    if chance.random() < 0.3:
        base["stream"]["open"] = [{"wait": "type == 'begin'"}]
    if chance.random() < 0.3:
        base["stream"]["steps"] = [{"name": "session", "post": "/session"}]
    base["recognize"] = chance.choice([{"over": "stream"}, {"post": "/", "json": {}}])
    kinds = ("stream", "recognize")
    tests = [
        {"name": f"{index}", chance.choice(kinds): chance.choices(ITEMS, k=chance.randint(1, 12))}
        for index in range(20)
    ]
    results = run_tests(load_spec({**base, "tests": tests}))
    assert [result.name for result in results] == [test["name"] for test in tests]
    assert not all(result.passed for result in results)
    assert "internal error" not in format_results(results)


def _mapping() -> dict[str, object]:
    return {
        "spec": 1,
        "name": "vendor",
        "base_url": "wss://vendor.test",
        "stream": {"connect": "/", "rules": [{"emit": "start_of_speech"}]},
    }


def test_results_are_told_in_lines(tmp_path: Path) -> None:
    file = tmp_path / "vendor.yaml"
    file.write_text(script("- ended") + "  - {name: fine, stream: [{connect: '*'}]}\n", encoding="utf-8")
    spec = load_spec(file)
    lines = format_results(run_tests(spec)).splitlines()
    assert lines == [
        "FAIL a test",
        f"     {file}:{line_of(tmp_path, '- ended')}:9: it has not ended",
        "ok   fine",
        "1 passed, 1 failed",
    ]
    assert [result.name for result in run_tests(spec, only="fine")] == ["fine"]
