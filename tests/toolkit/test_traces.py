"""Recording a session, explaining it, and making a test of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from specbuilder import list_specs, load_spec
from specbuilder.language.durations import parse_duration
from specbuilder.testing import run_tests
from specbuilder.toolkit.as_test import test_from_trace as from_trace
from specbuilder.toolkit.as_test import written_test
from specbuilder.toolkit.explain import explain, format_steps
from specbuilder.toolkit.trace import TraceError, read_trace
from tests.cli.conftest import run, run_beside
from tests.support.vendor import AfterAudio, AfterText, Close, Refuse, Reply, ScriptedVendor, Send

ROOT = Path(__file__).parents[2]
AUDIO = ROOT / "examples" / "audio" / "jfk.wav"

SPEC = """\
spec: 1
name: acme
base_url: wss://acme.example
api_key: {env: ACME_API_KEY}
headers: {Authorization: "Bearer {{ api_key }}"}
options: {language: {default: en, role: language}}
stream:
  connect: /listen
  open:
    - send: {token: "{{ api_key }}", language: "{{ language }}"}
    - wait: type == 'ready'
  finish: {send: {type: end}, until: type == 'done'}
  state: {said: {type: text}}
  rules:
    - {when: type == 'partial', emit: interim_transcript}
    - when: type == 'final'
      add: {said: text}
      emit: {final_transcript: text, end_of_speech: last}
  transcript: {text: text, start: from, end: to}
errors:
  messages: [{when: type == 'error', status: 400, message: why}]
recognize:
  post: /once
  body: "{{ audio.wav }}"
  transcript: {text: result.text}
"""

SESSION: list[dict[str, Any]] = [
    {"t": 0, "spec": "acme", "options": {"language": "de"}},
    {"t": 0.1, "received": {"type": "ready"}},
    {"t": 0.1, "audio": 0.2},
    {"t": 0.2, "received": {"type": "partial", "text": "hello"}},
    {"t": 0.2, "received": {"type": "partial", "text": "hello"}},
    {"t": 0.3, "received": {"type": "weather", "text": "fine"}},
    {"t": 0.4, "received": {"type": "final", "text": "Hello.", "from": 0.0, "to": 0.2, "last": True}},
    {"t": 0.5, "end_input": True},
    {"t": 0.6, "received": {"type": "done"}},
]


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "acme.yaml"
    file.write_text(SPEC)
    return file


def steps_of(spec: Path, lines: list[dict[str, Any]]) -> list[Any]:
    return list(explain(spec, load_spec(spec), lines))


def test_each_message_is_explained(spec: Path) -> None:
    steps = steps_of(spec, SESSION)
    assert [step.what for step in steps] == [next(k for k in line if k not in ("t",)) for line in SESSION[1:]]
    assert steps[0].notes == ("stream.open[0] matched", "stream.open[1] matched")
    first, again, other, final = steps[2], steps[3], steps[4], steps[5]
    assert [rule.place for rule in first.matched] == ["stream.rules[0]"]
    assert first.matched[0].values["text"] == "hello"
    assert first.events == ("start_of_speech", 'interim_transcript "hello"')
    assert first.skipped == (("stream.rules[1]", 'type is "partial", not "final"'),)
    assert again.events == ()
    assert "the same was said just before" in again.matched[0].events[0]
    assert other.matched == ()
    assert {why for _, why in other.skipped} == {
        'type is "weather", not "partial"',
        'type is "weather", not "final"',
    }
    assert final.matched[0].values == {"add said": "Hello.", "text": "Hello.", "start": 0.0, "end": 0.2}
    assert final.events == ('final_transcript "Hello." 0-0.2 s', "end_of_speech")
    text = format_steps(steps)
    assert "ignored: no rule matched" in text
    assert "-> end_of_speech" in text


def test_the_end_of_a_recognition_and_an_answer_are_explained(spec: Path) -> None:
    answer = "    - {when: type == 'ping', send: {type: pong}}\n  over: type == 'over'\n  transcript:"
    spec.write_text(SPEC.replace("  transcript:", answer, 1))
    lines = [
        *SESSION[:3],
        {"received": {"type": "ping"}},
        {"audio": 1.0},
        {"received": {"type": "over"}},
        {"received": {"type": "ready"}},
    ]
    _, _, ping, _, over, again = steps_of(spec, lines)
    assert ping.matched[0].events == ["a message to the vendor"]
    assert over.notes == ("stream.over holds: the vendor has ended this recognition",)
    # The opening message of the next connection.
    assert "stream.open[1] matched" in again.notes


def test_blank_texts_ends_of_nothing_and_errors_say_why(spec: Path) -> None:
    lines = [
        *SESSION[:2],
        {"received": {"type": "final", "text": " ", "last": True}},
        {"received": {"type": "error", "why": "bad"}},
    ]
    steps = steps_of(spec, lines)
    assert steps[1].matched[0].events == [
        'final_transcript: not emitted, its text is " "',
        "end_of_speech: not emitted, nobody is speaking",
    ]
    assert steps[2].notes == ("errors.messages[0] matched",)
    assert steps[2].error == "status 400, bad, fatal"


def test_a_reply_of_a_recognition_is_explained(spec: Path) -> None:
    lines = [{"spec": "acme", "options": {}}, {"reply": {"status": 200, "body": {"result": {"text": "hi"}}}}]
    (step,) = steps_of(spec, lines)
    assert step.matched[0].values == {"text": "hi"}
    assert step.events[0] == 'final_transcript "hi"'


@pytest.mark.parametrize(
    "lines",
    [
        SESSION,
        SESSION[:5],
        [*SESSION[:4], {"closed": 1008}],
        [*SESSION[:2], {"received": {"type": "final", "text": "Hi."}}, {"flush": True}, *SESSION[6:]],
    ],
)
def test_a_trace_becomes_a_test_that_passes(spec: Path, lines: list[dict[str, Any]]) -> None:
    test = from_trace(load_spec(spec), lines, "recorded: one")
    text = SPEC + "tests:\n" + written_test(test)
    spec.write_text(text)
    (result,) = run_tests(load_spec(spec))
    assert result.failures == ()
    assert result.name == "recorded: one"
    written = yaml.safe_load(text)["tests"][0]
    assert written["options"] == {"language": "de"}
    assert any("events" in item for item in written["stream"] if isinstance(item, dict))
    # It is a test of something: another spec fails it.
    spec.write_text(text.replace("text: text, start", "text: type, start"))
    assert not run_tests(load_spec(spec))[0].passed


def test_a_refused_handshake_and_a_recognition_become_tests_too(spec: Path) -> None:
    head = {"spec": "acme", "options": {}}
    refused = from_trace(load_spec(spec), [head, {"refused": {"status": 401, "body": "no"}}], "refused")
    assert {"error": {"status": 401, "retryable": False, "message": "no"}} in refused["stream"]
    answer = {"status": 200, "body": {"result": {"text": "hi"}}}
    batch = from_trace(load_spec(spec), [head, {"audio": 0.5}, {"reply": answer}], "batch")
    assert [item if isinstance(item, str) else next(iter(item)) for item in batch["recognize"]] == [
        "audio",
        "request",
        "reply",
        "events",
        "ended",
    ]
    spec.write_text(SPEC + "tests:\n" + written_test(refused) + written_test(batch))
    assert [result.failures for result in run_tests(load_spec(spec))] == [(), ()]


def test_a_broken_trace_names_its_line(tmp_path: Path) -> None:
    file = tmp_path / "trace.jsonl"
    file.write_text('{"spec": "acme"}\n[]\n')
    with pytest.raises(TraceError, match=r"trace.jsonl:2: expected a JSON object"):
        read_trace(file)


def test_secret_options_that_are_required_get_a_tests_value(tmp_path: Path) -> None:
    file = tmp_path / "acme.yaml"
    text = SPEC.replace("options: {", "options: {app_secret: {type: string, secret: true, required: true}, ")
    file.write_text(text.replace('language: "{{ language }}"}', 'app: "{{ app_secret }}"}'))
    test = from_trace(load_spec(file), [{"spec": "acme"}, *SESSION[1:]], "one")
    assert test["options"] == {"app_secret": "test-secret"}
    file.write_text(file.read_text() + "tests:\n" + written_test(test))
    assert run_tests(load_spec(file))[0].failures == ()


async def test_a_live_session_is_recorded_with_its_keys_masked(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_API_KEY", "sk-very-secret")
    script = [
        AfterText(lambda message: "sk-very-secret" in str(message)),
        Send({"type": "ready", "echo": "sk-very-secret"}),
        AfterAudio(0.5),
        Send({"type": "partial", "text": "and so"}),
        AfterText(lambda message: "end" in str(message)),
        Send({"type": "final", "text": "And so.", "from": 0.1, "to": 0.4, "last": True}),
        Send({"type": "done"}),
        Close(1000),
    ]
    out = tmp_path / "trace.jsonl"
    async with ScriptedVendor(script) as vendor:
        result = await run_beside(
            "record", spec, AUDIO, "--out", out, "--as-test", "--base-url", vendor.url, "--speed", "0"
        )
    assert result.exit_code == 0, result.output
    text = out.read_text()
    assert "sk-very-secret" not in text + result.output
    lines = read_trace(out)
    assert lines[0]["spec"] == "acme"
    said = [line["received"]["type"] for line in lines if "received" in line]
    assert said == ["ready", "partial", "final", "done"]
    assert sum(line.get("audio", 0) for line in lines) == pytest.approx(11.0, abs=0.1)
    assert any("sent" in line and "bytes" in str(line["sent"]) for line in lines)
    spec.write_text(SPEC + "tests:\n" + result.stdout)  # noqa: ASYNC240 (a test may wait for its disk)
    (passed,) = run_tests(load_spec(spec))
    assert passed.failures == ()
    explained = run("explain", spec, out)
    assert explained.exit_code == 0
    assert 'final_transcript "And so."' in explained.stdout
    as_json = run("explain", spec, out, "--json")
    assert "received" in [json.loads(line)["what"] for line in as_json.stdout.splitlines()]


async def test_what_a_vendor_refuses_is_written_too(
    spec: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_API_KEY", "sk-very-secret")
    out = tmp_path / "trace.jsonl"
    async with ScriptedVendor([Refuse(401, {"message": "no sk-very-secret"})]) as vendor:
        result = await run_beside(
            "record", spec, AUDIO, "--out", out, "--base-url", vendor.url, "--speed", "0"
        )
    assert result.exit_code == 1
    assert any(line.get("error", {}).get("status") == 401 for line in read_trace(out))
    assert "sk-very-secret" not in out.read_text() + result.output


async def test_an_http_request_and_its_reply_are_recorded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_API_KEY", "sk-very-secret")
    document = yaml.safe_load(SPEC)
    del document["stream"]
    spec, out = tmp_path / "acme.yaml", tmp_path / "trace.jsonl"
    spec.write_text(yaml.safe_dump(document, sort_keys=False))
    async with ScriptedVendor(replies={"POST /once": [Reply(200, {"result": {"text": "hi"}})]}) as vendor:
        result = await run_beside("record", spec, AUDIO, "-o", out, "--as-test", "--base-url", vendor.url)
    assert result.exit_code == 0, result.output
    assert [next(k for k in line if k != "t") for line in read_trace(out)] == ["spec", "request", "reply"]
    spec.write_text(spec.read_text() + "tests:\n" + result.stdout)
    (passed,) = run_tests(load_spec(spec))
    assert passed.failures == ()


@pytest.mark.parametrize("name", list_specs())
def test_what_bundled_specs_tests_say_can_be_explained_and_written_as_tests(name: str) -> None:
    """Their scripts are sessions of every kind: with steps, polls, variants, other codecs, errors."""
    spec = load_spec(name)
    count = 0
    for test in spec.document.value["tests"]:
        script = test.get("stream") or test.get("recognize")
        items = [item if isinstance(item, dict) else {item: True} for item in script]
        words = {word for item in items for word in item}
        pushed = "recognize" in test and "received" in words
        if pushed or words & {"update", "wait"} or not words & {"received", "reply"}:
            continue
        lines = [{"spec": name, "options": test.get("options") or {}}, *map(in_seconds, items)]
        steps = list(explain(name, spec, lines))
        assert format_steps(steps)
        assert "internal error" not in format_steps(steps)
        written = from_trace(spec, lines, "again")
        result = run_tests_of(name, written)
        assert result == ()
        count += 1
    assert count


def in_seconds(item: dict[str, Any]) -> dict[str, Any]:
    return {"audio": parse_duration(item["audio"])} if "audio" in item else item


def run_tests_of(name: str, test: dict[str, Any]) -> Any:
    """The failures of a test that takes the place of a bundled spec's own."""
    (result,) = run_tests(load_spec({"spec": 1, "extends": name, "tests": [test]}))
    return result.failures
