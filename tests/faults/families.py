"""Vendors of different protocols, as little of each as a test of faults needs."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from specbuilder import Spec, load_adapter, load_spec
from specbuilder.adapters.stt import SpecSTT
from tests.support.script import AfterText, Close, Matcher, Reply, Send, Step
from tests.support.vendor import ScriptedVendor
from tests.support.wire import Binary, HttpRequest, Text, base64_audio, binary_audio

__all__ = ["BATCHES", "FAMILIES", "KEY", "Batch", "Family", "load", "open_session"]

KEY = "acme/Key+0042"


def load(name: str, url: str, changes: Mapping[str, Any] | None = None, **arguments: Any) -> SpecSTT:
    """An adapter of a bundled spec with parts replaced, pointed at an address."""
    return load_adapter(_loaded(name, json.dumps(changes or {})), base_url=url, **arguments)


@functools.cache
def _loaded(name: str, changes: str) -> Spec:
    """Each spec once, because loading takes longer than most faults."""
    return load_spec({"spec": 1, "extends": name, **json.loads(changes)} if changes != "{}" else name)


@dataclass(frozen=True)
class Family:
    """A streaming protocol.

    Attributes:
        final: the messages that make a final transcript of a text.
        finish: the message that says the input has ended.
        done: what the vendor does when it has said all.
        opening: what it says before audio may come.
        session: the path of a request that comes before the handshake, which is answered with its address.
        rate: of the audio in Hz.
    """

    name: str
    final: Callable[[str], list[Any]]
    finish: Matcher
    done: tuple[Step, ...]
    opening: tuple[Step, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    session: str | None = None
    audio: Callable[[Text | Binary], bytes] = binary_audio
    rate: int = 16000
    has_key: bool = True

    def __str__(self) -> str:
        return self.name

    def says(self, text: str) -> list[Step]:
        """The steps of a vendor that says a final transcript."""
        return [Send(message) for message in self.final(text)]

    def whole(self, text: str) -> list[Step]:
        """A connection on which everything goes well."""
        return [*self.opening, AfterText(self.finish), *self.says(text), *self.done]

    def vendor(self, *connections: Any, attempts: int = 2, repeat: bool = False) -> ScriptedVendor:
        """A vendor with these scripts.

        Arguments:
            attempts: how many sessions it opens, where that takes a request.
            repeat: whether more connections follow the last script.
        """
        replies = {f"POST {self.session}": [Reply(201, json=open_session)] * attempts} if self.session else {}
        return ScriptedVendor(*connections, replies=replies, audio=self.audio, repeat=repeat)

    def adapter(self, url: str, stream: Mapping[str, Any] | None = None, **arguments: Any) -> SpecSTT:
        """An adapter pointed at an address, with parts of the spec's stream replaced."""
        key = {"api_key": KEY} if self.has_key else {}
        changes = {"stream": stream} if stream else {}
        return load(self.name, url, changes, **key, **self.options, **arguments)


def open_session(request: HttpRequest) -> dict[str, Any]:
    """The reply of a vendor that opens sessions."""
    return {"id": "session-1", "url": f"ws://{request.header('host')}/v2/live?token=abc"}


def _deepgram(text: str) -> list[Any]:
    alternative = {"transcript": text, "confidence": 0.9, "words": []}
    return [
        {
            "type": "Results",
            "is_final": True,
            "speech_final": True,
            "channel": {"alternatives": [alternative]},
        }
    ]


def _assemblyai(text: str) -> list[Any]:
    words = [{"start": 0, "end": 200, "text": text, "confidence": 0.9}]
    return [
        {
            "type": "Turn",
            "turn_is_formatted": True,
            "end_of_turn": True,
            "transcript": text,
            "end_of_turn_confidence": 0.9,
            "words": words,
            "utterance": text,
        }
    ]


def _soniox(text: str) -> list[Any]:
    word = {"text": text, "start_ms": 0, "end_ms": 200, "confidence": 0.9, "is_final": True}
    return [{"tokens": [word, {"text": "<end>", "is_final": True}], "total_audio_proc_ms": 200}]


def _gladia(text: str) -> list[Any]:
    utterance = {"start": 0.0, "end": 0.2, "words": [], "text": text}
    return [{"type": "transcript", "data": {"is_final": True, "utterance": utterance}}]


def _openai(text: str) -> list[Any]:
    kind = "conversation.item.input_audio_transcription.completed"
    return [{"type": kind, "item_id": "item_1", "transcript": text}]


def _vosk(text: str) -> list[Any]:
    return [{"text": text, "result": [{"conf": 1.0, "start": 0.0, "end": 0.2, "word": text}]}]


def _xai(text: str) -> list[Any]:
    return [{"type": "transcript.partial", "text": text, "is_final": True, "speech_final": True}]


_EMPTY_COMMIT = {
    "type": "error",
    "error": {"code": "input_audio_buffer_commit_empty", "message": "too small"},
}

FAMILIES = (
    Family("deepgram", _deepgram, {"type": "CloseStream"}, (Send({"type": "Metadata"}),)),
    Family("assemblyai", _assemblyai, {"type": "Terminate"}, (Send({"type": "Termination"}),)),
    Family("soniox", _soniox, {"type": "finalize"}, (Send({"tokens": [], "finished": True}),)),
    Family(
        "gladia",
        _gladia,
        {"type": "stop_recording"},
        (Send({"type": "post_final_transcript", "data": {}}),),
        session="/v2/live",
        audio=base64_audio("data", "chunk"),
    ),
    Family(
        "openai",
        _openai,
        {"type": "input_audio_buffer.commit"},
        (Send(_EMPTY_COMMIT),),
        options={"use_realtime": True},
        audio=base64_audio("audio"),
        rate=24000,
    ),
    Family("vosk", _vosk, '{"eof" : 1}', (Close(1000),), has_key=False),
    Family(
        "xai",
        _xai,
        {"type": "audio.done"},
        (Send({"type": "transcript.done", "text": ""}),),
        opening=(Send({"type": "transcript.created"}),),
    ),
)


@dataclass(frozen=True)
class Batch:
    """A protocol of one request.

    Attributes:
        reply: the answer with a text.
        spec: its name, if it is another.
    """

    name: str
    path: str
    reply: Callable[[str], Any]
    spec: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.name

    def vendor(self, *replies: Reply) -> ScriptedVendor:
        """A vendor with these replies."""
        return ScriptedVendor(replies={f"POST {self.path}": replies})

    def says(self, text: str) -> Reply:
        """The reply with a text."""
        return Reply(json=self.reply(text))

    def adapter(self, url: str, timeout: str | None = None) -> SpecSTT:
        """An adapter pointed at an address, with another deadline of the request."""
        changes = {"recognize": {"timeout": timeout}} if timeout else {}
        return load(self.spec or self.name, url, changes, api_key=KEY, **self.options)


def _deepgram_batch(text: str) -> Any:
    return {
        "results": {"channels": [{"alternatives": [{"transcript": text, "confidence": 0.9, "words": []}]}]}
    }


def _text(text: str) -> Any:
    return {"text": text}


def _google(text: str) -> Any:
    return {"results": [{"alternatives": [{"transcript": text, "confidence": 0.9}], "languageCode": "en-us"}]}


BATCHES = (
    Batch("deepgram", "/v1/listen", _deepgram_batch),
    Batch("openai", "/v1/audio/transcriptions", _text),
    Batch("elevenlabs", "/v1/speech-to-text", _text),
    Batch("xai", "/v1/stt", _text),
    Batch("google version 1", "/v1/speech:recognize", _google, "google"),
    Batch(
        "google version 2",
        "/v2/projects/p/locations/global/recognizers/_:recognize",
        _google,
        "google",
        {"model": "chirp_2", "project": "p"},
    ),
)
