"""From a validated document to a `Plan`: one pass over the sections, all issues at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..expressions.templates import Condition
from ..expressions.trees import Tree
from ..language.document import Document
from ..language.errors import Issue, Path
from .bodies import Part
from .compiling import BATCH_AUDIO, STREAM_AUDIO, ExpressionCompiler, Scopes, Visible
from .errors import CloseTable, ErrorTable, MessageError, StatusTable
from .http import METHODS
from .measures import Measure
from .names import BUILTIN_NAMES
from .options import OptionSet
from .plan import Check, Plan, RecognizePlan
from .primitives import primitive
from .requests import RequestPlan, StepPlan
from .streams import StreamCompiler
from .transcripts import TranscriptCompiler

__all__ = ["compile_plan"]

_BODIES = ("json", "form", "multipart", "body")


def compile_plan(
    document: Document, options: OptionSet, condition: Condition | None
) -> tuple[Plan, list[Issue]]:
    """Compile one variant of a spec.

    Arguments:
        document: the whole spec with the variant merged in.
        options: its declared options.
        condition: when the variant holds; None for the spec itself.

    Returns:
        the plan, usable only when there are no issues, and the issues.
    """
    compiler = _PlanCompiler(document, options)
    return compiler.plan(condition), compiler.expressions.issues


class _PlanCompiler:
    def __init__(self, document: Document, options: OptionSet) -> None:
        self.value: dict[str, Any] = document.value
        self.options = options
        self.expressions = ExpressionCompiler(document)
        recognize, stream = self.value.get("recognize") or {}, self.value.get("stream") or {}
        steps = [
            step["name"]
            for section in (self.value, recognize, stream)
            for step in section.get("steps") or []
            if step.get("name")
        ]
        self.scopes = Scopes(
            frozenset(options.options),
            frozenset(name for name, option in options.options.items() if option.secret) | {"api_key"},
            frozenset(self.value.get("vars") or {}),
            frozenset(steps),
            frozenset(stream.get("state") or {}),
            in_band=frozenset(name for name, option in options.options.items() if option.in_band),
        )
        self._check_names()
        self.computed, self.dependents, self.volatile = self._computed()
        self.transcripts = TranscriptCompiler(self.expressions)

    # -- names ---------------------------------------------------------------------------------------------

    def _check_names(self) -> None:
        """One namespace: a name means one thing."""
        seen = dict.fromkeys(BUILTIN_NAMES | {"silence", "wav_header", "now", "uuid"}, "the engine's own")
        for name, path, what in self._declared():
            # A step of `recognize` and one of `stream` may be the same request under the same name.
            if name in seen and not (what == seen[name] == "a step"):
                self.expressions.complain(
                    path, f"{name!r} is already {seen[name]}", "all names share one namespace", key=True
                )
            seen.setdefault(name, what)

    def _declared(self) -> Iterator[tuple[str, Path, str]]:
        value = self.value
        stream = value.get("stream") or {}
        yield from ((name, ("options", name), "an option") for name in value.get("options") or {})
        yield from ((name, ("vars", name), "a variable") for name in value.get("vars") or {})
        sections: list[tuple[Path, Mapping[str, Any]]] = [
            ((), value),
            (("recognize",), value.get("recognize") or {}),
            (("stream",), stream),
        ]
        for prefix, section in sections:
            for index, step in enumerate(section.get("steps") or []):
                if step.get("name"):
                    yield step["name"], (*prefix, "steps", index, "name"), "a step"
        yield from (
            (name, ("stream", "state", name), "a state variable") for name in stream.get("state") or {}
        )

    def _computed(self) -> tuple[dict[str, Tree], dict[str, frozenset[str]], frozenset[str]]:
        """Variables and computed defaults, what depends on what, and what depends on the address asked."""
        with_target = self.scopes.visible(target=True)
        plain = self.scopes.visible(steps=False)
        computed: dict[str, Tree] = {}
        for name, value in (self.value.get("vars") or {}).items():
            computed[name] = self.expressions.tree(value, ("vars", name), with_target)
        for name, option in self.options.options.items():
            if option.computed:
                default = self.value["options"][name]["default"]
                computed[name] = self.expressions.tree(default, ("options", name, "default"), plain)
        reach = {name: _reach(name, computed) for name in computed}
        for name, found in reach.items():
            if name in found:
                place = ("vars", name) if name in self.scopes.variables else ("options", name, "default")
                self.expressions.complain(place, f"{name!r} depends on itself")
        secret = self.scopes.secret
        self.scopes.tainted = secret | {name for name, found in reach.items() if found & secret}
        names = self.scopes.options | self.scopes.variables | self.scopes.steps | {"audio", "target"}
        dependents = {
            name: frozenset(other for other, found in reach.items() if name in found) for name in names
        }
        return computed, dependents, dependents["target"]

    # -- the plan ------------------------------------------------------------------------------------------

    def plan(self, condition: Condition | None) -> Plan:
        value, expressions = self.value, self.expressions
        request = self.scopes.visible(target=True)
        plain = self.scopes.visible(steps=False)
        errors = self._errors()
        transcript = value.get("transcript") or {}
        streams = StreamCompiler(expressions, self.scopes, self.transcripts, self.steps)
        plan = Plan(
            condition=condition,
            base_url=expressions.template(value.get("base_url", ""), ("base_url",), plain),
            headers=self._tree(value, "headers", (), request),
            computed=self.computed,
            volatile=self.volatile,
            dependents=self.dependents,
            checks=tuple(
                Check(expressions.condition(check["if"], ("checks", index, "if"), plain), str(check["error"]))
                for index, check in enumerate(value.get("checks") or [])
            ),
            capabilities={
                name: expressions.tree(item, ("capabilities", name), plain)
                for name, item in (value.get("capabilities") or {}).items()
            },
            steps=self.steps(value.get("steps"), ("steps",)),
            errors=errors,
        )
        if value.get("recognize"):
            plan = replace(plan, recognize=self._recognize(value["recognize"], transcript))
        if value.get("stream"):
            plan = replace(plan, stream=streams.stream(value["stream"], transcript, value.get("request_id")))
        return plan

    def _tree(self, section: Mapping[str, Any], key: str, path: Path, visible: Visible) -> Tree | None:
        return (
            self.expressions.tree(section[key], (*path, key), visible)
            if section.get(key) is not None
            else None
        )

    # -- requests ------------------------------------------------------------------------------------------

    def steps(self, steps: Any, path: Path, audio: frozenset[str] = STREAM_AUDIO) -> tuple[StepPlan, ...]:
        """The steps of a section."""
        return tuple(self._step(step, (*path, index), audio) for index, step in enumerate(steps or []))

    def _step(self, step: Mapping[str, Any], path: Path, audio: frozenset[str]) -> StepPlan:
        visible = self.scopes.visible(audio=audio)
        condition = step.get("if")
        readings = {
            key: self.expressions.selector(step[key], (*path, key), visible)
            for key in ("expires_in", "expires_at")
            if step.get(key) is not None
        }
        if "use" in step:
            self._check_primitive(step["use"], (*path, "use"))
        return StepPlan(
            name=step.get("name"),
            condition=None
            if condition is None
            else self.expressions.condition(condition, (*path, "if"), visible),
            request=None if "use" in step else self.request(step, path, audio),
            use=step.get("use"),
            arguments=self._tree(step, "with", path, visible),
            **readings,
        )

    def _check_primitive(self, name: str, path: Path) -> None:
        try:
            primitive(name)
        except ValueError as error:
            self.expressions.complain(path, str(error))

    def request(
        self, section: Mapping[str, Any], path: Path, audio: frozenset[str] = STREAM_AUDIO
    ) -> RequestPlan:
        """A request section."""
        visible = self.scopes.visible(target=True, audio=audio)
        method = next(method for method in METHODS if method in section)
        address = self.expressions.template(section.get(method, ""), (*path, method), visible)
        kind = next((kind for kind in _BODIES if section.get(kind) is not None), None)
        body: Any = None
        if kind == "multipart":
            body = self._parts(section[kind], (*path, kind), visible)
        elif kind is not None:
            body = self.expressions.tree(section[kind], (*path, kind), visible)
        until = section.get("until")
        every, timeout = section.get("every"), section.get("timeout")
        return RequestPlan(
            place=".".join(str(part) for part in path)
            if "name" not in section
            else f"step {section['name']}",
            method=method.upper(),
            address=address,
            from_reply=bool(address.names & self.scopes.steps)
            and "://" not in address.text.partition("{{")[0],
            query=self._tree(section, "query", path, visible),
            headers=self._tree(section, "headers", path, visible),
            body_kind=kind,  # type: ignore[arg-type]
            body=body,
            until=None if until is None else self.expressions.selector(until, (*path, "until"), visible),
            every=1.0 if every is None else self.expressions.duration(every, (*path, "every"), visible),
            timeout=30.0
            if timeout is None
            else self.expressions.duration(timeout, (*path, "timeout"), visible),
            reply=section.get("reply", "json"),
        )

    def _parts(self, parts: Mapping[str, Any], path: Path, visible: Visible) -> tuple[Part, ...]:
        found = []
        for name, value in parts.items():
            here = (*path, name)
            if (
                isinstance(value, Mapping)
                and "value" in value
                and value.keys() <= {"value", "filename", "type"}
            ):
                found.append(
                    Part(
                        name,
                        self.expressions.tree(value["value"], (*here, "value"), visible),
                        self._tree(value, "filename", here, visible),
                        self._tree(value, "type", here, visible),
                        json=isinstance(value["value"], Mapping),
                    )
                )
            else:
                tree = self.expressions.tree(value, here, visible)
                found.append(Part(name, tree, json=isinstance(value, Mapping)))
        return tuple(found)

    def _recognize(self, section: Mapping[str, Any], transcript: Mapping[str, Any]) -> RecognizePlan:
        path: Path = ("recognize",)
        visible = self.scopes.visible()
        audio = section.get("audio") or {}
        request_id, root = section.get("request_id"), self.value.get("request_id")
        found = self.transcripts.merged(
            transcript, ("transcript",), section.get("transcript"), (*path, "transcript")
        )
        over = section.get("over") == "stream"
        return RecognizePlan(
            transcript=self.transcripts.transcript(found, visible),
            request=None if over else self.request(section, path, BATCH_AUDIO),
            steps=self.steps(section.get("steps"), (*path, "steps"), BATCH_AUDIO),
            cleanup=self._cleanup(section.get("cleanup"), (*path, "cleanup")),
            request_id=(
                self.expressions.selector(request_id, (*path, "request_id"), visible)
                if request_id is not None
                else None
                if root is None
                else self.expressions.selector(root, ("request_id",), visible)
            ),
            usage=self.transcripts.usage(section.get("usage"), (*path, "usage"), visible),
            sample_rate=self._tree(audio, "sample_rate", (*path, "audio"), visible),
            channels=self._tree(audio, "channels", (*path, "audio"), visible),
            over_stream=over,
            join=section.get("join", " "),
        )

    def _cleanup(self, section: Mapping[str, Any] | None, path: Path) -> StepPlan | None:
        # A transcript that is there should not wait long for this.
        return None if section is None else self._step({"timeout": "5s", **section}, path, BATCH_AUDIO)

    # -- errors --------------------------------------------------------------------------------------------

    def _errors(self) -> ErrorTable:
        section = self.value.get("errors") or {}
        visible = self.scopes.visible(stream=True)
        http = section.get("http") or {}
        selector = self.expressions.selector
        rows = []
        for index, row in enumerate(section.get("messages") or []):
            path: Path = ("errors", "messages", index)
            status = row["status"]
            rows.append(
                MessageError(
                    selector(row["when"], (*path, "when"), visible),
                    status if isinstance(status, int) else selector(status, (*path, "status"), visible),
                    selector(row["message"], (*path, "message"), visible) if row.get("message") else None,
                )
            )
        message, request_id, wait = (http.get(key) for key in ("message", "request_id", "retry_after"))
        return ErrorTable(
            message=selector(message, ("errors", "http", "message"), visible) if message else None,
            request_id=selector(request_id, ("errors", "http", "request_id"), visible)
            if request_id
            else None,
            retry_after=Measure(
                selector(wait, ("errors", "http", "retry_after"), visible), http.get("unit", "s")
            )
            if wait
            else None,
            statuses=StatusTable(*_statuses(http.get("status") or {})),
            messages=tuple(rows),
            close=CloseTable(*_statuses(section.get("close") or {})),
        )


def _statuses(written: Mapping[Any, Any]) -> tuple[dict[int, int], tuple[tuple[int, int, int], ...]]:
    """The codes and the ranges of a table such as `{4001: 401, 4100-4199: 429}`."""
    codes, ranges = {}, []
    for code, status in written.items():
        low, dash, high = str(code).partition("-")
        if dash:
            ranges.append((int(low), int(high), int(status)))
        else:
            codes[int(low)] = int(status)
    return codes, tuple(ranges)


def _reach(name: str, computed: Mapping[str, Tree]) -> frozenset[str]:
    """Everything a computed name depends on, directly or not; itself too when there is a cycle."""
    found: set[str] = set()
    waiting = list(computed[name].names)
    while waiting:
        other = waiting.pop()
        if other not in found:
            found.add(other)
            if other in computed:
                waiting += computed[other].names
    return frozenset(found)
