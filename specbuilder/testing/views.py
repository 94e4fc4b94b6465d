"""What came out of a stage, as the values a script writes."""

from __future__ import annotations

import email.policy
from collections.abc import Mapping
from email.parser import BytesParser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson
from livekit.agents import APIError, APIStatusError, stt

from ..protocol.codecs import Codec, CodecError
from ..protocol.handshake import HandshakeRequest
from ..protocol.http import Request
from ..protocol.sending import Frame

__all__ = ["body_bytes", "connect_view", "error_view", "event_view", "frame_view", "request_view"]

_TEXT_EVENTS = ("interim_transcript", "preflight_transcript", "final_transcript")


def address_view(url: str, expected: str) -> str:
    """An address as the script writes it: path and query, or the whole where it names a scheme."""
    if "://" in expected:
        return url
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def frame_view(frame: Frame, expected: Any, codec: Codec) -> Any:
    """A frame: "N bytes", a text, or the message in it where it holds one.

    Arguments:
        expected: what the script has in its place; a text is held against the text itself.
    """
    if isinstance(frame, bytes):
        if isinstance(expected, Mapping | list):
            try:
                return codec.decode(frame)
            except CodecError:
                pass
        return f"{len(frame)} bytes"
    return frame if isinstance(expected, str) else _parsed(frame)


def _parsed(text: str | bytes) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text if isinstance(text, str) else text.decode("utf-8", "replace")


# -- requests ----------------------------------------------------------------------------------------------


def connect_view(handshake: HandshakeRequest, expected: Mapping[str, Any]) -> dict[str, Any]:
    """A handshake by the keys a script asks for."""
    headers = {name.lower(): value for name, value in handshake.headers}
    found: dict[str, Any] = {"get": address_view(handshake.url, str(expected.get("get", "")))}
    if "headers" in expected:
        found["headers"] = {name: headers.get(name.lower()) for name in expected["headers"]}
    if "subprotocols" in expected:
        found["subprotocols"] = handshake.subprotocols
    return found


def request_view(request: Request, expected: Mapping[str, Any]) -> dict[str, Any]:
    """A request by the keys a script asks for, and always its method and address."""
    method = request.method.lower()
    found: dict[str, Any] = {method: address_view(request.url, str(expected.get(method, "")))}
    headers = {name.lower(): value for name, value in request.headers}
    body = request.body or b""
    for key, value in expected.items():
        if key == "headers":
            found[key] = {name: headers.get(name.lower()) for name in value}
        elif key == "json":
            found[key] = _parsed(body)
        elif key == "form":
            found[key] = _grouped(parse_qsl(body.decode(), keep_blank_values=True))
        elif key == "multipart":
            found[key] = _parts(headers.get("content-type", ""), body, value)
        elif key == "body":
            found[key] = _size(body) if _is_size(value) else body.decode("utf-8", "replace")
    return found


def _is_size(value: Any) -> bool:
    return isinstance(value, str) and value.endswith(" bytes") and value[:-6].isdigit()


def _size(data: bytes) -> str:
    return f"{len(data)} bytes"


def _grouped(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Names to values; a name that occurs more than once has a list."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name not in found:
            found[name] = value
        elif isinstance(found[name], list):
            found[name].append(value)
        else:
            found[name] = [found[name], value]
    return found


def _parts(content_type: str, body: bytes, expected: Mapping[str, Any]) -> dict[str, Any]:
    """The parts of a multipart body (RFC 7578), each in the form the script has in its place."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
    pairs = []
    for part in message.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        data = part.get_payload(decode=True)
        wanted = expected.get(name)
        pairs.append((name, _part(part, data if isinstance(data, bytes) else b"", wanted)))
    return _grouped(pairs)


def _part(part: Any, data: bytes, wanted: Any) -> Any:
    if isinstance(wanted, Mapping) and wanted.keys() <= {"value", "filename", "type"}:
        value = wanted.get("value")
        shown = {
            "value": _part(part, data, value),
            "filename": part.get_filename(),
            "type": part.get_content_type(),
        }
        return {key: shown[key] for key in wanted}
    if isinstance(wanted, Mapping | list) and part.get_content_type() == "application/json":
        return _parsed(data)
    if _is_size(wanted):
        return _size(data)
    return _text_or_size(data)


def _text_or_size(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return _size(data)


# -- events ------------------------------------------------------------------------------------------------


def event_view(event: stt.SpeechEvent, anchor: float | None) -> dict[str, Any]:
    """An event by the names of its fields.

    Arguments:
        anchor: epoch seconds of the vendor's time zero; wall-clock times are told from there.
    """
    kind = event.type.value
    found: dict[str, Any] = {kind: None}
    began = event.speech_start_time
    if began is not None:
        found["speech_start_time"] = began - (anchor or 0.0)
    if kind in _TEXT_EVENTS:
        alternatives = [_alternative(data) for data in event.alternatives]
        found[kind] = event.alternatives[0].text if event.alternatives else ""
        found |= {key: value for key, value in (alternatives or [{}])[0].items() if key != "text"}
        found["alternatives"] = alternatives
    elif kind == "recognition_usage" and event.recognition_usage is not None:
        usage = event.recognition_usage
        found[kind] = {
            "audio_duration": usage.audio_duration,
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
        }
    elif kind == "start_of_speech":
        found[kind] = found.get("speech_start_time")
    found["request_id"] = event.request_id
    return found


def _alternative(data: stt.SpeechData) -> dict[str, Any]:
    return {
        "text": data.text,
        "language": str(data.language),
        "confidence": data.confidence,
        "start": data.start_time,
        "end": data.end_time,
        "speaker": data.speaker_id,
        "words": [_word(word) for word in data.words or []],
        "metadata": data.metadata,
        "source_languages": _texts(data.source_languages),
        "source_texts": data.source_texts,
        "target_languages": _texts(data.target_languages),
        "target_texts": data.target_texts,
    }


def _texts(codes: Any) -> list[str] | None:
    return [str(code) for code in codes] if codes else None


def _word(word: Any) -> dict[str, Any]:
    fields = {
        "text": str(word),
        "start": word.start_time,
        "end": word.end_time,
        "confidence": word.confidence,
        "speaker": word.speaker_id,
    }
    return {key: value for key, value in fields.items() if isinstance(value, str | float | int)}


# -- errors ------------------------------------------------------------------------------------------------


def error_view(error: Exception, spec: str) -> dict[str, Any]:
    """An error by the keys a script asks for. Refused options have a message alone."""
    if not isinstance(error, APIError):
        return {"message": str(error).removeprefix(f"{spec}: ")}
    status = error.status_code if isinstance(error, APIStatusError) else None
    return {"status": status, "retryable": error.retryable, "message": error.message}


def body_bytes(value: Any) -> bytes:
    """The body of a reply a script gives: a text as it is, anything else as JSON."""
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else orjson.dumps(value)
