"""Small specs with scripts, and what their runs gave."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Any

from specbuilder import load_spec
from specbuilder.testing import Failure, TestResult, run_tests

STREAM = """\
spec: 1
name: vendor
base_url: wss://vendor.test/base
api_key: {}
headers: {Authorization: "Token {{ api_key }}"}
options:
  language: {default: en-US, role: language}
  words: {type: array, update: in_band}
  model: small
  region: {type: string}
checks:
  - {if: model == 'none', error: this model is gone}
stream:
  connect: /listen
  query: {model: "{{ model }}", language: "{{ language }}"}
  subprotocols: [v1, "{{ region }}"]
  flush: {send: {type: flush}}
  finish: {send: {type: bye}, until: type == 'bye'}
  keepalive: {every: 5s, send: {type: alive}}
  update: {send: {type: config, words: "{{ changed.words }}"}}
  rules:
    - {when: type == 'begin', emit: start_of_speech, transcript: {start: at}}
    - {when: type == 'text', emit: {interim_transcript: "!done", final_transcript: done}}
    - {when: type == 'end', emit: end_of_speech}
  on_close:
    - {when: $words, emit: end_of_speech}
  transcript: {text: text, confidence: sure, start: from, end: to}
errors:
  http: {message: reason}
  messages:
    - {when: type == 'oops', status: code, message: reason}
  close: {4001: 401, 4100-4199: 400}
"""


def script(text: str, head: str = STREAM, kind: str = "stream", **keys: Any) -> str:
    """A spec with one test whose script is `text`: items in the form they have in a file."""
    lines = textwrap.indent(textwrap.dedent(text).strip(), "      ")
    extra = "".join(f"    {key}: {value}\n" for key, value in keys.items())
    return f"{head}tests:\n  - name: a test\n{extra}    {kind}:\n{lines}\n"


def run(tmp_path: Path, text: str, **keys: Any) -> TestResult:
    """Run one script against the small vendor."""
    file = tmp_path / "vendor.yaml"
    file.write_text(script(text, **keys), encoding="utf-8")
    (result,) = run_tests(load_spec(file))
    return result


def failure(tmp_path: Path, text: str, **keys: Any) -> Failure:
    """The one failure of a script, whose file is left as `vendor.yaml`."""
    (found,) = run(tmp_path, text, **keys).failures
    return found


def passed(tmp_path: Path, text: str, **keys: Any) -> bool:
    """Whether a script holds; what does not is raised as text."""
    result = run(tmp_path, text, **keys)
    assert result.passed, "\n".join(map(str, result.failures))
    return True


def line_of(tmp_path: Path, needle: str) -> int:
    """The line of the file that holds a text."""
    lines = (tmp_path / "vendor.yaml").read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, 1) if needle in line)
