"""Scripts of streams: what the app and the vendor do, time, reconnects, and the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from .helpers import STREAM, failure, line_of, passed, run

ADDRESS = "/base/listen?model=small&language=en-US"


def test_a_whole_conversation(tmp_path: Path) -> None:
    assert passed(
        tmp_path,
        f"""
        - connect: {{get: "{ADDRESS}", headers: {{authorization: Token *}}, subprotocols: [v1]}}
        - audio: 120ms
        - sent: [1600 bytes, 1600 bytes]
        - received: {{type: begin, at: 0.1}}
        - events: [{{start_of_speech: 0.1}}]
        - received: {{type: text, text: Hello, sure: 0.5}}
        - received: {{type: text, text: Hello you, done: true, from: 0.1, to: 0.4}}
        - received: {{type: end}}
        - events:
            - {{interim_transcript: Hello, confidence: 0.5, language: en-US}}
            - {{final_transcript: Hello you, start: 0.1, end: 0.4}}
            - end_of_speech
        - flush
        - sent: [640 bytes, {{type: flush}}]
        - end_input
        - sent: [{{type: flush}}, {{type: bye}}]
        - received: {{type: bye}}
        - ended
        """,
    )


def test_the_key_of_a_test_and_another_one(tmp_path: Path) -> None:
    header = "- connect: {{get: '*', headers: {{Authorization: Token {key}}}}}"
    assert passed(tmp_path, header.format(key="test-key"))
    assert passed(tmp_path, header.format(key="mine"), options="{api_key: mine}")


def test_time_passes_by_audio_and_wait_alone(tmp_path: Path) -> None:
    assert passed(
        tmp_path,
        """
        - wait: 4s
        - sent: []
        - wait: 1s
        - sent: [{type: alive}]
        - audio: 12s
        - wait: 4.9s
        - received: {type: none}
        - audio: 10ms
        - flush
        - sent: ["*", """
        + ", ".join(["1600 bytes"] * 239)
        + """, 320 bytes, {type: flush}]
        """,
    )


def test_an_end_waits_for_its_text_a_second(tmp_path: Path) -> None:
    assert passed(
        tmp_path,
        """
        - received: {type: text, text: Hello}
        - received: {type: end}
        - events: [start_of_speech, {interim_transcript: Hello}]
        - wait: 990ms
        - events: []
        - wait: 10ms
        - events: [end_of_speech]
        """,
    )


def test_a_vendor_that_says_nothing_more_ends_the_stream_at_its_deadline(tmp_path: Path) -> None:
    assert passed(
        tmp_path, "[end_input, {wait: 10s}, ended]".replace("[", "- ", 1).replace(", ", "\n- ")[:-1]
    )


def test_options_that_a_message_brings(tmp_path: Path) -> None:
    assert passed(
        tmp_path,
        """
        - update: {words: [a]}
        - sent: [{type: config, words: [a]}]
        - update: {words: [a]}
        - sent: []
        """,
    )


def test_options_that_a_new_connection_brings_at_the_end_of_the_turn(tmp_path: Path) -> None:
    assert passed(
        tmp_path,
        f"""
        - connect: {ADDRESS}
        - audio: 50ms
        - received: {{type: text, text: Hello, done: true, from: 0.01, to: 0.02}}
        - update: {{model: large}}
        - sent: [1600 bytes]
        - received: {{type: end}}
        - connect: /base/listen?model=large&language=en-US
        - sent: [1600 bytes]
        """,
    )


def test_options_changed_while_a_step_is_under_way_hold_for_the_connection(tmp_path: Path) -> None:
    head = STREAM.replace("  connect: /listen\n", "  connect: /listen\n  steps: [{name: id, post: /id}]\n")
    assert passed(
        tmp_path,
        f"""
        - request: {{post: /base/id}}
        - update: {{words: [a]}}
        - reply: {{status: 200, body: {{}}}}
        - connect: {ADDRESS}
        - sent: [{{type: config, words: [a]}}]
        """,
        head=head,
    )
    assert passed(
        tmp_path,
        f"""
        - update: {{model: large}}
        - reply: {{status: 200, body: {{}}}}
        - connect: {ADDRESS}
        - sent: []
        - request: {{post: /base/id}}
        - reply: {{status: 200, body: {{}}}}
        - connect: /base/listen?model=large&language=en-US
        """,
        head=head,
    )


def test_an_update_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    assert passed(
        tmp_path,
        """
        - update: {model: none}
        - error: {message: this model is gone}
        - update: {modle: large}
        - error: {message: "unknown option 'modle' (did you mean 'model'?)"}
        - audio: 50ms
        - sent: [1600 bytes]
        """,
    )


def test_a_lost_connection_is_tried_again_with_the_audio_that_was_not_final(tmp_path: Path) -> None:
    assert passed(
        tmp_path,
        f"""
        - connect: {ADDRESS}
        - audio: 100ms
        - sent: [1600 bytes, 1600 bytes]
        - received: {{type: text, text: Hello, done: true, from: 0.0, to: 0.05}}
        - closed: 1006
        - error: {{retryable: true, message: "the connection was lost: *"}}
        - connect: {ADDRESS}
        - sent: [1600 bytes]
        - received: {{type: text, text: you, done: true, from: 0.01, to: 0.02}}
        - events: [start_of_speech, {{final_transcript: Hello}}, {{final_transcript: you, start: 0.06}}]
        """,
    )


@pytest.mark.parametrize(
    ("item", "error"),
    [
        ("closed: 4001", "{status: 401, retryable: false}"),
        ("closed: 4123", "{status: 400, retryable: false}"),
        ("closed: 1011", "{status: 503, retryable: true}"),
        ("received: {type: oops, code: 429, reason: slow}", "{status: 429, retryable: true, message: slow}"),
        ("refused: {status: 402, body: {reason: pay}}", "{status: 402, retryable: false, message: pay}"),
        ("refused: {status: 500, body: no json}", "{status: 500, message: no json}"),
    ],
)
def test_the_verdicts_of_a_vendor(tmp_path: Path, item: str, error: str) -> None:
    assert passed(tmp_path, f"- {item}\n- error: {error}")


def test_a_close_after_the_end_of_input_is_the_end(tmp_path: Path) -> None:
    assert passed(tmp_path, "- end_input\n- closed: 1000\n- ended")


def test_a_lazy_stream_connects_with_its_first_audio(tmp_path: Path) -> None:
    head = STREAM.replace("  connect: /listen\n", "  connect: /listen\n  lazy: true\n")
    assert passed(tmp_path, "- flush\n- audio: 50ms\n- connect: '*'\n- sent: [1600 bytes]", head=head)
    assert passed(tmp_path, "- end_input\n- ended", head=head)
    found = failure(tmp_path, "- connect: '*'", head=head)
    assert found.what.startswith("no connection was asked for: the stream is lazy")


def test_a_lazy_stream_may_be_refused(tmp_path: Path) -> None:
    head = STREAM.replace("  connect: /listen\n", "  connect: /listen\n  lazy: true\n")
    assert passed(
        tmp_path,
        "- audio: 120ms\n- refused: {status: 401, body: No.}\n- error: {status: 401, retryable: false}",
        head=head,
    )


def test_audio_waits_until_the_opening_is_over(tmp_path: Path) -> None:
    head = STREAM.replace("  flush:", "  open: [{send: {type: hello}}, {wait: type == 'hello'}]\n  flush:")
    assert passed(
        tmp_path,
        """
        - audio: 50ms
        - sent: [{type: hello}]
        - received: {type: hello}
        - sent: [1600 bytes]
        """,
        head=head,
    )
    assert passed(
        tmp_path, "- wait: 10s\n- error: {retryable: true, message: '*not ready within 10 s'}", head=head
    )


def test_steps_are_answered_by_the_script_and_kept_until_they_expire(tmp_path: Path) -> None:
    step = """\
steps:
  - {name: token, post: "https://id.test/token", form: {grant: key}, json: null, expires_in: seconds}
stream:
  headers: {X-Token: "{{ token.value }}"}
"""
    head = STREAM.replace("stream:\n", step, 1)
    connect = "- connect: {get: '*', headers: {X-Token: one}}"
    assert passed(
        tmp_path,
        f"""
        - request: {{post: "https://id.test/token", headers: {{Authorization: null}}, form: {{grant: key}}}}
        - reply: {{status: 200, body: {{value: one, seconds: 100}}}}
        {connect}
        - closed: 1011
        - error: {{status: 503}}
        {connect}
        - wait: 90s
        - closed: 1011
        - error: {{status: 503}}
        - request: {{post: "https://id.test/token"}}
        - reply: {{status: 401, body: {{reason: key}}}}
        - error: {{status: 401, message: key}}
        """,
        head=head,
    )


def test_nothing_depends_on_the_hour(tmp_path: Path) -> None:
    head = STREAM.replace("  query: {", '  query: {at: "{{ now() | iso_date }}", id: "{{ uuid() }}", ')
    at = "2023-11-14T22:13:20"
    assert passed(
        tmp_path, f"- connect: /base/listen?at={at.replace(':', '%3A')}Z&id=0*", head=head, at=f"{at}Z"
    )
    assert passed(
        tmp_path, f"- connect: /base/listen?at={at.replace(':', '%3A')}Z&id=0*", head=head, at=1700000000
    )
    found = failure(tmp_path, "- connect: '*'", at="yesterday")
    assert found.what.startswith("not a time")
    assert found.mark.line == line_of(tmp_path, "at: yesterday")


def test_options_may_be_expected_to_be_refused(tmp_path: Path) -> None:
    assert passed(tmp_path, "- error: {message: this model is gone}", options="{model: none}")
    found = failure(tmp_path, "- connect: '*'", options="{model: none}")
    assert found.what == "the options were refused: vendor: this model is gone"
    assert found.mark.line == line_of(tmp_path, "options: {model: none}")


def test_counted_usage_is_compared_only_where_it_is_listed(tmp_path: Path) -> None:
    assert passed(tmp_path, "- audio: 1s\n- flush\n- events: []")
    assert passed(tmp_path, "- audio: 1s\n- flush\n- events: [{recognition_usage: 1.0}]")
    assert failure(tmp_path, "- audio: 1s\n- flush\n- events: [{recognition_usage: 2.0}]").diff


def test_reported_usage_is_always_compared(tmp_path: Path) -> None:
    head = STREAM.replace("  transcript:", "  usage: {audio_duration: billed}\n  transcript:")
    assert passed(
        tmp_path, "- received: {billed: 3}\n- events: [{recognition_usage: {audio_duration: 3}}]", head=head
    )
    assert failure(tmp_path, "- received: {billed: 3}\n- events: []", head=head).came


def test_the_environment_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENDOR_REGION", "eu")
    head = STREAM.replace("region: {type: string}", "region: {type: string, env: VENDOR_REGION}")
    assert passed(tmp_path, "- connect: {get: '*', subprotocols: [v1]}", head=head)


def test_a_message_that_is_no_json_is_skipped(tmp_path: Path) -> None:
    assert passed(
        tmp_path,
        "- received: '{not json'\n- events: []\n- received: {type: begin}\n- events: [start_of_speech]",
    )


def test_a_codec_of_bytes_is_read_and_written_as_messages(tmp_path: Path) -> None:
    head = STREAM.replace("  connect: /listen\n", "  connect: /listen\n  codec: aws_eventstream\n").replace(
        "type == 'begin'", "body.type == 'begin'"
    )
    head = head.replace(
        "{send: {type: flush}}", "{send: {headers: {':content-type': application/json}, body: {a: 1}}}"
    )
    assert passed(
        tmp_path,
        """
        - flush
        - sent: [{headers: "*", body: {a: 1}}]
        - received: {headers: {":content-type": application/json}, body: {type: begin}}
        - events: [start_of_speech]
        """,
        head=head,
    )
    found = failure(tmp_path, "- flush\n- sent: [{headers: '*', body: {a: 2}}]", head=head)
    assert '+{"headers": {":content-type": "application/json"}, "body": {"a": 1}}' in found.diff
    assert failure(tmp_path, "- flush\n- sent: [1 bytes]", head=head).came.endswith(" bytes")


def test_every_test_begins_anew(tmp_path: Path) -> None:
    again = "- received: {type: begin}\n- events: [start_of_speech]"
    assert [run(tmp_path, again).passed for _ in range(2)] == [True, True]
