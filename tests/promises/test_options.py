"""Option changes reach live streams as the spec says, all or nothing, and never cost an utterance."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit.agents import NOT_GIVEN, APIConnectionError

from tests.promises.acme import NO_RETRY, SPEC, acme, final, interim, merged, stream_spec
from tests.promises.listening import next_event, until_true
from tests.support.streams import outcome, push, tone, transcripts
from tests.support.vendor import AfterAudio, AfterText, Reply, ScriptedVendor, Send, WaitFor

STOP = AfterText({"type": "stop"})
DONE = Send({"type": "done"})
END_OF_ALL: list[Any] = [STOP, DONE]


def query(vendor: ScriptedVendor, connection: int) -> dict[str, str]:
    """The query of a handshake."""
    return dict(vendor.handshakes[connection].pairs)


async def test_an_in_band_option_goes_out_as_a_message() -> None:
    vendor = ScriptedVendor(END_OF_ALL)
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        await vendor.until(lambda: vendor.audio(0) != b"", "audio")
        adapter.update_options(patience=300)
        adapter.update_options(patience=500)
        await push(stream, tone(0.1))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    updates = [message for message in vendor.messages(0) if message["type"] == "set"]
    assert updates == [{"type": "set", "patience": 300}, {"type": "set", "patience": 500}]
    assert len(vendor.handshakes) == 1


async def test_an_option_without_a_message_reconnects_at_once_when_the_user_is_silent() -> None:
    vendor = ScriptedVendor([], END_OF_ALL)
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.2), end=False)
        await vendor.until(lambda: len(vendor.audio(0)) == 6400, "audio")
        adapter.update_options(model="two")
        await push(stream, tone(0.2))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert [query(vendor, number)["model"] for number in (0, 1)] == ["one", "two"]
    # What had no text yet is heard by the new connection too.
    assert len(vendor.audio(1)) == 12800


async def test_a_reconnect_waits_for_the_end_of_the_utterance() -> None:
    go = asyncio.Event()
    first: list[Any] = [
        AfterAudio(0.3),
        Send(interim("a")),
        WaitFor(go),
        Send(final("a", 0.1, 0.2)),
        Send({"type": "end"}),
    ]
    vendor = ScriptedVendor(first, [STOP, Send(final("b", 0.05, 0.1)), DONE])
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.3), end=False)
        await next_event(stream, "interim_transcript")
        adapter.update_options(model="two")
        await push(stream, tone(0.1), end=False)
        await vendor.until(lambda: len(vendor.audio(0)) == 12800, "audio in the first connection")
        assert len(vendor.handshakes) == 1
        go.set()
        assert (await next_event(stream, "final_transcript")).alternatives[0].text == "a"
        await next_event(stream, "end_of_speech")
        stream.end_input()
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert transcripts(result.events) == ["b"]
    (text,) = (event.alternatives[0] for event in result.events if event.type == "final_transcript")
    assert text.start_time == pytest.approx(0.25)
    assert len(vendor.audio(1)) == 6400
    assert vendor.closed(0) is not None


async def test_no_reconnect_when_the_vendor_would_be_told_the_same() -> None:
    vendor = ScriptedVendor(END_OF_ALL)
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        await vendor.until(lambda: vendor.audio(0) != b"", "audio")
        adapter.update_options(unused=7)
        adapter.update_options(model="one", patience=NOT_GIVEN)
        stream.end_input()
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert len(vendor.handshakes) == 1
    assert [message["type"] for message in vendor.messages(0)] == ["flush", "stop"]


async def test_an_in_band_option_set_to_nothing_reconnects() -> None:
    """A message can leave a field out but not unset it."""
    vendor = ScriptedVendor([], END_OF_ALL)
    async with vendor:
        adapter = acme(vendor, patience=300)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        await vendor.until(lambda: vendor.audio(0) != b"", "audio")
        adapter.update_options(patience=None)
        stream.end_input()
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert query(vendor, 0)["patience"] == "300"
    assert "patience" not in query(vendor, 1)
    assert vendor.messages(0) == []


async def test_a_message_and_a_reconnect_asked_for_together_are_one_reconnect() -> None:
    vendor = ScriptedVendor([], END_OF_ALL)
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        await vendor.until(lambda: vendor.audio(0) != b"", "audio")
        adapter.update_options(patience=300, model="two")
        stream.end_input()
        await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert query(vendor, 1)["model"] == "two"
    assert query(vendor, 1)["patience"] == "300"
    assert vendor.messages(0) == []


async def test_a_changed_in_band_option_is_in_the_next_connection_too() -> None:
    vendor = ScriptedVendor([], END_OF_ALL)
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        await vendor.until(lambda: vendor.audio(0) != b"", "audio")
        adapter.update_options(patience=300)
        adapter.update_options(model="two")
        stream.end_input()
        await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert query(vendor, 1) == {"model": "two", "language": "en", "patience": "300"}


GATE = stream_spec(open=[{"send": {"type": "hello", "model": "{{ model }}"}}, {"wait": "type == 'ready'"}])


async def test_an_in_band_change_during_the_opening_waits_for_it() -> None:
    go = asyncio.Event()
    vendor = ScriptedVendor([AfterText({"type": "hello"}), WaitFor(go), Send({"type": "ready"}), *END_OF_ALL])
    async with vendor:
        adapter = acme(vendor, GATE)
        stream = adapter.stream(conn_options=NO_RETRY)
        await vendor.until(lambda: len(vendor.messages(0)) == 1, "hello")
        adapter.update_options(patience=1)
        adapter.update_options(patience=2)
        await push(stream, tone(0.1))
        go.set()
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert [message["type"] for message in vendor.messages(0)] == ["hello", "set", "flush", "stop"]
    assert vendor.messages(0)[1] == {"type": "set", "patience": 2}


async def test_a_reconnect_during_the_opening_is_at_once() -> None:
    vendor = ScriptedVendor([AfterText({"type": "hello"})], [Send({"type": "ready"}), *END_OF_ALL])
    async with vendor:
        adapter = acme(vendor, GATE)
        stream = adapter.stream(conn_options=NO_RETRY)
        await vendor.until(lambda: len(vendor.messages(0)) == 1, "hello")
        adapter.update_options(model="two")
        await push(stream, tone(0.1))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert vendor.messages(1)[0] == {"type": "hello", "model": "two"}
    assert len(vendor.audio(1)) == 3200


@pytest.mark.parametrize(
    ("change", "connections"),
    [
        pytest.param({"model": "two"}, 2, id="another address"),
        pytest.param({"unused": 7}, 1, id="nothing the vendor is told"),
        pytest.param({"patience": 9}, 1, id="in-band"),
    ],
)
async def test_a_change_during_the_handshake_is_not_lost(change: dict[str, Any], connections: int) -> None:
    spec = stream_spec(
        steps=[{"name": "session", "post": "/v1/session"}], headers={"X-T": "{{ session.token }}"}
    )
    scripts: list[list[Any]] = [END_OF_ALL] if connections == 1 else [[], END_OF_ALL]
    reply = Reply(json={"token": "t"}, delay=0.2)
    vendor = ScriptedVendor(*scripts, replies={"POST /v1/session": [reply, reply]})
    async with vendor:
        adapter = acme(vendor, spec)
        stream = adapter.stream(conn_options=NO_RETRY)
        await vendor.until(lambda: len(vendor.requests) == 1, "the session request")
        adapter.update_options(**change)
        await push(stream, tone(0.1))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert len(vendor.handshakes) == connections
    last = connections - 1
    assert query(vendor, last)["model"] == change.get("model", "one")
    updates = [message for message in vendor.messages(last) if message["type"] == "set"]
    assert updates == ([{"type": "set", "patience": 9}] if "patience" in change else [])


@pytest.mark.parametrize(
    ("options", "error"),
    [
        pytest.param({"model": "two", "patience": -1}, ValueError, id="a bad value"),
        pytest.param({"model": "two", "language": "fr"}, ValueError, id="a refused combination"),
        pytest.param({"model": "two", "modle": "x"}, TypeError, id="an unknown option"),
    ],
)
async def test_a_refused_change_changes_nothing(options: dict[str, Any], error: type[Exception]) -> None:
    vendor = ScriptedVendor(END_OF_ALL, END_OF_ALL)
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        await vendor.until(lambda: vendor.audio(0) != b"", "audio")
        with pytest.raises(error):
            adapter.update_options(**options)
        assert adapter.model == "one"
        stream.end_input()
        result = await outcome(stream, failed=vendor.failed)
        other = adapter.stream(conn_options=NO_RETRY)
        other.end_input()
        await outcome(other, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert query(vendor, 1) == {"model": "one", "language": "en"}


async def test_a_change_that_one_stream_cannot_take_changes_no_stream() -> None:
    """The adapter may become model two, a stream that speaks French may not."""
    vendor = ScriptedVendor([], [])
    async with vendor:
        adapter = acme(vendor)
        streams = [
            adapter.stream(conn_options=NO_RETRY),
            adapter.stream(language="fr", conn_options=NO_RETRY),
        ]
        await vendor.until(lambda: len(vendor.handshakes) == 2, "both streams")
        with pytest.raises(ValueError, match="no French"):
            adapter.update_options(model="two")
        assert adapter.model == "one"
        for stream in streams:
            stream.flush()
        await vendor.until(lambda: len(vendor.messages()) == 2, "a flush in each first connection")
        assert len(vendor.handshakes) == 2
        await adapter.aclose()


async def test_a_streams_own_language_stays() -> None:
    vendor = ScriptedVendor([], END_OF_ALL)
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(language="de", conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        await vendor.until(lambda: vendor.audio(0) != b"", "audio")
        adapter.update_options(language="es", model="two")
        stream.end_input()
        await outcome(stream, failed=vendor.failed)
        other = adapter.settings_for(adapter.given()).options["language"]
        await adapter.aclose()
    assert query(vendor, 0)["language"] == "de"
    assert query(vendor, 1) == {"model": "two", "language": "de"}
    assert other == "es"


async def test_a_stream_changes_its_own_options_alone() -> None:
    vendor = ScriptedVendor([], [], [])
    async with vendor:
        adapter = acme(vendor)
        one = adapter.stream(conn_options=NO_RETRY)
        await vendor.until(lambda: len(vendor.handshakes) == 1, "the first stream")
        adapter.stream(conn_options=NO_RETRY)
        await vendor.until(lambda: len(vendor.handshakes) == 2, "the second stream")
        await until_true(lambda: one._connection is not None, "the first connection")
        one.update_options(model="three")
        await vendor.until(lambda: len(vendor.handshakes) == 3, "the first stream's new connection")
        assert query(vendor, 2)["model"] == "three"
        assert adapter.model == "one"
        await adapter.aclose()


async def test_audio_settings_are_those_of_the_stream_for_its_life() -> None:
    """A live stream's resampler cannot change its rate; the next stream has the new one."""
    spec = merged(SPEC, {"options": {"rate": {"default": 16000, "role": "sample_rate"}}})
    vendor = ScriptedVendor(END_OF_ALL, END_OF_ALL)
    async with vendor:
        adapter = acme(vendor, spec)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        await vendor.until(lambda: vendor.audio(0) != b"", "audio")
        adapter.update_options(rate=8000)
        await push(stream, tone(0.1))
        result = await outcome(stream, failed=vendor.failed)
        other = adapter.stream(conn_options=NO_RETRY)
        await push(other, tone(0.1, rate=8000))
        await outcome(other, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert [len(vendor.audio(number)) for number in (0, 1)] == [6400, 1600]


async def test_changes_before_and_after_a_streams_life_are_harmless() -> None:
    vendor = ScriptedVendor(END_OF_ALL)
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        adapter.update_options(model="two")
        stream.update_options(patience=3)
        stream.end_input()
        await outcome(stream, failed=vendor.failed)
        stream.update_options(patience=4)
        adapter.update_options(patience=5)
        await adapter.aclose()
        adapter.update_options(patience=6)
    assert query(vendor, 0) == {"model": "two", "language": "en", "patience": "3"}


async def test_a_refused_change_of_a_stream_does_not_stay_with_it() -> None:
    vendor = ScriptedVendor(END_OF_ALL)
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        with pytest.raises(ValueError, match="no French"):
            stream.update_options(model="two", language="fr")
        adapter.update_options(patience=1)
        stream.end_input()
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    assert query(vendor, 0) == {"model": "one", "language": "en", "patience": "1"}


async def test_a_change_the_vendor_cannot_be_told_is_a_fatal_error_of_the_stream() -> None:
    vendor = ScriptedVendor([])
    async with vendor:
        adapter = acme(vendor, stream_spec(headers={"X-Model": "{{ model }}"}))
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        await vendor.until(lambda: vendor.audio(0) != b"", "audio")
        adapter.update_options(model="one\r\nEvil: yes")
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert isinstance(result.error, APIConnectionError)
    assert not result.error.retryable
    assert "line break" in str(result.error)
