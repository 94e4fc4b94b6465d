"""The server's HTTP side: OpenAI's `POST /v1/audio/transcriptions` and `GET /v1/models`.

Source: OpenAI's API reference (createTranscription, the transcript.text.* stream events, error codes). As
in servers that imitate it, a file part of type `audio/pcm` or `audio/raw` is headerless 16 kHz mono s16le.
"""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, cast

from aiohttp import web
from multidict import MultiDictProxy

from .audio import AudioTooLong, UndecodableAudio, decode_audio
from .formats import RESPONSE_FORMATS, subtitles, verbose_json
from .recogniser import Recogniser
from .types import RATE, Cancelled, Segment, Transcript, seconds_of
from .work import Work

__all__ = ["ApiError", "OpenAIHandlers", "answer_errors", "check_key"]

logger = logging.getLogger("specbuilder")

# Names that clients send by default, so that they need no option to be pointed here.
_ALIASES = (
    "whisper-1",
    "gpt-4o-transcribe",
    "gpt-4o-mini-transcribe",
    "whisper-large-v3",
    "whisper-large-v3-turbo",
)
_LONGEST = 3600.0
"""Seconds of sound in one file."""


class ApiError(Exception):
    """An answer that is not a success, in OpenAI's shape."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        type: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self.body = {"error": {"message": message, "type": type, "param": param, "code": code}}

    def response(self) -> web.Response:
        return web.json_response(self.body, status=self.status, headers=self.headers)


def too_busy(what: str) -> ApiError:
    """All places are taken: come back in a second."""
    return ApiError(
        503,
        f"The server is busy: it already works on as many {what} as it may.",
        type="server_error",
        code="server_busy",
        headers={"Retry-After": "1"},
    )


def check_key(request: web.Request, api_key: str | None) -> None:
    """Refuse a request without the server's key; without a key of its own the server takes every request.

    Raises:
        ApiError: 401.
    """
    if api_key is None:
        return
    given = request.headers.get("Authorization", "")
    # In constant time, so that the key cannot be found letter by letter.
    if not secrets.compare_digest(given.encode(), f"Bearer {api_key}".encode()):
        raise ApiError(401, "Incorrect API key provided.", code="invalid_api_key")


@web.middleware
async def answer_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Give every refusal OpenAI's shape, also those of aiohttp itself."""
    try:
        return await handler(request)
    except ApiError as error:
        return error.response()
    except web.HTTPException as error:
        if error.status < 400:
            raise
        kept = {name: value for name, value in error.headers.items() if name in ("Allow", "Upgrade")}
        return ApiError(
            error.status, f"{error.reason}: {request.method} {request.path}", headers=kept
        ).response()


@dataclass(frozen=True)
class _Request:
    """The form of a transcription request, checked."""

    audio: bytes
    headerless: bool
    model: str
    response_format: str
    temperature: float
    words: bool
    segments: bool
    stream: bool

    @property
    def needs_times(self) -> bool:
        return self.words or self.segments or self.response_format in ("srt", "vtt")


class OpenAIHandlers:
    """The handlers, around one recogniser.

    Args:
        recogniser: does the work.
        work: the threads it is done in.
        api_key: what `Authorization: Bearer` must carry; None: nothing is asked.
        max_requests: transcriptions under way at once; further ones are answered 503.
        max_upload: bytes of a request body; a larger one is answered 413.
    """

    def __init__(
        self, recogniser: Recogniser, work: Work, *, api_key: str | None, max_requests: int, max_upload: int
    ) -> None:
        self._recogniser = recogniser
        self._work = work
        self._api_key = api_key
        self._max_requests = max_requests
        self._max_upload = max_upload
        self._under_way = 0

    def _models(self) -> tuple[str, ...]:
        return (self._recogniser.name, *_ALIASES)

    async def models(self, request: web.Request) -> web.Response:
        """`GET /v1/models`."""
        check_key(request, self._api_key)
        models = [
            {"id": name, "object": "model", "created": 0, "owned_by": "specbuilder"}
            for name in self._models()
        ]
        return web.json_response({"object": "list", "data": models})

    async def transcriptions(self, request: web.Request) -> web.StreamResponse:
        """`POST /v1/audio/transcriptions`."""
        check_key(request, self._api_key)
        if self._under_way >= self._max_requests:
            raise too_busy("recordings")
        self._under_way += 1
        try:
            form = await self._form(request)
            pcm = await self._work.run(lambda: _decode(form))
            if form.stream:
                return await self._stream(request, form, pcm)
            return await self._whole(request, form, pcm)
        finally:
            self._under_way -= 1

    async def _form(self, request: web.Request) -> _Request:
        if request.content_length is not None and request.content_length > self._max_upload:
            raise self._too_large()
        if request.content_type != "multipart/form-data":
            raise ApiError(400, "The request must be multipart/form-data.")
        try:
            fields = cast("MultiDictProxy[Any]", await request.post())
        except web.HTTPRequestEntityTooLarge:
            raise self._too_large() from None
        except ValueError as error:
            raise ApiError(400, f"The form cannot be read: {error}") from None
        return _checked(fields, self._models())

    def _too_large(self) -> ApiError:
        return ApiError(413, f"The body is larger than {self._max_upload} bytes.", code="request_too_large")

    async def _segments(self, request: web.Request, form: _Request, pcm: bytes) -> Any:
        """One segment after another; given up when the client has gone."""
        segments = self._recogniser.segments(pcm, RATE, form.needs_times, self._work.stopping)
        try:
            while (segment := await self._work.run(lambda: next(segments, None))) is not None:
                yield segment
                if request.transport is None or request.transport.is_closing():
                    raise Cancelled
        except Cancelled:
            raise ApiError(503, "The server is shutting down.", type="server_error") from None
        except Exception as error:
            logger.exception("the embedded recogniser failed")
            raise ApiError(500, "The recogniser failed.", type="server_error") from error

    async def _whole(self, request: web.Request, form: _Request, pcm: bytes) -> web.Response:
        segments: list[Segment] = [segment async for segment in self._segments(request, form, pcm)]
        transcript = Transcript(
            text=" ".join(segment.text for segment in segments),
            words=tuple(word for segment in segments for word in segment.words),
            duration=seconds_of(pcm),
            segments=tuple(segments),
        )
        if form.response_format == "json":
            return web.json_response({"text": transcript.text, "usage": _usage(pcm)})
        if form.response_format == "verbose_json":
            body = verbose_json(
                transcript, words=form.words, segments=form.segments, temperature=form.temperature
            )
            return web.json_response({**body, "usage": _usage(pcm)})
        if form.response_format == "text":
            return web.Response(text=transcript.text + "\n")
        kind = form.response_format
        content_type = "text/vtt" if kind == "vtt" else "application/x-subrip"
        return web.Response(text=subtitles(transcript, kind), content_type=content_type, charset="utf-8")

    async def _stream(self, request: web.Request, form: _Request, pcm: bytes) -> web.StreamResponse:
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}
        )
        await response.prepare(request)
        written: list[str] = []
        try:
            async for segment in self._segments(request, form, pcm):
                for word in segment.text.split():
                    delta = f" {word}" if written else word
                    written.append(delta)
                    await _send(response, {"type": "transcript.text.delta", "delta": delta})
            await _send(
                response, {"type": "transcript.text.done", "text": "".join(written), "usage": _usage(pcm)}
            )
        except ApiError as error:
            # The status is gone out already; OpenAI's streams tell a late failure this way too.
            await _send(response, {"type": "error", **error.body})
        await response.write_eof()
        return response


async def _send(response: web.StreamResponse, event: dict[str, Any]) -> None:
    await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")


def _usage(pcm: bytes) -> dict[str, Any]:
    """Billed by the second, a begun one counts: the `duration` usage of OpenAI's whisper-1."""
    return {"type": "duration", "seconds": -(-len(pcm) // (2 * RATE))}


def _decode(form: _Request) -> bytes:
    try:
        if form.headerless:
            return form.audio[: len(form.audio) & ~1]
        return decode_audio(form.audio, max_seconds=_LONGEST)
    except UndecodableAudio as error:
        raise ApiError(400, f"Invalid file: {error}.", param="file", code="invalid_file") from None
    except AudioTooLong as error:
        raise ApiError(413, f"Invalid file: {error}.", param="file", code="audio_too_long") from None


def _checked(fields: MultiDictProxy[Any], models: tuple[str, ...]) -> _Request:
    """Read and check the form; whatever is not understood is refused by name, never ignored in silence."""
    file = fields.get("file")
    if not isinstance(file, web.FileField):
        raise ApiError(400, "Missing required parameter: 'file' (with a file name).", param="file")
    model = _text(fields, "model", "")
    if not model:
        raise ApiError(400, "You must provide a model parameter.", param="model")
    if model not in models:
        raise ApiError(404, f"The model {model!r} does not exist.", param="model", code="model_not_found")
    language = _text(fields, "language", "en").lower()
    if language not in ("", "en", "english") and not language.startswith("en-"):
        raise ApiError(400, f"This server knows English only, not {language!r}.", param="language")
    response_format = _text(fields, "response_format", "json") or "json"
    if response_format not in RESPONSE_FORMATS:
        allowed = ", ".join(RESPONSE_FORMATS)
        raise ApiError(400, f"response_format must be one of {allowed}.", param="response_format")
    words, segments = _granularities(fields, response_format)
    return _Request(
        audio=file.file.read(),
        headerless=file.content_type.partition(";")[0].strip() in ("audio/pcm", "audio/raw"),
        model=model,
        response_format=response_format,
        temperature=_temperature(fields),
        words=words,
        segments=segments,
        stream=_flag(fields, "stream"),
    )


def _text(fields: MultiDictProxy[Any], name: str, default: str) -> str:
    value = fields.get(name, default)
    if not isinstance(value, str):
        raise ApiError(400, f"{name} must be text, not a file.", param=name)
    return value.strip()


def _flag(fields: MultiDictProxy[Any], name: str) -> bool:
    value = _text(fields, name, "false").lower()
    if value not in ("true", "false", "1", "0", ""):
        raise ApiError(400, f"{name} must be true or false.", param=name)
    return value in ("true", "1")


def _temperature(fields: MultiDictProxy[Any]) -> float:
    try:
        temperature = float(_text(fields, "temperature", "0") or 0)
    except ValueError:
        temperature = -1.0
    if not 0 <= temperature <= 1:
        raise ApiError(400, "temperature must be a number from 0 to 1.", param="temperature")
    return temperature


def _granularities(fields: MultiDictProxy[Any], response_format: str) -> tuple[bool, bool]:
    """Whether words and whether segments are wanted. Some clients leave the brackets of the name out."""
    name = "timestamp_granularities[]"
    asked = {*fields.getall(name, []), *fields.getall("timestamp_granularities", [])}
    if not asked:
        return False, response_format == "verbose_json"
    if not asked <= {"word", "segment"}:
        raise ApiError(400, "timestamp_granularities[] must be word or segment.", param=name)
    if response_format != "verbose_json":
        raise ApiError(400, "timestamp_granularities[] needs response_format verbose_json.", param=name)
    return "word" in asked, "segment" in asked
