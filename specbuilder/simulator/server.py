"""The simulator: a vendor's server made of a spec alone, for HTTP and WebSocket."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import orjson
from aiohttp import web
from livekit.agents import stt

from ..expressions.secrets import Secret, redact
from ..protocol.http import Reply
from ..protocol.sending import Frame
from ..protocol.spec import Spec, load_spec
from .batch import Replying
from .clients import ClientReader, message_of, request_problems
from .conversation import Conversation, Speaker, WireEntry
from .engine import Hearing, Saying
from .faults import Fault
from .faults import fault as named_fault
from .keys import KeyCheck, shown
from .learning import learn, learn_reply
from .refusals import error_message, refusal
from .replies import Replies
from .scenes import Exchange, Scene, choose, scenes_of
from .trees import leaves, replaced
from .words import CannotSay, Phrasebook, Template

if TYPE_CHECKING:
    from ..local.recogniser import Recogniser

__all__ = ["DEFAULT_KEY", "Simulator"]

logger = logging.getLogger("specbuilder")

DEFAULT_KEY = "test-key"
"""The key a simulator asks for when none is named: that of spec tests."""

_LONGEST_BODY = 64 * 2**20
_LATE_REPLY = 0.3


class Simulator:
    """A vendor's server; an async context manager, or `start` and `close`.

    It answers with what the spec's tests show, asks for the key where the spec puts it, and writes down
    everything. What a client sends otherwise than the spec would is in `problems`; it is answered all the
    same.

    Arguments:
        spec: a bundled name, a path, a mapping or a loaded spec.
        options: options that the client uses, by name.
        api_key: what clients must show.
        host: the address to listen on.
        port: 0 for a free one.
        test: the name of the test to play; by default the plainest whole one of each section.
        tests: other tests than the spec's.
        fault: the name of a fault, and `fault_times`: how often it happens; None: always.
        says: sentences that are said, in the vendor's own messages, in the place of the script's.
        engine: "embedded": say what the embedded recogniser hears instead.
        watch: told everything that goes over the wire.

    Attributes:
        wire: everything that went over it, keys masked.
        problems: what clients did otherwise than the spec would.

    Raises:
        SpecError: the spec cannot be used.
        ValueError: no test shows an exchange, or there is no such test or fault.
        CannotSay: the messages of the tests cannot carry the words of `says` or `engine`.
        EngineUnavailable: the recogniser cannot be used here.
    """

    def __init__(
        self,
        spec: str | os.PathLike[str] | Mapping[str, Any] | Spec,
        *,
        options: Mapping[str, Any] | None = None,
        api_key: str = DEFAULT_KEY,
        host: str = "127.0.0.1",
        port: int = 0,
        test: str | None = None,
        tests: list[Any] | None = None,
        fault: str | None = None,
        fault_times: int | None = None,
        says: Sequence[str] | None = None,
        engine: Literal["embedded"] | None = None,
        watch: Callable[[WireEntry], None] | None = None,
    ) -> None:
        self.spec = load_spec(spec)
        self.wire: list[WireEntry] = []
        self.problems: list[str] = []
        self.changed = asyncio.Event()
        given = dict(options or {})
        self._tests = self.spec.document.value.get("tests") or [] if tests is None else tests
        self._key = api_key
        self._host = host
        self._port = port
        self._watch = watch
        self._says = says
        self._fault = None if fault is None else named_fault(fault, fault_times)
        scenes = scenes_of(self.spec, given, api_key, tests)
        if test is not None:
            scenes = [scene for scene in scenes if scene.name == test]
        named = test is not None or tests is not None
        self.stream = _pick(scenes, "stream", given, named)
        self.recognize = _pick(scenes, "recognize", given, named)
        if self.stream is None and self.recognize is None:
            raise ValueError(
                f"{self.spec.name}: no test shows an exchange that a vendor could play"
                + (f" under the name {test!r}" if test else "")
            )
        self._reader = self._made_reader()
        self._recogniser: Recogniser | None = None
        self._book: Phrasebook | None = None
        self._replying: Replying | None = None
        if says is not None or engine is not None:
            self._learn(says, engine)
        self._replies = Replies([scene for scene in (self.stream, self.recognize) if scene is not None])
        self._runner: web.ServerRunner | None = None
        self._connections = 0
        # Of the scene that the next connection plays: the first one, unless the vendor has ended an earlier.
        self._part = 0
        self._handlers: set[asyncio.Task[Any]] = set()

    def _made_reader(self) -> ClientReader | None:
        scene = self.stream or self.recognize
        if scene is None or scene.handshake is None:
            return None
        return ClientReader(scene, scene.settings.audio_format(scene.settings.names()))

    def _learn(self, says: Sequence[str] | None, engine: str | None) -> None:
        """Find out how the scenes' messages carry other words.

        Raises:
            CannotSay: none of them can.
        """
        problem: CannotSay | None = None
        batch: tuple[Template, Reply] | None = None
        try:
            if self._reader is not None:
                self._book = learn(self.spec, self._socket_scene, self._key)
        except CannotSay as found:
            problem = found
        try:
            scene = self.recognize
            if scene is not None and scene.handshake is None:
                batch = learn_reply(self.spec, scene, self._key), scene.exchanges[-1].reply
        except CannotSay as found:
            problem = problem or found
        if self._book is None and batch is None:
            raise problem or CannotSay("the script has nothing that carries words")
        if engine is not None:
            from ..local.recogniser import load_recogniser

            self._recogniser = load_recogniser()
        if batch is not None:
            self._replying = Replying(*batch, says, self._recogniser)

    def _speaker(self, reader: ClientReader) -> Speaker | None:
        """What says words of its own on a new connection."""
        if self._book is None:
            return None
        if self._recogniser is not None:
            return Hearing(self._book, self._recogniser, reader.format.sample_rate)
        return Saying(self._book, self._says or (), reader.format.sample_rate * reader.format.channels * 2)

    # -- life ----------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Where it listens: http://127.0.0.1:PORT."""
        return f"http://{self._host}:{self._port}"

    @property
    def ws_url(self) -> str:
        """The same as ws://127.0.0.1:PORT."""
        return f"ws://{self._host}:{self._port}"

    @property
    def scene(self) -> Scene:
        """What a stream hears, or, without one, a recognition."""
        found = self.stream or self.recognize
        assert found is not None
        return found

    @property
    def transcript(self) -> list[str]:
        """The final texts a client gets, unless a recogniser speaks."""
        if self._says is None:
            return self.scene.finals
        return list(self._says) if self._book is not None else [" ".join(self._says)]

    @property
    def events(self) -> list[stt.SpeechEvent]:
        """What the core makes of the script, usage left out: a right client comes to the same."""
        return [
            event
            for line in self.scene.lines
            for event in line.events
            if event.type is not stt.SpeechEventType.RECOGNITION_USAGE
        ]

    @property
    def checks_key(self) -> bool:
        """Whether a wrong key is noticed. A signature made of one is not."""
        if self.spec.options.api_key is None:
            return False
        checks = [self._request_check(exchange) for exchange in self._replies.exchanges]
        if self._reader is not None:
            checks.append(self._handshake_check(self._socket_scene))
        return any(check.checked for check in checks)

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address or port cannot be had.
        """
        self._runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()
        self._port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """End every connection. May be called twice."""
        runner, self._runner = self._runner, None
        handlers = [task for task in self._handlers if not task.done()]
        for task in handlers:
            task.cancel()
        if handlers:
            await asyncio.wait(handlers, timeout=1.0)
        if runner is not None:
            await runner.cleanup()
        recogniser, self._recogniser = self._recogniser, None
        if recogniser is not None:
            recogniser.close()

    async def __aenter__(self) -> Simulator:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- what happened -------------------------------------------------------------------------------------

    def messages(self, connection: int | None = 0, sender: str = "client") -> list[Any]:
        """The messages of a connection that are no audio, as JSON where they are."""
        return [
            entry.value
            for entry in self.wire
            if entry.connection == connection and entry.sender == sender and entry.what == "message"
        ]

    def audio_bytes(self, connection: int = 0) -> int:
        """Bytes of audio that came over a connection."""
        return sum(
            int(entry.value.split()[0])
            for entry in self.wire
            if entry.connection == connection and entry.what == "audio"
        )

    def _record(self, entry: WireEntry) -> None:
        value = entry.value
        if isinstance(value, bytes):
            value = f"{len(value)} bytes"
        elif isinstance(value, str):
            value = self._masked_message(value)
        if entry.sender == "client" and self._reader is not None:
            value = self._handshake_check(self._socket_scene).masked(value)
        masked = WireEntry(entry.connection, entry.sender, entry.what, value)
        self.wire.append(masked)
        if self._watch is not None:
            self._watch(masked)
        place = "http" if entry.connection is None else f"connection {entry.connection}"
        logger.debug("simulator: %s: %s %s %s", place, entry.sender, entry.what, value)
        self.changed.set()
        self.changed = asyncio.Event()

    def _masked_message(self, text: str) -> Any:
        masked = redact(text, [Secret(self._key)])
        try:
            return orjson.loads(masked)
        except orjson.JSONDecodeError:
            return masked

    def _problem(self, text: str) -> None:
        if text not in self.problems:
            self.problems.append(text)
            logger.info("simulator: %s", text)

    # -- requests ------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            if request.headers.get("Upgrade", "").lower() == "websocket":
                return await self._handle_websocket(request)
            return await self._handle_http(request)
        finally:
            self._handlers.discard(task)

    def _taken_fault(self) -> Fault | None:
        """The fault of this request or connection; it counts as having happened."""
        fault = self._fault
        if fault is not None and fault.times is not None:
            left = fault.times - 1
            self._fault = Fault(fault.name, fault.status, fault.headers, fault.close, left) if left else None
        return fault

    def _refused(self, scene: Scene, status: int, headers: Mapping[str, str]) -> web.Response:
        body = refusal(scene.settings, status, self._tests)
        self._record(WireEntry(None, "vendor", "reply", status))
        kind = "application/json" if body[:1] in (b"{", b"[") else "text/plain"
        return web.Response(status=status, body=body, headers={"Content-Type": kind, **headers})

    async def _handle_http(self, request: web.BaseRequest) -> web.StreamResponse:
        # Not request.read(): it refuses bodies over 1 MiB.
        body = await request.content.read(_LONGEST_BODY)
        self._record(WireEntry(None, "client", "request", f"{request.method} {request.path}"))
        found = self._replies.next(request.method, request.path)
        if found is None:
            self._problem(f"{request.method} {request.path}: the spec asks no such thing")
            return self._refused(self.scene, 404, {})
        scene, exchange = found
        expected = exchange.request
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers]
        check = self._request_check(exchange)
        if not check.accepts(shown(headers, request.raw_path, (), body)):
            self._problem(f"{request.method} {request.path}: the key is missing or wrong ({check.told})")
            return self._refused(scene, 401, {})
        for problem in request_problems(
            expected.url, request.raw_path, dict(headers), [name for name, _ in expected.headers]
        ):
            self._problem(f"{request.method} {request.path}: {problem}")
        fault = self._taken_fault() if self._connections_free(scene) else None
        if fault is not None:
            wrong = await self._http_fault(fault, scene, request)
            if wrong is not None:
                return wrong
        reply = exchange.reply
        answer = await self._replying.body(reply, body) if self._replying is not None else reply.body
        answer = self._rewritten(answer)
        self._record(WireEntry(None, "vendor", "reply", exchange.reply.status))
        known = {name: text for name, text in exchange.reply.headers.items() if name != "content-length"}
        known.setdefault("content-type", "application/json")
        return web.Response(status=exchange.reply.status, body=answer, headers=known)

    def _connections_free(self, scene: Scene) -> bool:
        """Whether a fault may happen in this request: those of an utterance belong to its WebSocket."""
        return scene.handshake is None or (self._fault is not None and self._fault.status is not None)

    async def _http_fault(
        self, fault: Fault, scene: Scene, request: web.BaseRequest
    ) -> web.StreamResponse | None:
        if fault.status is not None:
            return self._refused(scene, fault.status, fault.headers)
        if fault.name == "garbage":
            return web.Response(body=b"<html>not what you want", headers={"Content-Type": "text/html"})
        if fault.name == "drop" or fault.close is not None:
            if request.transport is not None:
                request.transport.abort()
            return web.Response()
        if fault.name in ("slow", "late-final"):
            await asyncio.sleep(_LATE_REPLY)
            return None
        # Half-open, a write stall, a vendor that never closes: here all of them are a reply that never comes.
        await asyncio.Event().wait()
        return None

    def _request_check(self, exchange: Exchange) -> KeyCheck:
        request = exchange.request
        return KeyCheck(shown(request.headers, request.url, (), request.body or b""), self._key)

    def _rewritten(self, body: bytes) -> bytes:
        """A reply whose addresses point here, as every address of the vendor's does."""
        try:
            value = orjson.loads(body)
        except orjson.JSONDecodeError:
            return body
        changed = False
        for path, text in list(leaves(value)):
            if isinstance(text, str) and text.startswith(("http://", "https://", "ws://", "wss://")):
                parts = urlsplit(text)
                scheme = "ws" if parts.scheme in ("ws", "wss") else "http"
                value = replaced(
                    value, path, parts._replace(scheme=scheme, netloc=f"{self._host}:{self._port}").geturl()
                )
                changed = True
        return orjson.dumps(value) if changed else body

    # -- sockets -------------------------------------------------------------------------------------------

    @property
    def _socket_scene(self) -> Scene:
        scene = self.stream if self.stream is not None and self.stream.handshake else self.recognize
        assert scene is not None
        return scene

    def _handshake_check(self, scene: Scene) -> KeyCheck:
        asked = scene.handshake
        assert asked is not None
        protocols = [("Sec-WebSocket-Protocol", ", ".join(asked.subprotocols))] if asked.subprotocols else []
        return KeyCheck(
            shown([*asked.headers, *protocols], asked.url, self._decoded(scene.opening)), self._key
        )

    def _decoded(self, frames: tuple[Frame, ...] | list[Frame]) -> list[Any]:
        plan = self._socket_scene.settings.plan.stream
        return [] if plan is None else [message_of(frame, plan.codec) for frame in frames]

    async def _handle_websocket(self, request: web.BaseRequest) -> web.StreamResponse:
        if self._reader is None:
            self._problem(f"{request.path}: the spec has no WebSocket")
            return self._refused(self.scene, 404, {})
        scene, reader = self._socket_scene, self._reader
        number = self._connections
        self._connections += 1
        asked = scene.handshake
        assert asked is not None
        self._record(WireEntry(number, "client", "handshake", request.path))
        if request.path != urlsplit(asked.url).path:
            self._problem(f"{request.path}: the spec connects to {urlsplit(asked.url).path}")
            return self._refused(scene, 404, {})
        headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers]
        check = self._handshake_check(scene)
        if not check.in_messages and not check.accepts(shown(headers, request.raw_path)):
            self._problem(f"{request.path}: the key is missing or wrong ({check.told})")
            return self._refused(scene, 401, {})
        for problem in request_problems(
            asked.url, request.raw_path, dict(headers), [name for name, _ in asked.headers]
        ):
            self._problem(f"{request.path}: {problem}")
        fault = self._taken_fault()
        if fault is not None and fault.status is not None:
            return self._refused(scene, fault.status, fault.headers)
        if fault is not None and fault.name == "slow":
            await asyncio.sleep(_LATE_REPLY)
        socket = web.WebSocketResponse(
            protocols=asked.subprotocols[:1], autoclose=False, compress=False, max_msg_size=0
        )
        await socket.prepare(request)

        def admit(frames: list[Frame]) -> tuple[list[Any], int] | None:
            for problem in reader.opening_problems(frames):
                self._problem(problem)
            if not check.in_messages or check.accepts(shown([], "", self._decoded(frames))):
                return None
            self._problem(f"the key is missing or wrong ({check.told})")
            message = error_message(scene.settings, self._tests, 401)
            return ([] if message is None else [message]), _refusing_code(scene)

        part, self._part = self._part, 0

        def go_on() -> None:
            self._part = part + 1

        conversation = Conversation(
            number,
            request,
            socket,
            scene,
            reader,
            self._record,
            fault=fault,
            speaker=self._speaker(reader),
            part=part,
            goes_on=go_on,
            admit=admit,
        )
        await conversation.play()
        return socket


def _refusing_code(scene: Scene) -> int:
    """The close code by which the vendor refuses a key; 1008 (RFC 6455, section 7.4.1) by default."""
    codes = scene.settings.plan.errors.close.codes
    return next((code for code, status in codes.items() if status == 401), 1008)


def _pick(scenes: list[Scene], section: str, given: Mapping[str, Any], named: bool) -> Scene | None:
    """The scene of a section; one that is named is played even when it ends in an error."""
    if named:
        return next((scene for scene in scenes if scene.section == section), None)
    return choose(scenes, section, given)
