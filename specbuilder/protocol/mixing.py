"""Channels: what the caller pushes becomes what the vendor wants."""

from __future__ import annotations

import numpy as np

__all__ = ["mixed"]


def mixed(pcm: bytes, channels: int, wanted: int) -> bytes:
    """s16le samples of `channels` interleaved channels as samples of `wanted` channels.

    Fewer channels are the mean of all; more are copies of that mean. livekit's resampler keeps channels
    apart.
    """
    if channels == wanted:
        return pcm
    samples = np.frombuffer(pcm, "<i2").reshape(-1, channels)
    mean = np.rint(samples.mean(axis=1)).astype("<i2")
    return np.repeat(mean, wanted).tobytes()
