"""Encodings, chunks, WAV headers and silence."""

from __future__ import annotations

import io
import struct
import wave
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specbuilder.protocol.audio import (
    ENCODINGS,
    ENDLESS,
    Chunker,
    bytes_per_sample,
    encoder,
    sample_count,
    silence,
    wav,
    wav_header,
)

EVERY_SAMPLE = range(-32768, 32768)


def s16(*samples: int) -> bytes:
    return struct.pack(f"<{len(samples)}h", *samples)


def alaw_level(code: int) -> int:
    """The sample an A-law byte stands for: ITU-T G.711, table 1, at 16 bits."""
    code ^= 0x55
    segment, step = code >> 4 & 7, code & 15
    level = step * 16 + 8 if segment == 0 else (step * 16 + 264) << (segment - 1)
    return level if code & 0x80 else -level


def mulaw_level(code: int) -> int:
    """The sample a mu-law byte stands for: ITU-T G.711, table 2, at 16 bits."""
    code ^= 0xFF
    level = ((code & 15) * 8 + 132 << (code >> 4 & 7)) - 132
    return -level if code & 0x80 else level


class TestEncodings:
    def test_names(self) -> None:
        assert ENCODINGS == ("pcm_s16le", "pcm_s32le", "pcm_f32le", "alaw", "mulaw")
        assert [bytes_per_sample(name) for name in ENCODINGS] == [2, 4, 4, 1, 1]

    def test_an_unknown_name_gets_a_hint(self) -> None:
        for use in (encoder, bytes_per_sample, lambda name: silence(1, 8000, 1, name)):
            with pytest.raises(ValueError, match="did you mean 'mulaw'"):
                use("mu_law")

    def test_s16_is_passed_through_without_a_copy(self) -> None:
        pcm = s16(1, 2)
        assert encoder("pcm_s16le")(pcm) is pcm

    def test_s32(self) -> None:
        assert struct.unpack("<3i", encoder("pcm_s32le")(s16(1, -32768, 32767))) == (
            1 << 16,
            -(1 << 31),
            32767 << 16,
        )

    def test_f32(self) -> None:
        assert struct.unpack("<4f", encoder("pcm_f32le")(s16(0, 16384, -32768, 32767))) == (
            0.0,
            0.5,
            -1.0,
            32767 / 32768,
        )

    @pytest.mark.parametrize(
        ("name", "level", "finest", "loudest"),
        [("alaw", alaw_level, 16, 32768), ("mulaw", mulaw_level, 8, 32636)],
    )
    def test_g711_is_within_half_a_step(
        self, name: str, level: Callable[[int], int], finest: int, loudest: int
    ) -> None:
        """A level of G.711 stands for the interval around it, whose width doubles with every segment."""
        for sample, code in zip(EVERY_SAMPLE, encoder(name)(s16(*EVERY_SAMPLE)), strict=True):
            segment = (code ^ {"alaw": 0x55, "mulaw": 0xFF}[name]) >> 4 & 7
            step = finest << (segment if name == "mulaw" else max(segment - 1, 0))
            assert abs(max(-loudest, min(sample, loudest)) - level(code)) <= step // 2, sample
            assert (level(code) >= 0) == (sample >= 0) or level(code) == 0, sample

    @pytest.mark.parametrize(
        ("name", "sample", "code"),
        [
            # ITU-T G.711: zero, the loudest of both signs, and the values of its tables' segment ends.
            ("alaw", 0, 0xD5),
            ("alaw", -1, 0x55),
            ("alaw", 32767, 0xAA),
            ("alaw", -32768, 0x2A),
            ("alaw", 256, 0xC5),
            ("alaw", 16384, 0xA5),
            ("mulaw", 0, 0xFF),
            ("mulaw", -1, 0x7F),
            ("mulaw", 32767, 0x80),
            ("mulaw", -32768, 0x00),
            ("mulaw", 4, 0xFE),
            ("mulaw", 16384 - 132, 0x8F),
        ],
    )
    def test_g711_vectors(self, name: str, sample: int, code: int) -> None:
        assert encoder(name)(s16(sample)) == bytes((code,))

    def test_g711_agrees_with_the_standard_library(self) -> None:
        audioop = pytest.importorskip("audioop", reason="removed in Python 3.13")
        pcm = s16(*EVERY_SAMPLE)
        assert encoder("alaw")(pcm) == audioop.lin2alaw(pcm, 2)
        # audioop rounds negative samples away from zero before it decides; positive ones it does not touch.
        assert encoder("mulaw")(pcm)[32768:] == audioop.lin2ulaw(pcm, 2)[32768:]

    @pytest.mark.parametrize("name", ["alaw", "mulaw"])
    def test_g711_decodes_to_the_same_code(self, name: str) -> None:
        level = {"alaw": alaw_level, "mulaw": mulaw_level}[name]
        codes = bytes(code for code in range(256) if not (name == "mulaw" and code == 0x7F))
        assert encoder(name)(s16(*map(level, codes))) == codes


class TestSilence:
    @pytest.mark.parametrize(
        ("encoding", "expected"),
        [
            ("pcm_s16le", bytes(320)),
            ("pcm_s32le", bytes(640)),
            ("pcm_f32le", bytes(640)),
            ("alaw", b"\xd5" * 160),
            ("mulaw", b"\xff" * 160),
        ],
    )
    def test_ten_ms(self, encoding: str, expected: bytes) -> None:
        assert silence(20, 8000, 1, encoding) == expected
        assert silence(10, 8000, 2, encoding) == expected
        assert encoder(encoding)(bytes(320)) == expected

    @pytest.mark.parametrize("ms", [0, -1, -250.5, 0.01])
    def test_not_positive_or_less_than_half_a_sample_is_nothing(self, ms: float) -> None:
        assert silence(ms, 16000) == b""

    @pytest.mark.parametrize(
        ("seconds", "rate", "samples"),
        [
            (0.05, 16000, 800),
            (0.0333, 8000, 266),
            (0.0005, 1000, 1),
            (0.00049, 1000, 0),
            (0.1, 44100, 4410),
            (-1, 8000, 0),
        ],
    )
    def test_sample_count_is_the_nearest(self, seconds: float, rate: int, samples: int) -> None:
        assert sample_count(seconds, rate) == samples


class TestWav:
    def test_a_file_is_read_back_by_the_standard_library(self) -> None:
        pcm = s16(*range(200))
        with wave.open(io.BytesIO(wav(pcm, 44100, 2))) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (44100, 2, 2)
            assert file.readframes(1000) == pcm

    def test_the_header_of_an_endless_stream(self) -> None:
        header = wav_header(16000, 1)
        assert header.hex() == (
            "52494646ffffff7f57415645666d74201000000001000100803e0000007d00000200100064617461ffffff7f"
        )
        assert len(header) == 44
        assert ENDLESS == 0x7FFFFFFF

    def test_more_than_the_format_holds(self) -> None:
        with pytest.raises(ValueError, match="4 GiB"):
            wav_header(16000, 1, data_bytes=0xFFFFFFFF)


class TestChunker:
    @given(
        pushes=st.lists(st.integers(0, 40), max_size=30),
        size=st.one_of(st.none(), st.integers(0, 33)),
        frame=st.sampled_from([1, 2, 4, 6]),
        kind=st.sampled_from([bytes, bytearray, memoryview]),
    )
    def test_nothing_is_lost_reordered_or_split(self, pushes, size, frame, kind) -> None:
        chunker = Chunker(size, frame)
        counter = iter(range(10**6))
        fed, got = b"", []
        for length in pushes:
            data = bytes(next(counter) % 251 for _ in range(length))
            fed += data
            chunks = chunker.push(kind(data))
            got += chunks
            assert chunker.pending == len(fed) - sum(map(len, got))
        if size is not None:
            expected = max(frame, size - size % frame)
            assert all(len(chunk) == expected for chunk in got)
            assert chunker.pending < expected
        else:
            assert chunker.pending < frame
        rest = chunker.flush()
        assert rest is None or rest
        whole = b"".join(got) + (rest or b"")
        assert fed.startswith(whole)
        assert len(fed) - len(whole) == chunker.pending < frame
        assert all(type(chunk) is bytes and len(chunk) % frame == 0 and chunk for chunk in got)
        assert chunker.flush() is None

    def test_a_flush_does_not_break_the_stream(self) -> None:
        chunker = Chunker(8, 2)
        assert chunker.push(b"abcde") == []
        assert chunker.flush() == b"abcd"
        assert chunker.pending == 1
        assert chunker.push(b"fghijklm") == [b"efghijkl"]
        assert chunker.pending == 1

    def test_one_chunk_is_passed_on_without_a_copy(self) -> None:
        data = bytes(8)
        assert Chunker(8, 2).push(data)[0] is data
        assert Chunker(None, 2).push(data)[0] is data

    def test_the_caller_may_reuse_its_buffer(self) -> None:
        chunker, buffer = Chunker(4, 2), bytearray(b"abcdef")
        chunks = chunker.push(buffer)
        buffer[:] = b"XXXXXX"
        assert [*chunks, chunker.flush()] == [b"abcd", b"ef"]

    def test_samples_as_a_view_of_16_bit_numbers(self) -> None:
        assert Chunker(4, 2).push(memoryview(s16(1, 2, 3)).cast("h")) == [s16(1, 2)]

    def test_as_pushed_holds_back_half_a_sample(self) -> None:
        chunker = Chunker(None, 2)
        assert chunker.push(b"abc") == [b"ab"]
        assert chunker.push(b"d") == [b"cd"]
        assert chunker.push(b"") == []
