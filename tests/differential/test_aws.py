"""Amazon Transcribe: our spec against livekit-plugins-aws, on one script.

The plugin speaks HTTP/2, our spec the WebSocket. Both carry the same events, so a bridge passes the plugin's
on to the same scripted vendor. Amazon's client needs Python 3.12.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from livekit.agents import stt

from specbuilder import load_adapter
from specbuilder.protocol.codecs.aws_eventstream import AwsEventstreamCodec
from tests.differential.harness import (
    ANY,
    APP_DONE,
    Build,
    Case,
    Correction,
    check_ours,
    check_plugin,
    end,
    flush,
    say,
    seen,
)
from tests.support.streams import tone
from tests.support.vendor import (
    AfterAudio,
    Binary,
    Close,
    Drop,
    Pause,
    Refuse,
    ScriptedVendor,
    Send,
    Text,
)

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="Amazon's client needs Python 3.12")

CODEC = AwsEventstreamCodec()
PATH = "/stream-transcription-websocket"


def aws_plugin(**options: Any) -> Build:
    """The plugin behind a bridge of its own."""

    def build(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        from awscrt.io import ClientTlsContext, TlsContextOptions
        from livekit.plugins import aws
        from livekit.plugins.aws import stt as module
        from smithy_http.aio.crt import AWSCRTHTTPClient

        from tests.differential.http2 import EventStreamBridge

        bridge = EventStreamBridge(f"{vendor.url}{PATH}", session)

        class Client(AWSCRTHTTPClient):
            async def _build_new_connection(self, url: Any) -> Any:
                trusting = TlsContextOptions()
                trusting.verify_peer = False
                self._tls_ctx = ClientTlsContext(trusting)
                return await super()._build_new_connection(replace(url, host="127.0.0.1", port=bridge.port))

        class Plugin(aws.STT):
            async def aclose(self) -> None:
                await super().aclose()
                module.AWSCRTHTTPClient = AWSCRTHTTPClient
                await bridge.close()
                await stop_uploads()

        module.AWSCRTHTTPClient = Client
        return Plugin(credentials=aws.stt.Credentials("AKIDEXAMPLE", "test-key"), **options)

    return build


async def stop_uploads() -> None:
    """Amazon's client goes on sending where the vendor has refused."""
    tasks = [task for task in asyncio.all_tasks() if "request_body" in task.get_coro().__qualname__]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def audio(frame: Text | Binary) -> bytes:
    assert isinstance(frame, Binary)
    return CODEC.decode(frame.data)["body"]


def event(kind: str, body: Any, message: str = "event") -> Send:
    names = {":message-type": message, f":{message}-type": kind, ":content-type": "application/json"}
    return Send(CODEC.encode({"headers": names, "body": body}))


def item(text: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    kind = "pronunciation" if "Confidence" in more else "punctuation"
    return {"Content": text, "StartTime": start, "EndTime": end, "Type": kind, **more}


def result(text: str, *items: Any, start: float = 0.0, end: float = 0.9, **more: Any) -> dict[str, Any]:
    return {
        "ResultId": "r1",
        "StartTime": start,
        "EndTime": end,
        "IsPartial": False,
        "LanguageCode": "en-US",
        "Alternatives": [{"Transcript": text, "Items": list(items)}],
        **more,
    }


def heard(*results: Any) -> Send:
    return event("TranscriptEvent", {"Transcript": {"Results": list(results)}})


ITEMS = [
    item("Hello", 0.0, 0.4, Confidence=0.98, Speaker="0"),
    item("world", 0.5, 0.9, Confidence=0.92, Speaker="0"),
    item(".", 0.9, 0.9),
]
HEL = result("Hel", item("Hel", 0.0, 0.2, Confidence=0.0), end=0.2, IsPartial=True)
HELLO = result("Hello world.", *ITEMS)
BYE = result("Bye.", item("Bye", 2.1, 2.4, Confidence=0.9), start=2.1, end=2.4)
SAID = ["start_of_speech", "interim_transcript: Hel", "final_transcript: Hello world.", "end_of_speech"]
BYE_SAID = ["start_of_speech", "final_transcript: Bye.", "end_of_speech"]
GERMAN = {
    "StartTime": 0.0,
    "LanguageCode": "de-DE",
    "LanguageIdentification": [{"LanguageCode": "de-DE", "Score": 0.97}],
}
IDLE = event(
    "BadRequestException",
    {"Message": "Your request timed out because no new audio was received for 15 seconds."},
    "exception",
)
AUDIO = tone(0.25, rate=24000)
HEARD = AfterAudio(seconds=0.2, rate=24000)
END = [APP_DONE, Pause(0.15)]
"""After it the client has said that it is done."""
CLOSED = [Pause(0.1), Close(1000)]
"""By then the plugin is being closed, which takes 3 s where the vendor does not."""


def event_of(kind: str) -> dict[str, Any]:
    return {"type": kind, "request_id": ""}


BYE_EVENTS = [
    event_of("start_of_speech"),
    {
        **event_of("final_transcript"),
        "alternatives": [
            {
                "text": "Bye.",
                "language": "en-US",
                "start": 0.0,
                "end": 2.4,
                "confidence": 0.9,
                "words": [{"text": "Bye", "start": 2.1, "end": 2.4, "confidence": 0.9}],
            }
        ],
    },
    event_of("end_of_speech"),
]


def once(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the beginnings of an utterance that has begun."""
    kept: list[dict[str, Any]] = []
    for event in events:
        begun = [other["type"] for other in kept if "speech" in other["type"]][-1:] == ["start_of_speech"]
        if event["type"] != "start_of_speech" or not begun:
            kept.append(event)
    assert len(kept) < len(events)
    return kept


def begun(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With a beginning for the utterance that has none."""
    kinds = [event["type"] for event in events]
    first = kinds.index("end_of_speech") + 1
    assert "start_of_speech" not in kinds[first:]
    return [*events[:first], event_of("start_of_speech"), *events[first:]]


def with_speaker(best: dict[str, Any]) -> dict[str, Any]:
    assert "speaker" not in best
    return {**best, "speaker": "0"}


AGAIN = Correction("speech begins with every result at time 0, and with no other", "events", ANY, once)
BEGUN = Correction("speech begins with every result at time 0, and with no other", "events", ANY, begun)
CONFIDENCE = "the first word's confidence is all of the text's"
SURE = "punctuation has a confidence of 0"
FILTER = "a vocabulary filter is an argument that Amazon's client does not know"
NO_STATUS = "an error is not one of livekit's"
FATAL = {"status": None, "retryable": False}
RESTART = "when a session has ended another one begins, uncounted"


def final(place: int) -> list[Correction]:
    """What is wrong with HELLO as the plugin says it; `place` is its index among the right events."""
    where = f"events.{place}.alternatives.0"
    dot = {"text": ".", "start": 0.9, "end": 0.9}
    return [
        Correction(CONFIDENCE, f"{where}.confidence", 0.98, 0.95),
        Correction(SURE, f"{where}.words.2", {**dot, "confidence": 0.0}, dot),
    ]


def last_frame(connection: int = 0) -> Correction:
    return Correction(
        "the event that ends the audio need not say what it is of",
        f"wire.connections.{connection}.sent",
        ANY,
        lambda sent: [*sent[:-1], {"binary": 104}],
        defect=False,
    )


def after(finals: int) -> Any:
    """When to stop reading the plugin's stream, which never ends (see "the end")."""
    return lambda events: sum(event.type.value == "end_of_speech" for event in events) >= finals


def exchange(name: str, expect: Sequence[str], script: Sequence[Any], **more: Any) -> Case:
    options = more.pop("options", {})
    settings: dict[str, Any] = {
        "options": {"access_key_id": "AKIDEXAMPLE", **options},
        "connections": [[*script, *CLOSED]],
        "read_audio": audio,
        "app": (say(AUDIO), end),
        "headers": (),
        "chunks": False,
        # Ours is signed, and what else it says is compared below; the plugin's stream is not read to its end.
        "skip": ("wire.connections.0.query", "ended"),
        "plugin_until": after(max(1, expect.count("end_of_speech"))),
        **more,
    }
    return Case(name, aws_plugin(**options), "aws", expect, **settings)


def failing(name: str, script: Sequence[Any], right: dict[str, Any], **more: Any) -> Case:
    return exchange(
        name,
        SAID[:2],
        [HEARD, heard(HEL), *script],
        ours=None,
        app=(say(AUDIO[:20]),),
        # After an error the plugin ends its audio all the same.
        skip=("wire.connections.0.query", "wire.connections.0.sent"),
        **{"corrections": [Correction(NO_STATUS, "error", FATAL, right)], **more},
    )


CASES = [
    exchange(
        "an utterance",
        SAID,
        [HEARD, heard(HEL), *END, heard(HELLO)],
        corrections=[AGAIN, *final(2), last_frame()],
    ),
    exchange(
        "two utterances",
        [SAID[0], *SAID[2:], *BYE_SAID],
        [HEARD, heard(HELLO), *END, heard(BYE)],
        corrections=[BEGUN, *final(1), last_frame()],
    ),
    exchange(
        "two in one message, with a flush and another rate",
        [SAID[0], *SAID[2:], *BYE_SAID],
        [AfterAudio(seconds=0.2, rate=16000), *END, heard(HELLO, BYE)],
        options={"language": "en-GB", "sample_rate": 16000},
        app=(say(tone(0.1)), flush, say(tone(0.15)), end),
        corrections=[BEGUN, *final(1), last_frame()],
    ),
    exchange(
        "an empty result",
        BYE_SAID,
        [HEARD, heard(result("", end=0.0)), heard(), *END, heard({**BYE, "StartTime": 0.0})],
        plugin_until=after(2),
        corrections=[
            Correction("an empty result is an utterance", "events", ANY, lambda events: events[2:]),
            last_frame(),
        ],
    ),
    exchange(
        "languages are identified",
        BYE_SAID,
        [HEARD, *END, heard({**BYE, **GERMAN})],
        options={"identify_language": True, "language_options": "en-US,de-DE"},
        corrections=[last_frame()],
    ),
    exchange(
        "speakers",
        [SAID[0], *SAID[2:]],
        [HEARD, *END, heard(HELLO)],
        options={"show_speaker_label": True},
        corrections=[
            *final(1),
            Correction("speakers are not told", "events.1.alternatives.0", ANY, with_speaker),
            last_frame(),
        ],
    ),
    exchange(
        "a vocabulary filter",
        BYE_SAID,
        [HEARD, *END, heard({**BYE, "StartTime": 0.0})],
        options={"vocab_filter_name": "rude", "vocab_filter_method": "mask"},
        app=(say(tone(0.25, rate=24000, chunk=0.25)), end),
        skip=("wire",),
        corrections=[
            Correction(FILTER, "events", [], BYE_EVENTS),
            Correction(FILTER, "error", FATAL, None),
            Correction(FILTER, "ended", False, True),
            Correction(FILTER, "usage.audio_duration", 0, 0.25),
        ],
    ),
    exchange(
        "the end",
        [SAID[0], *SAID[2:]],
        [],
        connections=[[HEARD, *END, heard(HELLO), Close(1000)], [heard(BYE), *CLOSED]],
        ours=[[HEARD, *END, heard(HELLO), Close(1000)]],
        skip=("wire.connections.0.query",),
        plugin_until=after(2),
        corrections=[
            Correction(RESTART, "events", ANY, lambda events: events[:3]),
            Correction(RESTART, "ended", False, True),
            Correction(RESTART, "wire.connections", ANY, lambda both: both[:1]),
            *final(1),
            last_frame(),
        ],
    ),
    *(
        failing(
            kind,
            [event(kind, {"Message": "No."}, "exception")],
            {"status": status, "retryable": status != 400},
        )
        for kind, status in (
            ("BadRequestException", 400),
            ("LimitExceededException", 429),
            ("InternalFailureException", 500),
        )
    ),
    exchange(
        "the vendor has waited too long for audio",
        SAID[:2],
        [],
        connections=[[HEARD, heard(HEL), IDLE], [heard(BYE), *CLOSED]],
        ours=[[HEARD, heard(HEL), IDLE]],
        app=(say(AUDIO[:20]),),
        # After an error the plugin ends its audio all the same.
        skip=("wire.connections.0.query", "wire.connections.0.sent"),
        corrections=[
            Correction(RESTART, "events", ANY, lambda events: events[:2]),
            Correction(RESTART, "wire.connections", ANY, lambda both: both[:1]),
            Correction(RESTART, "error", None, {"status": 408, "retryable": True}),
        ],
    ),
    failing(
        "dropped in mid-speech",
        [Drop()],
        {},
        error=("retryable",),
        plugin_until=seen(2),
        corrections=[
            Correction(
                "a lost connection is not noticed while no audio is sent", "error", None, {"retryable": True}
            ),
            Correction("audio before a loss is not counted", "usage.audio_duration", 0, 0.2),
        ],
    ),
    *(
        exchange(
            f"refused with {status}",
            [],
            [],
            app=(),
            connections=[[Refuse(status, {"Message": "No."}, {"x-amzn-errortype": kind})]] * 5,
            skip=("wire.connections.0.query",),
            corrections=[
                Correction(
                    NO_STATUS,
                    "error",
                    FATAL,
                    {"status": status, "retryable": status != 403},
                )
            ],
        )
        for status, kind in (
            (403, "AccessDeniedException"),
            (429, "LimitExceededException"),
            (503, "ServiceUnavailableException"),
        )
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_plugin(case: Case) -> None:
    await check_plugin(case)


@pytest.mark.parametrize("case", CASES, ids=str)
async def test_ours(case: Case) -> None:
    await check_ours(case)


SETTINGS: list[dict[str, Any]] = [
    {},
    {
        "language": "de-DE",
        "sample_rate": 16000,
        "vocabulary_name": "names",
        "session_id": "0dd7eaf8-1a6e-4b6c-a6b4-3b0f9f6f1c52",
        "show_speaker_label": True,
        "enable_partial_results_stabilization": True,
        "partial_results_stability": "high",
        "language_model_name": "calls",
    },
    {
        "identify_language": True,
        "language_options": "en-US,de-DE",
        "preferred_language": "en-US",
        "vocabulary_names": "names,places",
        "vocabulary_filter_names": "rude",
    },
    {"identify_multiple_languages": True, "language_options": "en-US,de-DE"},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=len)
async def test_settings_are_told_alike(settings: dict[str, Any]) -> None:
    """Amazon's client also says what is false; and only ours has its signature among the parameters."""
    vendors: list[ScriptedVendor] = []

    def kept(build: Build) -> Build:
        def keep(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
            vendors.append(vendor)
            return build(vendor, session)

        return keep

    def ours(vendor: ScriptedVendor, session: aiohttp.ClientSession) -> stt.STT[Any]:
        return load_adapter(
            "aws",
            api_key="test-key",
            access_key_id="AKIDEXAMPLE",
            base_url=vendor.url,
            http_session=session,
            **settings,
        )

    script = [AfterAudio(seconds=0.1, rate=24000), *END, heard({**BYE, "StartTime": 0.0})]
    case = exchange("settings", BYE_SAID, script)
    for build in (aws_plugin(**settings), ours):
        await check_plugin(replace(case, plugin=kept(build)))
    theirs, mine = (dict(vendor.handshakes[0].pairs) for vendor in vendors)
    assert {name: value for name, value in mine.items() if not name.startswith("X-Amz-")} == {
        name: value for name, value in theirs.items() if value != "false"
    }
