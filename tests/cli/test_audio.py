from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
import pytest

from specbuilder.cli.audio import AudioFile, AudioFileError


def encoded(path: Path, codec: str, *, rate: int, layout: str, seconds: float) -> Path:
    """A file with a 440 Hz tone, made by FFmpeg."""
    channels = 2 if layout == "stereo" else 1
    tone = 10_000 * np.sin(2 * np.pi * 440 * np.arange(round(rate * seconds)) / rate)
    samples = np.repeat(tone.astype(np.int16), channels).reshape(1, -1)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.layout = layout
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=layout)
        frame.sample_rate = rate
        resampler = av.AudioResampler(
            format=stream.codec_context.format,
            layout=layout,
            rate=rate,
            frame_size=stream.codec_context.frame_size or 1024,
        )
        for piece in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return path


def wav(path: Path, samples: bytes) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(samples)
    return path


@pytest.mark.parametrize(
    ("name", "codec", "rate", "layout"),
    [
        ("a.flac", "flac", 48_000, "mono"),
        ("a.mp3", "libmp3lame", 44_100, "stereo"),
        ("a.wav", "pcm_s16le", 8_000, "mono"),
        ("a.mka", "libopus", 48_000, "stereo"),
    ],
)
def test_any_file_becomes_16_khz_mono_frames(
    tmp_path: Path, name: str, codec: str, rate: int, layout: str
) -> None:
    path = encoded(tmp_path / name, codec, rate=rate, layout=layout, seconds=1.01)
    with AudioFile(path) as audio:
        frames = list(audio.frames())
        assert audio.seconds == pytest.approx(1.01, abs=0.1)
    assert {(frame.sample_rate, frame.num_channels) for frame in frames} == {(16_000, 1)}
    assert {frame.samples_per_channel for frame in frames[:-1]} == {320}
    assert sum(frame.duration for frame in frames) == pytest.approx(1.01, abs=0.06)
    heard = np.frombuffer(b"".join(frame.data.tobytes() for frame in frames), np.int16)[4000:12_000]
    assert np.abs(np.fft.rfft(heard)).argmax() == pytest.approx(220, abs=1)


def test_samples_that_need_no_change_are_not_changed(tmp_path: Path) -> None:
    samples = np.arange(1, 1001, dtype=np.int16).tobytes()
    with AudioFile(wav(tmp_path / "a.wav", samples)) as audio:
        frames = list(audio.frames())
    assert b"".join(frame.data.tobytes() for frame in frames) == samples
    assert [frame.samples_per_channel for frame in frames] == [320, 320, 320, 40]


def test_frames_are_decoded_as_they_are_asked_for(tmp_path: Path) -> None:
    with AudioFile(wav(tmp_path / "a.wav", bytes(16_000 * 2 * 60))) as audio:
        assert next(audio.frames()).samples_per_channel == 320


def test_what_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "noise.wav").write_bytes(b"\x00\x01\x02" * 100)
    wav(tmp_path / "empty.wav", b"")
    for path, said in (
        (tmp_path / "none.wav", "no such file"),
        (tmp_path, "a folder"),
        (tmp_path / "noise.wav", "cannot be read as audio"),
        (tmp_path / "empty.wav", "no sound in it"),
        (Path("http://127.0.0.1:9/a.wav"), "no such file"),
    ):
        with pytest.raises(AudioFileError, match=said), AudioFile(path) as audio:
            list(audio.frames())
