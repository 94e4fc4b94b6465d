"""Adapters for an endpoint of one's own: an HTTP address that takes recordings, a WebSocket that takes audio.

They are the engine with a generic spec, whose selectors know the common forms of answers. An address of a
vendor with a bundled spec gets that vendor's protocol instead.
"""

from __future__ import annotations

import asyncio
import io
import logging
import wave
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    APIConnectionError,
    APIConnectOptions,
    APIError,
    APITimeoutError,
    LanguageCode,
    NotGivenOr,
    stt,
)
from livekit.agents.utils import AudioBuffer, is_given, merge_frames

from ..protocol.addresses import Address, parse_base_url
from ..protocol.audio import wav
from ..protocol.settings import Settings
from ..protocol.spec import Spec, load_spec
from ..transport.deadline import timeout as deadline
from ..transport.failures import place, reason
from .known import KnownVendor, is_loopback, known_vendor, language_option
from .tolerant import OnError, TolerantSTT

__all__ = ["CustomHTTPSTTAdapter", "CustomWebSocketSTTAdapter"]

logger = logging.getLogger("specbuilder")

_LANGUAGE = "en-US"
"""What is spoken where neither the caller nor a vendor's spec says it."""

_GENERIC = Path(__file__).parent / "generic"


@cache
def _generic(name: str) -> Spec:
    return load_spec(_GENERIC / f"{name}.yaml")


class _CustomSTT(TolerantSTT):
    """What both adapters share: a vendor's spec or the generic one, and the language.

    Attributes:
        language: of what is spoken, as it was given or is assumed.
    """

    def __init__(
        self, url: str, generic: str, language: str | None, options: dict[str, Any], **rest: Any
    ) -> None:
        self._url = url
        vendor = known_vendor(url)
        if vendor is None:
            vendor = KnownVendor(_generic(generic))
            language = language or _LANGUAGE
        spoken = language_option(vendor.spec, language) if language else {}
        given = {**spoken, **vendor.options, **options}
        super().__init__(vendor.spec, base_url=vendor.base_url, **given, **rest)
        self.language = language or self.language_of(self._settings.names()) or _LANGUAGE

    @property
    def api_key(self) -> str | None:
        """The key as it was given; None when it comes from an environment variable."""
        return self._api_key

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {place(self._url)}>"

    def update_options(self, **options: Any) -> None:
        """Change options of the spec in use, `language` also by that name.

        Raises:
            TypeError: an unknown option.
            ValueError: a value or combination that is not allowed; nothing is changed then.
        """
        language = options.get("language")
        if language is not None and "language" not in self.spec.options.options:
            del options["language"]
            options.update(language_option(self.spec, language))
        super().update_options(**options)
        self.language = language or self.language


class CustomHTTPSTTAdapter(_CustomSTT):
    """Speech-to-text by one HTTP request for each recording.

    A recording is posted as multipart form: the WAV file as `file`, and `language`. Where the endpoint wants
    another form, override `_send_audio_chunk`, or write a spec for `load_adapter`. In an `AgentSession` it
    works behind a voice activity detector, as every adapter that does not stream.

    Arguments:
        endpoint_url: http(s). One of a vendor with a bundled spec is asked as that vendor wants it.
        api_key: sent as `Authorization: Bearer`, or as the known vendor wants it; without one, a known
            vendor's is looked up in its environment variable.
        language: BCP 47; "en-US" by default, or the known vendor's default.
        request_timeout: seconds for a whole request.
        model: the form field `model`, or the known vendor's model.
        http_session: livekit's shared one by default.
        on_error: what failed recognitions give: "empty" (an empty final transcript) or "raise".
        options: options of the known vendor's spec.

    Raises:
        ValueError: the address cannot be used, or a value is not allowed.
        TypeError: an unknown option.
    """

    def __init__(
        self,
        endpoint_url: str,
        api_key: str | None = None,
        language: str | None = None,
        request_timeout: float = 30,
        *,
        model: str | None = None,
        http_session: aiohttp.ClientSession | None = None,
        on_error: OnError = "empty",
        **options: Any,
    ) -> None:
        _check_http(endpoint_url, api_key)
        if not request_timeout > 0:
            raise ValueError(f"request_timeout must be positive seconds, not {request_timeout!r}")
        self.endpoint_url = endpoint_url
        self.request_timeout = request_timeout
        if known_vendor(endpoint_url) is None:
            options.update(endpoint_url=endpoint_url, request_timeout=request_timeout)
        if model is not None:
            options["model"] = model
        super().__init__(
            endpoint_url,
            "http",
            language,
            options,
            api_key=api_key,
            http_session=http_session,
            on_error=on_error,
        )

    def _derive(self, settings: Settings) -> stt.STTCapabilities:
        # Also for a vendor that could stream: its HTTP side was asked for.
        found = super()._derive(settings)
        return replace(found, streaming=False, interim_results=False, offline_recognize=True)

    async def _send_audio_chunk(self, audio_data: bytes) -> str:
        """Send one recording and return its text: the method to override for an endpoint's own form.

        Arguments:
            audio_data: a complete WAV file (16-bit PCM).

        Raises:
            APIError: the request failed and `on_error` is "raise"; an override may raise anything.
        """
        try:
            event = await super()._attempt(
                _frame(audio_data), language=NOT_GIVEN, conn_options=DEFAULT_API_CONNECT_OPTIONS
            )
        except APIError as error:
            if self.on_error == "raise":
                raise
            failure = error
        else:
            return event.alternatives[0].text
        self._emit_error(failure, recoverable=False)
        return self._given_up(failure).alternatives[0].text

    @property
    def _overridden(self) -> bool:
        method = getattr(self._send_audio_chunk, "__func__", None)
        return method is not CustomHTTPSTTAdapter._send_audio_chunk

    async def _attempt(
        self, buffer: AudioBuffer, *, language: NotGivenOr[str], conn_options: APIConnectOptions
    ) -> stt.SpeechEvent:
        failure: APIError
        try:
            async with deadline(self.request_timeout):
                if self._overridden:
                    return await self._by_override(buffer, language)
                return await super()._attempt(buffer, language=language, conn_options=conn_options)
        except APIError:
            raise
        except asyncio.TimeoutError:
            failure = APITimeoutError(f"no transcript from {place(self._url)} in {self.request_timeout} s")
        except (aiohttp.ClientError, OSError) as error:
            failure = APIConnectionError(f"request to {place(self._url)} failed: {reason(error)}")
        except Exception as error:
            if not self._overridden:
                raise
            # An answer that the override cannot read; asking again would bring the same one.
            text = self.redact(f"{type(error).__name__}: {error}")
            failure = APIConnectionError(f"{type(self).__name__}._send_audio_chunk: {text}", retryable=False)
        raise failure

    async def _by_override(self, buffer: AudioBuffer, language: NotGivenOr[str]) -> stt.SpeechEvent:
        frame = merge_frames(buffer)
        text = await self._send_audio_chunk(wav(frame.data.tobytes(), frame.sample_rate, frame.num_channels))
        code = LanguageCode(language if is_given(language) else self.language)
        data = stt.SpeechData(language=code, text=text or "", end_time=frame.duration)
        return stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=[data])


class CustomWebSocketSTTAdapter(_CustomSTT):
    """Speech-to-text over a WebSocket: interim and final transcripts while audio is sent.

    The socket is opened with the first audio. A config message comes first (`type`, `language`,
    `sample_rate`, `encoding`, `channels`), then audio as binary 16-bit PCM in pieces of 50 ms, then the end
    message.

    Arguments:
        ws_url: a `wss://` address; `ws://` only reaches this machine. One of a vendor with a bundled spec is
            talked to as that vendor wants it.
        api_key: sent as `Authorization: Bearer`, or as the known vendor wants it; without one, a known
            vendor's is looked up in its environment variable.
        language: BCP 47; "en-US" by default, or the known vendor's default.
        sample_rate: samples per second to send; audio of another rate is resampled.
        model: the known vendor's model.
        http_session: for a known vendor's HTTP requests; livekit's shared one by default.
        on_error: what failures do: "empty" (streams go on or end quietly) or "raise".
        options: options of the known vendor's spec; else `config_message` (a mapping in place of the usual
            one) and `end_message` (text or a mapping).

    Raises:
        ValueError: the address cannot be used, or a value is not allowed.
        TypeError: an unknown option.
    """

    def __init__(
        self,
        ws_url: str,
        api_key: str | None = None,
        language: str | None = None,
        sample_rate: int = 16000,
        *,
        model: str | None = None,
        http_session: aiohttp.ClientSession | None = None,
        on_error: OnError = "empty",
        **options: Any,
    ) -> None:
        _check_websocket(ws_url)
        self.ws_url = ws_url
        self.sample_rate = sample_rate
        vendor = known_vendor(ws_url)
        if vendor is None:
            options["ws_url"] = ws_url
        if vendor is None or vendor.spec.options.with_role("sample_rate") is not None:
            options["sample_rate"] = sample_rate
        if model is not None:
            options["model"] = model
        super().__init__(
            ws_url,
            "websocket",
            language,
            options,
            api_key=api_key,
            http_session=http_session,
            on_error=on_error,
        )
        if not self.capabilities.streaming:
            raise ValueError(f"{self.spec.name} does not stream with these options: use CustomHTTPSTTAdapter")


def _check_http(url: str, api_key: str | None) -> None:
    """Refuse what is no http(s) address; a key on an open line is worth a warning."""
    if not url.lower().startswith(("http://", "https://")):
        raise ValueError("endpoint_url must start with https:// (use CustomWebSocketSTTAdapter for wss://)")
    address = _parsed(url, "endpoint_url")
    if address.scheme == "http" and api_key and not is_loopback(address.host):
        logger.warning("%s is asked over http: the API key can be read on the way", address.host)


def _check_websocket(url: str) -> None:
    """Refuse what is no WebSocket address, and an open line to another machine."""
    if not url.lower().startswith(("ws://", "wss://")):
        raise ValueError("ws_url must start with wss:// (use CustomHTTPSTTAdapter for https://)")
    address = _parsed(url, "ws_url")
    if address.scheme == "ws" and not is_loopback(address.host):
        raise ValueError(f"ws_url must start with wss:// (ws:// is for this machine, not {address.host})")


def _parsed(url: str, argument: str) -> Address:
    try:
        return parse_base_url(url)
    except ValueError as error:
        raise ValueError(f"{argument} {error}") from None


def _frame(audio: bytes) -> rtc.AudioFrame:
    """The audio of a WAV file.

    Raises:
        ValueError: it is none, or not 16-bit PCM.
    """
    try:
        with wave.open(io.BytesIO(audio)) as file:
            if file.getsampwidth() != 2:
                raise ValueError("the WAV file must have 16-bit samples")
            samples = file.readframes(file.getnframes())
            rate, channels = file.getframerate(), file.getnchannels()
    except (wave.Error, EOFError):
        raise ValueError("the audio must be a WAV file") from None
    return rtc.AudioFrame(samples, rate, channels, len(samples) // (2 * channels))
