"""Every recording through both specs and the real recogniser."""

from __future__ import annotations

from array import array

import pytest

from specbuilder.adapters.stt import SpecSTT
from specbuilder.local import corpus_word_error_rate, word_error_rate
from tests.local.conftest import Recording
from tests.support.streams import frames, total_usage

from .hearing import OVERLAP, check_order, check_times, hear, listen

STREAM_BOUND, BATCH_BOUND = 0.15, 0.10
RATE = 16_000


def seconds(pcm: bytes) -> float:
    return len(pcm) / (2 * RATE)


async def test_streams(vosk: SpecSTT, recordings: dict[str, Recording]) -> None:
    pairs = []
    for recording in recordings.values():
        heard = await hear(vosk.stream(), recording.pcm)
        check_order(heard)
        check_times(heard, seconds(recording.pcm))
        assert "interim_transcript" in heard.kinds, recording.id
        usage = total_usage(heard.events)["audio_duration"]
        assert usage == pytest.approx(seconds(recording.pcm), abs=0.01), recording.id
        pairs.append((recording.transcript, heard.text))
    assert corpus_word_error_rate(pairs) <= STREAM_BOUND, pairs


async def test_batch(openai: SpecSTT, recordings: dict[str, Recording]) -> None:
    pairs = []
    for recording in recordings.values():
        event = await openai.recognize(frames(recording.pcm, chunk=0.1))
        assert event.type == "final_transcript"
        pairs.append((recording.transcript, event.alternatives[0].text))
    assert corpus_word_error_rate(pairs) <= BATCH_BOUND, pairs


async def test_a_file_through_the_stream(vosk: SpecSTT, recordings: dict[str, Recording]) -> None:
    jfk = recordings["jfk"]
    event = await vosk.recognize(frames(jfk.pcm, chunk=1.0))
    assert word_error_rate(jfk.transcript, event.alternatives[0].text) <= STREAM_BOUND
    words = event.alternatives[0].words or []
    assert len(words) == len(event.alternatives[0].text.split())
    assert words[-1].end_time == pytest.approx(seconds(jfk.pcm), abs=1.0)


async def test_word_times_are_where_the_words_are(vosk: SpecSTT, recordings: dict[str, Recording]) -> None:
    # As labelled by hand, phone by phone, in arctic_a0009_phone.lab.
    heard = await hear(vosk.stream(), recordings["arctic_a0009"].pcm)
    starts = {str(word): word.start_time for final in heard.finals for word in final.words or []}
    labels = {"turned": 0.27, "sharply": 0.595, "faced": 1.28, "across": 1.995, "table": 2.485}
    assert {word: starts[word] for word in labels} == pytest.approx(labels, abs=0.1)


async def test_times_count_on_in_the_second_utterance(
    vosk: SpecSTT, recordings: dict[str, Recording]
) -> None:
    first, second = recordings["librivox_0880"], recordings["librivox_0930"]
    pause = bytes(3 * RATE)
    heard = await hear(vosk.stream(), first.pcm + pause + second.pcm)
    check_order(heard)
    check_times(heard, seconds(first.pcm + pause + second.pcm))
    begins = seconds(first.pcm + pause)
    earlier = " ".join(final.text for final in heard.finals if final.end_time <= begins)
    later = " ".join(final.text for final in heard.finals if final.start_time >= begins - OVERLAP)
    assert word_error_rate(first.transcript, earlier) <= 0.25
    assert word_error_rate(second.transcript, later) <= 0.25


async def test_studio_sound_reaches_a_mono_recogniser(
    vosk: SpecSTT, recordings: dict[str, Recording]
) -> None:
    # 48 kHz stereo: each sample three times, in both channels.
    recording = recordings["librivox_0930"]
    samples = array("h", recording.pcm)
    wide = array("h", (sample for sample in samples for _ in range(6))).tobytes()
    heard = await listen(vosk.stream(), frames(wide, rate=48_000, channels=2))
    assert word_error_rate(recording.transcript, heard.text) <= 0.25
    check_times(heard, seconds(recording.pcm))


async def test_where_nobody_speaks_nothing_is_heard(vosk: SpecSTT, openai: SpecSTT, noise: bytes) -> None:
    for pcm in (bytes(12 * RATE), noise):
        assert (await hear(vosk.stream(), pcm)).kinds == []
        for adapter in (openai, vosk):
            event = await adapter.recognize(frames(pcm, chunk=1.0))
            assert [data.text for data in event.alternatives if data.text] == []
