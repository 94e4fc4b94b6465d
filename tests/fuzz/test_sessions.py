"""Any messages in any order: nothing but `APIError` leaves a session, and its events are a conversation."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from livekit.agents import APIError, stt

from specbuilder import list_specs, load_adapter, load_spec
from specbuilder.adapters.stt import SpecSTT
from specbuilder.protocol.handshake import prepare
from specbuilder.protocol.session import StreamSession
from specbuilder.protocol.turn import Turn
from tests.fuzz.strategies import JSON, budget, damaged, examples

OPTIONS: dict[str, dict[str, Any]] = {
    "aws": {"access_key_id": "a"},
    "azure": {"speech_region": "westeurope"},
    "azure_openai": {"azure_endpoint": "https://name.openai.azure.com", "model": "gpt-live-transcribe"},
    "baseten": {"model_endpoint": "wss://model-abc.api.baseten.co/websocket"},
    "iflytek_iat": {"app_id": "a", "api_secret": "s"},
    "openai": {"use_realtime": True},
    "rtzr": {"client_id": "a"},
    "slng": {"model": "deepgram/nova:3"},
}


@cache
def adapter_of(name: str) -> SpecSTT | None:
    """An adapter of a bundled spec that streams; None where it does not, or needs more than a key."""
    try:
        adapter = load_adapter(name, api_key="key", **OPTIONS.get(name, {}))
    except ValueError:
        return None
    return adapter if adapter._settings.plan.stream is not None else None


NAMES = [name for name in list_specs() if adapter_of(name) is not None]


def session_of(adapter: SpecSTT) -> StreamSession:
    """A session of a connection that has just been opened."""
    settings = adapter._settings
    stream = settings.plan.stream
    assert stream is not None
    format = adapter.format_of(settings)
    names = prepare(adapter.context(settings).names, format)
    for step in (*settings.plan.steps, *stream.steps):
        if step.name:
            names[step.name] = {"id": "1", "url": "wss://x.example/y", "value": "v", "token": "t"}
    return StreamSession(
        stream, settings.plan.errors, names, Turn(stream.timeouts.final), format, redact=adapter.redact
    )


@cache
def moves(name: str) -> st.SearchStrategy[list[tuple[str, Any]]]:
    """What may happen to a session, in any order."""
    messages = examples(load_spec(name), "stream", "received")
    message = damaged(messages) | JSON
    move = st.one_of(
        *[st.tuples(st.just("message"), message)] * 4,
        st.tuples(st.just("frame"), st.text(max_size=30) | st.binary(max_size=30)),
        st.tuples(st.just("audio"), st.integers(0, 4000)),
        st.tuples(st.just("flush"), st.none()),
        st.tuples(st.just("finish"), st.none()),
        st.tuples(st.just("tick"), st.floats(0, 20)),
    )
    return st.lists(move, max_size=14)


def play(session: StreamSession, script: list[tuple[str, Any]]) -> tuple[list[stt.SpeechEvent], bool]:
    """Let it all happen; what came out, and whether it ended well. An `APIError` ends it, as a connection."""
    now, finished = 0.0, False
    events: list[stt.SpeechEvent] = []
    try:
        session.start(now)
        for what, value in script:
            now += 0.1
            if what == "message":
                session.receive(orjson.dumps(value).decode(), now)
            elif what == "frame":
                session.receive(value, now)
            elif what == "audio" and not finished and session.ready:
                session.audio(bytes(value // 2 * 2), now)
            elif what == "flush" and not finished and session.ready:
                session.flush(now)
            elif what == "finish" and not finished and session.ready:
                session.finish(now)
                finished = True
            elif what == "tick":
                now += value
                session.tick(now)
            events += session.turn.take()
            due = session.due()
            assert due is None or due == due
    except APIError:
        return events + session.turn.take(), False
    session.close(now)
    return events + session.turn.take(), True


def check(events: list[stt.SpeechEvent], ended: bool) -> None:
    """START and END alternate around non-empty transcripts; usage is never negative."""
    speaking = False
    for event in events:
        kind = event.type
        if kind is stt.SpeechEventType.START_OF_SPEECH:
            assert not speaking
            speaking = True
        elif kind is stt.SpeechEventType.END_OF_SPEECH:
            assert speaking
            speaking = False
        elif kind is stt.SpeechEventType.RECOGNITION_USAGE:
            usage = event.recognition_usage
            assert usage is not None
            assert usage.audio_duration >= 0
        else:
            assert speaking
            for data in event.alternatives:
                assert isinstance(data.text, str)
                assert 0.0 <= data.confidence <= 1.0
                assert data.start_time == data.start_time
            assert event.alternatives[0].text.strip()
    assert not ended or not speaking


@pytest.mark.parametrize("name", NAMES)
@budget(40)
@given(data=st.data())
def test_a_session(name: str, data: st.DataObject) -> None:
    adapter = adapter_of(name)
    assert adapter is not None
    events, ended = play(session_of(adapter), data.draw(moves(name)))
    check(events, ended)
