"""What goes out on one connection: the opening, audio, flushes, keepalives; and how much of it there was."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..expressions.trees import Tree
from .audio import sample_count
from .names import COUNTERS, Names
from .plan import StreamPlan
from .reading import MessageScope
from .requests import render_seconds
from .sending import AudioFormat, AudioSender, Frame, frames_and_silence, frames_of
from .timeline import Timeline

__all__ = ["Outgoing"]


class Outgoing:
    """Writes the frames of one connection and counts what they held.

    Arguments:
        plan: the compiled `stream` section.
        names: the connection's names; the audio's form and the counters are shown there.
        audio: the form of the audio.
        timeline: told where silence is added, and when the first audio leaves.
        now: monotonic seconds.

    Attributes:
        ready: the opening exchange is over and audio may be sent.
        every: seconds without a frame that a keepalive ends; infinite without keepalives.
        first_sent: when the first audio left; None before.
        last_sent: when the newest frame left.
        kept_alive_at: when the newest keepalive left; None before the first.
        flushes: messages that asked for a final.

    Raises:
        ValueError: a template gave no duration for `stream.keepalive.every`.
    """

    def __init__(
        self, plan: StreamPlan, names: Names, audio: AudioFormat, timeline: Timeline, now: float
    ) -> None:
        self.ready = False
        self.first_sent: float | None = None
        self.last_sent = now
        self.kept_alive_at: float | None = None
        self.flushes = 0
        self._plan = plan
        self._names = names
        self._codec = plan.codec
        self._format = audio
        self._timeline = timeline
        self._bytes_per_second = audio.bytes_per_second
        self._open_at = 0
        self._pending_update: dict[str, Any] = {}
        self._flushed_bytes = 0
        self._show(names)
        self._sender = AudioSender(plan.audio, audio, names, plan.codec)
        self.every = math.inf
        if plan.keepalive is not None:
            self.every = render_seconds(plan.keepalive.every, names, "stream.keepalive.every")

    def _show(self, names: Names) -> None:
        """Show templates the audio's form and the counters."""
        names["audio"] = {"sample_rate": self._format.sample_rate, "channels": self._format.channels}
        for counter in COUNTERS:
            names.pop(counter, None)
        # Asked for when a message is rendered; counting at every chunk would cost more than sending it.
        names.live["sent_ms"] = lambda: self._milliseconds_since(0)
        names.live["unflushed_ms"] = lambda: self._milliseconds_since(self._flushed_bytes)
        names.live["sent_chunks"] = lambda: self.sent_chunks
        names.live["flushes"] = lambda: self.flushes

    # -- how much ------------------------------------------------------------------------------------------

    @property
    def sent_chunks(self) -> int:
        """Chunks of audio that were sent, those of added silence among them."""
        return self._sender.index

    def heard_seconds(self) -> float:
        """Seconds of audio the vendor was sent."""
        return self._sender.sent_bytes / self._bytes_per_second

    @property
    def sent_seconds(self) -> float:
        """The same of the input, without silence the protocol added."""
        return self._timeline.input_time(self._sender.sent_bytes / self._bytes_per_second)

    def _milliseconds_since(self, start: int) -> int | float:
        value = (self._sender.sent_bytes - start) * 1000 / self._bytes_per_second
        return int(value) if value.is_integer() else value

    # -- the opening exchange ------------------------------------------------------------------------------

    def open(self, now: float) -> list[Frame]:
        """The next opening messages, up to one that must be waited for; past the last audio may flow."""
        frames: list[Frame] = []
        while self._open_at < len(self._plan.open):
            step = self._plan.open[self._open_at]
            if _holds(step.condition, self._names):
                if step.wait is not None:
                    return self.noted(frames, now)
                if step.send is not None:
                    frames += frames_of(step.send, self._names, self._codec)
            self._open_at += 1
        self.ready = True
        if self._pending_update:
            changed, self._pending_update = self._pending_update, {}
            frames += self._update(changed)
        return self.noted(frames, now)

    def go_on(self, message: Any, scope: MessageScope, now: float) -> list[Frame]:
        """Go on with the opening exchange, before it is over, when this is the message it waits for."""
        wait = self._plan.open[self._open_at].wait if self._open_at < len(self._plan.open) else None
        if wait is None or not wait.holds(message, scope):
            return []
        self._open_at += 1
        return self.open(now)

    # -- audio ---------------------------------------------------------------------------------------------

    def audio(self, pcm: bytes | bytearray | memoryview, now: float) -> list[Frame]:
        """Frames of input samples; what fills no chunk waits."""
        frames = self._sender.push(pcm)
        if frames:
            self.last_sent = now
            if self.first_sent is None:
                self._begin(now)
        return frames

    def rest(self, now: float) -> list[Frame]:
        """The partial chunk that waits, if any."""
        frames = self._sender.flush()
        if frames and self.first_sent is None:
            self._begin(now)
        return self.noted(frames, now)

    def _begin(self, now: float) -> None:
        self.first_sent = now
        self._timeline.anchor()

    def _silence(self, seconds: float, now: float) -> list[Frame]:
        samples = sample_count(seconds, self._format.sample_rate)
        if samples <= 0:
            return []
        self._timeline.pad(self.heard_seconds(), samples / self._format.sample_rate)
        return self.audio(bytes(samples * self._format.channels * 2), now) + self.rest(now)

    # -- messages ------------------------------------------------------------------------------------------

    @property
    def flush_applies(self) -> bool:
        """Whether a flush says anything, with these options and at this moment."""
        return self._plan.flush is not None and _holds(self._plan.flush.condition, self._names)

    def flush(self, now: float) -> list[Frame]:
        """Silence and a message that make the vendor finalize what it has heard."""
        plan = self._plan.flush
        if plan is None or not self.flush_applies:
            return []
        frames: list[Frame] = []
        if plan.silence is not None:
            frames += self._silence(render_seconds(plan.silence, self._names, "stream.flush.silence"), now)
        if plan.send is not None:
            frames += frames_of(plan.send, self._names, self._codec)
        return self.noted(frames, now)

    def mark_flush(self) -> None:
        """`unflushed_ms` counts from here."""
        self._flushed_bytes = self._sender.sent_bytes

    def finish(self, now: float) -> list[Frame]:
        """The message that tells the vendor the input is over."""
        plan = self._plan.finish
        if plan is None or plan.send is None or not _holds(plan.condition, self._names):
            return []
        return self.noted(frames_of(plan.send, self._names, self._codec), now)

    def update(self, changed: Mapping[str, Any], now: float) -> list[Frame]:
        """The in-band message of changed options; before the opening is over it waits for that."""
        if not self.ready:
            self._pending_update.update(changed)
            return []
        return self.noted(self._update(changed), now)

    def _update(self, changed: Mapping[str, Any]) -> list[Frame]:
        if self._plan.update is None:
            return []
        return frames_of(self._plan.update, self._names.fork(changed=dict(changed)), self._codec)

    def keepalive(self, now: float) -> list[Frame]:
        """The message that is due when nothing was sent for a while."""
        if self._plan.keepalive is None or now < self.last_sent + self.every:
            return []
        self.last_sent = self.kept_alive_at = now
        return self.message(self._plan.keepalive.send)

    def message(self, tree: Tree) -> list[Frame]:
        """The frames of a message that may hold silence, which the vendor counts and the input does not."""
        frames, silence = frames_and_silence(tree, self._names, self._codec)
        if silence:
            self._timeline.pad(self.heard_seconds(), silence / self._bytes_per_second)
            self._sender.sent_bytes += silence
        return frames

    def noted(self, frames: list[Frame], now: float) -> list[Frame]:
        """The frames themselves, which leave now."""
        if frames:
            self.last_sent = now
        return frames


def _holds(condition: Any, names: Names) -> bool:
    return condition is None or bool(condition.holds(names, names.functions))
