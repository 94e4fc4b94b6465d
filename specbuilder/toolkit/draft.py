"""Drafts of specs: commented, with what is left to decide marked, valid as they are, and with a test.

The test holds a sample message against the proposed selectors, so an author sees at once what they give.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from ..protocol.spec import Spec, load_spec
from .as_test import test_from_trace, written_test
from .imports import Parts
from .proposals import Proposal, propose

__all__ = ["KINDS", "draft"]

KINDS = ("http-multipart", "http-json", "http-binary", "http-poll", "ws-binary", "ws-base64")

_BATCH_SAMPLE = {
    "text": "hello world",
    "words": [{"word": "hello", "start": 0.1, "end": 0.4}, {"word": "world", "start": 0.5, "end": 0.9}],
}
_STREAM_SAMPLES: tuple[dict[str, Any], ...] = (
    {"type": "transcript", "is_final": False, "text": "hello"},
    {
        "type": "transcript",
        "is_final": True,
        "text": "hello world",
        "confidence": 0.9,
        "start": 0.1,
        "end": 0.9,
    },
)


def draft(name: str, kind: str, parts: Parts, samples: Sequence[Any]) -> str:
    """The text of a spec that loads.

    Arguments:
        name: of the spec.
        kind: one of `KINDS`.
        parts: what is known of the vendor's request.
        samples: the vendor's messages, if there are any; else invented ones take their place.
    """
    given = list(samples) or ([parts.sample] if parts.sample is not None else [])
    messages = given or (list(_STREAM_SAMPLES) if kind.startswith("ws") else [_BATCH_SAMPLE])
    if kind == "http-poll":
        messages = [
            message | {"status": "completed"} if "status" not in message else message for message in messages
        ]
    writer = _Draft(name, kind, parts, messages, invented=not given)
    text = writer.text()
    spec = load_spec(yaml.safe_load(text))
    return text + "\ntests:\n" + _test(spec, kind, messages)


def _test(spec: Spec, kind: str, messages: Sequence[Any]) -> str:
    lines: list[dict[str, Any]] = [{"spec": spec.name, "options": {}}]
    required = {
        option.name: "x"
        for option in spec.options.options.values()
        if option.required and not option.secret and "string" in option.types
    }
    lines[0]["options"] = required
    if kind.startswith("ws"):
        lines += [
            {"audio": 0.1},
            *({"received": message} for message in messages),
            {"end_input": True},
            {"closed": 1000},
        ]
    else:
        if kind == "http-poll":
            lines += [{"reply": {"status": 200, "body": {"id": "job-1"}}}]
        lines += [{"reply": {"status": 200, "body": message}} for message in messages[:1]]
    name = "what a sample message gives"
    return written_test(test_from_trace(spec, lines, name))


class _Draft:
    """Writes one draft, section by section."""

    def __init__(
        self, name: str, kind: str, parts: Parts, messages: Sequence[Any], *, invented: bool
    ) -> None:
        self.name = name
        self.kind = kind
        self.parts = parts
        self.messages = messages
        self.invented = invented
        self.known = bool(parts.base_url)

    def text(self) -> str:
        """The spec without its tests."""
        sections = (
            self._head(),
            self._options(),
            self._stream() if self.kind.startswith("ws") else self._batch(),
        )
        return "\n".join((*sections, self._errors()))

    def _head(self) -> str:
        docs = self.parts.docs or "https://docs.example.com/speech-to-text"
        base = (
            self.parts.base_url or ("wss" if self.kind.startswith("ws") else "https") + "://api.example.com"
        )
        env = re.sub(r"[^A-Z0-9]+", "_", self.name.upper()).strip("_") + "_API_KEY"
        lines = [
            "# yaml-language-server: $schema=https://specbuilder.dev/schema/v1.json",
            "spec: 1",
            f"name: {_flow(self.name)}",
            f"docs: {_flow(docs)}" + ("" if self.parts.docs else "  # TODO: the page this was written from"),
            f"base_url: {_flow(base)}" + ("" if self.known else "  # TODO"),
        ]
        headers = dict(self.parts.headers)
        if self.parts.with_key or not self.known:
            lines.append(f"api_key: {{env: {env}}}  # the environment variable users put their key into")
            if not self.known:
                headers = {"Authorization": "Bearer {{ api_key }}"}
        if headers:
            lines += ["headers:", *(f"  {_flow(key)}: {_quoted(value)}" for key, value in headers.items())]
        return "\n".join(lines) + "\n"

    def _options(self) -> str:
        options = self.parts.options or {"language": {"default": "en", "role": "language"}}
        if "language" in options and "description" not in options["language"]:
            options["language"]["description"] = "Language of the speech."
        lines = [
            "# What users of the adapter may set; each is read somewhere below as {{ name }}.",
            "options:",
        ]
        lines += [f"  {name}: {_flow(words)}" for name, words in options.items()]
        return "\n".join(lines) + "\n"

    # -- recordings ------------------------------------------------------------------------------------------

    def _batch(self) -> str:
        lines = ["# One recording, one answer.", "recognize:"]
        fields = dict(self.parts.fields)
        query = dict(self.parts.query)
        if not self.parts.options:
            (query if self.kind in ("http-binary", "http-poll") else fields).setdefault(
                "language", "{{ language }}"
            )
        audio = "{{ audio.wav }}"
        if self.kind == "http-poll":
            path = self.parts.path if self.known else "/v1/jobs"
            lines += [
                "  # The job is made first; its reply is known by the step's name.",
                "  steps:",
                f"    - name: job\n      post: {_quoted(path)}",
                *_mapping("query", query, 6),
                f"      body: {_quoted(audio)}",
                f"  get: {_quoted(path.rstrip('/') + '/{{ job.id }}')}  # TODO: where the result is",
                "  until: status == 'completed'  # TODO: when the job is done",
                "  every: 1s",
                "  timeout: 10m",
            ]
        else:
            lines.append(f"  post: {_quoted(self.parts.path if self.known else '/v1/transcribe')}")
            lines += _mapping("query", query, 2)
            if self.kind == "http-multipart":
                lines += [
                    "  multipart:",
                    *(f"    {_flow(key)}: {_written(item)}" for key, item in fields.items()),
                ]
                file = f"{{value: {_quoted(audio)}, filename: audio.wav, type: audio/wav}}"
                lines.append(f"    {_flow(self.parts.file_field)}: {file}")
            elif self.kind == "http-json":
                if not any("audio." in str(item) for item in fields.values()):
                    fields["audio"] = "{{ audio.wav | base64 }}"
                lines += ["  json:", *(f"    {_flow(key)}: {_written(item)}" for key, item in fields.items())]
                lines.append("    # TODO: which field takes the audio, and in which form")
            else:
                lines += ["  headers: {Content-Type: audio/wav}", f"  body: {_quoted(audio)}"]
        lines += self._transcript(propose(self.messages[0]), 2)
        return "\n".join(lines) + "\n"

    # -- streams -------------------------------------------------------------------------------------------

    def _stream(self) -> str:
        query = {"sample_rate": "{{ audio.sample_rate }}", **self.parts.query}
        if not self.parts.options:
            query["language"] = "{{ language }}"
        lines = [
            "# Live audio over a WebSocket.",
            "stream:",
            f"  connect: {_quoted(self.parts.path if self.known else '/v1/listen')}",
            *_mapping("query", query, 2),
            "  # open: [{send: {type: start}}, {wait: type == 'ready'}]   # TODO: before the audio, if any",
        ]
        if self.kind == "ws-base64":
            send = "{type: audio, data: " + _quoted("{{ audio.data | base64 }}") + "}"
            lines.append(f"  audio: {{chunk: 50ms, send: {send}}}  # TODO: the message that carries audio")
        else:
            lines.append("  audio: {chunk: 50ms}  # 16-bit samples at 16 kHz unless said otherwise")
        lines += [
            "  # flush: {send: {type: flush}}      # TODO: asks for the final of what was said",
            "  finish: {send: {type: close}}       # TODO: the audio is over; 'until' is its last message",
            "  # keepalive: {every: 5s, send: {type: keepalive}}   # TODO: if silence closes the connection",
            "  # A message runs through every rule whose 'when' holds.",
            "  rules:",
        ]
        lines += self._rules()
        return "\n".join(lines) + "\n"

    def _rules(self) -> list[str]:
        lines: list[str] = []
        seen: set[str] = set()
        shared: dict[str, Any] = {}
        for message in self.messages:
            proposal = propose(message)
            if proposal.when in seen:
                # The fuller of two messages of one kind tells more.
                shared = {**proposal.transcript, **shared}
                continue
            if not proposal.transcript.get("text"):
                continue
            seen.add(proposal.when)
            when = f"when: {_quoted(proposal.when)}, " if proposal.when else ""
            own = (
                proposal.transcript
                if shared and proposal.transcript.get("text") != shared.get("text")
                else None
            )
            transcript = f", transcript: {_flow(own)}" if own else ""
            lines.append(f"    - {{{when}emit: {_emit(proposal)}{transcript}}}")
            shared = {**proposal.transcript, **shared}
        if not lines:
            lines.append("    - {emit: final_transcript}  # TODO: no text was found in the sample")
            shared = {"text": "text"}
        lines.append("    # TODO: start_of_speech and end_of_speech, if the vendor says them")
        return [*lines, *self._transcript(Proposal("", "", "", shared), 2)]

    def _transcript(self, proposal: Proposal, indent: int) -> list[str]:
        fields = dict(proposal.transcript) or {"text": "text"}
        blank = " " * indent
        why = (
            "TODO: hold this against the vendor's own messages"
            if self.invented
            else "proposed from the sample"
        )
        lines = [f"{blank}transcript:  # {why}"]
        return [*lines, *(f"{blank}  {name}: {_written(value)}" for name, value in fields.items())]

    def _errors(self) -> str:
        return (
            "# How the vendor says that something failed.\n"
            "errors:\n"
            "  http: {message: error.message || error || message}  # TODO: where the body of a 4xx says why\n"
        )


def _emit(proposal: Proposal) -> str:
    if proposal.interim == "always":
        return "interim_transcript"
    if proposal.final == "always":
        return "[final_transcript, end_of_speech]"
    return _flow(
        {
            "interim_transcript": proposal.interim,
            "final_transcript": proposal.final,
            "end_of_speech": proposal.final,
        }
    )


def _mapping(name: str, values: Mapping[str, Any], indent: int) -> list[str]:
    blank = " " * indent
    if not values:
        return []
    return [f"{blank}{name}:", *(f"{blank}  {_flow(key)}: {_written(item)}" for key, item in values.items())]


def _quoted(text: str) -> str:
    """A text that may hold braces, as double-quoted YAML; plain where that is safe."""
    return (
        text
        if re.fullmatch(r"/?[\w./-]*[\w/]", text) and not text.isdigit()
        else json.dumps(text, ensure_ascii=False)
    )


def _written(value: Any) -> str:
    return (
        _quoted(value)
        if isinstance(value, str) and ("{{" in value or value.startswith("/"))
        else _flow(value)
    )


def _flow(value: Any) -> str:
    text = yaml.safe_dump(
        value, default_flow_style=True, width=1_000_000, allow_unicode=True, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")
