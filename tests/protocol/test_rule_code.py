"""A rule's function does what the rule says: held against rules run one action after the other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit.agents.stt import SpeechEventType

from specbuilder import load_spec
from specbuilder.expressions.selectors import compile_selector
from specbuilder.protocol.reading import MessageScope, Reading
from specbuilder.protocol.rules import Rule, RuleList
from specbuilder.protocol.settings import settle
from specbuilder.protocol.transcript import TranscriptPlan

TRANSCRIPT = TranscriptPlan()
KINDS = (SpeechEventType.INTERIM_TRANSCRIPT, SpeechEventType.FINAL_TRANSCRIPT)


class Log:
    """What rules do, in order; its state is what selectors read as `$s`."""

    def __init__(self) -> None:
        self.state: dict[str, Any] = {"s": None}
        self.scope = MessageScope(self.state, "acme")
        self.done: list[Any] = []

    def set_state(self, name: str, value: Any) -> None:
        self.state[name] = value
        self.done.append(("set", name, value))

    def add_state(self, name: str, value: Any) -> None:
        self.done.append(("add", name, value))

    def clear_state(self, name: str) -> None:
        self.state[name] = None
        self.done.append(("clear", name))

    def emit(self, kind: SpeechEventType, item: Any, transcript: TranscriptPlan) -> None:
        assert transcript is TRANSCRIPT
        self.done.append((kind, item))

    def send(self, message: Any) -> None:
        self.done.append(("send", message))


def reading(text: str) -> Reading:
    return Reading(compile_selector(text), text)


def run_slowly(rule: Rule, item: Any, target: Log) -> None:
    """The order of docs/language.md, word for word."""
    scope = target.scope
    found = [item] if rule.each is None else rule.each.read(item, scope)
    for entry in found if isinstance(found, list) else ():
        if rule.when is not None and not rule.when.holds(entry, scope):
            continue
        for name, value in rule.sets:
            target.set_state(name, value.read(entry, scope))
        for name, value in rule.adds:
            target.add_state(name, value.read(entry, scope))
        for kind, condition in rule.emit:
            if condition is None or condition.holds(entry, scope):
                target.emit(kind, entry, rule.transcript)
        if rule.send is not None:
            target.send(rule.send)
        for name in rule.clears:
            target.clear_state(name)
        for inner in rule.rules:
            run_slowly(inner, entry, target)


_READINGS = st.sampled_from(
    ["a", "b", "a == 'x'", "!a", "$s", "a && length(b)", "length(a) > `0`", "a || $s", "a[?b == $s]", "@"]
).map(reading)
_LISTS = st.sampled_from(["a", "a[?b]", "b[]", "[a, b]", "@"]).map(reading)
_NAMED = st.lists(st.tuples(st.just("s"), _READINGS), max_size=2).map(tuple)


def _rules(inner: st.SearchStrategy[tuple[Rule, ...]]) -> st.SearchStrategy[tuple[Rule, ...]]:
    rule = st.builds(
        Rule,
        st.just(TRANSCRIPT),
        each=st.none() | _LISTS,
        when=st.none() | _READINGS,
        sets=_NAMED,
        adds=_NAMED,
        emit=st.lists(st.tuples(st.sampled_from(KINDS), st.none() | _READINGS), max_size=2).map(tuple),
        send=st.none() | st.just("hello"),
        clears=st.sampled_from([(), ("s",)]),
        rules=inner,
    )
    return st.lists(rule, max_size=3).map(tuple)


_JSON = st.recursive(
    st.none() | st.booleans() | st.sampled_from([0, 1.5, "", "x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.recursive(st.just(()), _rules, max_leaves=4), st.lists(_JSON, min_size=1, max_size=3))
def test_the_function_does_what_the_rules_say(rules: tuple[Rule, ...], messages: list[Any]) -> None:
    quick, slow = Log(), Log()
    for message in messages:
        RuleList(rules).run(message, quick)
        for rule in rules:
            run_slowly(rule, message, slow)
    assert quick.done == slow.done
    assert quick.scope.broken == slow.scope.broken


@pytest.mark.parametrize("depth", [1, 7, 8, 30])
def test_rules_inside_each_other_to_any_depth(depth: int) -> None:
    rule = Rule(TRANSCRIPT, emit=((KINDS[0], None),))
    message: Any = "heard"
    for _ in range(depth):
        rule = Rule(TRANSCRIPT, each=reading("@"), rules=(rule,))
        message = [message]
    target = Log()
    rule.run(message, target)
    assert target.done == [(KINDS[0], "heard")]


def test_a_watched_condition_tells_when_it_holds() -> None:
    held: list[str] = []
    when = reading("a").watched(lambda: held.append("when"))
    emit = reading("b").watched(lambda: held.append("emit"))
    rule = Rule(TRANSCRIPT, when=when, emit=((KINDS[0], emit),))
    target = Log()
    for message in ({"b": 1}, {"a": 1}, {"a": 1, "b": 1}):
        rule.run(message, target)
    assert held == ["when", "when", "emit"]
    assert target.done == [(KINDS[0], {"a": 1, "b": 1})]


@pytest.mark.parametrize("name", ["deepgram", "soniox", "openai", "assemblyai"])
def test_no_function_is_left_to_be_written_when_the_first_message_comes(name: str) -> None:
    plan = settle(load_spec(name), {}, "key", environ={}).plan
    assert plan.stream is not None
    for section in (plan.stream.rules, plan.stream.on_close):
        assert all("run" in vars(rule) for rule in section.rules)
        assert all("build" in vars(rule.transcript) for rule in section.walk() if rule.emit)
