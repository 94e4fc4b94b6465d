"""Nothing gets much slower unnoticed: calls are counted, since times on a shared machine say little.

The limits are a third above what was counted; whoever makes the engine leaner lowers them.
"""

from __future__ import annotations

import json

import pytest
from livekit.agents import LanguageCode
from livekit.plugins.deepgram.stt import live_transcription_to_speech_data

from bench.calls import CallCounter
from bench.messages import utterance
from bench.streaming import streaming
from specbuilder import load_spec
from specbuilder.protocol.session import StreamSession
from specbuilder.protocol.settings import settle
from specbuilder.protocol.turn import Turn

MESSAGES = utterance("deepgram")
CHUNK = bytes(1600)


def session(name: str) -> StreamSession:
    """A session of a bundled spec that has begun."""
    options = {"use_realtime": True} if name == "openai" else {}
    spec = load_spec(name)
    settings = settle(spec, spec.options.check(options), "test-key")
    assert settings.plan.stream is not None
    names = settings.names()
    begun = StreamSession(
        settings.plan.stream,
        settings.plan.errors,
        names,
        Turn(),
        settings.audio_format(names),
        language="en-US",
    )
    begun.start(0.0)
    return begun


def calls_per_message(name: str) -> float:
    """Calls of a session for one message of an utterance, once it is warm."""
    running, messages = session(name), utterance(name)
    events = 0
    for _ in range(2):
        counter = CallCounter()
        with counter.counting():
            for message in messages:
                running.receive(message, 1.0)
                events += len(running.turn.take())
    assert events >= len(messages)
    return counter.calls / len(messages)


def plugin_calls_per_message() -> float:
    """The same for the official Deepgram plugin, of which only the reading of the message is counted."""
    language = LanguageCode("en-US")
    counter = CallCounter()
    with counter.counting():
        for message in MESSAGES:
            alternatives = live_transcription_to_speech_data(
                language, json.loads(message), is_final=False, start_time_offset=0.0, use_punctuated_word=True
            )
            assert alternatives
    return counter.calls / len(MESSAGES)


def calls_per_chunk(name: str) -> float:
    """Calls of a session for 50 ms of audio."""
    running = session(name)
    running.audio(CHUNK, 0.0)
    counter = CallCounter()
    with counter.counting():
        for _ in range(100):
            assert running.audio(CHUNK, 0.0)
    return counter.calls / 100


async def calls_per_audio_second(side: str) -> float:
    """Calls in the whole process for a second of two Deepgram streams over loopback."""
    counter = CallCounter()
    await streaming("deepgram", side, streams=2, seconds=3, speed=4, during=counter.counting)
    return counter.calls / 6


@pytest.mark.parametrize(
    ("vendor", "limit"), [("deepgram", 94), ("assemblyai", 141), ("soniox", 320), ("openai", 148)]
)
def test_a_message_takes_few_calls(vendor: str, limit: int) -> None:
    assert calls_per_message(vendor) <= limit


def test_a_message_takes_few_calls_for_one_of_the_plugin() -> None:
    assert calls_per_message("deepgram") <= plugin_calls_per_message()


@pytest.mark.parametrize(("vendor", "limit"), [("deepgram", 6), ("assemblyai", 8), ("soniox", 6)])
def test_a_chunk_of_audio_takes_few_calls(vendor: str, limit: int) -> None:
    """A pace, which AssemblyAI wants, takes two more."""
    assert calls_per_chunk(vendor) <= limit


def test_nothing_is_called_to_find_that_nothing_is_waited_for() -> None:
    running = session("deepgram")
    counter = CallCounter()
    with counter.counting():
        for _ in range(100):
            running.due()
    # One for the question itself, and a few for the counting.
    assert 100 <= counter.calls <= 110


def test_counts_are_the_same_every_time() -> None:
    assert calls_per_message("deepgram") == calls_per_message("deepgram")


async def test_a_stream_takes_few_calls_for_one_of_the_plugin_and_of_a_bare_loop() -> None:
    ours, plugin, floor = [await calls_per_audio_second(side) for side in ("ours", "plugin", "floor")]
    assert floor < plugin, "the count counts nothing"
    assert ours <= 0.75 * plugin
    assert ours <= 2.1 * floor
