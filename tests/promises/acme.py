"""The vendor of these tests: a small protocol that has everything a promise is about.

It says `start`, `interim`, `preflight`, `final`, `end`, `error` and `done`, each with an optional text and
times; the client says `flush`, `stop`, `set` (options in-band) and sends audio as binary frames.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from livekit.agents import APIConnectOptions

from specbuilder import load_adapter
from specbuilder.adapters.stt import SpecSTT
from tests.support.vendor import ScriptedVendor

__all__ = [
    "KEY",
    "NO_RETRY",
    "ONE_RETRY",
    "SPEC",
    "acme",
    "final",
    "http_spec",
    "interim",
    "merged",
    "stream_spec",
]

KEY = "acme/Key+0042"
"""A key with characters that are written otherwise in queries, so that a leak in any form is seen."""

NO_RETRY = APIConnectOptions(max_retry=0, timeout=3.0)
ONE_RETRY = APIConnectOptions(max_retry=1, retry_interval=0.01, timeout=3.0)

SPEC: dict[str, Any] = {
    "spec": 1,
    "name": "acme",
    "base_url": "https://api.acme.example",
    "api_key": {"env": "ACME_API_KEY"},
    "headers": {"Authorization": "Bearer {{ api_key }}"},
    "options": {
        "model": {"default": "one", "role": "model"},
        "language": {"default": "en", "role": "language"},
        "terms": {"type": "array", "role": "keyterms"},
        "context": {"type": "string", "maxLength": 20, "role": "chat_context", "update": "in_band"},
        "patience": {"type": "integer", "minimum": 0, "update": "in_band"},
        "unused": {"type": "integer"},
    },
    "checks": [{"if": "model == 'two' and language == 'fr'", "error": "model two has no French"}],
    "stream": {
        "connect": "/v1/live",
        "query": {
            "model": "{{ model }}",
            "language": "{{ language }}",
            "terms": "{{ terms }}",
            "context": "{{ context }}",
            "patience": "{{ patience }}",
        },
        "timeouts": {"final": "5s", "finish": "5s"},
        "flush": {"send": {"type": "flush"}},
        "finish": {"send": {"type": "stop"}, "until": "type == 'done'"},
        "update": {
            "send": {"type": "set", "patience": "{{ changed.patience }}", "context": "{{ changed.context }}"}
        },
        "request_id": "id",
        "rules": [
            {"when": "type == 'start'", "emit": "start_of_speech"},
            {"when": "type == 'interim'", "emit": "interim_transcript"},
            {"when": "type == 'preflight'", "emit": "preflight_transcript"},
            {"when": "type == 'final'", "emit": "final_transcript"},
            {"when": "type == 'end'", "emit": "end_of_speech"},
        ],
        "transcript": {
            "text": "text",
            "start": "start",
            "end": "end",
            "words": {"each": "words", "text": "w", "start": "s", "end": "e"},
        },
    },
    "errors": {
        "http": {"message": "error.message", "request_id": "error.id"},
        "messages": [{"when": "type == 'error'", "status": "code", "message": "message"}],
        "close": {"4001": 401, "4100-4199": 429, "1008": 403},
    },
}

RECOGNIZE: dict[str, Any] = {
    "post": "/v1/transcribe",
    "query": {"model": "{{ model }}", "language": "{{ language }}"},
    "body": "{{ audio.wav }}",
    "request_id": "id",
    "transcript": {"text": "text", "start": "start", "end": "end"},
}


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A deep copy of `base` with `changes` put over it; None takes a key away."""
    result: dict[str, Any] = copy.deepcopy(dict(base))
    for key, value in changes.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        else:
            result[key] = copy.deepcopy(value)
    return result


def stream_spec(**stream: Any) -> dict[str, Any]:
    """The spec with its `stream` section changed."""
    return merged(SPEC, {"stream": stream})


def http_spec(**recognize: Any) -> dict[str, Any]:
    """The spec without a stream, with one HTTP request."""
    return merged({**SPEC, "recognize": RECOGNIZE}, {"stream": None, "recognize": recognize})


def acme(vendor: ScriptedVendor | str, spec: Mapping[str, Any] = SPEC, **options: Any) -> SpecSTT:
    """An adapter pointed at a vendor on this machine."""
    url = vendor if isinstance(vendor, str) else vendor.url
    return load_adapter(spec, api_key=options.pop("api_key", KEY), base_url=url, **options)


def interim(text: str, start: float = 0.0, end: float = 0.0) -> dict[str, Any]:
    """An interim message; 0 stands for "no time said"."""
    return _message("interim", text, start, end)


def final(text: str, start: float = 0.0, end: float = 0.0, **more: Any) -> dict[str, Any]:
    """A final message; 0 stands for "no time said"."""
    return {**_message("final", text, start, end), **more}


def _message(kind: str, text: str, start: float, end: float) -> dict[str, Any]:
    times = {name: value for name, value in (("start", start), ("end", end)) if value}
    return {"type": kind, "text": text, **times}
