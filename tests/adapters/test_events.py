"""The event channel that takes the place of livekit's tee: nothing that the base class promises is lost."""

from __future__ import annotations

import asyncio
import types
from collections.abc import AsyncIterator
from typing import Any

import pytest
from livekit.agents import LanguageCode, stt
from livekit.agents.utils import aio

from specbuilder.adapters.events import METERED, EventChannel
from specbuilder.adapters.stream import SpecStream
from tests.promises.acme import final, interim
from tests.promises.listening import listen
from tests.support.vendor import AfterText, Send

KINDS = list(stt.SpeechEventType)


def event(kind: stt.SpeechEventType) -> stt.SpeechEvent:
    """An event of a type, with what livekit's metrics task asks of it."""
    usage = stt.RecognitionUsage(audio_duration=1.0)
    data = stt.SpeechData(language=LanguageCode("en"), text="said")
    return stt.SpeechEvent(type=kind, alternatives=[data], recognition_usage=usage)


async def listed(channel: AsyncIterator[stt.SpeechEvent]) -> list[stt.SpeechEventType]:
    return [one.type async for one in channel]


async def test_the_reader_sees_every_event_and_the_copies_are_those_asked_for_in_order() -> None:
    channel = EventChannel(METERED)
    for kind in KINDS * 2:
        channel.send_nowait(event(kind))
    channel.close()
    assert await listed(channel) == KINDS * 2
    assert await listed(channel.copies) == [kind for kind in KINDS * 2 if kind in METERED]


async def test_readers_that_wait_are_woken() -> None:
    channel = EventChannel(METERED)
    reading = [asyncio.create_task(listed(one)) for one in (channel, channel.copies)]
    await asyncio.sleep(0)
    channel.send_nowait(event(stt.SpeechEventType.INTERIM_TRANSCRIPT))
    channel.send_nowait(event(stt.SpeechEventType.FINAL_TRANSCRIPT))
    await asyncio.sleep(0)
    channel.close()
    assert [len(found) for found in await asyncio.gather(*reading)] == [2, 1]


async def test_a_reader_that_gives_up_keeps_no_event_from_another() -> None:
    channel = EventChannel(METERED)
    gone, other = (asyncio.ensure_future(anext(channel)) for _ in range(2))
    await asyncio.sleep(0)
    channel.send_nowait(event(stt.SpeechEventType.INTERIM_TRANSCRIPT))
    # The first reader is woken, and cancelled before it runs.
    gone.cancel()
    assert (await asyncio.wait_for(other, 5)).type is stt.SpeechEventType.INTERIM_TRANSCRIPT
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_readers_that_give_up_leave_nothing_behind() -> None:
    channel = EventChannel(METERED)
    for _ in range(20):
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(anext(channel), 0.001)
    assert not channel._gets
    channel.send_nowait(event(stt.SpeechEventType.INTERIM_TRANSCRIPT))
    channel.close()
    assert await listed(channel) == [stt.SpeechEventType.INTERIM_TRANSCRIPT]


async def test_nothing_goes_into_a_closed_channel_and_closing_drops_what_nobody_read() -> None:
    channel = EventChannel(METERED)
    channel.send_nowait(event(stt.SpeechEventType.FINAL_TRANSCRIPT))
    await channel.aclose()
    with pytest.raises(aio.ChanClosed):
        channel.send_nowait(event(stt.SpeechEventType.FINAL_TRANSCRIPT))
    assert await listed(channel) == []


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in METERED])
async def test_livekits_metrics_task_does_nothing_for_what_it_is_not_given(kind: stt.SpeechEventType) -> None:
    emitted: list[Any] = []
    stream = types.SimpleNamespace(
        _num_retries=7,
        _stt=types.SimpleNamespace(emit=lambda *event: emitted.append(event)),
    )
    before = dict(vars(stream))
    channel = EventChannel(KINDS)
    channel.send_nowait(event(kind))
    channel.close()
    await stt.RecognizeStream._metrics_monitor_task(stream, channel.copies)  # type: ignore[arg-type]
    assert vars(stream) == before
    assert emitted == []


async def test_metrics_task_of_a_subclass_is_given_every_event(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[stt.SpeechEventType] = []

    async def monitor(self: SpecStream, events: AsyncIterator[stt.SpeechEvent]) -> None:
        seen.extend([one.type async for one in events])

    # As a subclass does; which class a stream is, the adapter decides.
    monkeypatch.setattr(SpecStream, "_metrics_monitor_task", monitor, raising=False)
    result, _ = await listen(
        [Send(interim("a")), AfterText({"type": "stop"}), Send(final("a b")), Send({"type": "done"})]
    )
    assert stt.SpeechEventType.INTERIM_TRANSCRIPT in seen
    assert seen == [one.type for one in result.events]
