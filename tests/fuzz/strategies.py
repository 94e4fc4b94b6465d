"""Random input that looks like a vendor's: the examples of a spec's own tests, damaged in a place or two."""

from __future__ import annotations

import copy
import os
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from specbuilder.protocol.spec import Spec

__all__ = ["JSON", "budget", "damaged", "examples", "paths"]

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(
        ["", " ", "0", "1e999", "-1", "nan", "\x00", "\N{GRINNING FACE}", "hello", "1.5s", "0:01:02"]
    )
)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def budget(examples: int) -> settings:
    """How many cases: so many, or as FUZZ_EXAMPLES says; always the same ones unless that is set."""
    wanted = os.environ.get("FUZZ_EXAMPLES")
    return settings(
        max_examples=int(wanted) if wanted else examples,
        derandomize=wanted is None,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def examples(spec: Spec, part: str, key: str) -> list[Any]:
    """What the vendor says in the tests of a spec.

    Arguments:
        part: `stream` or `recognize`.
        key: of the steps that hold it: `received` or `reply`.
    """
    steps = (step for test in spec.document.value.get("tests") or [] for step in test.get(part) or [])
    return [step[key] for step in steps if isinstance(step, dict) and key in step]


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The places inside of a value, the value itself first."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from paths(inner, (*path, key))


@st.composite
def damaged(draw: st.DrawFn, values: list[Any]) -> Any:
    """One of the values, with up to two places replaced, taken away or repeated."""
    value = copy.deepcopy(draw(st.sampled_from(values))) if values else draw(JSON)
    for _ in range(draw(st.integers(0, 2))):
        places = [path for path in paths(value) if path]
        if not places:
            return draw(JSON)
        *outer, last = draw(st.sampled_from(places))
        inner = value
        for part in outer:
            inner = inner[part]
        what = draw(st.sampled_from(["replace", "remove", "repeat"]))
        if what == "replace":
            inner[last] = draw(JSON)
        elif what == "remove":
            del inner[last]
        else:
            inner[last] = [inner[last]] * 3
    return value
