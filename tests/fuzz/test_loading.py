"""Any text as a spec, a selector or a template: it loads, or the error says what is wrong with it."""

from __future__ import annotations

import contextlib
import copy
import re
import tempfile
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from specbuilder import SpecError, list_specs, load_spec, validate_spec
from specbuilder.expressions.nothing import NOTHING
from specbuilder.expressions.regexes import longest_input
from specbuilder.expressions.selectors import SelectorError, SelectorTypeError, compile_selector
from specbuilder.expressions.templates import TemplateError, compile_template
from tests.fuzz.strategies import JSON, budget, paths

MARKS = [
    "{{",
    "}}",
    " ",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "*",
    "**",
    "?",
    "@",
    "|",
    "&&",
    ".",
    ",",
    "==",
    "~",
    ":",
]
WORDS = ["a", "$b", "'x'", "`1`", "if", "else", "1", "-9", "default", "length", "json", "replace"]
PIECES = st.sampled_from(MARKS + WORDS)
TEXTS = st.lists(PIECES, max_size=12).map("".join) | st.text(max_size=20)


@cache
def documents() -> list[dict[str, Any]]:
    """A few bundled specs without their tests."""
    found = []
    for name in list_specs()[:12]:
        value = dict(load_spec(name).document.value)
        value.pop("tests", None)
        found.append(value)
    return found


@budget(80)
@given(st.data())
def test_a_spec_with_one_other_value(data: st.DataObject) -> None:
    spec = copy.deepcopy(data.draw(st.sampled_from(documents())))
    *outer, last = data.draw(st.sampled_from([path for path in paths(spec) if path]))
    inner: Any = spec
    for part in outer:
        inner = inner[part]
    inner[last] = data.draw(TEXTS | JSON)
    for issue in validate_spec(spec):
        assert issue.message


@budget(300)
@given(TEXTS, JSON)
def test_a_selector(text: str, message: Any) -> None:
    scope = SimpleNamespace(variables={"b": message}, message=message, headers={})
    with contextlib.suppress(SelectorError, SelectorTypeError):
        compile_selector(text).evaluate(message, scope)


@budget(300)
@given(TEXTS, JSON)
def test_a_template(text: str, value: Any) -> None:
    with contextlib.suppress(TemplateError):
        result = compile_template(text).render({"a": value, "b": None})
        assert result is NOTHING or result is None or isinstance(result, (str, int, float, list, dict, bytes))


@budget(300)
@given(st.text(alphabet="ab()|*+?{}1,\\^$.d", max_size=12), st.text(alphabet="ab1", max_size=400))
def test_a_regular_expression_that_is_let_through_ends_in_time(regex: str, text: str) -> None:
    try:
        longest = longest_input(regex)
    except ValueError:
        return
    started = time.process_time()
    re.search(regex, (text * 50)[:longest])
    assert time.process_time() - started < 10.0


@budget(100)
@given(st.binary(max_size=60) | TEXTS.map(str.encode))
def test_any_bytes_as_a_file(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "a.yaml"
        file.write_bytes(content)
        with contextlib.suppress(SpecError):
            assert load_spec(file).name == "a"
