"""A stream or a recognition on a stage: the pure core, with the script in place of network, clock and app.

What comes out (requests, handshakes, frames, events, an error, the end) is kept until the script asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any

from livekit.agents import APIConnectionError, APIError, stt

from ..expressions.secrets import redact
from ..protocol.handshake import HandshakeRequest
from ..protocol.http import Reply, Request
from ..protocol.names import Names
from ..protocol.options import secret_texts
from ..protocol.plan import Plan
from ..protocol.reading import MessageScope
from ..protocol.requests import HttpExchange
from ..protocol.sending import Frame
from ..protocol.settings import Settings, language_of, settle
from ..protocol.spec import Spec
from ..protocol.usage import UsagePlan
from .clock import Clock
from .exchanges import Kept, flattened
from .watch import Watch

__all__ = ["NotNow", "Stage", "Surroundings"]


class NotNow(Exception):
    """The script does something that cannot happen now; the message says why."""


@dataclass
class Surroundings:
    """What a test fixes.

    Attributes:
        api_key: the key, None for none.
        kept: replies of shared steps.
    """

    spec: Spec
    api_key: str | None
    clock: Clock
    watch: Watch
    kept: Kept

    def settle(self, given: Mapping[str, Any]) -> Settings:
        """Checked settings of options, with an empty environment.

        Raises:
            TypeError: an unknown option.
            ValueError: a value or combination that is not allowed, or a missing key.
        """
        checked = self.spec.options.check(given)
        return settle(self.spec, checked, self.api_key, environ={}, functions=self.clock.functions())


class Stage:
    """What streams and recognitions have in common.

    Attributes:
        requests: HTTP requests the script has not mentioned yet.
        connects: handshakes it has not mentioned yet.
        frames: messages it has not mentioned yet.
        events: events it has not mentioned yet.
        error: what the attempt failed with, until the script mentions it.
        ended: the stream or recognition has come to its normal end.
        over: it has come to any end; nothing will follow.
        anchor: epoch seconds of the vendor's time zero; None before audio was sent.
    """

    def __init__(self, around: Surroundings, settings: Settings) -> None:
        self.around = around
        self.settings = settings
        self.requests: list[Request] = []
        self.connects: list[HandshakeRequest] = []
        self.frames: list[Frame] = []
        self.events: list[stt.SpeechEvent] = []
        self.error: Exception | None = None
        self.ended = False
        self.over = False
        self.anchor: float | None = None
        self.asking: Generator[Request, Reply, Any] | None = None
        self.asked: Request | None = None

    # -- what scripts do -----------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin an attempt if it is time for one: its first request or handshake comes out."""

    def ready(self) -> None:
        """Come as far as the stage does without the vendor; a handshake under way counts as accepted."""
        self.begin()

    def audio(self, seconds: float) -> None:
        """The app speaks."""
        raise NotImplementedError

    def flush(self) -> None:
        """The app flushes."""
        raise NotNow("a recognition has no flush")

    def end_input(self) -> None:
        """The app ends its input."""
        raise NotNow("a recognition has no end_input")

    def update(self, options: Mapping[str, Any]) -> None:
        """The app changes options."""
        raise NotNow("a recognition takes no update")

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.around.clock.now += seconds

    def refused(self, reply: Reply) -> None:
        """The vendor refuses the handshake."""
        raise NotNow("no handshake is under way")

    def received(self, message: Any) -> None:
        """A message of the vendor's."""
        raise NotNow("nothing is connected" + self.waiting())

    def closed(self, code: int) -> None:
        """The vendor closes the connection."""
        raise NotNow("nothing is connected" + self.waiting())

    def reply(self, reply: Reply) -> None:
        """The vendor answers the request that waits."""
        self.begin()
        if self.asked is None:
            raise NotNow("no request waits for a reply")
        self._ask(reply)

    def settled_error(self) -> Exception | None:
        """The error that came, which the script has mentioned now."""
        error, self.error = self.error, None
        return error

    # -- common --------------------------------------------------------------------------------------------

    @property
    def plan(self) -> Plan:
        """The plan of the settings, with its places watched."""
        return self.around.watch.plan(self.settings.plan)

    @property
    def mapped_usage(self) -> UsagePlan | None:
        """How the vendor's messages tell usage. A recognition's usage is compared only where it is listed."""
        return None

    def redact(self, text: str) -> str:
        """Mask the test's secrets in a text, as an adapter does."""
        return redact(text, secret_texts(self.settings.values.values()))

    def language(self, names: Names) -> str:
        """The language asked for."""
        return language_of(self.around.spec.options, names)

    def capable(self, capability: str, names: Names) -> bool:
        """Whether the spec lets an adapter have a capability; what it does not mention it allows."""
        tree = self.settings.plan.capabilities.get(capability)
        return tree is None or bool(self.around.spec.constant(tree, names, False))

    def exchange(self, names: Names, settings: Settings | None = None) -> HttpExchange:
        """The HTTP side of an attempt."""
        plan = self.plan if settings is None else settings.plan
        return HttpExchange(
            base_url=plan.base_url,
            override=None,
            headers=plan.headers,
            errors=plan.errors,
            names=names,
            scope=MessageScope(names, self.label),
            redact=self.redact,
            wall=self.around.clock.wall,
        )

    @property
    def label(self) -> str:
        """As an adapter's."""
        return f"specbuilder.{self.around.spec.name}"

    def guarded(self, action: Callable[[], Any]) -> Any:
        """What an action gives; its failure becomes the stage's error, as it would be livekit's."""
        try:
            return action()
        except NotNow:
            raise
        except Exception as error:
            self.fail(error)
            return None

    def fail(self, error: Exception) -> None:
        """The attempt is over; what livekit would not retry is the end."""
        if not isinstance(error, APIError):
            text = self.redact(str(error))
            text = (
                text if isinstance(error, ValueError) else f"internal error: {type(error).__name__}: {text}"
            )
            error = APIConnectionError(f"{self.label}: {text}", retryable=False)
        self.error = error
        self.over = isinstance(error, APIError) and not error.retryable
        self.asked = self.asking = None

    def ask(self, exchange: Generator[Any, Any, Any]) -> None:
        """Begin an exchange; `answered` gets its result."""
        self.asking = flattened(exchange, self.around.clock, self.around.kept)
        self._ask(None)

    def _ask(self, reply: Reply | None) -> None:
        asking = self.asking
        assert asking is not None
        try:
            self.asked = asking.send(reply)  # type: ignore[arg-type]
        except StopIteration as stop:
            self.asked = self.asking = None
            result = stop.value
            self.guarded(lambda: self.answered(result))
        except Exception as error:
            self.fail(error)
        else:
            self.requests.append(self.asked)

    def answered(self, result: Any) -> None:
        """The exchange has come to its end."""

    def waiting(self) -> str:
        """What the vendor has not done yet, for messages."""
        return "" if self.asked is None else ": a request waits for its reply"
