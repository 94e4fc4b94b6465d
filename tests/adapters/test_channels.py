"""Frames of any number of channels and any rate reach the vendor in the spec's form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from livekit import rtc

from specbuilder import load_adapter
from tests.support.streams import collect, frames, push
from tests.support.vendor import AfterText, Close, ScriptedVendor

Samples = np.ndarray[Any, Any]

RATE = 16_000
SECONDS = 0.5


def tones(rate: int, *hertz: int) -> list[rtc.AudioFrame]:
    """Half a second of interleaved channels, each a tone of its own."""
    times = np.arange(int(SECONDS * rate)) / rate
    samples = np.stack([8000 * np.sin(2 * np.pi * each * times) for each in hertz], axis=1)
    return frames(samples.astype("<i2").tobytes(), rate=rate, channels=len(hertz))


def loudest(samples: Samples, count: int) -> list[int]:
    """The strongest frequencies of a channel in hertz, lowest first."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    found = []
    for _ in range(count):
        peak = int(spectrum.argmax())
        found.append(round(peak * RATE / len(samples)))
        spectrum[max(0, peak - 10) : peak + 10] = 0
    return sorted(found)


async def sent(channels: int, audio: list[rtc.AudioFrame]) -> Samples:
    """The samples the vendor was sent, a row for each channel."""
    spec: dict[str, Any] = {
        "spec": 1,
        "name": "acme",
        "base_url": "ws://acme.example",
        "stream": {
            "connect": "/",
            "audio": {"sample_rate": RATE, "channels": channels},
            "finish": {"send": "bye"},
            "rules": [{"when": "text", "emit": "final_transcript", "transcript": {"text": "text"}}],
        },
    }
    async with ScriptedVendor([AfterText("bye"), Close(1000)]) as vendor:
        adapter = load_adapter(spec, base_url=f"ws://{vendor.address}")
        async with adapter, adapter.stream() as stream:
            await push(stream, audio)
            assert await collect(stream) is not None
        samples: Samples = np.frombuffer(vendor.audio(0), "<i2").reshape(-1, channels).T
    assert samples.shape[1] == pytest.approx(SECONDS * RATE, abs=RATE * 0.02)
    return samples


@pytest.mark.parametrize("rate", [RATE, 48_000])
async def test_stereo_is_mixed_to_mono(rate: int) -> None:
    (mono,) = await sent(1, tones(rate, 440, 1000))
    assert loudest(mono, 2) == pytest.approx([440, 1000], abs=4)


@pytest.mark.parametrize("rate", [RATE, 48_000])
async def test_stereo_stays_apart_where_two_channels_are_wanted(rate: int) -> None:
    left, right = await sent(2, tones(rate, 440, 1000))
    assert loudest(left, 1) == pytest.approx([440], abs=4)
    assert loudest(right, 1) == pytest.approx([1000], abs=4)


@pytest.mark.parametrize("rate", [RATE, 48_000])
async def test_mono_is_copied_where_two_channels_are_wanted(rate: int) -> None:
    left, right = await sent(2, tones(rate, 440))
    assert loudest(left, 1) == pytest.approx([440], abs=4)
    # The resampler rounds each channel for itself.
    assert np.abs(left.astype(int) - right).max() <= 2
