"""Audio reaches the vendor at the declared rate, channels, encoding and chunk size, whatever is pushed."""

from __future__ import annotations

import asyncio
import struct
from typing import Any

import numpy as np
import pytest
from livekit import rtc

from tests.promises.acme import NO_RETRY, SPEC, acme, final, http_spec, merged, stream_spec
from tests.promises.listening import listen
from tests.support.streams import frames, outcome, silence, tone
from tests.support.vendor import AfterText, Reply, ScriptedVendor, Send, base64_audio, wav_samples

STOP = AfterText({"type": "stop"})
DONE = Send({"type": "done"})


async def heard(
    spec: dict[str, Any],
    audio: list[rtc.AudioFrame],
    *,
    read: Any = None,
    flush_at: int | None = None,
    pace: float = 0.0,
) -> ScriptedVendor:
    """What a vendor hears of frames that are pushed at once, or at a pace."""
    vendor = ScriptedVendor([STOP, DONE], **({"audio": read} if read else {}))
    async with vendor:
        adapter = acme(vendor, spec)
        stream = adapter.stream(conn_options=NO_RETRY)
        for index, frame in enumerate(audio):
            if index == flush_at:
                stream.flush()
            stream.push_frame(frame)
            if pace:
                await asyncio.sleep(frame.duration / pace)
        stream.end_input()
        result = await outcome(stream, failed=vendor.failed)
        await adapter.aclose()
    assert result.error is None
    return vendor


def samples_of(audio: list[rtc.AudioFrame]) -> bytes:
    """All samples of some frames."""
    return b"".join(bytes(frame.data) for frame in audio)


def loudest_hertz(pcm: bytes, rate: int) -> float:
    """The frequency with the most energy in s16le mono samples."""
    samples = np.frombuffer(pcm, "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum)) * rate / len(samples)


def stereo(left: list[rtc.AudioFrame], right: list[rtc.AudioFrame]) -> list[rtc.AudioFrame]:
    """Two mono sources as one of two channels."""
    mixed = []
    for one, other in zip(left, right, strict=True):
        pair = np.stack([np.frombuffer(one.data, "<i2"), np.frombuffer(other.data, "<i2")], axis=1)
        mixed.append(rtc.AudioFrame(pair.tobytes(), one.sample_rate, 2, one.samples_per_channel))
    return mixed


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
async def test_any_rate_and_channels_become_16_khz_mono(rate: int, channels: int) -> None:
    vendor = await heard(SPEC, tone(1.0, rate=rate, channels=channels, hertz=440.0))
    pcm = vendor.audio(0)
    assert len(pcm) == pytest.approx(32000, abs=64)
    assert loudest_hertz(pcm, 16000) == pytest.approx(440.0, abs=5.0)
    assert dict(vendor.handshakes[0].pairs)["model"] == "one"


async def test_channels_are_mixed_and_not_dropped() -> None:
    left, right = tone(1.0, rate=48000, hertz=440.0), silence(1.0, rate=48000)
    for audio in (stereo(left, right), stereo(right, left)):
        pcm = (await heard(SPEC, audio)).audio(0)
        assert loudest_hertz(pcm, 16000) == pytest.approx(440.0, abs=5.0)
        assert np.abs(np.frombuffer(pcm, "<i2")).max() == pytest.approx(5450, rel=0.1)


async def test_two_channels_are_sent_where_the_vendor_wants_two() -> None:
    audio = stereo(tone(1.0, rate=48000, hertz=440.0), tone(1.0, rate=48000, hertz=1000.0))
    pcm = (await heard(stream_spec(audio={"channels": 2}), audio)).audio(0)
    assert len(pcm) == pytest.approx(64000, abs=128)
    pairs = np.frombuffer(pcm, "<i2").reshape(-1, 2)
    assert loudest_hertz(pairs[:, 0].tobytes(), 16000) == pytest.approx(440.0, abs=5.0)
    assert loudest_hertz(pairs[:, 1].tobytes(), 16000) == pytest.approx(1000.0, abs=5.0)


async def test_one_channel_is_copied_where_the_vendor_wants_two() -> None:
    vendor = await heard(stream_spec(audio={"channels": 2}), tone(0.1))
    pairs = np.frombuffer(vendor.audio(0), "<i2").reshape(-1, 2)
    assert len(pairs) == 1600
    assert (pairs[:, 0] == pairs[:, 1]).all()
    assert [len(chunk) for chunk in vendor.chunks(0)] == [3200, 3200]


async def test_a_flush_in_between_loses_no_resampled_audio() -> None:
    vendor = await heard(SPEC, tone(1.0, rate=48000), flush_at=37)
    assert len(vendor.audio(0)) == pytest.approx(32000, abs=64)


def expanded(code: int) -> int:
    """The sample of a mu-law code (ITU-T G.711, table 2)."""
    code = ~code & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << ((code & 0x70) >> 4)) - 0x84
    return -size if code & 0x80 else size


async def test_eight_khz_mu_law() -> None:
    spec = stream_spec(audio={"sample_rate": 8000, "encoding": "mulaw", "chunk": "20ms"})
    loud = frames(struct.pack("<8000h", *([20000, -20000] * 4000)), rate=8000)
    vendor = await heard(spec, loud)
    assert {len(chunk) for chunk in vendor.chunks(0)} == {160}
    decoded = {expanded(code) for code in vendor.audio(0)}
    assert sorted(decoded) == [pytest.approx(-20000, rel=0.03), pytest.approx(20000, rel=0.03)]
    # Resampled silence has a lowest bit here and there.
    quiet = await heard(spec, silence(0.1, rate=48000))
    assert len(quiet.audio(0)) == pytest.approx(800, abs=16)
    assert {abs(expanded(code)) for code in quiet.audio(0)} <= {0, 8}


@pytest.mark.parametrize(
    ("encoding", "size", "zero"),
    [
        ("pcm_s16le", 2, bytes(2)),
        ("pcm_s32le", 4, bytes(4)),
        ("pcm_f32le", 4, bytes(4)),
        ("mulaw", 1, b"\xff"),
        ("alaw", 1, b"\xd5"),
    ],
)
async def test_encodings(encoding: str, size: int, zero: bytes) -> None:
    vendor = await heard(stream_spec(audio={"encoding": encoding}), silence(0.12))
    assert vendor.audio(0) == zero * 1920
    assert [len(chunk) for chunk in vendor.chunks(0)] == [800 * size, 800 * size, 320 * size]


@pytest.mark.parametrize(
    ("chunk", "sizes"),
    [
        ("50ms", [1600, 1600, 640]),
        ("100ms", [3200, 640]),
        ("1000 bytes", [1000, 1000, 1000, 840]),
        ("1024 bytes", [1024, 1024, 1024, 768]),
        ("1s", [3840]),
    ],
)
async def test_chunks(chunk: str, sizes: list[int]) -> None:
    vendor = await heard(stream_spec(audio={"chunk": chunk}), tone(0.12))
    assert [len(piece) for piece in vendor.chunks(0)] == sizes
    assert vendor.audio(0) == samples_of(tone(0.12))


async def test_chunks_as_they_come() -> None:
    vendor = await heard(stream_spec(audio={"chunk": 0}), tone(0.1, chunk=0.03))
    assert [len(piece) for piece in vendor.chunks(0)] == [960, 960, 960, 320]


async def test_a_wav_header_goes_first_and_once() -> None:
    spec = stream_spec(audio={"send": ["{{ wav_header() if audio.index == 0 }}", "{{ audio.data }}"]})
    vendor = await heard(spec, tone(0.1))
    header, *rest = [frame.data for frame in vendor.frames(0) if hasattr(frame, "data")]
    assert header[:4] == b"RIFF"
    assert len(header) == 44
    assert struct.unpack("<HI", header[22:28]) == (1, 16000)
    assert [len(piece) for piece in rest] == [1600, 1600]


async def test_audio_in_json_as_base64() -> None:
    spec = stream_spec(
        audio={
            "send": {"type": "audio", "data": "{{ audio.data | base64 }}", "first": "{{ audio.index == 0 }}"}
        }
    )
    vendor = await heard(spec, tone(0.12), read=base64_audio("data"))
    assert vendor.audio(0) == samples_of(tone(0.12))
    texts = [frame.json for frame in vendor.frames(0) if hasattr(frame, "json")]
    assert [text["first"] for text in texts if text["type"] == "audio"] == [True, False, False]


async def test_the_rate_of_an_option_is_the_rate_that_is_sent_and_said() -> None:
    """Declared and sent rate come from one number."""
    spec = merged(SPEC, {"options": {"rate": {"default": 24000, "role": "sample_rate"}}})
    spec["stream"]["query"]["rate"] = "{{ audio.sample_rate }}"
    vendor = await heard(spec, tone(1.0, rate=48000))
    assert dict(vendor.handshakes[0].pairs)["rate"] == "24000"
    assert len(vendor.audio(0)) == pytest.approx(48000, abs=64)
    assert loudest_hertz(vendor.audio(0), 24000) == pytest.approx(440.0, abs=5.0)


async def test_a_rate_that_changes_in_mid_stream_is_refused() -> None:
    async with ScriptedVendor([]) as vendor:
        adapter = acme(vendor)
        stream = adapter.stream(conn_options=NO_RETRY)
        stream.push_frame(silence(0.01)[0])
        with pytest.raises(ValueError, match="sample rate"):
            stream.push_frame(silence(0.01, rate=48000)[0])
        await vendor.until(lambda: len(vendor.handshakes) == 1, "the handshake")
        await adapter.aclose()


async def test_channels_may_change_in_mid_stream() -> None:
    """A participant's microphone can; the mix for the vendor stays the same."""
    vendor = await heard(SPEC, [*tone(0.1), *tone(0.1, channels=2), *tone(0.1)])
    assert vendor.audio(0) == samples_of(tone(0.1)) * 3


@pytest.mark.parametrize(("ahead", "least"), [("0ms", 0.2), ("100ms", 0.15)])
async def test_pace_holds_audio_back(ahead: str, least: float) -> None:
    """Half a second at twice real time takes a quarter, less the first chunk and what may go ahead."""
    vendor = await heard(stream_spec(audio={"pace": 2, "ahead": ahead}), tone(0.5))
    first, last = vendor.frames(0)[0], [frame for frame in vendor.frames(0) if hasattr(frame, "data")][-1]
    assert last.at - first.at > least
    assert vendor.audio(0) == samples_of(tone(0.5))


async def test_what_is_pushed_while_audio_is_held_back_waits_its_turn() -> None:
    # Longer than a message, then some that could leave at once, again and again.
    audio = [frame for _ in range(3) for frame in (*tone(0.4, chunk=0.4), *tone(0.05))]
    vendor = await heard(stream_spec(audio={"pace": 4, "ahead": "0ms"}), audio, pace=5.0)
    assert vendor.audio(0) == samples_of(audio)


async def test_what_piled_up_goes_at_once_where_it_may_go_ahead() -> None:
    """A stream that connects slowly would else be late for as long as it lasts."""
    vendor = await heard(stream_spec(audio={"pace": 1, "ahead": "5s"}), tone(3.0))
    first, last = vendor.frames(0)[0], [frame for frame in vendor.frames(0) if hasattr(frame, "data")][-1]
    assert last.at - first.at < 1.0
    assert vendor.audio(0) == samples_of(tone(3.0))


@pytest.mark.parametrize(("rate", "channels"), [(16000, 1), (48000, 2)])
async def test_a_recognition_keeps_the_callers_format(rate: int, channels: int) -> None:
    async with ScriptedVendor(replies={"POST /v1/transcribe": [Reply(json={"text": "a"})]}) as vendor:
        adapter = acme(vendor, http_spec())
        audio = tone(0.2, rate=rate, channels=channels)
        await adapter.recognize(audio, conn_options=NO_RETRY)
        await adapter.aclose()
    sent = wav_samples(vendor.requests[0].body)
    assert sent == (rate, channels, samples_of(audio))


async def test_a_recognition_in_the_format_the_spec_asks_for() -> None:
    async with ScriptedVendor(replies={"POST /v1/transcribe": [Reply(json={"text": "a"})]}) as vendor:
        adapter = acme(vendor, http_spec(audio={"sample_rate": 16000, "channels": 1}))
        await adapter.recognize(tone(1.0, rate=48000, channels=2), conn_options=NO_RETRY)
        await adapter.aclose()
    rate, channels, pcm = wav_samples(vendor.requests[0].body)
    assert (rate, channels) == (16000, 1)
    assert len(pcm) == pytest.approx(32000, abs=64)
    assert loudest_hertz(pcm, 16000) == pytest.approx(440.0, abs=5.0)


async def test_lazy_audio_is_not_lost_by_connecting() -> None:
    result, vendor = await listen([STOP, DONE], spec=stream_spec(lazy=True), seconds=0.3)
    assert result.error is None
    assert vendor.audio(0) == samples_of(tone(0.3))


async def test_silence_as_a_keepalive_is_in_the_vendors_encoding() -> None:
    spec = stream_spec(
        audio={"sample_rate": 8000, "encoding": "mulaw"},
        keepalive={"every": "50ms", "send": "{{ silence(100) }}"},
        open=[{"send": "{{ silence(10) }}"}],
    )
    vendor = ScriptedVendor([])
    async with vendor:
        adapter = acme(vendor, spec)
        adapter.stream(conn_options=NO_RETRY)
        await vendor.until(lambda: len(vendor.chunks(0)) >= 2, "silence")
        await adapter.aclose()
    assert vendor.chunks(0)[:2] == [b"\xff" * 80, b"\xff" * 800]


async def test_a_buffer_is_one_connection_whatever_its_age_limit() -> None:
    spec = stream_spec(max_age="100ms", audio={"pace": 4})
    vendor = ScriptedVendor([STOP, Send(final("all of it")), DONE])
    async with vendor:
        adapter = acme(vendor, spec)
        event = await adapter.recognize(tone(2.0), conn_options=NO_RETRY)
        await adapter.aclose()
    assert event.alternatives[0].text == "all of it"
    assert len(vendor.handshakes) == 1
