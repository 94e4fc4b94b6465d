from __future__ import annotations

import itertools
import logging
import math
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from specbuilder.local import (
    EngineUnavailable,
    Final,
    Partial,
    Recogniser,
    RecogniserStream,
    corpus_word_error_rate,
    load_recogniser,
    word_error_rate,
)
from specbuilder.local.recogniser import _warn_once
from specbuilder.local.types import Cancelled

from .conftest import Recording
from .test_alignment import labelled_starts


def feed(stream: RecogniserStream, pcm: bytes, piece: int = 6400) -> list[Partial | Final]:
    return [event for at in range(0, len(pcm), piece) for event in stream.feed(pcm[at : at + piece])]


def listen(recogniser: Recogniser, pcm: bytes, rate: int = 16_000) -> list[Partial | Final]:
    stream = recogniser.stream(rate)
    return feed(stream, pcm) + stream.finish()


def finals(events: list[Partial | Final]) -> list[Final]:
    return [event for event in events if isinstance(event, Final)]


def text(events: list[Partial | Final]) -> str:
    return " ".join(final.text for final in finals(events))


def narrow(pcm: bytes) -> bytes:
    """Every second sample: 8 kHz."""
    return b"".join(pcm[at : at + 2] for at in range(0, len(pcm) - 1, 4))


def hide(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Make a package as if it were not installed."""
    for name in [package, *(name for name in sys.modules if name.startswith(package + "."))]:
        monkeypatch.setitem(sys.modules, name, None)


@pytest.fixture(scope="module")
def fallback() -> Iterator[Recogniser]:
    loaded = load_recogniser("pocketsphinx")
    yield loaded
    loaded.close()


def test_whole_recordings_are_written_down(recogniser: Recogniser, recordings: dict[str, Recording]) -> None:
    pairs = [(r.transcript, recogniser.transcribe(r.pcm, 16_000).text) for r in recordings.values()]
    assert corpus_word_error_rate(pairs) <= 0.10


def test_streams_are_written_down(recogniser: Recogniser, recordings: dict[str, Recording]) -> None:
    with ThreadPoolExecutor(2) as threads:
        texts = threads.map(lambda recording: text(listen(recogniser, recording.pcm)), recordings.values())
    said = (recording.transcript for recording in recordings.values())
    assert corpus_word_error_rate(zip(said, texts, strict=True)) <= 0.15


def test_a_long_recording_neither_loops_nor_loses(
    recogniser: Recogniser, recordings: dict[str, Recording]
) -> None:
    pcm = b"".join(r.pcm for r in recordings.values())
    transcript = recogniser.transcribe(pcm, 16_000, words=True)
    assert word_error_rate(" ".join(r.transcript for r in recordings.values()), transcript.text) <= 0.10
    assert transcript.duration == pytest.approx(len(pcm) / 32_000)
    assert all(a.end <= b.start + 0.05 for a, b in itertools.pairwise(transcript.segments))
    assert [word for segment in transcript.segments for word in segment.words] == list(transcript.words)


@pytest.mark.parametrize("kind", ["silence", "noise", "tone", "nothing"])
def test_what_is_not_speech_gives_no_text(recogniser: Recogniser, noise: bytes, kind: str) -> None:
    tone = (int(8000 * math.sin(math.tau * 440 * i / 16_000)) for i in range(4 * 16_000))
    pcm = {
        "silence": bytes(8 * 32_000),
        "noise": noise,
        "tone": b"".join(sample.to_bytes(2, "little", signed=True) for sample in tone),
        "nothing": b"",
    }[kind]
    assert recogniser.transcribe(pcm, 16_000, words=True).text == ""
    assert listen(recogniser, pcm) == []


def test_word_times_are_near_the_labels(recogniser: Recogniser, recordings: dict[str, Recording]) -> None:
    pcm = recordings["arctic_a0009"].pcm
    for words in (
        recogniser.transcribe(pcm, 16_000, words=True).words,
        finals(listen(recogniser, pcm))[0].words,
    ):
        starts = labelled_starts()
        assert len(words) == len(starts)
        off = [abs(word.start - start) for word, start in zip(words, starts, strict=True)]
        assert sum(off) / len(off) < 0.04
        assert max(off) < 0.1


def test_partials_come_before_their_final(recogniser: Recogniser, recordings: dict[str, Recording]) -> None:
    events = listen(recogniser, recordings["librivox_0920"].pcm)
    assert isinstance(events[-1], Final)
    partials = [event.text for event in events[:-1] if isinstance(event, Partial)]
    assert len(partials) >= 4
    assert all(a != b for a, b in itertools.pairwise(partials))
    assert len(partials[-1].split()) > len(partials[0].split())


def test_times_count_on_over_utterances_and_resets(
    recogniser: Recogniser, recordings: dict[str, Recording]
) -> None:
    pcm = recordings["arctic_a0009"].pcm
    length = len(pcm) / 32_000
    stream = recogniser.stream(16_000)
    first = finals(feed(stream, pcm) + stream.reset())
    assert stream.reset() == []
    second = finals(feed(stream, pcm) + stream.finish())
    assert word_error_rate(text([*first]), text([*second])) <= 0.15
    assert first[-1].end <= length + 0.05
    assert second[0].words[0].start == pytest.approx(length + first[0].words[0].start, abs=0.15)


def test_times_count_on_when_the_detector_starts_afresh(
    recogniser: Recogniser, recordings: dict[str, Recording], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("specbuilder.local.moonshine._MOST_LINES", 1)
    pcm = recordings["go_forward"].pcm + bytes(32_000)
    heard = finals(listen(recogniser, pcm * 4))
    assert [word_error_rate("go forward ten meters", final.text) for final in heard] == [0.0] * 4
    starts = [final.start for final in heard]
    for number, start in enumerate(starts):
        assert start - starts[0] == pytest.approx(number * len(pcm) / 32_000, abs=0.1)


def test_a_telephone_stream_is_resampled(recogniser: Recogniser, recordings: dict[str, Recording]) -> None:
    recording = recordings["librivox_0930"]
    events = listen(recogniser, narrow(recording.pcm), rate=8000)
    assert word_error_rate(recording.transcript, text(events)) <= 0.2
    assert finals(events)[-1].end == pytest.approx(3.1, abs=0.3)


def test_concurrent_streams_do_not_disturb_each_other(
    recogniser: Recogniser, recordings: dict[str, Recording], noise: bytes
) -> None:
    """The detector's memory is shared: speech of one stream must not be heard in another's noise."""
    spoken = [recordings[id] for id in ("librivox_0930", "go_forward", "arctic_a0009")] * 2
    with ThreadPoolExecutor(8) as threads:
        texts = list(
            threads.map(
                lambda pcm: text(listen(recogniser, pcm)), [*(r.pcm for r in spoken), noise, bytes(192_000)]
            )
        )
    assert texts[-2:] == ["", ""]
    assert corpus_word_error_rate(zip((r.transcript for r in spoken), texts, strict=False)) <= 0.15


def test_a_stream_forgets_old_audio(recogniser: Recogniser) -> None:
    stream = recogniser.stream(16_000)
    feed(stream, bytes(60 * 32_000), piece=32_000)
    assert len(stream._pcm) <= 3 * 32_000
    stream.close()


def test_a_closed_stream_is_quiet(recogniser: Recogniser, recordings: dict[str, Recording]) -> None:
    stream = recogniser.stream(16_000)
    stream.close()
    stream.close()
    assert feed(stream, recordings["go_forward"].pcm) == []
    assert stream.finish() == []


def test_a_transcription_can_be_cancelled(recogniser: Recogniser, recordings: dict[str, Recording]) -> None:
    with pytest.raises(Cancelled):
        list(recogniser.segments(recordings["jfk"].pcm, 16_000, cancelled=lambda: True))


def test_pocketsphinx_alone_understands_something(
    fallback: Recogniser, recordings: dict[str, Recording]
) -> None:
    assert fallback.name == "pocketsphinx-en-us"
    recording = recordings["arctic_a0009"]
    assert word_error_rate(recording.transcript, fallback.transcribe(recording.pcm, 16_000).text) <= 0.3
    events = listen(fallback, recording.pcm)
    assert word_error_rate(recording.transcript, text(events)) <= 0.3
    assert any(isinstance(event, Partial) for event in events)
    assert fallback.transcribe(bytes(64_000), 16_000).text == ""


def test_pocketsphinx_ends_an_endless_utterance(recordings: dict[str, Recording]) -> None:
    """Speech without a pause is cut after 20 s, so that its cost stays bounded."""
    from specbuilder.local.sphinx import SphinxEngine

    detector = SphinxEngine(threads=1).detector()
    pcm = recordings["librivox_0920"].pcm[2 * 8000 : 2 * 80_000] * 6
    spans = [
        span
        for at in range(0, len(pcm), 6400)
        for span in detector.feed(pcm[at : at + 6400])
        if span.complete
    ]
    assert spans
    assert max(span.end - span.start for span in [*spans, *detector.finish()]) <= 20.1


def test_auto_falls_back_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    hide(monkeypatch, "moonshine_voice")
    _warn_once.cache_clear()
    with caplog.at_level(logging.WARNING, logger="specbuilder"):
        for _ in range(2):
            loaded = load_recogniser()
            assert loaded.name == "pocketsphinx-en-us"
            loaded.close()
    said = [record.getMessage() for record in caplog.records if record.name == "specbuilder"]
    assert len(said) == 1
    assert "falls back to pocketsphinx" in said[0]


def test_no_engine_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    hide(monkeypatch, "moonshine_voice")
    hide(monkeypatch, "pocketsphinx")
    with pytest.raises(EngineUnavailable) as caught:
        load_recogniser()
    assert "pip install 'specbuilder[embedded]'" in str(caught.value)
    assert "moonshine_voice" in str(caught.value)
    assert "pocketsphinx" in str(caught.value)


def test_moonshine_without_pocketsphinx_estimates_word_times(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, recordings: dict[str, Recording]
) -> None:
    hide(monkeypatch, "pocketsphinx")
    _warn_once.cache_clear()
    with caplog.at_level(logging.WARNING, logger="specbuilder"):
        loaded = load_recogniser("moonshine")
    words = loaded.transcribe(recordings["arctic_a0009"].pcm, 16_000, words=True).words
    loaded.close()
    assert "estimates word times" in caplog.text
    assert len(words) == 9
    assert all(a.end <= b.start for a, b in itertools.pairwise(words))


def test_a_directory_without_a_model_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.bin").write_bytes(b"")
    with pytest.raises(
        EngineUnavailable, match=r"no Moonshine model in .*encoder_model\.ort, decoder_model_merged\.ort"
    ):
        load_recogniser(model_path=tmp_path)


def test_a_model_directory_can_be_given(recordings: dict[str, Recording]) -> None:
    from moonshine_voice.utils import get_model_path

    loaded = load_recogniser("moonshine", get_model_path("tiny-en"))
    assert loaded.name == "moonshine-tiny-en"
    assert "forward" in loaded.transcribe(recordings["go_forward"].pcm, 16_000).text.lower()
    loaded.close()


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="engine must be"):
        load_recogniser("whisper")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="model_path is for Moonshine"):
        load_recogniser("pocketsphinx", "somewhere")
