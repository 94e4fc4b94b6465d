"""HTTP exchanges as generators: requests out, replies in, nothing awaited.

A generator yields a `Request`, a `Pause` or a `Shared` step and is sent the answer, or thrown the `APIError`
that came instead; whoever drives it owns the network. `HttpExchange` holds what the requests of one attempt
have in common.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, TypeAlias
from urllib.parse import quote, urlsplit

import orjson
from livekit.agents import APIConnectionError, APIError, APITimeoutError

from ..expressions.nothing import NOTHING
from ..expressions.templates import Condition, StrictMapping, Template
from ..expressions.trees import Tree
from ..language.durations import parse_duration
from .addresses import Address, encode_query, pairs, parse_base_url, plain_text, repeated, resolve
from .bodies import BodyKind, Part, write_body
from .errors import ErrorTable, status_error
from .http import Reply, Request
from .names import Names
from .primitives import PrimitiveError, primitive
from .reading import MessageScope, Reading

__all__ = [
    "Action",
    "AddressGuard",
    "HttpExchange",
    "Pause",
    "RequestPlan",
    "Shared",
    "StepPlan",
    "render_seconds",
]

logger = logging.getLogger("specbuilder")


@dataclass(frozen=True)
class RequestPlan:
    """A request section, compiled. `every` and `timeout` give seconds."""

    place: str
    method: str
    address: Template
    from_reply: bool
    query: Tree | None = None
    headers: Tree | None = None
    body_kind: BodyKind | None = None
    body: Tree | tuple[Part, ...] | None = None
    until: Reading | None = None
    every: Template | float = 1.0
    timeout: Template | float = 30.0
    reply: Literal["json", "text"] = "json"


@dataclass(frozen=True)
class StepPlan:
    """A step before an exchange: a request or a registered primitive, known by its name afterwards."""

    name: str | None
    condition: Condition | None
    request: RequestPlan | None = None
    use: str | None = None
    arguments: Tree | None = None
    expires_in: Reading | None = None
    expires_at: Reading | None = None

    @property
    def shared(self) -> bool:
        """Whether its reply is kept and shared between connections."""
        return self.expires_in is not None or self.expires_at is not None


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait before the next request of a poll."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Shared:
    """A reply that is kept until it expires; the driver fetches it once, whoever else asks meanwhile.

    `fetch()` gives the generator that gets a fresh one; it returns the reply and its expiry in epoch seconds.
    """

    key: str
    fetch: Callable[[], Generator[Action, Any, tuple[Any, float]]]


Action: TypeAlias = "Request | Pause | Shared"
Exchange: TypeAlias = Generator[Action, Any, Any]


def render_seconds(value: Template | float, names: Names, place: str) -> float:
    """A duration of the spec in seconds, whether written or rendered.

    Raises:
        ValueError: what a template gave is no duration; the message names the place.
    """
    if isinstance(value, int | float):
        return float(value)
    rendered = value.render(names, names.functions)
    try:
        return parse_duration(plain_text(rendered, place))
    except ValueError as error:
        raise ValueError(f"{place}: {error}") from None


class AddressGuard(Protocol):
    """Refuses addresses that nothing may be sent to, with a `ValueError`."""

    def check(self, address: Address) -> None:
        """Look at an address of the spec's."""

    def check_url(self, url: str) -> None:
        """Look at one that a step primitive asks for."""


@dataclass
class HttpExchange:
    """What all requests of one attempt share.

    Arguments:
        base_url: the spec's `base_url` template.
        override: the caller's base address, if any.
        headers: headers for the base address's origin only.
        errors: the spec's error table.
        names: the names of this attempt; replies of steps are put there.
        scope: what selectors see.
        redact: masks secrets in a text.
        wall: epoch seconds.
        guard: asked before anything is sent anywhere.
        learn: told every reply of a step, because it may hold a token.
    """

    base_url: Template
    override: Address | None
    headers: Tree | None
    errors: ErrorTable
    names: Names
    scope: MessageScope
    redact: Callable[[str], str]
    wall: Callable[[], float] = time.time
    guard: AddressGuard | None = None
    learn: Callable[[Any], None] | None = None

    # -- addresses and headers -----------------------------------------------------------------------------

    def address(self, template: Template, from_reply: bool, *, websocket: bool, place: str) -> Address:
        """The address a template gives, with the caller's base address applied.

        Raises:
            ValueError: it is nothing or no address; the message names the place.
        """
        try:
            base = parse_base_url(plain_text(self._rendered(self.base_url, "base_url"), "base_url"))
            written = plain_text(self._rendered(template, place), place)
            address = resolve(written, base, self.override, websocket=websocket, from_reply=from_reply)
            if self.guard is not None:
                self.guard.check(address)
            return address
        except ValueError as error:
            raise ValueError(f"{place}: {error}") from None

    def _rendered(self, template: Template, place: str) -> Any:
        value = template.render(self.names, self.names.functions, encode=_escape_path)
        if value is NOTHING:
            raise ValueError(f"{place} gave nothing")
        return value

    def at(self, address: Address) -> Names:
        """The names of a request to that address: `target` is known there."""
        return self.names.fork(target={"host": address.host, "path": address.path or "/"})

    def render_headers(
        self,
        own: Tree | None,
        template: Template,
        from_reply: bool,
        address: Address,
        names: Names,
        place: str,
    ) -> list[tuple[str, str]]:
        """A request's own headers, and the spec's where the address is of the base address's origin."""
        found = self._pairs(own, names, f"{place}.headers")
        if self.headers is not None and self._is_home(template, from_reply, address, place):
            named = {name.lower() for name, _ in found}
            shared = self._pairs(self.headers, names, "headers")
            found = [pair for pair in shared if pair[0].lower() not in named] + found
        for name, value in found:
            if "\r" in value or "\n" in value:
                raise ValueError(f"{place}.headers.{name}: a header cannot hold a line break")
        return found

    def _is_home(self, template: Template, from_reply: bool, address: Address, place: str) -> bool:
        base = parse_base_url(plain_text(self._rendered(self.base_url, "base_url"), "base_url"))
        if from_reply:
            return address.origin == (self.override or base).origin
        written = plain_text(self._rendered(template, place), place)
        return resolve(written, base, None, websocket=False, from_reply=False).origin == base.origin

    def _pairs(self, tree: Tree | None, names: Names, place: str) -> list[tuple[str, str]]:
        values = tree.render(names, names.functions) if tree is not None else NOTHING
        return [] if values is NOTHING or values is None else pairs(values, place)

    # -- requests ------------------------------------------------------------------------------------------

    def build(self, plan: RequestPlan, timeout: float) -> Request:
        """The request of a plan, complete to the byte."""
        address = self.address(plan.address, plan.from_reply, websocket=False, place=plan.place)
        names = self.at(address)
        query = plan.query.render(names, names.functions) if plan.query is not None else NOTHING
        headers = self.render_headers(plan.headers, plan.address, plan.from_reply, address, names, plan.place)
        body, content_type = write_body(plan.body_kind, plan.body, names, plan.place)
        if content_type and not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", content_type))
        url = address.url("" if query is NOTHING else encode_query(query, f"{plan.place}.query"))
        return Request(plan.method, url, headers, body, timeout=timeout)

    def ask(self, plan: RequestPlan) -> Exchange:
        """Ask, judge the reply, and ask again until the plan's `until` holds.

        A poll goes on after a reply or a lost connection that may be tried again: what was uploaded for it is
        still there. What a reply of success says of the job is final.

        Returns:
            the reply's message: JSON, or text where the plan says so.

        Raises:
            APIError: the vendor refused, or the time for all of it is up.
        """
        limit = render_seconds(plan.timeout, self.names, f"{plan.place}.timeout")
        deadline = self.wall() + limit
        while (remaining := deadline - self.wall()) > 0:
            failure = None
            try:
                request = self.build(plan, remaining)
                reply = yield request
                failure = self.refusal(reply, request.url, plan.place)
            except APIError as error:
                failure = error
            if failure is None:
                message = self.judge(reply, plan.place, plan.reply)
                if plan.until is None or plan.until.holds(message, self.scope):
                    return message
            pause = render_seconds(plan.every, self.names, f"{plan.place}.every")
            if failure is not None:
                pause = max(pause, getattr(failure, "retry_after", None) or 0.0)
                if plan.until is None or not failure.retryable or pause >= deadline - self.wall():
                    raise failure
                logger.warning(
                    "%s: %s failed, asking again: %s", self.scope.label, plan.place, failure.message
                )
            yield Pause(pause)
        raise APITimeoutError(f"{plan.place}: no result within {limit:g} s")

    def refusal(self, reply: Reply, url: str, place: str) -> APIError | None:
        """The error of a reply whose status is no success; arguments as of `refused`."""
        return None if 200 <= reply.status < 300 else self.refused(reply, url, place)

    def refused(self, reply: Reply, url: str, place: str) -> APIError:
        """The error of a reply or handshake that is no success.

        Arguments:
            url: the address that was asked.
            place: what was asked for.
        """
        hint = ""
        if reply.status in (404, 405) and self.override is not None:
            twice = repeated(urlsplit(url).path, self.override)
            hint = f" (base_url ends with {twice}, and the spec's path begins with it)" if twice else ""
        return self.errors.of_reply(reply, self.scope, self.redact, place, hint)

    def judge(self, reply: Reply, place: str, form: Literal["json", "text"] = "json") -> Any:
        """The message of a reply whose status is a success.

        Raises:
            APIStatusError: an error inside it says otherwise, or it cannot be read.
        """
        self.scope.headers = reply.headers
        message: Any
        if form == "text":
            message = reply.body.decode("utf-8", "replace")
        else:
            message = _load_json(reply.body)
            if message is NOTHING:
                # Masked before it is cut: half a key would not be recognised.
                excerpt = self.redact(reply.body[:2000].decode("utf-8", "replace"))[:200]
                raise status_error(502, f"{place}: the reply is not JSON: {excerpt!r}", body=excerpt)
        self.scope.message = message
        error = self.errors.of_message(message, self.scope, self.redact, reply.headers.get("x-request-id"))
        if error is not None:
            raise error
        return message

    def clean_up(self, step: StepPlan) -> Exchange:
        """Make the request that follows a recognition; whatever goes wrong with it is only logged.

        Nothing is asked where its address depends on a step that has not been answered.
        """
        assert step.request is not None
        # A scope of its own: the transcript is read with what the answer says of itself.
        own = replace(self, scope=MessageScope(self.names, self.scope.label, self.redact))
        try:
            if self._is_skipped(step) or not self._is_known(step.request.address):
                return
            limit = render_seconds(step.request.timeout, self.names, f"{step.request.place}.timeout")
            request = own.build(step.request, limit)
            failure = own.refusal((yield request), request.url, step.request.place)
            if failure is not None:
                raise failure
        except (APIError, ValueError) as error:
            text = error.message if isinstance(error, APIError) else self.redact(str(error))
            logger.warning("%s: %s failed: %s", self.scope.label, step.request.place, text)

    def _is_known(self, address: Template) -> bool:
        return address.render(self.names, self.names.functions, encode=_escape_path) is not NOTHING

    # -- steps ---------------------------------------------------------------------------------------------

    def _is_skipped(self, step: StepPlan) -> bool:
        return step.condition is not None and not step.condition.holds(self.names, self.names.functions)

    def run_steps(self, steps: Sequence[StepPlan]) -> Exchange:
        """Run steps in order; each reply becomes a name."""
        for step in steps:
            if self._is_skipped(step):
                continue
            if step.shared:
                reply = yield Shared(self._key(step), lambda step=step: self._fetch(step))  # type: ignore[misc]
            else:
                reply = yield from self._step(step)
            if self.learn is not None:
                self.learn(reply)
            if step.name:
                self.names[step.name] = StrictMapping(reply) if isinstance(reply, Mapping) else reply

    def _step(self, step: StepPlan) -> Exchange:
        if step.request is not None:
            return (yield from self.ask(step.request))
        assert step.use is not None
        arguments = step.arguments.render(self.names, self.names.functions) if step.arguments else {}
        running = primitive(step.use)({} if arguments is NOTHING else arguments, self.wall)
        try:
            request = next(running)
            while True:
                if self.guard is not None:
                    self.guard.check_url(request.url)
                reply = yield request
                failure = self.refusal(reply, request.url, step.use)
                if failure is not None:
                    raise failure
                request = running.send(reply)
        except StopIteration as stop:
            return stop.value
        except PrimitiveError as error:
            problem = error
        if problem.status is None:
            raise APIConnectionError(f"{step.use}: {problem}", retryable=False)
        raise status_error(problem.status, f"{step.use}: {problem}")

    def _fetch(self, step: StepPlan) -> Generator[Action, Any, tuple[Any, float]]:
        asked = self.wall()
        reply = yield from self._step(step)
        lifetime = 0.0
        if step.expires_in is not None:
            lifetime = _seconds(step.expires_in(reply, self.scope))
        elif step.expires_at is not None:
            lifetime = _seconds(step.expires_at(reply, self.scope)) - asked
        # Renewed early, so that a token never runs out between the check and its use.
        return reply, asked + lifetime - min(60.0, lifetime / 10)

    def _key(self, step: StepPlan) -> str:
        """What a kept reply depends on, hashed because it holds keys."""
        digest = hashlib.sha256(repr(step.name).encode())
        if step.request is not None:
            request = self.build(step.request, 0.0)
            digest.update(repr((request.method, request.url, request.headers, request.body)).encode())
        else:
            arguments = step.arguments.render(self.names, self.names.functions) if step.arguments else None
            digest.update(repr((step.use, arguments)).encode())
        return digest.hexdigest()


def _seconds(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return 0.0


def _load_json(body: bytes) -> Any:
    """A body's JSON, or NOTHING where it is none; the parser's error, which quotes it whole, stays here."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return NOTHING


def _escape_path(text: str) -> str:
    return quote(text, safe="/:@_*")
