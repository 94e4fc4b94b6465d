"""The closures that compiled selectors are made of.

Each builder returns a function of (item, scope). What is common in rules has a closure of its own, because a
call costs more in Python than the work it does: a field, a path of fields, `type == 'x'`, `words[].text`.
An inner function of None stands for the item itself.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from specbuilder.expressions.selector_values import NUMBERS, Scope, equal, truth

__all__ = [
    "Run",
    "all_hold",
    "all_of",
    "any_holds",
    "any_of",
    "called",
    "called_by",
    "constant",
    "copy_json",
    "equal_values",
    "equals_constant",
    "equals_field_text",
    "field_path",
    "filtered",
    "flat",
    "flat_field",
    "flattened",
    "flattened_field",
    "in_order",
    "indexed",
    "multi_select_list",
    "multi_select_object",
    "negated",
    "object_of_fields",
    "object_values",
    "projected",
    "sliced",
    "then",
    "this",
    "truth_of",
    "variable",
    "whole_scope",
]

Run: TypeAlias = Callable[[Any, Scope], Any]


def this(item: Any, scope: Scope) -> Any:
    """The item itself: `@`."""
    return item


def variable(name: str) -> Run:
    """`$name`; null when there is none."""
    return lambda item, scope: scope.variables.get(name)


def constant(value: Any) -> Run:
    """A value known at load. Arrays and objects are made anew each time, lest a receiver changes ours."""
    if isinstance(value, (list, dict)):
        return lambda item, scope: copy_json(value)
    return lambda item, scope: value


def copy_json(value: Any) -> Any:
    """A copy of a JSON value that shares no array or object with it."""
    if isinstance(value, list):
        return [copy_json(inner) for inner in value]
    if isinstance(value, dict):
        return {name: copy_json(inner) for name, inner in value.items()}
    return value


# --- paths ------------------------------------------------------------------------------------------------


def field_path(inner: Run | None, names: tuple[str, ...]) -> Run:
    """`a.b.c`: a field of a field; null where there is no object."""
    if inner is not None:
        return _path_of(inner, names)
    if len(names) == 1:
        return _field(names[0])
    if len(names) == 2:
        return _field_of_field(*names)

    def path(item: Any, scope: Scope) -> Any:
        for name in names:
            if not isinstance(item, dict):
                return None
            item = item.get(name)
        return item

    return path


def _field(name: str) -> Run:
    return lambda item, scope: item.get(name) if isinstance(item, dict) else None


def _field_of_field(first: str, second: str) -> Run:
    def path(item: Any, scope: Scope) -> Any:
        if isinstance(item, dict):
            item = item.get(first)
            if isinstance(item, dict):
                return item.get(second)
        return None

    return path


def _path_of(inner: Run, names: tuple[str, ...]) -> Run:
    if len(names) == 1:
        (name,) = names

        def field(item: Any, scope: Scope) -> Any:
            value = inner(item, scope)
            return value.get(name) if isinstance(value, dict) else None

        return field

    def path(item: Any, scope: Scope) -> Any:
        value = inner(item, scope)
        for name in names:
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    return path


def indexed(inner: Run, index: int) -> Run:
    """`a[0]`, `a[-1]`: an item of an array, or null."""
    least = index + 1 if index >= 0 else -index

    def item_at(item: Any, scope: Scope) -> Any:
        value = inner(item, scope)
        return value[index] if isinstance(value, list) and len(value) >= least else None

    return item_at


def sliced(inner: Run, part: slice) -> Run:
    """`a[1:3]`: part of an array, or null."""

    def items(item: Any, scope: Scope) -> Any:
        value = inner(item, scope)
        return value[part] if isinstance(value, list) else None

    return items


def then(inner: Run, outer: Run) -> Run:
    """`inner | outer`: outer's item is inner's value."""
    return lambda item, scope: outer(inner(item, scope), scope)


# --- projections ------------------------------------------------------------------------------------------


def object_values(inner: Run) -> Run:
    """`a.*`: values of an object's fields, or null."""

    def values(item: Any, scope: Scope) -> Any:
        value = inner(item, scope)
        return list(value.values()) if isinstance(value, dict) else None

    return values


def filtered(inner: Run, test: Run) -> Run:
    """`a[?test]`: the items for which the test holds, or null."""

    def items(item: Any, scope: Scope) -> Any:
        value = inner(item, scope)
        return [one for one in value if test(one, scope)] if isinstance(value, list) else None

    return items


def flattened(inner: Run) -> Run:
    """`a[]`: items that are arrays are replaced by their own items; null if there is no array."""
    return lambda item, scope: flat(inner(item, scope))


def flat(value: Any) -> Any:
    """An array one level flatter; null of anything else."""
    if not isinstance(value, list):
        return None
    found: list[Any] = []
    for one in value:
        if isinstance(one, list):
            found += one
        else:
            found.append(one)
    return found


def projected(inner: Run, each: Run | None, field: str | None) -> Run:
    """The right-hand side for every item of the array on the left, without nulls; null if there is no array.

    Args:
        each: the right-hand side; None: the item itself.
        field: its name where the right-hand side is one field.
    """
    if field is not None:
        return _projected_field(inner, field)

    def values(item: Any, scope: Scope) -> Any:
        array = inner(item, scope)
        if not isinstance(array, list):
            return None
        if each is None:
            return [one for one in array if one is not None]
        return [value for one in array if (value := each(one, scope)) is not None]

    return values


def _projected_field(inner: Run, field: str) -> Run:
    def values(item: Any, scope: Scope) -> Any:
        array = inner(item, scope)
        if not isinstance(array, list):
            return None
        return [value for one in array if isinstance(one, dict) and (value := one.get(field)) is not None]

    return values


def flattened_field(inner: Run, field: str) -> Run:
    """`a[].b`, the way to a list of words, in one loop."""
    return lambda item, scope: flat_field(inner(item, scope), field)


def flat_field(value: Any, field: str) -> Any:
    """A field of every item of the flattened array, without nulls; null if there is no array."""
    if not isinstance(value, list):
        return None
    try:
        return [found for one in value if (found := one.get(field)) is not None]
    except AttributeError:
        # Not objects alone.
        objects = [one for one in flat(value) if isinstance(one, dict)]
        return [found for one in objects if (found := one.get(field)) is not None]


# --- new values -------------------------------------------------------------------------------------------


def multi_select_list(runs: Iterable[Run], null_of_null: bool) -> Run:
    """`[a, b]`; null for a null item if `null_of_null`."""
    parts = tuple(runs)

    def select(item: Any, scope: Scope) -> Any:
        return None if null_of_null and item is None else [run(item, scope) for run in parts]

    return select


def multi_select_object(runs: Iterable[tuple[str, Run]], null_of_null: bool) -> Run:
    """`{x: a, y: b}`; null for a null item if `null_of_null`."""
    parts = tuple(runs)

    def select(item: Any, scope: Scope) -> Any:
        return None if null_of_null and item is None else {name: run(item, scope) for name, run in parts}

    return select


def object_of_fields(fields: Iterable[tuple[str, str]], null_of_null: bool) -> Run:
    """`{x: a, y: b}` of plain fields, the way to rows of words."""
    parts = tuple(fields)

    def select(item: Any, scope: Scope) -> Any:
        if isinstance(item, dict):
            get = item.get
            return {name: get(field) for name, field in parts}
        return None if null_of_null and item is None else dict.fromkeys(name for name, _ in parts)

    return select


# --- conditions -------------------------------------------------------------------------------------------


def all_of(first: Run, second: Run) -> Run:
    """`a && b`: the first value if it is false, else the second."""

    def both(item: Any, scope: Scope) -> Any:
        value = first(item, scope)
        return second(item, scope) if truth(value) else value

    return both


def any_of(first: Run, second: Run) -> Run:
    """`a || b`: the first value if it is true, else the second."""

    def either(item: Any, scope: Scope) -> Any:
        value = first(item, scope)
        return value if truth(value) else second(item, scope)

    return either


def all_hold(first: Run, second: Run) -> Run:
    """The truth of `a && b`, from the truth of each."""
    return lambda item, scope: first(item, scope) and second(item, scope)


def any_holds(first: Run, second: Run) -> Run:
    """The truth of `a || b`, from the truth of each."""
    return lambda item, scope: first(item, scope) or second(item, scope)


def truth_of(run: Run) -> Run:
    """The truth of a value."""

    def holds(item: Any, scope: Scope) -> bool:
        # As `truth` says it; this is asked for every event a rule may make.
        value = run(item, scope)
        return bool(value) or value.__class__ in NUMBERS

    return holds


def negated(test: Run) -> Run:
    """`!a`."""
    return lambda item, scope: not test(item, scope)


def equals_field_text(name: str, text: str) -> Run:
    """`type == 'x'`, the discriminator of nearly every vendor."""
    return lambda item, scope: isinstance(item, dict) and item.get(name) == text


def equals_constant(run: Run, value: Any) -> Run:
    """`a == 'x'`, for a value known at load."""
    if isinstance(value, str) or value is None:
        # Neither text nor null is equal to a value of another type in Python either.
        return lambda item, scope: run(item, scope) == value
    return lambda item, scope: equal(run(item, scope), value)


def equal_values(left: Run, right: Run) -> Run:
    """`a == b`."""
    return lambda item, scope: equal(left(item, scope), right(item, scope))


def in_order(kind: str, left: Run, right: Run) -> Run:
    """`a < b` and the like; null unless both are numbers. `kind` is jmespath's name: lt, lte, gt, gte."""
    order = _ORDER[kind]

    def compare(item: Any, scope: Scope) -> Any:
        first, second = left(item, scope), right(item, scope)
        if type(first) in NUMBERS and type(second) in NUMBERS:
            return order(first, second)
        return None

    return compare


_ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}


# --- functions --------------------------------------------------------------------------------------------


def called(call: Callable[..., Any], runs: tuple[Run, ...], *, takes_null: bool) -> Run:
    """`f(a, b)`: null as soon as an argument is null, unless the function takes it."""
    if takes_null:
        return lambda item, scope: call(*[run(item, scope) for run in runs])
    if len(runs) == 1:
        return _called_with_one(call, *runs)
    if len(runs) == 2:
        return _called_with_two(call, *runs)

    def function(item: Any, scope: Scope) -> Any:
        values = [run(item, scope) for run in runs]
        return None if any(value is None for value in values) else call(*values)

    return function


def _called_with_one(call: Callable[..., Any], run: Run) -> Run:
    def function(item: Any, scope: Scope) -> Any:
        value = run(item, scope)
        return None if value is None else call(value)

    return function


def _called_with_two(call: Callable[..., Any], first: Run, second: Run) -> Run:
    def function(item: Any, scope: Scope) -> Any:
        one = first(item, scope)
        two = second(item, scope)
        return None if one is None or two is None else call(one, two)

    return function


def called_by(call: Callable[..., Any], array: Run, by: Run, *, takes_null: bool) -> Run:
    """`f(a, &b)`: the function gets the value of the expression for every item of the array."""

    def function(item: Any, scope: Scope) -> Any:
        values = array(item, scope)
        if values is None and not takes_null:
            return None
        return call(values, [by(one, scope) for one in values] if isinstance(values, list) else None)

    return function


def whole_scope(item: Any, scope: Scope) -> Scope:
    """The scope, for a function that reads it."""
    return scope
