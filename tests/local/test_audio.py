from __future__ import annotations

import io

import av
import pytest

from specbuilder.local.audio import AudioTooLong, Resampler, UndecodableAudio, decode_audio

from .conftest import Recording


def encode(pcm: bytes, container: str, codec: str, rate: int = 16_000) -> bytes:
    """PCM as an audio file of another kind."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame(format="s16", layout="mono", samples=len(pcm) // 2)
        frame.sample_rate = 16_000
        frame.planes[0].update(pcm + bytes(frame.planes[0].buffer_size - len(pcm)))
        resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate, frame_size=960)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            output.mux(stream.encode(part))
        output.mux(stream.encode(None))
    return file.getvalue()


def test_a_wav_file_is_decoded_bit_by_bit(recordings: dict[str, Recording]) -> None:
    recording = recordings["go_forward"]
    assert decode_audio(recording.file, max_seconds=60) == recording.pcm


@pytest.mark.parametrize(
    ("container", "codec", "rate"),
    [("flac", "flac", 16_000), ("ogg", "libopus", 48_000), ("wav", "pcm_s16le", 8000)],
)
def test_other_kinds_are_decoded_and_resampled(
    recordings: dict[str, Recording], container: str, codec: str, rate: int
) -> None:
    pcm = recordings["go_forward"].pcm
    decoded = decode_audio(encode(pcm, container, codec, rate), max_seconds=60)
    assert len(decoded) == pytest.approx(len(pcm), rel=0.03)


@pytest.mark.parametrize("data", [b"", b"not audio at all" * 50, b"RIFF\x24\x00\x00\x00WAVE"])
def test_what_is_no_audio_is_refused(data: bytes) -> None:
    with pytest.raises(UndecodableAudio, match=r"not a readable audio file|no audio track"):
        decode_audio(data, max_seconds=60)


def test_the_length_is_bounded_while_decoding(recordings: dict[str, Recording]) -> None:
    with pytest.raises(AudioTooLong, match="longer than 10 seconds"):
        decode_audio(recordings["jfk"].file, max_seconds=10)


@pytest.mark.parametrize("rate", [8000, 16_000, 44_100, 48_000])
def test_a_stream_of_pieces_keeps_its_length(rate: int) -> None:
    resampler = Resampler(rate)
    pcm = bytes(2 * rate)
    # 333 bytes: pieces that end within a sample.
    pieces = [resampler.push(pcm[at : at + 333]) for at in range(0, len(pcm), 333)]
    assert len(b"".join(pieces) + resampler.flush()) == pytest.approx(32_000, abs=64)


def test_a_split_sample_is_put_together_again(recordings: dict[str, Recording]) -> None:
    pcm = recordings["go_forward"].pcm[:2000]
    resampler = Resampler(16_000)
    assert b"".join(resampler.push(pcm[at : at + 3]) for at in range(0, len(pcm), 3)) == pcm


@pytest.mark.parametrize("rate", [0, -1, 999, 192_001])
def test_an_impossible_rate_is_refused(rate: int) -> None:
    with pytest.raises(ValueError, match="sample_rate must be from 1000 to 192000"):
        Resampler(rate)
