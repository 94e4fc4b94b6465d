"""The short form of `make soak`."""

from __future__ import annotations

import logging

import pytest

from soak.run import soak


async def test_many_streams_through_a_vendor_that_fails_at_random(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="livekit.agents")
    caplog.set_level(logging.CRITICAL, logger="specbuilder")
    report = await soak(seconds=12.0, streams=25, chance=0.006)
    assert not report.problems, str(report)
    assert report.utterances > 100
    assert {"refused", "reset", "closed", "garbage"} <= report.faults.keys()
