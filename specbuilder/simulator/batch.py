"""Words in the reply to a whole recording."""

from __future__ import annotations

import asyncio
import base64
import binascii
import io
import re
import wave
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..protocol.http import Reply
from ..testing.views import body_bytes
from .words import Said, Template

if TYPE_CHECKING:
    from ..local.recogniser import Recogniser

__all__ = ["Replying"]

_SENTENCE = 1.0
_BASE64_WAV = re.compile(rb"UklGR[A-Za-z0-9+/]+={0,2}")
"""A WAV file's first bytes, RIFF, in base64."""


class Replying:
    """Writes the reply of a recognition.

    Arguments:
        template: the script's reply.
        original: that reply as it is, by which it is known.
        sentences: what is said; else what the recogniser hears in the request.
    """

    def __init__(
        self,
        template: Template,
        original: Reply,
        sentences: Sequence[str] | None,
        recogniser: Recogniser | None,
    ) -> None:
        self._template = template
        self._original = original
        self._sentences = sentences
        self._recogniser = recogniser

    async def body(self, reply: Reply, request: bytes) -> bytes:
        """The body of a reply to a request; as it is where it carries no text."""
        if reply is not self._original:
            return reply.body
        return body_bytes(self._template.messages_for(await self._said(request))[0])

    async def _said(self, request: bytes) -> Said:
        if self._recogniser is None:
            sentences = self._sentences or ()
            return Said(" ".join(sentences), 0.0, _SENTENCE * len(sentences))
        recogniser = self._recogniser
        pcm, rate = recording(request)
        heard = await asyncio.to_thread(lambda: recogniser.transcribe(pcm, rate, words=True))
        start = heard.words[0].start if heard.words else 0.0
        end = heard.words[-1].end if heard.words else heard.duration
        return Said(heard.text, start, end, heard.words)


def recording(body: bytes) -> tuple[bytes, int]:
    """The WAV file in a request as mono samples, and its rate: bare, in a form or as base64 in JSON.

    Where there is none the body counts as samples at 16 kHz.
    """
    at = body.find(b"RIFF")
    if at < 0:
        found = _BASE64_WAV.search(body)
        try:
            body, at = (base64.b64decode(found[0]), 0) if found else (body, -1)
        except binascii.Error:
            at = -1
    if at < 0:
        return body[: len(body) // 2 * 2], 16000
    try:
        with wave.open(io.BytesIO(body[at:])) as file:
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
            mono = samples.reshape(-1, file.getnchannels()).mean(axis=1).astype("<i2")
            return mono.tobytes(), file.getframerate()
    except (wave.Error, EOFError, ValueError):
        return b"", 16000
