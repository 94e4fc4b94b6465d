"""NVIDIA's recognizer: our spec against livekit-plugins-nvidia, by events only.

The plugin speaks gRPC to Riva, our spec the WebSocket of a Speech NIM: two wires of one recognizer. The same
results go over both, and what comes out as events, usage and error is compared.

The plugin's client asks for an old `websockets`, so it is not among the dev packages. What it needs besides
comes with livekit-agents: `pip install --no-deps livekit-plugins-nvidia==1.8.9 nvidia-riva-client==2.28.0`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt

from tests.differential.harness import (
    ANY,
    Build,
    Case,
    Correction,
    check_ours,
    check_plugin,
    end,
    flush,
    say,
    seen,
    until_events,
)
from tests.support.streams import tone
from tests.support.vendor import (
    AfterAudio,
    AfterText,
    Drop,
    Reply,
    ScriptedVendor,
    Send,
    base64_audio,
)

pytestmark = pytest.mark.skipif(
    find_spec("riva") is None, reason="livekit-plugins-nvidia is not installed (see the module's text)"
)

SESSION = "/v1/realtime/transcription_sessions"
ITEM = "conversation.item.input_audio_transcription"
SETTINGS = {"id": "sess_1", "client_secret": None}
OPENED = (
    Send({"type": "conversation.created"}),
    AfterText({"type": "transcription_session.update"}),
    Send({"type": "transcription_session.updated", "session": SETTINGS}),
)
END = AfterText({"type": "input_audio_buffer.done"})


@dataclass(frozen=True)
class Word:
    """A word, its times in ms."""

    text: str
    start: int
    end: int
    speaker: int = 0

    def fields(self) -> dict[str, Any]:
        times = {"start_time": self.start, "end_time": self.end}
        return {"word": self.text, **times, "confidence": 0.9, "speaker_tag": self.speaker}


@dataclass(frozen=True)
class Result:
    """What is recognized, as either wire says it."""

    text: str
    words: Sequence[Word] = ()

    def riva(self) -> dict[str, Any]:
        words = [word.fields() for word in self.words]
        best = {"transcript": self.text, "words": words, "confidence": 0.9 if words else 0.0}
        return {"results": [{"alternatives": [best], "is_final": bool(words)}]}

    def nim(self) -> Send:
        if not self.words:
            return Send({"type": f"{ITEM}.delta", "delta": self.text})
        words = {"words": [word.fields() for word in self.words]}
        return Send(
            {
                "type": f"{ITEM}.completed",
                "transcript": self.text,
                "is_last_result": False,
                "words_info": words,
            }
        )


@dataclass(frozen=True)
class Riva:
    """A recognizer that plays a script over gRPC.

    Args:
        heard: results, and the audio that each waits for.
        after: results, once the client has said that it is done.
        status: the name of the gRPC status that ends the call after `heard`.
    """

    heard: Sequence[Result | AfterAudio] = ()
    after: Sequence[Result] = ()
    status: str | None = None

    def play(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
        """The servicer's StreamingRecognize."""
        import grpc
        from google.protobuf.json_format import ParseDict
        from riva.client.proto.riva_asr_pb2 import StreamingRecognizeResponse

        size = 0
        for step in self.heard:
            if isinstance(step, Result):
                yield ParseDict(step.riva(), StreamingRecognizeResponse())
                continue
            while size < step.bytes_needed:
                request = next(requests, None)
                if request is None:
                    return
                size += len(request.audio_content)
        if self.status:
            context.abort(grpc.StatusCode[self.status], "No.")
        for _ in requests:
            pass
        for result in self.after:
            yield ParseDict(result.riva(), StreamingRecognizeResponse())


def nvidia_plugin(riva: Riva, **options: Any) -> Build:
    """The plugin with a recognizer of its own, which stops when the plugin is closed."""

    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        import grpc
        from livekit.plugins import nvidia
        from riva.client.proto.riva_asr_pb2_grpc import (
            RivaSpeechRecognitionServicer,
            add_RivaSpeechRecognitionServicer_to_server,
        )

        class Servicer(RivaSpeechRecognitionServicer):  # type: ignore[misc]
            def StreamingRecognize(self, requests: Iterator[Any], context: Any) -> Iterator[Any]:
                return riva.play(requests, context)

        class Plugin(nvidia.STT):  # type: ignore[misc]
            async def aclose(self) -> None:
                await super().aclose()
                server.stop(None)

        server = grpc.server(ThreadPoolExecutor(2))
        add_RivaSpeechRecognitionServicer_to_server(Servicer(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        return Plugin(server=f"127.0.0.1:{port}", use_ssl=False, api_key="test-key", **options)

    return build


def nim(riva: Riva, *end: Any) -> list[Any]:
    """The same recognizer's WebSocket; `end` takes the place of its last result."""
    heard = [*OPENED, *(step.nim() if isinstance(step, Result) else step for step in riva.heard)]
    if end:
        return [*heard, *end]
    last = Send({"type": f"{ITEM}.completed", "transcript": "", "is_last_result": True})
    return [*heard, END, *(result.nim() for result in riva.after), last]


HEARD = AfterAudio(seconds=0.2)
HEL = Result("hel")
HELLO = Result("Hello world. ", [Word("Hello", 100, 400, 1), Word("world.", 450, 900, 1)])
BYE = Result("Bye.", [Word("Bye.", 2100, 2400, 2)])
SAID = ["start_of_speech", "interim_transcript: hel", "final_transcript: Hello world.", "end_of_speech"]
BYE_SAID = ["start_of_speech", "final_transcript: Bye.", "end_of_speech"]


def without_ids(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ids = {event["request_id"].partition("-")[0] for event in events if "alternatives" in event}
    assert ids <= {"nvidia"}, ids
    return [{**event, "request_id": ""} for event in events]


def with_second_start(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    kinds = [event["type"] for event in events]
    assert kinds.count("start_of_speech") == 1, kinds
    turn = kinds.index("end_of_speech") + 1
    return [*events[:turn], events[0], *events[turn:]]


def with_end(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    assert "end_of_speech" not in [event["type"] for event in events]
    return [*events, {"type": "end_of_speech", "request_id": ""}]


def with_bye(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    start, hello, end = events
    [best] = hello["alternatives"]
    bye = {"text": "Bye.", "start": 2.1, "end": 2.4}
    return [
        *events,
        start,
        {**hello, "alternatives": [{**best, **bye, "words": [{**bye, "confidence": 0.9}]}]},
        end,
    ]


def final(place: int, result: Result = HELLO) -> list[Correction]:
    """What is wrong with each final of the plugin's; `place` is its index among the plugin's events."""
    times = [(word.text, word.start, word.end) for word in result.words]
    given = [{"text": text, "start": float(start), "end": float(end)} for text, start, end in times]
    seconds = [{"text": text, "start": start / 1000, "end": end / 1000} for text, start, end in times]
    right = [{**word, "confidence": 0.9} for word in seconds]
    where = f"events.{place}.alternatives.0"
    wrong = [
        Correction("the times of words are in ms", f"{where}.words", given, seconds),
        Correction("the confidence of words is left out", f"{where}.words", seconds, right),
    ]
    if result.text.strip() != result.text:
        wrong.append(Correction("text is not trimmed", f"{where}.text", result.text, result.text.strip()))
    return wrong


IDS = Correction("the request id is not the vendor's", "events", ANY, without_ids)
START = Correction("speech begins only once in a stream", "events", ANY, with_second_start)


def failure(status: int) -> list[Correction]:
    right = {"status": status, "retryable": status != 401}
    why = "no error of the vendor's comes out"
    return [Correction(why, "error", None, right), Correction(why, "ended", ANY, False)]


def exchange(name: str, riva: Riva, expect: Sequence[str], **more: Any) -> Case:
    options = more.pop("options", {})
    seconds = more.pop("usage", 0.25)
    usage = Correction("audio is not counted", "usage.audio_duration", 0, seconds, shared=not seconds)
    settings: dict[str, Any] = {
        "options": options,
        "ours": [nim(riva)],
        "replies": {f"POST {SESSION}": [Reply(json=SETTINGS)]},
        "read_audio": base64_audio("audio"),
        "app": (say(tone(0.25)), end),
        # Not of the same kind.
        "skip": ("wire",),
        **more,
        "corrections": [replace(IDS, shared=not expect), usage, *more.get("corrections", ())],
    }
    return Case(name, nvidia_plugin(riva, **options), "nvidia", expect, **settings)


CASES = [
    exchange("an utterance", Riva([HEARD, Result(" "), HEL, HELLO]), SAID, corrections=final(2)),
    exchange(
        "another language and rate",
        Riva([HEARD, HEL, HELLO]),
        SAID,
        options={"language_code": "de-DE", "sample_rate": 8000},
        app=(say(tone(0.5, rate=8000)), end),
        usage=0.5,
        corrections=final(2),
    ),
    exchange(
        "two utterances",
        Riva([HEARD, HELLO, BYE]),
        [SAID[0], *SAID[2:], *BYE_SAID],
        corrections=[*final(1), *final(3, BYE), START],
    ),
    exchange(
        "the rest after the end of input", Riva([HEARD, HEL], after=[HELLO]), SAID, corrections=final(2)
    ),
    exchange(
        "text that is never final",
        Riva([HEARD, HEL]),
        [*SAID[:2], SAID[3]],
        corrections=[Correction("an utterance without a final has no end", "events", ANY, with_end)],
    ),
    exchange("silence", Riva(), []),
    exchange(
        "speakers",
        Riva([HEARD, HELLO, BYE]),
        [SAID[0], *SAID[2:], *BYE_SAID],
        options={"enable_diarization": True, "max_speaker_count": 2},
        corrections=[*final(1), *final(3, BYE), START],
    ),
    *(
        exchange(
            f"refused with {status}",
            Riva(status=name),
            [],
            ours=(),
            replies={f"POST {SESSION}": [Reply(status, json={"detail": "No."})]},
            app=(end,),
            usage=0,
            corrections=failure(status),
        )
        for status, name in ((401, "UNAUTHENTICATED"), (429, "RESOURCE_EXHAUSTED"), (503, "UNAVAILABLE"))
    ),
    exchange(
        "an error in mid-speech",
        Riva([HEARD, HEL], status="INTERNAL"),
        SAID[:2],
        ours=[nim(Riva([HEARD, HEL]), Send({"type": "error", "error": {"message": "No."}}))],
        app=(say(tone(0.25)),),
        # It waits for more audio all the same.
        plugin_until=seen(2),
        corrections=failure(500)[:1],
    ),
    exchange(
        "dropped in mid-speech",
        Riva([HEARD, HEL], status="UNAVAILABLE"),
        SAID[:2],
        ours=[nim(Riva([HEARD, HEL]), Drop())],
        app=(say(tone(0.25)),),
        error=("retryable",),
        plugin_until=seen(2),
        corrections=[Correction("no error of the vendor's comes out", "error", None, {"retryable": True})],
    ),
    exchange(
        "a flush does not end the stream",
        Riva([HEARD, HELLO, AfterAudio(seconds=0.4), BYE]),
        [SAID[0], *SAID[2:], *BYE_SAID],
        app=(say(tone(0.2)), until_events(3), flush, say(tone(0.25, chunk=0.25)), until_events(6), end),
        usage=0.45,
        corrections=[
            *final(1),
            Correction("a flush ends the stream: nothing of what follows is heard", "events", ANY, with_bye),
        ],
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)
