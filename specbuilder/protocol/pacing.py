"""When audio may leave for a vendor that takes it no faster than it is spoken, or little faster."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["Pacer"]


class Pacer:
    """Holds a connection's audio to a pace, and lets some of it go ahead of that.

    The generic cell rate algorithm (ITU-T I.371, annex A) in seconds of audio. What comes as it is spoken
    never waits; what has piled up while nothing was connected goes at once as far as `ahead` allows, and
    without that would be late for as long as the connection lasts.

    Arguments:
        pace: times real time.
        ahead: seconds of audio that may be sent before their time.
        bytes_per_second: of the s16le input.
        message_bytes: of input in one message; None: as it comes.
    """

    __slots__ = ("_ahead", "_bytes_per_second", "_heard_at", "_message_bytes")

    def __init__(
        self, pace: float, ahead: float, bytes_per_second: int, message_bytes: int | None = None
    ) -> None:
        self._bytes_per_second = bytes_per_second * pace
        self._ahead = ahead / pace
        self._message_bytes = message_bytes
        # When the vendor would be through with what it was sent, at this pace.
        self._heard_at = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a message may leave; not positive: it may now."""
        return self._heard_at - self._ahead - now

    def takes(self, size: int, now: float) -> bool:
        """Whether so many bytes of input may be sent at once."""
        if self._message_bytes is None or size <= self._message_bytes:
            return self.wait(now) <= 0
        return max(self._heard_at, now) + size / self._bytes_per_second <= now + self._ahead

    def sent(self, size: int, now: float) -> None:
        """So many bytes of input are on their way."""
        self._heard_at = max(self._heard_at, now) + size / self._bytes_per_second

    def pieces(self, pcm: bytes) -> Iterator[bytes]:
        """Input in pieces of a message each, which may leave one by one."""
        size = self._message_bytes or len(pcm) or 1
        for at in range(0, len(pcm), size):
            yield pcm[at : at + size]
