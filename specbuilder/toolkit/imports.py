"""What an author has already: a curl command or an OpenAPI file, as the parts of a draft."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import yaml

__all__ = ["ImportProblem", "Parts", "from_curl", "from_openapi"]

_KEY_HEADERS = re.compile(r"authorization|api[-_]?key|token|secret|subscription", re.IGNORECASE)
_SCHEME = re.compile(r"(Bearer|Token|Basic|ApiKey|Key|Api-Key)\s+", re.IGNORECASE)
_PATHS = re.compile(r"transcri|recogni|speech|listen|stt|asr", re.IGNORECASE)
_BODY_OPTIONS = frozenset(("-d", "--data", "--data-raw", "--data-binary", "--json", "--data-ascii"))
_WITHOUT_VALUE = frozenset(
    (
        "-s",
        "-S",
        "-L",
        "-k",
        "-v",
        "-i",
        "-g",
        "-N",
        "-sS",
        "--silent",
        "--location",
        "--compressed",
        "--globoff",
    )
)

_EXAMPLES = {"string": "hello world", "number": 0.5, "integer": 1, "boolean": True}
"""What stands for a value of a schema without an example."""


class ImportProblem(ValueError):
    """A text is no curl command or no OpenAPI file that a draft can be made of."""


@dataclass
class Parts:
    """What is known of a request.

    Attributes:
        kind: http-multipart, http-json, http-binary, ws-binary; "" where it does not tell.
        base_url: scheme and host.
        path: from there.
        headers: with the key as `{{ api_key }}`; the key itself is never kept.
        query, fields: values by name, without the audio.
        file_field: the multipart part with the audio.
        options: declared options by name, as JSON Schema words.
        sample: a reply, if there is an example of one.
        docs: the vendor's page.
        with_key: whether the vendor takes a key.
    """

    kind: str = ""
    base_url: str = ""
    path: str = "/"
    headers: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    file_field: str = "file"
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    sample: Any = None
    docs: str = ""
    with_key: bool = False


def _literal(text: Any) -> Any:
    """A text that a template gives as it is."""
    return text.replace("{{", "{{ '{{' }}") if isinstance(text, str) else text


def from_curl(command: str) -> Parts:
    """The parts of a curl command, as vendors' pages show them.

    Raises:
        ImportProblem: it is none, or has no address.
    """
    try:
        words = shlex.split(command.replace("\\\r\n", " ").replace("\\\n", " "))
    except ValueError as error:
        raise ImportProblem(f"this is no curl command: {error}") from None
    if not words or words[0] != "curl":
        raise ImportProblem("this is no curl command: it does not begin with 'curl'")
    parts = Parts()
    url, body = "", ""
    for option, value in _curl_options(words[1:]):
        if option == "url":
            url = value
        elif option in ("-H", "--header"):
            _header(parts, value)
        elif option in ("-u", "--user"):
            parts.headers["Authorization"] = "Basic {{ ('user:' ~ api_key) | base64 }}"
            parts.with_key = True
        elif option in ("-F", "--form", "--form-string"):
            _form(parts, value)
        elif option in _BODY_OPTIONS:
            body = value
    if not url:
        raise ImportProblem("the command has no address")
    _address(parts, url)
    if body:
        _body(parts, body)
    parts.kind = parts.kind or ("ws-binary" if url.startswith("ws") else "http-binary")
    return parts


def _curl_options(words: list[str]) -> Iterator[tuple[str, str]]:
    index = 0
    while index < len(words):
        word = words[index]
        if not word.startswith("-"):
            yield "url", word
        elif word in _WITHOUT_VALUE:
            pass
        elif word.startswith("--") and "=" in word:
            option, _, value = word.partition("=")
            yield ("url" if option == "--url" else option), value
        else:
            index += 1
            value = words[index] if index < len(words) else ""
            yield ("url" if word == "--url" else word), value
        index += 1


def _header(parts: Parts, text: str) -> None:
    name, _, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if _KEY_HEADERS.search(name):
        scheme = _SCHEME.match(value)
        parts.headers[name] = (scheme[1] + " " if scheme else "") + "{{ api_key }}"
        parts.with_key = True
    elif name.lower() not in ("content-type", "content-length", "accept", "user-agent"):
        parts.headers[name] = str(_literal(value))


def _form(parts: Parts, text: str) -> None:
    parts.kind = "http-multipart"
    name, _, value = text.partition("=")
    if value.startswith(("@", "<")):
        parts.file_field = name
    else:
        parts.fields[name] = _literal(value)


def _address(parts: Parts, url: str) -> None:
    split = urlsplit(url if "://" in url else f"https://{url}")
    parts.base_url = f"{split.scheme}://{split.netloc.rpartition('@')[2]}"
    parts.path = str(_literal(split.path)) or "/"
    for name, value in parse_qsl(split.query, keep_blank_values=True):
        if _KEY_HEADERS.search(name):
            parts.query[name] = "{{ api_key }}"
            parts.with_key = True
        else:
            parts.query[name] = str(_literal(value))


def _body(parts: Parts, body: str) -> None:
    if body.startswith("@"):
        parts.kind = parts.kind or "http-binary"
        return
    try:
        value = json.loads(body)
    except ValueError:
        return
    if isinstance(value, dict):
        parts.kind = "http-json"
        parts.fields = {name: _deep(item) for name, item in value.items() if not _KEY_HEADERS.search(name)}


def _deep(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _deep(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_deep(item) for item in value]
    return _literal(value)


# -- OpenAPI -----------------------------------------------------------------------------------------------


def from_openapi(text: str) -> Parts:
    """The parts of the transcription request of an OpenAPI 3 file (JSON or YAML).

    Raises:
        ImportProblem: it is none, or no request in it takes audio.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ImportProblem(f"this is no OpenAPI file: {error}") from None
    if not isinstance(document, Mapping) or "paths" not in document:
        raise ImportProblem("this is no OpenAPI file: it has no 'paths'")
    reader = _OpenApi(document)
    found = reader.operation()
    if found is None:
        raise ImportProblem("no POST request in it takes a file, binary data or speech")
    return reader.parts(*found)


class _OpenApi:
    """Reads one OpenAPI document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document

    def resolve(self, node: Any) -> Mapping[str, Any]:
        """A node with its `$ref` followed; an empty mapping for anything else."""
        for _ in range(20):
            if not isinstance(node, Mapping):
                return {}
            reference = node.get("$ref")
            if not isinstance(reference, str) or not reference.startswith("#/"):
                return node
            node = self._document
            for part in reference[2:].split("/"):
                node = (
                    node.get(part.replace("~1", "/").replace("~0", "~"))
                    if isinstance(node, Mapping)
                    else None
                )
        return {}

    def operation(self) -> tuple[str, Mapping[str, Any]] | None:
        """The path and operation that look most like a transcription."""
        found = []
        for path, item in self._document["paths"].items():
            post = self.resolve(self.resolve(item).get("post"))
            if not post:
                continue
            content = self.resolve(post.get("requestBody")).get("content") or {}
            takes_file = any(self._file_field(media) for media in content.values())
            binary = any(name.startswith(("audio/", "application/octet")) for name in content)
            speech = bool(_PATHS.search(path + str(post.get("operationId", ""))))
            if takes_file or binary or speech:
                found.append(((speech, takes_file, binary, -len(path)), path, post))
        return max(found, key=lambda one: one[0])[1:] if found else None

    def _properties(self, media: Any) -> Mapping[str, Any]:
        return self.resolve(self.resolve(media).get("schema")).get("properties") or {}

    def _file_field(self, media: Any) -> str:
        for name, schema in self._properties(media).items():
            resolved = self.resolve(schema)
            if resolved.get("format") == "binary" or "contentMediaType" in resolved:
                return str(name)
        return ""

    def parts(self, path: str, post: Mapping[str, Any]) -> Parts:
        """The parts of an operation."""
        servers = self._document.get("servers") or [{"url": "https://api.example.com"}]
        parts = Parts(docs=str(self.resolve(self._document.get("externalDocs")).get("url", "")))
        split = urlsplit(str(servers[0]["url"]))
        parts.base_url = f"{split.scheme or 'https'}://{split.netloc or 'api.example.com'}"
        parts.path = split.path.rstrip("/") + path
        content = self.resolve(post.get("requestBody")).get("content") or {}
        for name, media in content.items():
            file_field = self._file_field(media)
            if name.startswith("multipart/"):
                parts.kind, parts.file_field = "http-multipart", file_field or "file"
            elif name.endswith("json") and not parts.kind:
                parts.kind = "http-json"
            for option, schema in self._properties(media).items():
                if option != file_field:
                    self._option(parts, parts.fields, option, schema)
            break
        parts.kind = parts.kind or "http-binary"
        for parameter in post.get("parameters") or []:
            resolved = self.resolve(parameter)
            if resolved.get("in") == "query":
                self._option(parts, parts.query, str(resolved["name"]), resolved.get("schema"))
        self._security(parts)
        parts.sample = self._sample(post)
        return parts

    def _option(self, parts: Parts, into: dict[str, Any], name: str, schema: Any) -> None:
        resolved = self.resolve(schema)
        option = re.sub(r"[^a-z0-9]+", "_", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()).strip("_")
        kind = resolved.get("type", "string")
        if not re.match(r"[a-z]", option) or kind not in (
            "string",
            "integer",
            "number",
            "boolean",
            "array",
            "object",
        ):
            return
        words: dict[str, Any] = {"type": kind}
        words |= {word: resolved[word] for word in ("enum", "minimum", "maximum") if word in resolved}
        if isinstance(resolved.get("default"), (str, int, float, bool)) and "{{" not in str(
            resolved["default"]
        ):
            words["default"] = resolved["default"]
        if "description" in resolved:
            words["description"] = " ".join(str(resolved["description"]).split())[:160]
        if option in ("model", "language"):
            words["role"] = option
        parts.options[option] = words
        into[name] = "{{ " + option + " }}"

    def _security(self, parts: Parts) -> None:
        components = self.resolve(self._document.get("components"))
        for scheme in (components.get("securitySchemes") or {}).values():
            resolved = self.resolve(scheme)
            if resolved.get("type") == "http" and str(resolved.get("scheme", "")).lower() == "bearer":
                parts.headers["Authorization"] = "Bearer {{ api_key }}"
            elif resolved.get("type") == "apiKey" and resolved.get("in") == "header":
                parts.headers[str(resolved["name"])] = "{{ api_key }}"
            elif resolved.get("type") == "apiKey" and resolved.get("in") == "query":
                parts.query[str(resolved["name"])] = "{{ api_key }}"
            else:
                continue
            parts.with_key = True
            return

    def _sample(self, post: Mapping[str, Any]) -> Any:
        """An example of the reply, written out or made of its schema."""
        responses = post.get("responses") or {}
        content = self.resolve(responses.get("200") or responses.get(200)).get("content") or {}
        media = self.resolve(content.get("application/json"))
        if "example" in media:
            return media["example"]
        for example in (media.get("examples") or {}).values():
            return self.resolve(example).get("value")
        return self._made(media.get("schema"), 0)

    def _made(self, schema: Any, depth: int) -> Any:
        resolved = self.resolve(schema)
        if "example" in resolved:
            return resolved["example"]
        if depth > 8:
            return None
        if "properties" in resolved:
            return {name: self._made(item, depth + 1) for name, item in resolved["properties"].items()}
        if resolved.get("type") == "array":
            return [self._made(resolved.get("items"), depth + 1)]
        return _EXAMPLES.get(str(resolved.get("type")))
