"""Scripts of recognitions: every kind of request, polling, and a stream pushed through."""

from __future__ import annotations

from pathlib import Path

import pytest

from .helpers import STREAM, failure, passed

HEAD = """\
spec: 1
name: vendor
base_url: https://vendor.test/v1
options:
  model: small
  tags: {type: array, default: [a, b]}
recognize:
  post: /recognize
  %s
  transcript: {text: text, request_id: id}
  usage: {input_tokens: tokens}
"""
REPLY = (
    "- reply: {status: 200, body: {text: Hello, id: r1, tokens: 3}}\n"
    "- events: [{final_transcript: Hello, request_id: r1}]"
)


@pytest.mark.parametrize(
    ("body", "expected", "wrong"),
    [
        (
            'json: {model: "{{ model }}", audio: "{{ audio.data | base64 }}"}',
            "json: {model: small, audio: '*'}",
            "json: {model: small}",
        ),
        ('form: {model: "{{ model }}", tag: "{{ tags }}"}', "form: {tag: [a, b]}", "form: {tag: [a]}"),
        (
            'multipart: {file: {value: "{{ audio.wav }}", filename: a.wav, type: audio/wav}, model: small}',
            "multipart: {model: small, file: {value: 1644 bytes, filename: a.wav, type: audio/wav}}",
            "multipart: {file: {filename: b.wav}}",
        ),
        (
            'multipart: {config: {model: "{{ model }}"}, tag: "{{ tags }}", file: "{{ audio.data }}"}',
            "multipart: {config: {model: small}, tag: [a, b], file: 1600 bytes}",
            "multipart: {config: {model: large}}",
        ),
        ('body: "{{ audio.wav }}"', "body: 1644 bytes", "body: 1600 bytes"),
        ('body: "<m>{{ model }}</m>"', "body: <m>small</m>", "body: <m>large</m>"),
    ],
)
def test_requests_of_every_kind(tmp_path: Path, body: str, expected: str, wrong: str) -> None:
    head = HEAD % body
    assert passed(
        tmp_path,
        f"- request: {{post: /v1/recognize, {expected}}}\n{REPLY}\n- ended",
        head=head,
        kind="recognize",
    )
    found = failure(tmp_path, f"- request: {{{wrong}}}\n{REPLY}", head=head, kind="recognize")
    assert found.what == "another request was sent"
    assert found.diff


def test_another_method_or_path(tmp_path: Path) -> None:
    head = HEAD % 'body: "{{ audio.wav }}"'
    for wrong in ("get: /v1/recognize", "post: /v2/*"):
        found = failure(tmp_path, f"- request: {{{wrong}}}", head=head, kind="recognize")
        assert '+{"post": "/v1/recognize"' in found.diff


def test_the_length_of_the_audio(tmp_path: Path) -> None:
    head = HEAD % 'audio: {sample_rate: 8000}\n  body: "{{ audio.data }}"'
    text = "- audio: 1s\n- audio: 500ms\n- request: {body: 24000 bytes}\n" + REPLY
    assert passed(tmp_path, text, head=head, kind="recognize")
    late = failure(tmp_path, "- request: {body: 800 bytes}\n- audio: 1s", head=head, kind="recognize")
    assert late.what == "audio: the audio of a recognition comes before its first request"


def test_usage_is_compared_where_it_is_listed(tmp_path: Path) -> None:
    head = HEAD % 'body: "{{ audio.data }}"'
    text = REPLY.replace("r1}]", "r1}, {recognition_usage: {input_tokens: 3, audio_duration: 0.05}}]")
    assert passed(tmp_path, text, head=head, kind="recognize")


def test_polling_moves_the_clock_to_its_deadline(tmp_path: Path) -> None:
    head = HEAD % "until: done\n  every: 2s\n  timeout: 5s"
    ask = "- request: {post: /v1/recognize}\n- reply: {status: 200, body: {}}\n"
    assert passed(
        tmp_path,
        f"{ask * 3}- error: {{retryable: true, message: '*no result within 5 s'}}",
        head=head,
        kind="recognize",
    )
    done = "- request: {post: /v1/recognize}\n- reply: {status: 200, body: {done: 1, text: Hello}}\n"
    assert passed(tmp_path, f"{ask}{done}- events: [final_transcript]", head=head, kind="recognize")


def test_a_refusal(tmp_path: Path) -> None:
    head = HEAD % 'body: "{{ audio.data }}"'
    text = """
        - reply: {status: 429, headers: {Retry-After: 1}, body: slow down}
        - error: {status: 429, retryable: true, message: slow down}
        """
    assert passed(tmp_path, text, head=head, kind="recognize")


@pytest.mark.parametrize(
    "item", ["flush", "end_input", "update: {model: large}", "received: {}", "closed: 1000"]
)
def test_what_a_recognition_does_not_have(tmp_path: Path, item: str) -> None:
    found = failure(tmp_path, f"- {item}", head=HEAD % 'body: "{{ audio.data }}"', kind="recognize")
    assert found.what.startswith(item.partition(":")[0] + ": ")


def test_a_stream_pushed_through_gives_one_event(tmp_path: Path) -> None:
    head = STREAM.replace("stream:\n", 'recognize: {over: stream, join: " / "}\nstream:\n', 1)
    text = """
        - audio: 100ms
        - connect: "*"
        - sent: [1600 bytes, 1600 bytes, {type: flush}, {type: bye}]
        - received: {type: text, text: one, done: true, from: 0.0, to: 0.5}
        - received: {type: text, text: two, done: true, from: 0.6, to: 0.9}
        - events: []
        - received: {type: bye}
        - events: [{final_transcript: one / two, start: 0.0, end: 0.9}]
        - ended
        """
    assert passed(tmp_path, text, head=head, kind="recognize")
    assert passed(
        tmp_path,
        "- sent: [1600 bytes, '*', '*']\n- closed: 4001\n- error: {status: 401}",
        head=head,
        kind="recognize",
    )
    for item in ("flush", "end_input", "update: {model: large}"):
        assert failure(tmp_path, f"- {item}", head=head, kind="recognize").what.startswith(item[:5])


def test_there_must_be_something_to_test(tmp_path: Path) -> None:
    head = HEAD % 'body: "{{ audio.data }}"'
    assert "there is no stream with these options" in failure(tmp_path, "- ended", head=head).what
    head = STREAM.replace("stream:\n", 'capabilities: {streaming: "{{ region }}"}\nstream:\n', 1)
    assert "capabilities.streaming is false" in failure(tmp_path, "- connect: '*'", head=head).what
    assert passed(tmp_path, "- connect: '*'", head=head, options="{region: eu}")
