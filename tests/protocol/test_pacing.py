"""The pacer: what may leave when, over any input that comes in any way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specbuilder.protocol.pacing import Pacer

RATE = 32000
MESSAGE = 1600


def pacer(pace: float = 1.0, ahead: float = 0.0, message: int | None = MESSAGE) -> Pacer:
    return Pacer(pace, ahead, RATE, message)


def test_audio_that_comes_as_it_is_spoken_never_waits() -> None:
    paced = pacer(ahead=0.1)
    for index, jitter in enumerate([0.0, 0.02, -0.03, 0.04, -0.04] * 20):
        now = 100 + index * 0.05 + jitter
        assert paced.takes(MESSAGE, now)
        paced.sent(MESSAGE, now)


def test_without_credit_a_message_waits_for_the_one_before() -> None:
    paced = pacer()
    paced.sent(MESSAGE, 100.0)
    assert not paced.takes(MESSAGE, 100.0)
    assert paced.wait(100.0) == pytest.approx(0.05)
    assert paced.takes(MESSAGE, 100.051)


def test_a_pause_earns_nothing() -> None:
    paced = pacer()
    paced.sent(MESSAGE, 100.0)
    paced.sent(MESSAGE, 200.0)
    assert paced.wait(200.0) == pytest.approx(0.05)


def test_a_backlog_goes_at_once_as_far_as_allowed() -> None:
    """Two seconds piled up and one may go ahead: the rest is spread, and what follows is on time."""
    paced = pacer(ahead=1.0)
    assert not paced.takes(RATE * 2, 100.0)
    assert paced.takes(RATE, 100.0)
    paced.sent(RATE, 100.0)
    assert paced.takes(MESSAGE, 100.0)
    paced.sent(MESSAGE, 100.0)
    assert paced.wait(100.0) == pytest.approx(0.05)


def test_twice_the_pace_is_half_the_wait() -> None:
    paced = pacer(pace=2.0)
    paced.sent(MESSAGE, 100.0)
    assert paced.wait(100.0) == pytest.approx(0.025)


@given(st.binary(max_size=10000), st.integers(1, 4000) | st.none())
def test_pieces_are_the_input_in_order(pcm: bytes, size: int | None) -> None:
    pieces = list(pacer(message=size).pieces(pcm))
    assert b"".join(pieces) == pcm
    assert all(0 < len(piece) <= (size or len(pcm)) for piece in pieces)


@given(
    st.lists(st.tuples(st.floats(0, 0.3), st.integers(1, 3 * MESSAGE)), max_size=60),
    st.sampled_from([0.5, 1.0, 2.0]),
    st.floats(0, 2),
)
def test_never_more_than_pace_and_credit_allow(
    pushes: list[tuple[float, int]], pace: float, ahead: float
) -> None:
    """Over any span of time: at most its length times the pace, the credit, and two messages."""
    paced, now, log = pacer(pace, ahead), 50.0, []
    for gap, size in pushes:
        now += gap
        if paced.takes(size, now):
            paced.sent(size, now)
            log.append((now, size))
            continue
        for piece in paced.pieces(bytes(size)):
            now += max(0.0, paced.wait(now))
            paced.sent(len(piece), now)
            log.append((now, len(piece)))
    for first, (begin, _) in enumerate(log):
        sent = 0
        for at, size in log[first:]:
            sent += size
            assert sent / RATE <= (at - begin) * pace + ahead + 2 * MESSAGE / RATE + 1e-6
