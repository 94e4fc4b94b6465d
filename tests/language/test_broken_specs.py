"""Broken specs and what the author is told: place, path, sentence and hint.

The expected place is marked in the text with ▸, which is taken out before loading.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from specbuilder.language.errors import Issue, SpecError
from specbuilder.language.loader import load


class Broken(NamedTuple):
    name: str
    text: str
    path: str
    message: str
    hint: str | None = None


HEAD = "spec: 1\nbase_url: https://api.example.com\n"
TAIL = "recognize: {post: /v1, body: '{{ audio.wav }}'}\n"

SYNTAX = [
    Broken("empty", "▸", "", "the file is empty"),
    Broken("list at the top", "▸- spec: 1\n", "", "a spec is a mapping"),
    Broken("text at the top", "▸hello\n", "", "a spec is a mapping"),
    Broken("tab", "stream:\n▸\tconnect: /a\n", "", "a tab cannot indent", "indent with spaces"),
    Broken("two colons", "name: a▸: b\n", "", "a second ': ' in one value", '"a: b"'),
    Broken("condition with a colon", "if: x == 'a'▸: b\n", "", "a second ': '", "\"x == 'a': b\""),
    Broken("no colon", "spec: 1\n▸name\ndocs: x\n", "", "expected 'key: value'"),
    Broken("open quote", "spec: 1\nname: ▸'a\n", "", "the quote opened here is never closed"),
    Broken("quote in quotes", "name: 'it'▸s'\n", "", "expected a key", "second '"),
    Broken("escape", 'name: "▸\\q"\n', "", "not an escape", "double quotes"),
    Broken("at sign", "headers: {when: ▸@ == 'x'}\n", "", "cannot begin with '@'", "\"@ == 'x'\""),
    Broken("backtick", "when: ▸`1`\n", "", "cannot begin with '`'", '"`1`"'),
    Broken("percent", "when: ▸%x\n", "", "cannot begin with '%'", '"%x"'),
    Broken("exclamation mark", "when: ▸!is_final\n", "when", "YAML tag", '"!is_final"'),
    Broken("in braces", "emit: {a: ▸!is_final, b: c}\n", "emit.a", "YAML tag", '"!is_final"'),
    Broken("tag", "name: ▸!!str 5\n", "name", "YAML tag", '"!!str 5"'),
    Broken("anchor", "when: &▸& b\n", "", "YAML anchor", '"&& b"'),
    Broken("alias", "when: ▸*hello\n", "when", "unknown alias *hello", '"*hello"'),
    Broken("alias in its anchor", "options: &a [▸*a]\n", "options[0]", "unknown alias *a", "&a"),
    Broken("pipe", "when: |▸x\n", "", "block text", '"|x"'),
    Broken("template", "name: ▸{{ model }}\n", "name", "a template without quotes", '"{{ model }}"'),
    Broken("template in braces", "query: {a: ▸{{ b }}, c: d}\n", "query.a", "a template", '"{{ b }}"'),
    Broken("template and text", "name: ▸{{ a }} b\n", "name", "a template", '"{{ a }} b"'),
    Broken("index in braces", "http: {message: errors▸[0].x}\n", "", "expected ',' or '}'", '"errors[0].x"'),
    Broken("comma", "a: {description: x, ▸y}\n", "a", "the key 'y' has no value", '"x, y"'),
    Broken("comment in braces", "a: {b: x #y}\n▸", "", "expected ',' or '}'", "' #' begins a comment"),
    Broken("indentation", "a:\n  b: 1\n ▸c: 2\n", "", "expected a key", "indentation"),
    Broken("item on the line", "steps: ▸- a\n", "", "'- ' is not allowed here", "a line of its own"),
    Broken("duplicate", "a:\n  b: 1\n  ▸b: 2\n", "a.b", "first written at line 2, column 3"),
    Broken("duplicate in braces", "a: {é: 1, ▸é: 2}\n", "a.é", "first written at line 1, column 5"),
    Broken("duplicate number", "close: {1008: 401, ▸'1008': 403}\n", "close.1008", "duplicate key '1008'"),
    Broken("merge key", "a: &a {b: 1}\nc:\n  ▸<<: *a\n", "c", "'<<'", "extends"),
    Broken("boolean key", "▸true: 1\n", "", "a key must be text, not true", '"true"'),
    Broken("number key", "▸1.5: 1\n", "", "a key must be text, not 1.5", '"1.5"'),
    Broken("list as key", "▸[a]: 1\n", "", "a key must be text"),
    Broken("two documents", "spec: 1\n▸---\nspec: 1\n", "", "a second document", "one spec"),
    Broken("infinity", "a: ▸.inf\n", "a", "cannot be written in JSON"),
    Broken("not a number", "a: [1, ▸.nan]\n", "a[1]", "cannot be written in JSON"),
    Broken("large float", "a: ▸1e999\n", "a", "too large", '"1e999"'),
    Broken("large integer", "a: ▸123456789012345678901\n", "a", "64 bits", '"123456789012345678901"'),
    Broken("open brace at the end", "a: {b: 1▸", "", "expected ',' or '}'"),
    Broken("open bracket", "spec: [\n▸", "", "a value is missing here", "never closed"),
    Broken("control character", "a: 'b▸\x07'\n", "", "U+0007", "\\u"),
]

STREAM = HEAD + "stream:\n  connect: /v1\n"
CONTENT = [
    Broken("version", TAIL + "base_url: https://a\nspec: ▸2\n", "spec", "expected 1, the version", None),
    Broken("no version", "▸base_url: https://a\n" + TAIL, "", "missing key 'spec'"),
    Broken("no address", "▸spec: 1\n" + TAIL, "", "missing key 'base_url'"),
    Broken("no exchange", "▸" + HEAD, "", "needs 'recognize', 'stream' or both"),
    Broken("scheme", "spec: 1\nbase_url: ▸ftp://a\n" + TAIL, "base_url", "begins with https://"),
    Broken(
        "unknown key",
        STREAM + "  rules: []\n  ▸keepalivee: 1\n",
        "stream.keepalivee",
        "unknown key",
        "'keepalive'",
    ),
    Broken(
        "key of another place",
        HEAD + TAIL + "▸keepalive: {}\n",
        "keepalive",
        "unknown key",
        "it is a key of 'stream'",
    ),
    Broken(
        "missing key",
        STREAM + "  rules: []\n  keepalive: ▸{every: 5s}\n",
        "stream.keepalive",
        "missing key 'send'",
    ),
    Broken(
        "duration",
        STREAM + "  rules: []\n  ping: ▸5\n",
        "stream.ping",
        "expected a duration such as 50ms, 1.5s, 10m or 1h, got 5",
    ),
    Broken(
        "duration with a space", STREAM + "  rules: []\n  ping: ▸5 s\n", "stream.ping", "expected a duration"
    ),
    Broken(
        "chunk",
        STREAM + "  rules: []\n  audio: {chunk: ▸5}\n",
        "stream.audio.chunk",
        "1024 bytes, or 0, got 5",
    ),
    Broken(
        "encoding",
        STREAM + "  rules: []\n  audio: {encoding: ▸mp3}\n",
        "stream.audio.encoding",
        "expected pcm_s16le",
    ),
    Broken("replay", STREAM + "  rules: []\n  replay: ▸true\n", "stream.replay", "or false, got true"),
    Broken(
        "wrong type",
        HEAD + "stream:\n  rules: []\n  connect: ▸[a]\n",
        "stream.connect",
        "expected text, got a list",
    ),
    Broken(
        "mapping for a list",
        STREAM + "  rules: ▸{when: a}\n",
        "stream.rules",
        "expected a list, got a mapping",
    ),
    Broken("text for a rule", STREAM + "  rules: [▸a]\n", "stream.rules[0]", "expected a mapping, got 'a'"),
    Broken("empty rule", STREAM + "  rules: [▸{}]\n", "stream.rules[0]", "not empty"),
    Broken("event", STREAM + "  rules: [{emit: ▸final}]\n", "stream.rules[0].emit", "'final' is not allowed"),
    Broken(
        "event in a list",
        STREAM + "  rules: [{emit: [end_of_speech, ▸fnal_transcript]}]\n",
        "stream.rules[0].emit[1]",
        "not allowed",
        "'final_transcript'",
    ),
    Broken(
        "event as a key",
        STREAM + "  rules: [{emit: {▸interim_transcrip: a}}]\n",
        "stream.rules[0].emit.interim_transcrip",
        "unknown key",
        "'interim_transcript'",
    ),
    Broken(
        "fixed value",
        STREAM + "  rules: [{emit: {end_of_speech: ▸true}}]\n",
        "stream.rules[0].emit.end_of_speech",
        "expected a selector",
        '"`true`"',
    ),
    Broken(
        "event as a number",
        STREAM + "  rules: [{emit: ▸3}]\n",
        "stream.rules[0].emit",
        "expected an event, a list of events",
    ),
    Broken(
        "nested rule",
        STREAM + "  rules: [{each: a, rules: [{▸wen: b}]}]\n",
        "stream.rules[0].rules[0].wen",
        "unknown key",
        "'when'",
    ),
    Broken(
        "send and wait",
        STREAM + "  rules: []\n  open: [▸{send: {}, wait: a}]\n",
        "stream.open[0]",
        "exactly one of 'send' and 'wait'",
    ),
    Broken(
        "time",
        STREAM + "  rules: []\n  transcript: {start: {value: a, unit: ▸min}}\n",
        "stream.transcript.start.unit",
        "'min' is not allowed",
    ),
    Broken(
        "end and duration",
        STREAM + "  rules: []\n  transcript: ▸{end: a, duration: b}\n",
        "stream.transcript",
        "at most one of",
    ),
    Broken(
        "words as a list",
        STREAM + "  rules: []\n  transcript: {words: ▸[a]}\n",
        "stream.transcript.words",
        "expected a mapping, got a list",
    ),
    Broken(
        "two methods",
        HEAD + "recognize: ▸{post: /a, get: /b}\n",
        "recognize",
        "exactly one of 'post', 'get' and 'over'",
    ),
    Broken(
        "two bodies",
        HEAD + "recognize: ▸{post: /a, json: {}, body: b}\n",
        "recognize",
        "at most one of 'json'",
    ),
    Broken(
        "poll without an end",
        HEAD + "recognize: {post: /a, ▸every: 1s}\n",
        "recognize.every",
        "'every' needs 'until'",
    ),
    Broken(
        "over with a query",
        STREAM + "  rules: []\nrecognize: {over: stream, ▸query: {}}\n",
        "recognize.query",
        "no meaning beside 'over: stream'",
    ),
    Broken(
        "mapping in a query",
        HEAD + "recognize: {post: /a, query: {b: ▸{c: 1}}}\n",
        "recognize.query.b",
        "got a mapping",
    ),
    Broken(
        "directive",
        HEAD + "recognize: {post: /a, query: {▸$iff: b}}\n",
        "recognize.query.$iff",
        "unknown key",
        "'$if'",
    ),
    Broken(
        "step with both",
        HEAD + TAIL + "steps:\n  - {name: a, use: jwt, ▸json: {}}\n",
        "steps[0].json",
        "no meaning beside 'use'",
    ),
    Broken(
        "step with neither",
        HEAD + TAIL + "steps:\n  - ▸{name: a}\n",
        "steps[0]",
        "exactly one of 'post', 'get' and 'use'",
    ),
    Broken(
        "name of an option",
        HEAD + TAIL + "options: {▸Model: a}\n",
        "options.Model",
        "is not a name of lower-case letters",
    ),
    Broken(
        "option without a type",
        HEAD + TAIL + "options: {a: ▸{role: model}}\n",
        "options.a",
        "without 'default' needs 'type'",
    ),
    Broken(
        "template without a type",
        HEAD + TAIL + "options: {a: ▸{default: '{{ b }}'}}\n",
        "options.a",
        "default is a template needs 'type'",
    ),
    Broken(
        "short template",
        HEAD + TAIL + "options: {a: ▸'{{ b }}'}\n",
        "options.a",
        "default is a template needs 'type'",
    ),
    Broken(
        "type",
        HEAD + TAIL + "options: {a: {type: ▸strin}}\n",
        "options.a.type",
        "'strin' is not allowed",
        "'string'",
    ),
    Broken(
        "types",
        HEAD + TAIL + "options: {a: {type: [string, ▸text]}}\n",
        "options.a.type[1]",
        "'text' is not allowed",
    ),
    Broken(
        "role",
        HEAD + TAIL + "options: {a: {type: string, role: ▸modle}}\n",
        "options.a.role",
        "not allowed",
        "'model'",
    ),
    Broken(
        "close code", HEAD + TAIL + "errors: {close: {▸99: 401}}\n", "errors.close.99", "is not a close code"
    ),
    Broken(
        "status",
        HEAD + TAIL + "errors: {close: {1008: ▸200}}\n",
        "errors.close.1008",
        "expected an HTTP status",
    ),
    Broken(
        "verdict",
        HEAD + TAIL + "errors: {messages: [▸{when: a}]}\n",
        "errors.messages[0]",
        "missing key 'status'",
    ),
    Broken(
        "capability",
        HEAD + TAIL + "capabilities: {streaming: ▸'yes'}\n",
        "capabilities.streaming",
        "expected true, false or a template",
    ),
    Broken(
        "key as text",
        HEAD + TAIL + "api_key: ▸MY_KEY\n",
        "api_key",
        "expected a mapping such as {env: VENDOR_API_KEY}, got text",
    ),
    Broken("no variables", HEAD + TAIL + "api_key: {env: ▸[]}\n", "api_key.env", "expected a list"),
    Broken(
        "variable that is none",
        HEAD + TAIL + "api_key: {env: [A, ▸1b]}\n",
        "api_key.env[1]",
        "expected the name of an environment variable",
    ),
    Broken(
        "unit of nothing",
        HEAD + TAIL + "errors: {http: {▸unit: ms}}\n",
        "errors.http.unit",
        "'unit' needs 'retry_after'",
    ),
    Broken(
        "cleanup of nothing",
        HEAD + "recognize: {post: /v1, cleanup: ▸{if: a}}\n",
        "recognize.cleanup",
        "missing key 'delete'",
    ),
    Broken(
        "options in a variant",
        HEAD + TAIL + "variants: [{if: a, ▸options: {}}]\n",
        "variants[0].options",
        "unknown key",
    ),
    Broken(
        "inside a variant",
        HEAD + TAIL + "variants:\n  - if: a\n    recognize: {▸pots: /b}\n",
        "recognize.pots",
        "unknown key",
        "'post'",
    ),
    Broken(
        "variant without if",
        HEAD + TAIL + "variants: [▸{base_url: https://b}]\n",
        "variants[0]",
        "missing key 'if'",
    ),
    Broken(
        "test step",
        HEAD + TAIL + "tests: [{name: a, recognize: [▸fluhs]}]\n",
        "tests[0].recognize[0]",
        "not allowed",
        "'flush'",
    ),
    Broken(
        "two steps",
        HEAD + TAIL + "tests: [{name: a, recognize: [▸{sent: [], closed: 1000}]}]\n",
        "tests[0].recognize[0]",
        "one action or expectation",
    ),
    Broken(
        "test field",
        HEAD + TAIL + "tests: [{name: a, recognize: [{events: [{final_transcript: b, ▸confidnce: 1}]}]}]\n",
        "tests[0].recognize[0].events[0].confidnce",
        "unknown key",
        "'confidence'",
    ),
    Broken("extends as a list", HEAD + "extends: ▸[a]\n", "extends", "expected a spec's name"),
    Broken(
        "extends nothing", HEAD + "extends: ▸./nobody.yaml\n", "extends", "there is no spec './nobody.yaml'"
    ),
    Broken("extends outside", HEAD + "extends: ▸../a.yaml\n", "extends", "outside the folder"),
    Broken("extends absolute", HEAD + "extends: ▸/etc/a.yaml\n", "extends", "outside the folder"),
    Broken("extends itself", HEAD + "extends: ▸spec.yaml\n", "extends", "spec.yaml -> spec.yaml"),
]


def issues_of(text: str, folder: Path) -> tuple[Issue, ...]:
    path = folder / "spec.yaml"
    path.write_bytes(text.encode())
    with pytest.raises(SpecError) as caught:
        load(path)
    return caught.value.issues


@pytest.mark.parametrize("case", [*SYNTAX, *CONTENT], ids=lambda case: case.name)
def test_what_the_author_is_told(case: Broken, tmp_path: Path) -> None:
    before, _, after = case.text.partition("▸")
    (issue,) = issues_of(before + after, tmp_path)
    place = (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
    assert (issue.line, issue.column) == place
    assert issue.path == case.path
    assert case.message in issue.message
    assert issue.file == str(tmp_path / "spec.yaml")
    if case.hint is not None:
        assert case.hint in (issue.hint or "")


def test_all_issues_of_a_file_are_told_once_and_in_order(tmp_path: Path) -> None:
    text = (
        HEAD + "nme: a\nrecognize: {post: [a]}\noptions: {A: 1}\nvariants: [{if: a, base_url: https://b}]\n"
    )
    found = issues_of(text, tmp_path)
    assert [(issue.line, issue.path) for issue in found] == [
        (3, "nme"),
        (4, "recognize.post"),
        (5, "options.A"),
    ]


def test_several_syntax_issues_are_told_at_once(tmp_path: Path) -> None:
    found = issues_of("a: 1\na: 2\nb: .inf\nc: !x\n", tmp_path)
    assert [(issue.line, issue.column) for issue in found] == [(2, 1), (3, 4), (4, 4)]


def test_the_schema_is_never_shown(tmp_path: Path) -> None:
    for case in CONTENT:
        for issue in issues_of(case.text.replace("▸", ""), tmp_path):
            assert "$ref" not in str(issue)
            assert "{'" not in issue.message
            assert len(issue.message) < 200


@pytest.mark.parametrize(
    "text",
    [
        "api_key: sk-1234567890",
        "api_key: {env: sk-1234567890}",
        "api_key: {env: [sk-1234567890]}",
        "api_key: [sk-1234567890]",
    ],
)
def test_a_key_written_into_a_spec_is_not_repeated(text: str, tmp_path: Path) -> None:
    found = issues_of(HEAD + TAIL + text + "\n", tmp_path)
    assert len(found) == 1
    assert "sk-" not in str(found[0])
