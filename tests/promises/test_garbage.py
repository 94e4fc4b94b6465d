"""A vendor's message that breaks the spec is logged once, counted and skipped; it never kills the stream."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from livekit.agents import APIError

from tests.promises.acme import KEY, NO_RETRY, acme, final, interim, stream_spec
from tests.promises.listening import listen, until_true
from tests.support.streams import outcome, push, tone, transcripts
from tests.support.vendor import AfterAudio, AfterText, ScriptedVendor, Send, WaitFor

STOP = AfterText({"type": "stop"})
DONE = Send({"type": "done"})

UNREADABLE: list[Any] = [
    "not json",
    "",
    "{",
    '{"type": "final", "text": "cut',
    "[1, 2",
    "\u0000",
    "NaN",
    b"\xff\x00\xfe binary",
    b"",
    "[" * 5000 + "]" * 5000,
    '{"a":' * 5000 + "1" + "}" * 5000,
]
ODD: list[Any] = [
    "null",
    "17",
    '"text"',
    "[]",
    "[[[]]]",
    "{}",
    '{"type": null}',
    '{"type": ["final"]}',
    '{"type": {"final": "x"}, "text": "x"}',
    '{"type": "final"}',
    '{"type": "final", "text": {"a": 1}}',
    '{"type": "final", "text": ["a"]}',
    '{"type": "final", "text": 12}',
    '{"type": "never heard of", "text": "x"}',
    '{"type": 1e400}',
    "[" * 300 + "]" * 300,
]


@pytest.mark.parametrize("message", UNREADABLE + ODD, ids=lambda message: repr(message[:24]))
async def test_garbage_is_skipped(message: Any) -> None:
    result, _ = await listen([STOP, Send(message), Send(final("good", 0.1, 0.2)), DONE])
    assert result.error is None
    assert transcripts(result.events) == ["good"]


@pytest.mark.parametrize(
    "fields",
    [
        {"start": "soon", "end": {"at": 1}},
        {"start": [1], "end": None},
        {"start": True, "end": False},
        {"words": "none"},
        {"words": [1, None, "x", {}, {"w": 3}, {"w": "ok", "s": "x", "e": []}]},
        {"words": {"w": "x"}},
        {"id": {"a": 1}},
        {"id": ["x"]},
    ],
    ids=repr,
)
async def test_a_field_of_the_wrong_type_costs_only_itself(fields: dict[str, Any]) -> None:
    result, _ = await listen([STOP, Send({"type": "final", "text": "good", **fields}), DONE])
    assert result.error is None
    assert transcripts(result.events) == ["good"]
    (data,) = (event.alternatives[0] for event in result.events if event.type == "final_transcript")
    assert data.start_time >= 0.0
    assert data.end_time >= 0.0
    assert all(isinstance(str(word), str) for word in data.words or [])


async def test_garbage_is_logged_once_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    go = asyncio.Event()
    script: list[Any] = [
        AfterAudio(0.1),
        *[Send(f"garbage {number}") for number in range(30)],
        Send(final("good")),
        WaitFor(go),
    ]
    vendor = ScriptedVendor(script)
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        with caplog.at_level(logging.DEBUG):
            await push(stream, tone(0.1), end=False)
            result = await outcome(stream, until=lambda events: events[-1].type == "final_transcript")
        assert transcripts(result.events) == ["good"]
        assert stream._connection is not None
        assert stream._connection.session.scope.broken == {"message": 30}
        go.set()
        await adapter.aclose()
    # Whatever else is logged of a connection, at DEBUG, is another matter.
    ours = [
        record for record in caplog.records if record.name == "specbuilder" and record.levelno > logging.DEBUG
    ]
    assert len(ours) == 1
    assert ours[0].levelno == logging.WARNING
    assert "specbuilder.acme" in ours[0].getMessage()


async def test_a_selector_on_the_wrong_type_is_logged_once_with_its_place(
    caplog: pytest.LogCaptureFixture,
) -> None:
    spec = stream_spec(transcript={"text": "join(' ', parts)"})
    messages = [Send({"type": "final", "parts": odd}) for odd in (1, "a", {"b": 1}, [[1]], None)]
    with caplog.at_level(logging.DEBUG):
        result, _ = await listen(
            [STOP, *messages, Send({"type": "final", "parts": ["all", "good"]}), DONE], spec=spec
        )
    assert result.error is None
    assert transcripts(result.events) == ["all good"]
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    ours = [record.getMessage() for record in warnings if record.name == "specbuilder"]
    assert len(ours) == 1
    assert "stream.transcript.text" in ours[0]


async def test_a_logged_message_of_the_vendors_is_not_quoted_with_the_key(
    caplog: pytest.LogCaptureFixture,
) -> None:
    spec = stream_spec(transcript={"text": "join(' ', parts)"})
    with caplog.at_level(logging.DEBUG):
        result, _ = await listen(
            [STOP, Send(f"your key is {KEY}"), Send({"type": "final", "parts": KEY}), DONE], spec=spec
        )
    assert result.error is None
    assert KEY not in caplog.text


async def test_a_flood_of_state_is_an_error_of_the_vendors() -> None:
    """A text that is added to for ever is bounded."""
    spec = stream_spec(
        state={"said": {"type": "text"}},
        rules=[{"add": {"said": "text"}}],
        transcript={"text": "$said"},
    )
    pieces = [Send({"text": "x" * 300_000}) for _ in range(5)]
    result, _ = await listen([AfterAudio(0.1), *pieces], spec=spec)
    assert isinstance(result.error, APIError)
    assert "stream.state.said" in str(result.error)


async def test_garbage_in_the_opening_exchange_is_skipped() -> None:
    spec = stream_spec(open=[{"wait": "type == 'ready'"}])
    script: list[Any] = [
        Send("hm"),
        Send(b"\x00"),
        Send([]),
        Send({"type": "ready"}),
        STOP,
        Send(final("good")),
        DONE,
    ]
    result, _ = await listen(script, spec=spec)
    assert result.error is None
    assert transcripts(result.events) == ["good"]


async def test_garbage_does_not_keep_a_finished_stream_alive() -> None:
    spec = stream_spec(timeouts={"finish": "500ms"})
    script: list[Any] = [STOP, *[Send("noise") for _ in range(100)]]
    result, _ = await listen(script, spec=spec)
    assert result.error is None
    assert result.ended


async def test_an_error_message_of_odd_types_is_still_an_error() -> None:
    for message in ({"a": 1}, ["x"], None, 7, ""):
        result, _ = await listen([Send({"type": "error", "code": 400, "message": message})])
        assert isinstance(result.error, APIError)
        assert not result.error.retryable


async def test_a_vendor_that_speaks_before_it_is_spoken_to() -> None:
    vendor = ScriptedVendor([Send(final("early")), STOP, DONE])
    async with vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        await until_true(lambda: len(vendor.handshakes) == 1, "the handshake")
        await push(stream, tone(0.1))
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert transcripts(result.events) == ["early"]


async def test_no_log_record_holds_what_was_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="specbuilder")
    said = "a secret word"
    odd = {"type": "final", "text": [said], "start": said, "words": [{"w": {said: said}, "s": said}]}
    spec = stream_spec(transcript={"text": "strip(text)", "start": "abs(start)"})
    script: list[Any] = [Send(interim(said)), Send(odd), Send(f'{{"text": "{said}')]
    result, _ = await listen([*script, STOP, Send({**final(said), "start": 1.0}), DONE], spec=spec)
    assert transcripts(result.events) == [said]
    assert {record.levelno for record in caplog.records} >= {logging.WARNING, logging.DEBUG}
    for record in caplog.records:
        if record.name.startswith("specbuilder"):
            assert said not in f"{record.getMessage()} {vars(record)}"
