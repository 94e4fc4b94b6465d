"""The turn: START once and first, END once and after its text, and nothing blank or said twice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.promises.acme import NO_RETRY, acme, final, interim, stream_spec
from tests.promises.listening import has_event, listen, next_event
from tests.support.streams import outcome, push, tone, transcripts
from tests.support.vendor import AfterAudio, AfterText, Close, ScriptedVendor, Send, WaitFor

START, INTERIM, PREFLIGHT = "start_of_speech", "interim_transcript", "preflight_transcript"
FINAL, END = "final_transcript", "end_of_speech"
DONE = {"type": "done"}


def script(*messages: Any) -> list[Any]:
    """A vendor that says these once it has been told that the input is over, and then that it is done."""
    return [AfterText({"type": "stop"}), *(Send(message) for message in messages), Send(DONE)]


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        pytest.param([final("a")], [START, FINAL, END], id="a final alone"),
        pytest.param([interim("a"), final("a")], [START, INTERIM, FINAL, END], id="interim opens"),
        pytest.param([{"type": "preflight", "text": "a"}], [START, PREFLIGHT, END], id="preflight opens"),
        pytest.param([{"type": "start"}, interim("a"), final("a")], [START, INTERIM, FINAL, END], id="once"),
        pytest.param(
            [{"type": "start"}, {"type": "start"}, final("a"), {"type": "end"}, {"type": "end"}],
            [START, FINAL, END],
            id="repeated start and end",
        ),
        pytest.param([{"type": "end"}, final("a")], [START, FINAL, END], id="end while silent"),
        pytest.param(
            [final("a"), {"type": "end"}, final("b"), {"type": "end"}],
            [START, FINAL, END, START, FINAL, END],
            id="two utterances",
        ),
        pytest.param([{"type": "start"}], [START, END], id="speech without text"),
        pytest.param([], [], id="silence"),
        pytest.param([final("a"), final("b")], [START, FINAL, FINAL, END], id="two finals in a turn"),
        pytest.param([final("a"), final("a")], [START, FINAL, FINAL, END], id="said twice is heard twice"),
        pytest.param([interim("a"), interim("a")], [START, INTERIM, END], id="repeated interim"),
        pytest.param(
            [{"type": "preflight", "text": "a"}, {"type": "preflight", "text": "a"}],
            [START, PREFLIGHT, END],
            id="repeated preflight",
        ),
    ],
)
async def test_order(messages: list[Any], expected: list[str]) -> None:
    result, _ = await listen(script(*messages))
    assert result.kinds == expected
    assert result.error is None


@pytest.mark.parametrize("blank", ["", " ", "\n\t", None, 7, ["a"], False], ids=repr)
@pytest.mark.parametrize("kind", ["interim", "preflight", "final"])
async def test_blank_transcripts_never_come_out(kind: str, blank: Any) -> None:
    result, _ = await listen(script({"type": kind, "text": blank}, final("real"), {"type": "end"}))
    assert result.kinds == [START, FINAL, END]
    assert transcripts(result.events) == ["real"]


async def test_end_waits_for_the_text_it_ends() -> None:
    vendor = ScriptedVendor(
        [AfterAudio(0.1), Send({"type": "start"}), Send({"type": "end"}), Send(final("late"))]
    )
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        result = await outcome(stream, until=has_event(END), failed=vendor.failed)
        await adapter.aclose()
    assert result.kinds == [START, FINAL, END]


async def test_end_waits_for_the_final_of_the_last_interim() -> None:
    messages = [final("first"), interim("second"), {"type": "end"}, final("second")]
    result, _ = await listen(script(*messages))
    assert result.kinds == [START, FINAL, INTERIM, FINAL, END]


async def test_end_is_held_no_longer_than_its_deadline() -> None:
    vendor = ScriptedVendor([AfterAudio(0.1), Send(interim("lost")), Send({"type": "end"})])
    async with vendor:
        adapter = acme(vendor, stream_spec(timeouts={"final": "300ms"}))
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        await next_event(stream, INTERIM)
        loop = asyncio.get_running_loop()
        since = loop.time()
        await next_event(stream, END)
        assert 0.25 < loop.time() - since < 2.0
        await adapter.aclose()


async def test_an_end_whose_text_is_there_is_not_held() -> None:
    go = asyncio.Event()
    vendor = ScriptedVendor([AfterAudio(0.1), Send(final("here")), WaitFor(go), Send({"type": "end"})])
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await push(stream, tone(0.1), end=False)
        await next_event(stream, FINAL)
        loop = asyncio.get_running_loop()
        since = loop.time()
        go.set()
        await next_event(stream, END)
        assert loop.time() - since < 1.0
        await adapter.aclose()


async def test_the_next_start_lets_a_held_end_go_first() -> None:
    result, _ = await listen(script(interim("a"), {"type": "end"}, {"type": "start"}, final("b")))
    assert result.kinds == [START, INTERIM, END, START, FINAL, END]


async def test_an_open_turn_ends_with_the_stream_also_when_the_vendor_only_closes() -> None:
    result, _ = await listen([AfterText({"type": "stop"}), Send(final("a")), Close(1000)])
    assert result.kinds == [START, FINAL, END]
    assert result.error is None


async def test_a_fatal_error_says_nothing_of_an_end() -> None:
    error = {"type": "error", "code": 400, "message": "bad audio"}
    result, _ = await listen([AfterAudio(0.1), Send(interim("a")), Send(error)])
    assert result.kinds == [START, INTERIM]
    assert "bad audio" in str(result.error)


async def test_events_carry_the_request_id_of_the_connection() -> None:
    result, _ = await listen(
        script({"type": "hello", "id": "r-1"}, interim("a"), final("a"), {"type": "end"})
    )
    assert {event.request_id for event in result.events if event.alternatives} == {"r-1"}
    assert result.events[-1].request_id == "r-1"


async def test_wall_clock_of_start_and_end() -> None:
    """`speech_start_time` and `speech_end_time` are epoch seconds of the moments the vendor names."""
    messages = [{"type": "start", "start": 0.05}, final("a", 0.05, 0.15), {"type": "end", "end": 0.15}]
    result, _ = await listen(script(*messages))
    start, text, end = (event for event in result.events if event.recognition_usage is None)
    assert start.speech_start_time is not None
    assert text.speech_end_time is not None
    assert end.speech_end_time is not None
    assert start.speech_start_time < text.speech_end_time <= text.created_at
    assert end.speech_end_time == pytest.approx(text.speech_end_time, abs=0.05)
