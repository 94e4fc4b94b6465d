"""`specbuilder new`: every draft loads, its test passes, and what was given is in it, keys excepted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from specbuilder import load_spec
from specbuilder.cli.app import app
from specbuilder.testing import run_tests
from specbuilder.toolkit.draft import KINDS
from specbuilder.toolkit.lint import lint
from specbuilder.toolkit.proposals import propose
from tests.cli.conftest import run

DEEPGRAM = {
    "type": "Results",
    "is_final": True,
    "speech_final": True,
    "start": 0.0,
    "duration": 1.0,
    "channel": {
        "alternatives": [
            {
                "transcript": "Hello world.",
                "confidence": 0.95,
                "words": [
                    {"word": "hello", "start": 0.1, "end": 0.3, "confidence": 0.9, "punctuated_word": "Hello"}
                ],
            }
        ]
    },
}
SAMPLES: list[tuple[Any, dict[str, Any]]] = [
    (
        DEEPGRAM,
        {
            "text": "channel.alternatives[0].transcript",
            "confidence": "channel.alternatives[0].confidence",
            "words": {
                "each": "channel.alternatives[0].words",
                "text": "punctuated_word",
                "start": "start",
                "end": "end",
                "confidence": "confidence",
            },
        },
    ),
    (
        {"text": "hi", "start_ms": 100, "end_ms": 900, "is_final": False},
        {"text": "text", "start": "start_ms", "end": "end_ms", "unit": "ms"},
    ),
    (
        {
            "message": "AddTranscript",
            "metadata": {"transcript": "hi you", "start_time": 0.5, "end_time": 1.5},
        },
        {"text": "metadata.transcript", "start": "metadata.start_time", "end": "metadata.end_time"},
    ),
    (
        {"RecognitionStatus": "Success", "DisplayText": "Hi.", "Offset": 1000000, "Duration": 9000000},
        {"text": "DisplayText", "start": "Offset", "duration": "Duration", "unit": "ticks"},
    ),
    (
        {
            "results": [
                {
                    "alternatives": [
                        {
                            "transcript": "hi",
                            "words": [{"startTime": "0.1s", "endTime": "0.5s", "word": "hi"}],
                        }
                    ]
                }
            ]
        },
        {
            "text": "results[0].alternatives[0].transcript",
            "words": {
                "each": "results[0].alternatives[0].words",
                "text": "word",
                "start": "startTime",
                "end": "endTime",
            },
            "unit": "duration",
        },
    ),
]


def checked(text: str, folder: Path) -> Any:
    """The draft loads, its tests pass, lint has nothing to say, and it is returned."""
    file = folder / "draft.yaml"
    file.write_text(text)
    spec = load_spec(file)
    results = run_tests(spec)
    assert results
    assert [failure for result in results for failure in result.failures] == []
    assert [str(one) for one in lint(file) if one.severity != "note"] == []
    return yaml.safe_load(text)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_loads_and_its_test_passes(kind: str, tmp_path: Path) -> None:
    result = run("new", "acme", "--kind", kind, "-o", "-")
    assert result.exit_code == 0, result.output
    draft = checked(result.stdout, tmp_path)
    assert ("stream" in draft) is kind.startswith("ws")
    assert "TODO" in result.stdout
    assert "final_transcript" in str(draft["tests"])


@pytest.mark.parametrize(("message", "transcript"), SAMPLES, ids=range(len(SAMPLES)))
def test_selectors_are_proposed_from_a_sample(
    message: Any, transcript: dict[str, Any], tmp_path: Path
) -> None:
    assert propose(message).transcript == transcript
    sample = tmp_path / "sample.json"
    sample.write_text(json.dumps(message))
    result = run("new", "acme", "--kind", "ws-binary", "--from-sample", sample, "-o", "-")
    draft = checked(result.stdout, tmp_path)
    assert draft["stream"]["transcript"] == transcript


def test_finality_of_a_sample(tmp_path: Path) -> None:
    sample = tmp_path / "sample.jsonl"
    sample.write_text(
        '{"type": "partial_transcript", "text": "hel"}\n{"type": "committed_transcript", "text": "Hello."}\n'
    )
    draft = checked(run("new", "acme", "--from-sample", sample, "-o", "-").stdout, tmp_path)
    assert draft["stream"]["rules"] == [
        {"when": "type == 'partial_transcript'", "emit": "interim_transcript"},
        {"when": "type == 'committed_transcript'", "emit": ["final_transcript", "end_of_speech"]},
    ]
    assert propose(DEEPGRAM).interim == "!is_final"
    assert propose({"isPartial": True, "text": "a"}).interim == "isPartial"


def test_from_curl_the_key_is_never_written(tmp_path: Path) -> None:
    command = """curl -X POST 'https://api.acme.example/v1/transcribe?tier=enhanced' \\
      -H "Authorization: Bearer sk-very-secret" -H 'X-Version: 2' \\
      -F file=@audio.wav -F model=big -F 'note=a {{ b }}'
    """
    file = tmp_path / "curl.txt"
    file.write_text(command)
    result = run("new", "acme", "--from-curl", file, "-o", "-")
    assert result.exit_code == 0, result.output
    assert "sk-very-secret" not in result.stdout
    draft = checked(result.stdout, tmp_path)
    assert draft["base_url"] == "https://api.acme.example"
    assert draft["headers"] == {"Authorization": "Bearer {{ api_key }}", "X-Version": "2"}
    assert draft["recognize"]["post"] == "/v1/transcribe"
    assert draft["recognize"]["query"] == {"tier": "enhanced"}
    assert draft["recognize"]["multipart"]["model"] == "big"
    assert draft["recognize"]["multipart"]["file"]["value"] == "{{ audio.wav }}"


def test_curl_from_stdin_with_a_json_body(tmp_path: Path) -> None:
    command = 'curl https://api.acme.example/asr -H \'api-key: 123\' -d \'{"lang": "en", "opts": {"n": 1}}\''
    result = CliRunner().invoke(app, ["new", "acme", "--from-curl", "-", "-o", "-"], input=command)
    draft = checked(result.stdout, tmp_path)
    assert draft["headers"] == {"api-key": "{{ api_key }}"}
    assert {"lang": "en", "opts": {"n": 1}}.items() <= draft["recognize"]["json"].items()
    assert "123" not in result.stdout


OPENAPI = {
    "openapi": "3.1.0",
    "servers": [{"url": "https://api.acme.example/v2"}],
    "paths": {
        "/models": {"post": {"requestBody": {"content": {"application/json": {"schema": {}}}}}},
        "/audio/transcriptions": {
            "post": {
                "operationId": "createTranscription",
                "parameters": [
                    {"in": "query", "name": "beamSize", "schema": {"type": "integer", "minimum": 1}}
                ],
                "requestBody": {
                    "content": {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/Ask"}}}
                },
                "responses": {
                    "200": {
                        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}}
                    }
                },
            }
        },
    },
    "components": {
        "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-Key"}},
        "schemas": {
            "Ask": {
                "type": "object",
                "properties": {
                    "audio": {"type": "string", "format": "binary"},
                    "model": {
                        "type": "string",
                        "enum": ["a", "b"],
                        "default": "a",
                        "description": "Which one.",
                    },
                },
            },
            "Answer": {"properties": {"result": {"properties": {"transcript": {"type": "string"}}}}},
        },
    },
}


def test_from_openapi(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(OPENAPI))
    draft = checked(run("new", "acme", "--from-openapi", file, "-o", "-").stdout, tmp_path)
    assert draft["base_url"] == "https://api.acme.example"
    assert draft["headers"] == {"X-Key": "{{ api_key }}"}
    assert draft["options"]["model"] == {
        "type": "string",
        "enum": ["a", "b"],
        "default": "a",
        "description": "Which one.",
        "role": "model",
    }
    assert draft["recognize"]["post"] == "/v2/audio/transcriptions"
    assert draft["recognize"]["query"] == {"beamSize": "{{ beam_size }}"}
    assert draft["recognize"]["multipart"]["audio"]["value"] == "{{ audio.wav }}"
    assert draft["recognize"]["transcript"]["text"] == "result.transcript"


def test_what_nothing_can_be_made_of(tmp_path: Path) -> None:
    bad = tmp_path / "bad.txt"
    bad.write_text("wget https://a")
    for arguments, code, said in (
        (("--from-curl", bad), 1, "does not begin with 'curl'"),
        (("--from-openapi", bad), 1, "no 'paths'"),
        (("--from-sample", bad), 1, "is no JSON"),
        (("--from-sample", tmp_path / "none"), 2, "cannot be read"),
        (("-o", bad), 2, "is there already"),
    ):
        result = run("new", "acme", *arguments)
        assert result.exit_code == code
        assert said in result.stderr
    assert run("new", "Acme").exit_code == 2
