"""`SpecSTT`: a spec as livekit's `stt.STT`."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

import aiohttp
from livekit.agents import (
    DEFAULT_API_CONNECT_OPTIONS,
    NOT_GIVEN,
    APIConnectionError,
    APIConnectOptions,
    APIStatusError,
    NotGivenOr,
    stt,
    utils,
)
from livekit.agents.utils import AudioBuffer

from ..expressions.secrets import Secret, redact
from ..protocol.addresses import Address, parse_base_url
from ..protocol.options import secret_texts, tokens_in
from ..protocol.replay import checked_replay
from ..protocol.sending import AudioFormat
from ..protocol.settings import Settings, language_of, settle
from ..protocol.spec import Spec
from ..protocol.trust import (
    Guard,
    Trust,
    checked_trust,
    declared_hosts,
    holds_secrets,
    is_clear,
    written_hosts,
)
from ..transport.http import HttpSessions
from .capabilities import derive_capabilities
from .exchange import ExchangeDriver
from .failures import as_api_error
from .handshake import ConnectContext
from .recognition import recognize, recognize_over_stream
from .stream import SpecStream
from .warming import warm

if TYPE_CHECKING:
    from livekit.agents.voice.events import ConversationItemAddedEvent

__all__ = ["SpecSTT"]

logger = logging.getLogger("specbuilder")

_T = TypeVar("_T")

_TOKENS = 64
"""Tokens of steps that are remembered, to mask them; older ones have expired."""


class SpecSTT(stt.STT[str]):
    """Speech-to-text over the HTTP or WebSocket API that a spec describes.

    Arguments:
        spec: the loaded spec.
        api_key: the vendor's key; from the spec's environment variable when not given.
        base_url: replaces scheme, host and port of every endpoint; its path goes before theirs.
        http_session: for HTTP requests; livekit's shared one by default.
        trust: "untrusted" for a spec of someone else's: it reads no environment variables, names no Python
            but ours, and reaches only the hosts written in it (and in `base_url`).
        replay: seconds of audio kept for a new connection, 0 for none; the spec's by default.
        options: the spec's options by name.

    Raises:
        SpecError: the spec does what an untrusted one may not.
        TypeError: an unknown option, with the nearest name.
        ValueError: a bad value, a combination that is refused, or a missing key.
    """

    _stream_type: ClassVar[type[SpecStream]] = SpecStream

    def __init__(
        self,
        spec: Spec,
        *,
        api_key: NotGivenOr[str | None] = NOT_GIVEN,
        base_url: NotGivenOr[str | None] = NOT_GIVEN,
        http_session: aiohttp.ClientSession | None = None,
        trust: Trust = "trusted",
        replay: float | None = None,
        **options: Any,
    ) -> None:
        self._spec = spec
        self._hosts = declared_hosts(spec) if checked_trust(trust) == "untrusted" else None
        self.replay = None if replay is None else checked_replay(replay)
        self._tokens: deque[Secret] = deque(maxlen=_TOKENS)
        self._key = Secret(api_key) if utils.is_given(api_key) and api_key else None
        self._secrets: set[Secret] = set()
        self._override = _override(spec, base_url if utils.is_given(base_url) else None)
        self._user = spec.options.check(options)
        self._session_keyterms: list[str] = []
        self._chat_context: str | None = None
        self._settings = self.settings_for(self._user)
        super().__init__(capabilities=self._derive(self._settings))
        self._label = f"specbuilder.{spec.name}"
        self._warn_of_clear_text()
        self._sessions = HttpSessions(http_session)
        self._driver = ExchangeDriver(self._sessions, self.redact)
        self._streams: set[SpecStream] = set()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._not_before = 0.0

    def __repr__(self) -> str:
        return f"<SpecSTT {self._spec.name}>"

    @property
    def _api_key(self) -> str | None:
        return self._key.reveal() if self._key is not None else None

    # -- what livekit asks ---------------------------------------------------------------------------------

    @property
    def spec(self) -> Spec:
        """The spec this adapter speaks."""
        return self._spec

    @property
    def model(self) -> str:
        """The value of the option with the role `model`, "unknown" when there is none."""
        return str(self._role("model") or "unknown")

    @property
    def provider(self) -> str:
        """The spec's name."""
        return self._spec.name

    def _role(self, role: str) -> Any:
        option = self._spec.options.with_role(role)
        return None if option is None else self._settings.options.get(option.name)

    def _derive(self, settings: Settings) -> stt.STTCapabilities:
        return derive_capabilities(settings.plan, self._spec.options, settings.names())

    def language_of(self, names: Mapping[str, Any]) -> str:
        """The language a transcript has when the vendor does not say one: the one asked for, if it is one."""
        return language_of(self._spec.options, names)

    def redact(self, text: str) -> str:
        """Mask the adapter's secrets in a text, also those of its streams and those it had before."""
        return redact(text, (*self._secrets, *self._tokens))

    def _learn(self, reply: Any) -> None:
        """Remember what may be a token in a step's reply, so that it is masked as a key is."""
        self._tokens.extend(token for token in tokens_in(reply) if token not in self._tokens)

    def _warn_of_clear_text(self) -> None:
        override = self._override
        if override is not None and is_clear(override) and holds_secrets(self._settings.values):
            logger.warning("%s: base_url has no TLS: keys can be read on the way to it", self._label)

    # -- settings ------------------------------------------------------------------------------------------

    def given(self) -> dict[str, Any]:
        """The options given by the user, with what the framework adds: session keyterms and chat context."""
        given = dict(self._user)
        keyterms = self._spec.options.with_role("keyterms")
        if keyterms is not None and self._session_keyterms:
            own = given.get(keyterms.name, keyterms.default) or []
            own = [own] if isinstance(own, str) else own
            # Terms may be pairs of word and boost, which no set holds.
            session = dict.fromkeys(self._session_keyterms)
            given[keyterms.name] = [*own, *(term for term in session if term not in own)]
        context = self._spec.options.with_role("chat_context")
        if context is not None and self._chat_context is not None:
            given[context.name] = self._chat_context
        return given

    def settings_for(self, given: Mapping[str, Any]) -> Settings:
        """Checked settings of given options.

        Raises:
            ValueError: a combination that is refused, or a missing key.
        """
        environ: dict[str, str] | None = None if self._hosts is None else {}
        settings = settle(self._spec, given, self._api_key, environ=environ)
        self._secrets.update(secret_texts(settings.values.values()))
        return settings

    def context(self, settings: Settings) -> ConnectContext:
        """What a connection or request with these settings is made of."""
        chosen = written_hosts(settings.given)
        if self._override is not None:
            chosen |= {self._override.authority.lower()}
        return ConnectContext(
            settings.plan,
            settings.names(),
            self._override,
            self._driver,
            self.redact,
            self._label,
            Guard(holds_secrets(settings.values), chosen, self._hosts),
            self._learn,
        )

    def update_options(self, **options: Any) -> None:
        """Change options; live streams follow as the spec says: by message, in a new connection, or later.

        Raises:
            TypeError: an unknown option.
            ValueError: a value or combination that is not allowed; nothing is changed then.
        """
        changed = self._spec.options.check(options)
        before, self._user = self._user, {**self._user, **changed}
        try:
            self._apply()
        except ValueError:
            self._user = before
            raise

    def _apply(self) -> None:
        """Bring the adapter and its live streams to the given options, all or none."""
        given = self.given()
        settings = self.settings_for(given)
        prepared = [(stream, stream.prepare(given)) for stream in self._streams]
        self._settings = settings
        self._capabilities = self._derive(settings)
        for stream, own in prepared:
            stream.apply(own)

    def _update_session_keyterms(self, keyterms: list[str]) -> None:
        super()._update_session_keyterms(keyterms)
        if self._capabilities.keyterms and keyterms != self._session_keyterms:
            before, self._session_keyterms = self._session_keyterms, list(keyterms)
            try:
                self._apply()
            except ValueError as error:
                self._session_keyterms = before
                logger.warning("%s: session keyterms refused: %s", self._label, error)

    def _push_conversation_item(self, ev: ConversationItemAddedEvent) -> None:
        super()._push_conversation_item(ev)
        option = self._spec.options.with_role("chat_context")
        text = getattr(ev.item, "text_content", None)
        if option is None or not self._capabilities.chat_context or not text:
            return
        # Only what the agent said tells the recogniser what to expect next.
        if getattr(ev.item, "role", None) == "assistant":
            limit = option.schema.get("maxLength")
            self._chat_context = text[-limit:] if limit else text
            self._apply()

    # -- exchanges -----------------------------------------------------------------------------------------

    async def recognize(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
    ) -> stt.SpeechEvent:
        """Recognize a recording; `aclose` ends it.

        Raises:
            APIError: livekit's attempts have failed.
            APIConnectionError: the adapter was closed meanwhile; not retryable.
        """
        # With all of livekit's attempts: one that began after a close would open what nobody closes.
        attempts = super().recognize(buffer, language=language, conn_options=conn_options)
        task = asyncio.create_task(attempts, name="specbuilder.recognize")
        self._tasks.add(task)
        try:
            await asyncio.wait([task])
        finally:
            self._tasks.discard(task)
            await utils.aio.cancel_and_wait(task)
        if task.cancelled():
            raise APIConnectionError(f"{self._label}: the adapter was closed", retryable=False)
        return task.result()

    async def _recognize_impl(
        self,
        buffer: AudioBuffer,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions,
    ) -> stt.SpeechEvent:
        # Callers of this hook, unlike those of `recognize`, may have no options at hand.
        conn_options = conn_options or DEFAULT_API_CONNECT_OPTIONS
        await self.wait_for_vendor()
        own = self._language_option(language)
        settings = self.settings_for({**self.given(), **own}) if own else self._settings
        plan = settings.plan.recognize
        work = (
            recognize(self, settings, buffer, conn_options)
            if plan is not None and not plan.over_stream
            else recognize_over_stream(self, settings, buffer, conn_options)
        )
        return await self.judged(work)

    def stream(
        self,
        *,
        language: NotGivenOr[str] = NOT_GIVEN,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        replay: float | None = None,
    ) -> SpecStream:
        """Open a stream.

        Arguments:
            language: for this stream only, whatever the adapter's options become.
            replay: seconds of audio kept for a new connection, 0 for none; the adapter's by default.

        Raises:
            ValueError: `replay` is no number of seconds.
            NotImplementedError: the spec, or these options, have no streaming.
        """
        if not self._capabilities.streaming:
            raise NotImplementedError(
                f"{self._spec.name} does not stream with these options: wrap it in stt.StreamAdapter"
            )
        own = self._language_option(language)
        settings = self.settings_for({**self.given(), **own}) if own else self._settings
        stream = self._stream_type(
            stt=self,
            settings=settings,
            conn_options=conn_options,
            format=self.format_of(settings),
            own=own,
            replay=self.replay if replay is None else checked_replay(replay),
        )
        self._streams.add(stream)
        stream._task.add_done_callback(lambda _: self.forget(stream))
        return stream

    def _language_option(self, language: NotGivenOr[str]) -> dict[str, Any]:
        option = self._spec.options.with_role("language")
        if not language or option is None:
            return {}
        value: Any = str(language)
        return self._spec.options.check({option.name: value if "string" in option.types else [value]})

    def format_of(self, settings: Settings) -> AudioFormat:
        """The form in which a stream with these settings sends audio."""
        return settings.audio_format(settings.names())

    # -- the vendor's wishes -------------------------------------------------------------------------------

    async def wait_for_vendor(self) -> None:
        """Keep to a `Retry-After` the vendor gave to an earlier attempt."""
        delay = self._not_before - asyncio.get_running_loop().time()
        if delay > 0:
            await asyncio.sleep(delay)

    async def judged(self, work: Awaitable[_T]) -> _T:
        """Await an attempt and remember what its failure says about the next one."""
        try:
            return await work
        except Exception as problem:
            error = as_api_error(problem, self._label, self.redact)
        retry_after = getattr(error, "retry_after", None)
        if retry_after is not None and error.retryable:
            self._not_before = asyncio.get_running_loop().time() + retry_after
        if isinstance(error, APIStatusError) and error.status_code == 401:
            self._driver.forget()
        raise error

    def forget(self, stream: SpecStream) -> None:
        """A stream has ended."""
        self._streams.discard(stream)

    # -- life ----------------------------------------------------------------------------------------------

    def prewarm(self) -> None:
        """Fetch shared tokens and open an HTTP connection ahead of the first request.

        Never fails; needs a running loop. A WebSocket is not opened early: vendors bill it, and one serves
        one stream only.
        """
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        work = warm(self.context(self._settings), self._label)
        task = loop.create_task(work, name="specbuilder.prewarm")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """End every stream and recognition, and close the HTTP session if it is our own.

        The adapter may be used again; it is to be closed again then.
        """
        streams, self._streams = list(self._streams), set()
        await asyncio.gather(*(stream.aclose() for stream in streams), return_exceptions=True)
        tasks, self._tasks = self._tasks, set()
        # What an event loop that is gone has left behind is over, whatever it says.
        here = asyncio.get_running_loop()
        await utils.aio.cancel_and_wait(*(task for task in tasks if task.get_loop() is here))
        await self._sessions.aclose()


def _override(spec: Spec, base_url: str | None) -> Address | None:
    if not base_url:
        return None
    try:
        return parse_base_url(base_url)
    except ValueError as error:
        reason = str(error)
    raise ValueError(f"{spec.name}: base_url {reason}")
