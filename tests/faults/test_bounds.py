"""Nothing that a vendor, a caller or a spec does takes endless memory or time, or shows a token."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIError, stt

from specbuilder import SpecError, load_adapter, load_spec
from specbuilder.expressions.regexes import MAX_INPUT, check_regex, longest_input
from specbuilder.expressions.templates import TemplateError, compile_template
from specbuilder.protocol.options import tokens_in
from specbuilder.protocol.replay import MAX_BYTES, FlushMark, ReplayBuffer
from tests.promises.acme import KEY, NO_RETRY, SPEC, acme, merged, stream_spec
from tests.promises.listening import has_text, listen, until_true
from tests.support.streams import outcome, push, tone
from tests.support.taint import KEYS
from tests.support.vendor import AfterAudio, AfterText, Refuse, Reply, ScriptedVendor, Send

TOKEN = KEYS[2]


# -- a vendor that is away -----------------------------------------------------------------------------------


async def test_audio_for_a_vendor_that_is_away_is_bounded() -> None:
    adapter = load_adapter(
        stream_spec(replay="1s"), api_key=KEY, base_url="http://127.0.0.1:1", on_error="empty"
    )
    stream = adapter.stream(conn_options=APIConnectOptions(max_retry=0, retry_interval=0.001, timeout=1.0))
    for _ in range(20):
        await push(stream, tone(1.0, chunk=0.1), end=False)
        await until_true(lambda: stream.waiting == 0, "the input to be taken")
    assert stream._replay.seconds <= 1.0
    assert stream._replay.start == pytest.approx(19.0, abs=0.1)
    await adapter.aclose()


async def test_what_was_kept_is_heard_in_time_when_the_vendor_is_back() -> None:
    away = [Refuse(503)] * 3
    back = [AfterAudio(1.0), Send({"type": "final", "text": "hello", "start": 0.1, "end": 0.9})]
    async with ScriptedVendor(*[[refuse] for refuse in away], back) as vendor:
        adapter = acme(vendor, stream_spec(replay="1s"), on_error="empty")
        stream = adapter.stream(conn_options=APIConnectOptions(max_retry=0, retry_interval=0.02, timeout=1.0))
        await push(stream, tone(5.0, chunk=0.1), end=False)
        result = await outcome(stream, until=has_text("hello"), failed=vendor.failed)
        await adapter.aclose()
    final = next(event for event in result.events if event.type is stt.SpeechEventType.FINAL_TRANSCRIPT)
    assert final.alternatives[0].start_time == pytest.approx(4.1, abs=0.11)


@pytest.mark.parametrize("samples", [1, 7, 12347, 12345, 99999])
def test_a_piece_that_ends_where_a_final_ends_is_not_sent_again(samples: int) -> None:
    kept = ReplayBuffer(32000, 30.0)
    kept.audio(bytes(2 * samples))
    kept.audio(bytes(2))
    kept.trim(samples / 16000)
    assert [len(piece) for piece in kept if isinstance(piece, bytes)] == [2]


def test_what_is_kept_is_bounded_in_bytes_whatever_is_asked_for() -> None:
    kept = ReplayBuffer(32000, 360_000_000.0)
    second = bytes(32000)
    for _ in range(600):
        kept.audio(second)
    assert MAX_BYTES - 32000 < kept.seconds * 32000 <= MAX_BYTES
    # What was given up still counts in the time line.
    assert kept.start + kept.seconds == 600.0


def test_flushes_without_audio_in_between_are_kept_once() -> None:
    kept = ReplayBuffer(32000, 30.0)
    kept.audio(bytes(320))
    for _ in range(1000):
        kept.flush()
    kept.audio(bytes(320))
    kept.flush()
    assert [type(piece) for piece in kept] == [bytes, FlushMark, bytes, FlushMark]


# -- tokens of steps -----------------------------------------------------------------------------------------

TOKEN_STEP = {"name": "token", "post": "/token", "json": {}, "expires_in": "expires_in"}


@pytest.mark.parametrize("shared", [True, False])
async def test_the_token_of_a_step_is_masked(shared: bool) -> None:
    step = TOKEN_STEP if shared else {key: value for key, value in TOKEN_STEP.items() if key != "expires_in"}
    spec = merged(SPEC, {"headers": {"Authorization": "Bearer {{ token.access_token }}"}, "steps": [step]})
    replies = {"POST /token": [Reply(json={"access_token": TOKEN, "expires_in": 3600})]}
    script = [Refuse(401, {"error": {"message": f"bad token {TOKEN}"}})]
    async with ScriptedVendor(script, replies=replies) as vendor:
        adapter = acme(vendor, spec)
        result = await outcome(adapter.stream(conn_options=NO_RETRY), failed=vendor.failed)
        await adapter.aclose()
    assert isinstance(result.error, APIError)
    assert TOKEN not in f"{result.error} {result.error.body}"
    assert "bad token ***" in str(result.error)


@pytest.mark.parametrize(
    ("reply", "tokens"),
    [
        ({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 3600}, [TOKEN]),
        ({"client_secret": {"value": TOKEN, "expires_at": 1}}, [TOKEN]),
        ({"session": [{"apiKey": TOKEN, "id": "session-12345"}]}, [TOKEN]),
        (TOKEN, [TOKEN]),
        ({"id": "session-12345", "url": "wss://x.example/y"}, []),
        (None, []),
    ],
)
def test_what_counts_as_a_token(reply: Any, tokens: list[str]) -> None:
    assert [token.reveal() for token in tokens_in(reply)] == tokens


# -- messages that cannot be read ----------------------------------------------------------------------------


async def test_what_cannot_be_read_is_logged_without_the_key(caplog: pytest.LogCaptureFixture) -> None:
    spec = stream_spec(rules=[{"when": "to_number(text) > `1` && sum(items) > `0`", "emit": "end_of_speech"}])
    await listen(
        [Send({"text": "2", "items": [KEY]}), AfterText({"type": "stop"}), Send({"type": "done"})], spec=spec
    )
    assert KEY not in caplog.text


def test_a_problem_is_masked_before_it_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    adapter = load_adapter(SPEC, api_key=KEY)
    context = adapter.context(adapter._settings)
    context.exchange(context.names).scope.note_broken("stream.rules[0]", f"cannot read {KEY}")
    assert "cannot read ***" in caplog.text


# -- an option change that cannot be told --------------------------------------------------------------------


async def test_an_update_that_cannot_be_written_becomes_a_reconnect(caplog: pytest.LogCaptureFixture) -> None:
    spec = stream_spec(update={"send": {"type": "set", "patience": "{{ 1 / changed.patience }}"}})
    done = [AfterText({"type": "stop"}), Send({"type": "done"})]
    async with ScriptedVendor([AfterAudio(0.1)], done) as vendor:
        adapter = acme(vendor, spec, patience=3)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.2), end=False)
        await vendor.until(lambda: vendor.audio_bytes(0) > 0, "audio")
        adapter.update_options(patience=0)
        await vendor.until(lambda: len(vendor.handshakes) == 2, "a second connection")
        stream.end_input()
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert ("patience", "0") in vendor.handshakes[1].pairs
    assert "stream.update.send" in caplog.text


# -- time ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "regex",
    [
        "(a+)+$",
        "(a|a)*b",
        "(a|ab)*c",
        "(?i)(ab|Ax)*c",
        "([a-z]+ ?)*$",
        "(x{1,30}){1,30}y",
        "(a?){25}a{25}",
        "(.*)*x",
        "a*a*a*a*b",
        "(?:(?=a+)a)*b",
        "(",
    ],
)
def test_expressions_that_run_away_are_refused(regex: str) -> None:
    with pytest.raises(ValueError, match=r"can take too long|is no regular expression"):
        check_regex(regex)


@pytest.mark.parametrize(
    "regex", [r"^\S+$", r"\s+", "(?i)^(key|credential|token)", r"\d{4}-\d{2}", "(foo|bar)+", r"^(/[\w.-]+)+$"]
)
def test_expressions_of_specs_are_not(regex: str) -> None:
    assert longest_input(regex) > 5000


@pytest.mark.parametrize(
    ("regex", "letter"),
    [
        ("a*b", "a"),
        (r".*foo", "f"),
        ("a*a*b", "a"),
        ("^a*a*b", "a"),
        (r"\s+$", " "),
        ("a{1,999}a{1,999}b", "a"),
    ],
)
def test_the_longest_text_takes_seconds_at_most(regex: str, letter: str) -> None:
    text = letter * longest_input(regex)
    started = time.process_time()
    assert not re.search(regex, text) or regex == r"\s+$"
    assert time.process_time() - started < 10.0
    assert len(text) <= MAX_INPUT


@pytest.mark.parametrize(
    "call", ["matches(text, '(a+)+$')", "replace(text, '(a|a)*b', 'x')", "matches(text, kind)"]
)
def test_a_spec_with_such_an_expression_is_refused(call: str) -> None:
    spec = stream_spec(rules=[{"when": f"a && (b || {call})", "emit": "end_of_speech"}])
    with pytest.raises(SpecError) as refused:
        load_spec(spec)
    assert refused.value.issues[0].path == "stream.rules[0].when"


def test_the_pattern_of_an_option_is_bounded_too() -> None:
    spec = merged(SPEC, {"options": {"name": {"type": "string", "pattern": "(a+)+$"}}})
    with pytest.raises(SpecError, match=re.escape("options.name.pattern")):
        load_spec(spec)


@pytest.mark.parametrize(
    "text",
    [
        "{{ 9 ** (9 ** 9) }}",
        "{{ 'x' * 10 ** 9 }}",
        "{{ ('x' * 10 ** 6).replace('x', 'y' * 10 ** 6) }}",
        "{{ " + " ~ ".join(["('x' * 10 ** 6)"] * 500) + " }}",
        "{{ range(10 ** 9) }}",
        "{{ [1] * 10 ** 9 }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '{:1000000000}'.format(1) }}",
    ],
)
def test_a_template_ends_in_time(text: str) -> None:
    started = time.process_time()
    with pytest.raises(TemplateError):
        compile_template(text).render({})
    assert time.process_time() - started < 2.0
