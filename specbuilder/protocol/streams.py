"""Compiling the `stream` section and its rules."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from livekit.agents import stt

from ..language.errors import Path, did_you_mean
from .codecs import JsonCodec, codec
from .compiling import CHUNK_AUDIO, ExpressionCompiler, Scopes, Visible
from .names import COUNTERS
from .plan import (
    AudioPlan,
    FinishPlan,
    FlushPlan,
    KeepalivePlan,
    OpenStep,
    StatePlan,
    StreamPlan,
    Timeouts,
)
from .requests import StepPlan
from .rules import EVENT_ORDER, Rule, RuleList
from .state import state_type
from .transcripts import Placed, TranscriptCompiler

__all__ = ["StreamCompiler"]

_PATH: Path = ("stream",)
_INDEX = re.compile(r"audio\.index")
_FIRST = re.compile(r"audio\.index\s*(?:==|!=|>)\s*0(?![\d.])")


class StreamCompiler:
    """Compiles `stream`."""

    def __init__(
        self,
        expressions: ExpressionCompiler,
        scopes: Scopes,
        transcripts: TranscriptCompiler,
        steps: Callable[[Any, Path], tuple[StepPlan, ...]],
    ) -> None:
        self._expressions = expressions
        self._scopes = scopes
        self._transcripts = transcripts
        self._steps = steps
        self._visible = scopes.visible(stream=True)

    def stream(self, section: Mapping[str, Any], transcript: Mapping[str, Any], root_id: Any) -> StreamPlan:
        """The plan of the section.

        Arguments:
            transcript: the top level's.
            root_id: the top level's `request_id`.
        """
        expressions, visible = self._expressions, self._visible
        connect = expressions.template(section["connect"], (*_PATH, "connect"), self._scopes.visible())
        merged = self._transcripts.merged(
            transcript, ("transcript",), section.get("transcript"), (*_PATH, "transcript")
        )
        handshake = self._scopes.visible(target=True)
        request_id = section.get("request_id")
        id_place: Path = (*_PATH, "request_id") if request_id is not None else ("request_id",)
        request_id = root_id if request_id is None else request_id
        update = section.get("update")
        return StreamPlan(
            connect=connect,
            from_reply=bool(connect.names & self._scopes.steps)
            and "://" not in connect.text.partition("{{")[0],
            audio=self._audio(section.get("audio") or {}),
            codec=self._codec(section.get("codec", "json")),
            query=self._tree(section, "query", handshake),
            headers=self._tree(section, "headers", handshake),
            steps=self._steps(section.get("steps"), (*_PATH, "steps")),
            subprotocols=tuple(
                expressions.template(item, (*_PATH, "subprotocols", index), handshake)
                for index, item in enumerate(section.get("subprotocols") or [])
            ),
            lazy=bool(section.get("lazy", False)),
            ping=self._duration(section, "ping", 20.0),
            max_age=self._duration(section, "max_age", None),
            replay=self._replay(section.get("replay", "30s")),
            timeouts=self._timeouts(section.get("timeouts") or {}),
            open=self._open(section.get("open") or []),
            keepalive=self._keepalive(section.get("keepalive")),
            flush=self._flush(section.get("flush")),
            finish=self._finish(section.get("finish")),
            over=self._over(section.get("over")),
            update=None
            if update is None
            else self._send(update["send"], (*_PATH, "update", "send"), self._update_scope()),
            state=self._state(section.get("state") or {}),
            rules=RuleList(self._rules(section.get("rules") or [], (*_PATH, "rules"), merged)),
            on_close=RuleList(self._rules(section.get("on_close") or [], (*_PATH, "on_close"), merged)),
            request_id=None if request_id is None else expressions.selector(request_id, id_place, visible),
            usage=self._transcripts.usage(section.get("usage"), (*_PATH, "usage"), visible),
        )

    # -- small parts ---------------------------------------------------------------------------------------

    def _tree(self, section: Mapping[str, Any], key: str, visible: Visible, path: Path = _PATH) -> Any:
        return (
            self._expressions.tree(section[key], (*path, key), visible)
            if section.get(key) is not None
            else None
        )

    def _send(self, value: Any, path: Path, visible: Visible | None = None) -> Any:
        return self._expressions.tree(value, path, visible or self._visible)

    def _duration(self, section: Mapping[str, Any], key: str, default: Any, path: Path = _PATH) -> Any:
        value = section.get(key)
        return default if value is None else self._expressions.duration(value, (*path, key), self._visible)

    def _seconds(self, value: Any, path: Path) -> float:
        found = self._expressions.duration(value, path, self._visible)
        if isinstance(found, float | int):
            return float(found)
        self._expressions.complain(path, "this duration is fixed when the spec is loaded, without holes")
        return 0.0

    def _replay(self, value: Any) -> float:
        return 0.0 if value is False else self._seconds(value, (*_PATH, "replay"))

    def _timeouts(self, section: Mapping[str, Any]) -> Timeouts:
        path = (*_PATH, "timeouts")
        return Timeouts(**{name: self._seconds(value, (*path, name)) for name, value in section.items()})

    def _codec(self, name: str) -> Any:
        try:
            return codec(name)
        except ValueError as error:
            self._expressions.complain((*_PATH, "codec"), str(error))
            return JsonCodec()

    def _update_scope(self) -> Visible:
        return self._scopes.visible(stream=True, changed=self._scopes.in_band)

    def _condition(self, section: Mapping[str, Any], path: Path) -> Any:
        value = section.get("if")
        return None if value is None else self._expressions.condition(value, (*path, "if"), self._visible)

    def _open(self, steps: list[Mapping[str, Any]]) -> tuple[OpenStep, ...]:
        found = []
        for index, step in enumerate(steps):
            path = (*_PATH, "open", index)
            wait = step.get("wait")
            found.append(
                OpenStep(
                    self._condition(step, path),
                    self._send(step["send"], (*path, "send")) if "send" in step else None,
                    None
                    if wait is None
                    else self._expressions.selector(wait, (*path, "wait"), self._visible),
                )
            )
        return tuple(found)

    def _audio(self, section: Mapping[str, Any]) -> AudioPlan:
        path = (*_PATH, "audio")
        plain = self._scopes.visible()
        send = section.get("send", "{{ audio.data }}")
        tree = self._expressions.tree(
            send, (*path, "send"), self._scopes.visible(stream=True, audio=CHUNK_AUDIO)
        )
        chunk = section.get("chunk", "50ms")
        text = json.dumps(send)
        varying = {*COUNTERS, *self._scopes.state} & tree.names
        varying |= {"clock"} if tree.functions & {"now", "uuid"} else set()
        first_only = len(_INDEX.findall(text)) == len(_FIRST.findall(text))
        return AudioPlan(
            sample_rate=self._tree(section, "sample_rate", plain, path),
            channels=self._tree(section, "channels", plain, path),
            encoding=self._tree(section, "encoding", plain, path),
            chunk=self._chunk(chunk, (*path, "chunk"), plain),
            pace=self._tree(section, "pace", plain, path),
            ahead=self._expressions.duration(section.get("ahead", "100ms"), (*path, "ahead"), plain),
            send=tree,
            identity=isinstance(send, str) and send.replace(" ", "") == "{{audio.data}}",
            first_chunk_only=("audio", "index") in tree.paths and first_only,
            per_chunk=bool(varying) or not first_only,
        )

    def _chunk(self, value: Any, path: Path, visible: Visible) -> Any:
        if isinstance(value, str) and value.endswith("bytes") and "{{" not in value:
            return value
        return self._expressions.duration(value, path, visible)

    def _keepalive(self, section: Mapping[str, Any] | None) -> KeepalivePlan | None:
        if section is None:
            return None
        path = (*_PATH, "keepalive")
        every = self._expressions.duration(section["every"], (*path, "every"), self._visible)
        return KeepalivePlan(every, self._send(section["send"], (*path, "send")))

    def _flush(self, section: Mapping[str, Any] | None) -> FlushPlan | None:
        if section is None:
            return None
        path = (*_PATH, "flush")
        return FlushPlan(
            self._condition(section, path),
            self._duration(section, "silence", None, path),
            self._tree(section, "send", self._visible, path),
            bool(section.get("finish", False)),
        )

    def _over(self, text: Any) -> Any:
        visible = self._scopes.visible(stream=True, close=True)
        return None if text is None else self._expressions.selector(text, (*_PATH, "over"), visible)

    def _finish(self, section: Mapping[str, Any] | None) -> FinishPlan | None:
        if section is None:
            return None
        path = (*_PATH, "finish")
        until = section.get("until")
        return FinishPlan(
            self._condition(section, path),
            self._tree(section, "send", self._visible, path),
            None if until is None else self._expressions.selector(until, (*path, "until"), self._visible),
            self._duration(section, "quiet", None, path),
        )

    def _state(self, section: Mapping[str, Any]) -> dict[str, StatePlan]:
        found = {}
        for name, value in section.items():
            path = (*_PATH, "state", name)
            per = value.get("per")
            try:
                type_ = state_type(value["type"], value.get("join", ""))
            except ValueError as error:
                self._expressions.complain((*path, "type"), str(error))
                continue
            reading = None if per is None else self._expressions.selector(per, (*path, "per"), self._visible)
            found[name] = StatePlan(type_, reading)
        return found

    # -- rules ---------------------------------------------------------------------------------------------

    def _rules(self, rules: list[Mapping[str, Any]], path: Path, outer: Placed) -> tuple[Rule, ...]:
        return tuple(self._rule(rule, (*path, index), outer) for index, rule in enumerate(rules))

    def _rule(self, rule: Mapping[str, Any], path: Path, outer: Placed) -> Rule:
        selector, visible = self._expressions.selector, self._visible
        placed = self._transcripts.merged(outer, (), rule.get("transcript"), (*path, "transcript"))
        each, when = rule.get("each"), rule.get("when")
        for name in rule.get("clear") or []:
            self._state_name(name, (*path, "clear"))
        return Rule(
            transcript=self._transcripts.transcript(placed, visible),
            each=None if each is None else selector(each, (*path, "each"), visible),
            when=None if when is None else selector(when, (*path, "when"), visible),
            sets=self._assignments(rule, "set", path),
            adds=self._assignments(rule, "add", path),
            emit=self._emit(rule.get("emit"), (*path, "emit")),
            send=self._answer(rule, path),
            clears=tuple(rule.get("clear") or ()),
            rules=self._rules(rule.get("rules") or [], (*path, "rules"), placed),
        )

    def _answer(self, rule: Mapping[str, Any], path: Path) -> Any:
        if rule.get("send") is not None and "on_close" in path:
            self._expressions.complain(
                (*path, "send"), "nothing can be sent any more", "'send' belongs into stream.rules"
            )
        return self._tree(rule, "send", self._visible, path)

    def _state_name(self, name: str, path: Path) -> None:
        if name not in self._scopes.state:
            self._expressions.complain(
                path, f"there is no state variable {name!r}", did_you_mean(name, self._scopes.state)
            )

    def _assignments(self, rule: Mapping[str, Any], key: str, path: Path) -> tuple[tuple[str, Any], ...]:
        found = []
        for name, text in (rule.get(key) or {}).items():
            here = (*path, key, name)
            self._state_name(name, here)
            found.append((name, self._expressions.selector(text, here, self._visible)))
        return tuple(found)

    def _emit(self, value: Any, path: Path) -> tuple[tuple[stt.SpeechEventType, Any], ...]:
        if value is None:
            return ()
        written: dict[str, Any]
        if isinstance(value, str):
            written = {value: None}
        elif isinstance(value, list):
            written = dict.fromkeys(value)
        else:
            written = {
                name: self._expressions.selector(text, (*path, name), self._visible)
                for name, text in value.items()
            }
        return tuple((kind, written[kind.value]) for kind in EVENT_ORDER if kind.value in written)
