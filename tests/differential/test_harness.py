"""The harness itself: it must find what differs, and notice a plugin that has been repaired."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from tests.differential import harness
from tests.differential.harness import Case, Correction, check_ours, check_plugin
from tests.differential.plugins import Build, deepgram_plugin
from tests.support.vendor import Reply


def reply(text: str) -> Reply:
    best = {"transcript": text, "confidence": 0.9, "words": []}
    return Reply(json={"metadata": {"request_id": "r"}, "results": {"channels": [{"alternatives": [best]}]}})


CASE = Case(
    "batch",
    deepgram_plugin(),
    "deepgram",
    ["final_transcript: hello"],
    replies={"POST /v1/listen": [reply("hello")]},
)


def be_ours(monkeypatch: pytest.MonkeyPatch, build: Build) -> None:
    """Put a plugin in the place of our adapter."""
    monkeypatch.setattr(harness, "_ours", lambda case: build)


async def test_the_same_on_both_sides_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    be_ours(monkeypatch, deepgram_plugin())
    await check_ours(CASE)


async def test_a_difference_on_the_wire_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    be_ours(monkeypatch, deepgram_plugin(language="de"))
    with pytest.raises(AssertionError, match=r"wire\.requests\[0\]\.query.*'de', expected 'en-US'"):
        await check_ours(CASE)


@pytest.mark.parametrize(
    ("place", "right"),
    [("events.0.alternatives.0.text", "hello"), ("error", {"status": 401, "retryable": False})],
)
async def test_what_is_right_is_asked_of_ours(
    monkeypatch: pytest.MonkeyPatch, place: str, right: Any
) -> None:
    case = dataclasses.replace(
        CASE,
        replies={"POST /v1/listen": [reply("helo")]},
        corrections=[
            Correction("for the test", "events.0.alternatives.0.text", "helo", "hello"),
            Correction("for the test", place, harness.ANY, right, shared=True),
        ],
    )
    be_ours(monkeypatch, deepgram_plugin())
    with pytest.raises(AssertionError, match=place.partition(".")[0]):
        await check_ours(case)


async def test_a_repaired_plugin_is_noticed() -> None:
    case = dataclasses.replace(CASE, corrections=[Correction("it fails", "error", {"status": 500}, None)])
    with pytest.raises(AssertionError, match=r"not as recorded \(it fails\)"):
        await check_plugin(case)


async def test_a_correction_that_changes_nothing_is_noticed() -> None:
    case = dataclasses.replace(CASE, corrections=[Correction("it ends", "ended", harness.ANY, True)])
    with pytest.raises(AssertionError, match="nothing to correct: it ends"):
        await check_plugin(case)


async def test_unexpected_events_of_a_plugin_are_noticed() -> None:
    with pytest.raises(AssertionError, match="bye"):
        await check_plugin(dataclasses.replace(CASE, expect=["final_transcript: bye"]))
