"""How long a vendor's last messages are waited for once the input has ended."""

from __future__ import annotations

from typing import Any

import pytest

from specbuilder import load_spec
from specbuilder.protocol.sending import AudioFormat
from specbuilder.protocol.session import StreamSession
from specbuilder.protocol.turn import Turn

RATE = 16_000

SPEC: dict[str, Any] = {
    "spec": 1,
    "base_url": "wss://vendor.test",
    "stream": {
        "connect": "/listen",
        "timeouts": {"finish": "10s"},
        "finish": {"send": "bye", "until": "last"},
        "rules": [{"when": "text", "emit": "final_transcript"}],
        "transcript": {"text": "text"},
    },
}


def over_after(*, audio: float, taking: float, answers: list[float]) -> float:
    """Seconds from the end of the input to the end of the stream.

    Args:
        audio: seconds of it that are sent.
        taking: seconds in which they are sent.
        answers: when the vendor says something, in seconds after the end of the input.
    """
    _, names, plan = load_spec(SPEC).resolve({})
    assert plan.stream is not None
    form = AudioFormat(RATE, 1, "pcm_s16le", None, None, 0.0)
    session = StreamSession(plan.stream, plan.errors, names, Turn(), form)
    session.start(0.0)
    for second in range(int(audio)):
        session.audio(bytes(2 * RATE), second * taking / audio)
    session.finish(taking)
    for at in answers:
        session.tick(taking + at)
        assert not session.done
        session.receive('{"text": "word"}', taking + at)
    due = session.due()
    assert due is not None
    session.tick(due - 0.01)
    assert not session.done
    session.tick(due)
    assert session.done
    return due - taking


@pytest.mark.parametrize(
    ("taking", "answers", "seconds"),
    [
        # A vendor that hears a file of a minute at its own pace has that minute more, while it answers ...
        (0.0, [9.0, 18.0, 27.0, 36.0, 45.0, 54.0], 64.0),
        (0.0, [9.0, 18.0, 27.0, 36.0, 45.0, 54.0, 63.0], 70.0),
        # ... and no longer than its silence may last when it does not.
        (0.0, [], 10.0),
        (0.0, [9.0], 19.0),
        # Of what was spoken live nothing can be left to hear.
        (60.0, [], 10.0),
        (60.0, [9.0], 10.0),
        (45.0, [9.0, 18.0], 25.0),
    ],
)
def test_a_vendor_has_time_to_hear_what_was_sent_faster_than_spoken(
    taking: float, answers: list[float], seconds: float
) -> None:
    assert over_after(audio=60.0, taking=taking, answers=answers) == pytest.approx(seconds)
