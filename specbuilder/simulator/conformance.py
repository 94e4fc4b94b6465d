"""The conformance run: a spec's adapter against its own vendor, with everything that can go wrong.

Each check is a session of the real adapter with a simulator on 127.0.0.1. What must come of it is what every
spec promises whatever it says: livekit's order of events, no lost tail, errors of the right kind, an end.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import aiohttp
from livekit import rtc
from livekit.agents import APIConnectOptions, APIError, APIStatusError, stt

from ..protocol.plan import Plan, Timeouts
from ..protocol.spec import Spec
from .contract import Check, Report, Session, leaks, order_problems, told
from .scenes import Scene
from .server import DEFAULT_KEY, Simulator

__all__ = ["Build", "Check", "Report", "conform", "conform_all"]

Build: TypeAlias = Callable[..., "stt.STT[Any]"]
"""Makes the adapter under test: `build(spec, api_key=, base_url=, http_session=, **options)`."""

_QUICK = Timeouts(connect=4.0, ready=4.0, write=1.0, finish=4.0, final=0.2)
_PING = 1.0
_SPEECH = 1.2
"""Seconds of audio beyond what the script asks for."""

_DEADLINE = 20.0
_RETRIES = APIConnectOptions(max_retry=3, timeout=5.0, retry_interval=0.05)
_ONCE = APIConnectOptions(max_retry=0, timeout=5.0, retry_interval=0.05)
_WRONG_KEY = "a-wrong-key-of-nobody"


async def conform_all(specs: Sequence[Spec], build: Build, together: int = 24) -> list[Report]:
    """The reports of several specs, in their order.

    Arguments:
        build: makes the adapter, as `load_adapter` does.
        together: checks that run at a time; they wait more than they work.
    """
    places = asyncio.Semaphore(together)
    return list(await asyncio.gather(*(conform(spec, build, places=places) for spec in specs)))


async def conform(
    spec: Spec,
    build: Build,
    options: Mapping[str, Any] | None = None,
    *,
    places: asyncio.Semaphore | None = None,
) -> Report:
    """Run every check against a spec.

    Arguments:
        build: makes the adapter, as `load_adapter` does.
        options: options of the adapter; those of the tests that are played come on top.
        places: bounds the checks that run at a time; all of them by default.
    """
    given = dict(options or {})
    impatient = _impatient(spec)
    places = places or asyncio.Semaphore(1000)
    try:
        vendor = Simulator(spec, options=given)
    except ValueError as problem:
        return Report(spec.name, (), (str(problem),))
    checks: list[Check] = []
    skipped: list[str] = []
    for section, scene in (("stream", vendor.stream), ("recognize", vendor.recognize)):
        declared = any(getattr(plan, section) is not None for plan in spec.plans)
        if scene is not None:
            run = _Run(spec, impatient, build, places, section, scene, {**scene.settings.given, **given})
            shown = Simulator(spec, options=run.options, test=scene.name).checks_key
            checks += await run.checks(shown)
            if spec.options.api_key is not None and not shown:
                skipped.append(f"{section}: a wrong key, which this exchange does not show as it is")
        elif declared:
            skipped.append(f"{section}: no test shows a whole exchange")
    return Report(spec.name, tuple(checks), tuple(skipped))


def _impatient(spec: Spec) -> Spec:
    """The spec with deadlines in which a vendor that vanishes can be waited for."""

    def quick(plan: Plan) -> Plan:
        if plan.stream is None:
            return plan
        return replace(plan, stream=replace(plan.stream, timeouts=_QUICK, ping=_PING))

    return replace(spec, plans=tuple(quick(plan) for plan in spec.plans))


class _Run:
    """The checks of one section."""

    def __init__(
        self,
        spec: Spec,
        impatient: Spec,
        build: Build,
        places: asyncio.Semaphore,
        section: str,
        scene: Scene,
        options: Mapping[str, Any],
    ) -> None:
        self._spec = spec
        self._impatient = impatient
        self._build = build
        self._places = places
        self._section = section
        self._scene = scene
        self.options = dict(options)
        self._sockets = scene.handshake is not None

    async def checks(self, key_shown: bool) -> list[Check]:
        """All of them, all at once.

        Arguments:
            key_shown: the vendor can tell a wrong key.
        """
        errors = self._scene.settings.plan.errors
        running = [self._contract()]
        if key_shown:
            running.append(self._wrong_key())
        running += [self._refused(status, errors.status(status)) for status in (401, 403, 429, 503)]
        running += [
            self._recovers("429", "tried again after 429"),
            self._recovers("503", "tried again after 503"),
        ]
        if self._sockets:
            running += [
                self._recovers("drop", "drop"),
                self._lost("half-open"),
                self._lost("write-stall"),
                self._heard("garbage"),
                self._heard("late-final"),
                self._heard("slow"),
                self._ends("never-closes"),
            ]
            codes = {1000, 1011, *errors.close.codes, *(low for low, _, _ in errors.close.ranges)}
            running += [self._closed(code, errors.close.status(code)) for code in sorted(codes)]
        else:
            running += [self._recovers("drop", "drop"), self._heard("slow")]
            if self._reads_json:
                running.append(self._garbled())
        return list(await asyncio.gather(*running))

    @property
    def _reads_json(self) -> bool:
        """Whether a reply that is no JSON is wrong; to a spec that reads texts it is a text."""
        plan = self._scene.settings.plan.recognize
        return plan is not None and plan.request is not None and plan.request.reply == "json"

    # -- the checks ----------------------------------------------------------------------------------------

    async def _contract(self) -> Check:
        name = "contract"
        async with self._vendor() as vendor:
            session = await self._session(vendor, _ONCE)
            problems = [*order_problems(session.events), *self._complete(session)]
            if self._section == "stream":
                problems += self._usage(session)
        return self._check(name, session, problems)

    async def _wrong_key(self) -> Check:
        async with self._vendor() as vendor:
            session = await self._session(vendor, _RETRIES, key=_WRONG_KEY)
        problems = self._fatal(session, None)
        return self._check("wrong key", session, problems)

    async def _refused(self, status: int, mapped: int) -> Check:
        async with self._vendor(str(status)) as vendor:
            session = await self._session(vendor, _ONCE)
        fatal = mapped < 500 and mapped not in (408, 425, 429)
        problems = self._fatal(session, mapped) if fatal else self._retryable(session, mapped)
        return self._check(str(status), session, problems)

    async def _recovers(self, fault: str, name: str) -> Check:
        """The fault happens once; the next attempt must bring the whole text."""
        async with self._vendor(fault, times=1) as vendor:
            session = await self._session(vendor, _RETRIES)
        problems = [*order_problems(session.events), *self._complete(session, again=fault == "drop")]
        return self._check(name, session, problems)

    async def _heard(self, fault: str) -> Check:
        async with self._vendor(fault) as vendor:
            session = await self._session(vendor, _ONCE)
        return self._check(fault, session, [*order_problems(session.events), *self._complete(session)])

    async def _lost(self, fault: str) -> Check:
        async with self._vendor(fault) as vendor:
            session = await self._session(vendor, _ONCE, endless=True, impatient=True)
        return self._check(fault, session, [*order_problems(session.events), *self._retryable(session, None)])

    async def _closed(self, code: int, status: int) -> Check:
        async with self._vendor(f"close-{code}") as vendor:
            session = await self._session(vendor, _ONCE, endless=True)
        fatal = status < 500 and status not in (408, 425, 429)
        problems = self._fatal(session, status) if fatal else self._retryable(session, status)
        return self._check(f"close-{code}", session, [*order_problems(session.events), *problems])

    async def _ends(self, fault: str) -> Check:
        """A vendor that says nothing more: the stream ends all the same, at its own deadline."""
        async with self._vendor(fault) as vendor:
            session = await self._session(vendor, _ONCE, impatient=True)
        problems = [] if session.ended or session.error is not None else ["the stream did not end"]
        return self._check(fault, session, [*order_problems(session.events), *problems])

    async def _garbled(self) -> Check:
        async with self._vendor("garbage") as vendor:
            session = await self._session(vendor, _ONCE)
        problems = [] if isinstance(session.error, APIError) else [f"no API error came: {told(session)}"]
        return self._check("garbage", session, problems)

    # -- what must hold ------------------------------------------------------------------------------------

    def _complete(self, session: Session, again: bool = False) -> list[str]:
        """Whether the whole text came; after a break some of it may come twice, as the script begins anew."""
        if session.error is not None:
            return [f"an error came: {told(session)}"]
        if not session.ended:
            return ["the stream did not end"]
        wanted, came = self._scene.finals, session.finals
        if came == wanted or (again and came[-len(wanted) :] == wanted):
            return []
        return [f"the finals are {came}, not {wanted}"]

    def _usage(self, session: Session) -> list[str]:
        if any(event.recognition_usage is not None for event in session.events):
            return []
        return ["no recognition_usage came"]

    def _fatal(self, session: Session, status: int | None) -> list[str]:
        error = session.error
        if not isinstance(error, APIStatusError):
            return [f"no status error came: {told(session)}"]
        problems = [f"{error.status_code} is retryable"] if error.retryable else []
        if status is not None and error.status_code != status:
            problems.append(f"the status is {error.status_code}, not {status}")
        return problems

    def _retryable(self, session: Session, status: int | None) -> list[str]:
        error = session.error
        if not isinstance(error, APIError):
            return [f"no API error came: {told(session)}"]
        # Without any attempt left livekit raises its own error, with the vendor's as its cause.
        cause = error.__cause__ if isinstance(error.__cause__, APIError) else error
        problems = [] if cause.retryable else [f"{type(cause).__name__} is not retryable: {cause.message}"]
        if status is not None and isinstance(cause, APIStatusError) and cause.status_code != status:
            problems.append(f"the status is {cause.status_code}, not {status}")
        return problems

    # -- sessions ------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _vendor(self, fault: str | None = None, times: int | None = None) -> AsyncIterator[Simulator]:
        vendor = Simulator(
            self._spec,
            options=self.options,
            test=self._scene.name,
            fault=fault,
            fault_times=times,
        )
        async with self._places, vendor:
            yield vendor

    def _check(self, name: str, session: Session, problems: list[str]) -> Check:
        if leaks(session, (DEFAULT_KEY, _WRONG_KEY)):
            problems = [*problems, "the key is in an error"]
        return Check(self._section, name, tuple(problems), session.seconds)

    async def _session(
        self,
        vendor: Simulator,
        conn_options: APIConnectOptions,
        *,
        key: str = DEFAULT_KEY,
        endless: bool = False,
        impatient: bool = False,
    ) -> Session:
        """One session of the adapter; it is over by its deadline in any case."""
        began = time.monotonic()
        async with aiohttp.ClientSession() as http:
            adapter = self._build(
                self._impatient if impatient else self._spec,
                api_key=key if self._spec.options.api_key is not None else None,
                base_url=vendor.url,
                http_session=http,
                **self.options,
            )
            run = self._stream if self._section == "stream" else self._recognition
            try:
                session = await run(adapter, conn_options, endless)
            finally:
                await adapter.aclose()
        session.seconds = time.monotonic() - began
        return session

    async def _stream(self, adapter: stt.STT[Any], conn_options: APIConnectOptions, endless: bool) -> Session:
        session = Session()
        stream = adapter.stream(conn_options=conn_options)
        speaking = asyncio.ensure_future(self._speak(stream, endless))
        reading = asyncio.ensure_future(_read(stream, session))
        try:
            await asyncio.wait([reading], timeout=_DEADLINE)
        finally:
            for task in (speaking, reading):
                task.cancel()
            await asyncio.wait([speaking, reading])
            await stream.aclose()
        return session

    async def _speak(self, stream: stt.RecognizeStream, endless: bool) -> None:
        """Silence, as long as the script wants and a little more; `endless` goes on until it is stopped."""
        format = self._scene.settings.audio_format(self._scene.settings.names())
        bytes_wanted = sum(len(frame) for line in self._scene.lines for frame in line.frames)
        seconds = min(10.0, bytes_wanted / format.bytes_per_second) + _SPEECH
        frame = _silence(0.05)
        left = int(seconds / 0.05)
        with contextlib.suppress(RuntimeError):
            while left > 0 or endless:
                stream.push_frame(frame)
                left -= 1
                # Real time once everything the script wants is there: a vendor that vanished is noticed then.
                await asyncio.sleep(0.002 if left > 0 else 0.05)
            stream.end_input()

    async def _recognition(
        self, adapter: stt.STT[Any], conn_options: APIConnectOptions, endless: bool
    ) -> Session:
        session = Session()
        asking = asyncio.ensure_future(adapter.recognize([_silence(0.05)] * 10, conn_options=conn_options))
        done, _ = await asyncio.wait([asking], timeout=_DEADLINE)
        if not done:
            asking.cancel()
            await asyncio.wait([asking])
            return session
        session.error = asking.exception()
        if session.error is None:
            session.events, session.ended = [asking.result()], True
        return session


async def _read(stream: stt.RecognizeStream, session: Session) -> None:
    try:
        async for event in stream:
            session.events.append(event)
        session.ended = True
    except Exception as error:
        session.error = error


def _silence(seconds: float, rate: int = 16000) -> rtc.AudioFrame:
    size = round(seconds * rate)
    return rtc.AudioFrame(data=bytes(2 * size), sample_rate=rate, num_channels=1, samples_per_channel=size)
