"""livekit's side of an adapter: what it says of itself, its sessions, its place in livekit's own adapters."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from livekit.agents import APIConnectOptions, APIStatusError, stt

from specbuilder import load_adapter
from specbuilder.adapters.stream import SpecStream
from tests.promises.acme import (
    KEY,
    NO_RETRY,
    ONE_RETRY,
    RECOGNIZE,
    SPEC,
    acme,
    final,
    http_spec,
    interim,
    merged,
    stream_spec,
)
from tests.support.streams import outcome, push, silence, tone, transcripts
from tests.support.vendor import AfterAudio, AfterText, Drop, Refuse, ScriptedVendor, Send

STOP = AfterText({"type": "stop"})
DONE = Send({"type": "done"})
ANSWER: list[Any] = [STOP, Send(final("hi", 0.1, 0.2)), DONE]


# -- what an adapter says of itself --------------------------------------------------------------------------


def adapter_of(spec: Any = SPEC, **options: Any) -> Any:
    """An adapter that is not used."""
    return load_adapter(spec, api_key=KEY, **options)


def test_label_model_and_provider() -> None:
    adapter = adapter_of()
    assert (adapter.label, adapter.model, adapter.provider) == ("specbuilder.acme", "one", "acme")
    adapter.update_options(model="two")
    assert adapter.model == "two"
    assert adapter_of(merged(SPEC, {"options": {"model": {"role": None}}})).model == "unknown"


def test_capabilities_follow_from_the_spec() -> None:
    assert adapter_of().capabilities == stt.STTCapabilities(
        streaming=True,
        interim_results=True,
        diarization=False,
        aligned_transcript="word",
        offline_recognize=False,
        keyterms=True,
        chat_context=True,
        manual_flush=False,
    )
    assert adapter_of(http_spec()).capabilities == stt.STTCapabilities(
        streaming=False,
        interim_results=False,
        diarization=False,
        aligned_transcript="chunk",
        offline_recognize=True,
        keyterms=True,
        chat_context=True,
        manual_flush=False,
    )


@pytest.mark.parametrize(
    ("changes", "name", "value"),
    [
        ({"stream": {"rules": [{"when": "text", "emit": "final_transcript"}]}}, "interim_results", False),
        ({"stream": {"transcript": {"words": None}}}, "aligned_transcript", "chunk"),
        (
            {"stream": {"transcript": {"words": None, "start": None, "end": None}}},
            "aligned_transcript",
            False,
        ),
        ({"stream": {"transcript": {"speaker": "who"}}}, "diarization", True),
        ({"options": {"terms": {"role": None}}}, "keyterms", False),
        ({"options": {"context": {"role": None}}}, "chat_context", False),
        ({"recognize": RECOGNIZE}, "offline_recognize", True),
        ({"capabilities": {"manual_flush": True}}, "manual_flush", True),
    ],
)
def test_capabilities_are_derived(changes: dict[str, Any], name: str, value: Any) -> None:
    assert getattr(adapter_of(merged(SPEC, changes)).capabilities, name) == value


def test_capabilities_change_with_the_options() -> None:
    spec = merged(
        SPEC,
        {
            "options": {"speakers": False},
            "capabilities": {"diarization": "{{ speakers }}", "manual_flush": "{{ model == 'two' }}"},
        },
    )
    adapter = adapter_of(spec)
    assert not adapter.capabilities.diarization
    assert not adapter.capabilities.manual_flush
    adapter.update_options(speakers=True, model="two")
    assert adapter.capabilities.diarization
    assert adapter.capabilities.manual_flush


async def test_interims_are_not_made_where_they_are_not_wanted() -> None:
    spec = merged(
        SPEC, {"options": {"partials": True}, "capabilities": {"interim_results": "{{ partials }}"}}
    )
    vendor = ScriptedVendor([STOP, Send(interim("h")), Send(final("hi")), DONE])
    async with vendor:
        adapter = acme(vendor, spec, partials=False)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.kinds == ["start_of_speech", "final_transcript", "end_of_speech"]


@pytest.mark.parametrize("asked", ["de", None])
async def test_language(asked: str | None) -> None:
    """What the vendor says, else what was asked for; never None."""
    spec = stream_spec(transcript={"language": "lang"})
    vendor = ScriptedVendor([STOP, Send(final("a")), Send(final("b", lang="fr_CA")), DONE])
    async with vendor:
        adapter = acme(vendor, spec)
        stream = adapter.stream(conn_options=NO_RETRY, **({"language": asked} if asked else {}))
        await push(stream, tone(0.1))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    languages = [event.alternatives[0].language for event in result.events if event.alternatives]
    assert [str(language) for language in languages] == [asked or "en", "fr-CA"]


def test_a_stream_of_a_batch_spec_is_refused_with_a_way_out() -> None:
    with pytest.raises(NotImplementedError, match="StreamAdapter"):
        adapter_of(http_spec()).stream()


async def test_every_field_of_a_transcript() -> None:
    spec = stream_spec(
        transcript={
            "confidence": "sure",
            "speaker": "who",
            "metadata": {"mood": "mood", "nothing": "missing"},
            "source_languages": "from",
            "source_texts": "said",
            "target_languages": "to",
            "target_texts": "translated",
            "words": {"confidence": "c", "speaker": "k"},
        }
    )
    message = final(
        "guten Tag",
        0.5,
        1.5,
        sure=1.7,
        who=3,
        mood="glad",
        said=["good day"],
        translated=["guten Tag"],
        words=[{"w": "guten", "s": 0.5, "e": 1.0, "c": -1, "k": 3}, {"w": "Tag", "s": 1.0, "e": 1.5}],
    )
    vendor = ScriptedVendor([STOP, Send({**message, "from": ["en-us"], "to": ["de"]}), DONE])
    async with vendor:
        adapter = acme(vendor, spec)
        stream = adapter.stream(conn_options=NO_RETRY)
        stream.start_time_offset = 10.0
        await push(stream, tone(0.1))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    (data,) = (event.alternatives[0] for event in result.events if event.type == "final_transcript")
    assert (data.start_time, data.end_time, data.confidence, data.speaker_id) == (10.5, 11.5, 1.0, "3")
    assert data.metadata == {"mood": "glad"}
    assert data.source_languages == ["en-US"]
    assert (data.source_texts, data.target_texts) == (["good day"], ["guten Tag"])
    assert data.target_languages == ["de"]
    first, second = data.words or []
    assert (str(first), first.start_time, first.end_time) == ("guten", 10.5, 11.0)
    assert (first.confidence, first.speaker_id, first.start_time_offset) == (0.0, "3", 10.0)
    assert (str(second), second.end_time) == ("Tag", 11.5)


# -- the contract of a stream --------------------------------------------------------------------------------


@pytest.fixture
def idle() -> Any:
    """A stream whose vendor cannot be reached, and its adapter; nothing is ever sent."""
    return acme("http://127.0.0.1:1")


async def test_start_time_seeded_on_init(idle: Any) -> None:
    before = time.time()
    stream = idle.stream(conn_options=NO_RETRY)
    assert before <= stream.start_time <= time.time()
    await idle.aclose()


@pytest.mark.parametrize("name", ["start_time", "start_time_offset"])
async def test_start_time_setter(idle: Any, name: str) -> None:
    stream: SpecStream = idle.stream(conn_options=NO_RETRY)
    for value in (0.0, 12.5):
        setattr(stream, name, value)
        assert getattr(stream, name) == value
    with pytest.raises(ValueError, match="non-negative"):
        setattr(stream, name, -0.1)
    assert getattr(stream, name) == 12.5
    await idle.aclose()


async def test_start_time_reseeded_on_retry() -> None:
    """And anchored to the moment the first audio of the connection left, less what is sent again."""
    vendor = ScriptedVendor([AfterAudio(0.2), Drop()], [AfterAudio(0.4), Send(final("a"))])
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=ONE_RETRY)
        await push(stream, tone(0.2), end=False)
        await vendor.until(lambda: len(vendor.audio(0)) == 6400, "audio")
        first = stream.start_time
        await vendor.until(lambda: len(vendor.audio(1)) == 6400, "the audio again")
        second = stream.start_time
        await adapter.aclose()
        # The adapter is closed before the vendor has said its word.
        vendor.problems.clear()
    assert abs(first - time.time()) < 5.0
    assert second > first - 0.2


async def test_non_retryable_error_is_not_retried() -> None:
    async with ScriptedVendor([Refuse(401)]) as vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=APIConnectOptions(max_retry=5, retry_interval=0.0, timeout=3.0))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert isinstance(result.error, APIStatusError)
    assert len(vendor.handshakes) == 1


async def test_pushing_after_the_end_is_refused() -> None:
    async with ScriptedVendor(ANSWER) as vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        stream.end_input()
        with pytest.raises(RuntimeError):
            stream.push_frame(silence(0.01)[0])
        with pytest.raises(RuntimeError):
            stream.flush()
        await outcome(stream, failed=vendor.failed)
        await adapter.aclose()


async def test_two_streams_of_one_adapter_do_not_mix() -> None:
    vendor = ScriptedVendor(
        [STOP, Send(final("one")), DONE],
        [STOP, Send(final("two")), DONE],
    )
    async with vendor:
        adapter = acme(vendor)
        first = adapter.stream(conn_options=NO_RETRY)
        await vendor.until(lambda: len(vendor.handshakes) == 1, "the first stream")
        second = adapter.stream(conn_options=NO_RETRY)
        await push(second, tone(0.2), end=False)
        await push(first, silence(0.1), end=False)
        second.end_input()
        first.end_input()
        results = await asyncio.gather(
            outcome(first, failed=vendor.failed), outcome(second, failed=vendor.failed)
        )
        await adapter.aclose()
    assert [transcripts(result.events) for result in results] == [["one"], ["two"]]
    assert [len(vendor.audio(number)) for number in (0, 1)] == [3200, 6400]
