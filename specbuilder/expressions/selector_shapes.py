"""What can be told of a selector by its syntax tree alone."""

from __future__ import annotations

from typing import Final

from specbuilder.expressions.selector_parser import Node

__all__ = [
    "CHAINS",
    "IDENTITIES",
    "PYTHON_TRUTH",
    "gains",
    "gives_truth",
    "needs_object",
    "reads_fields_only",
    "reads_item",
    "steps_of",
]

CHAINS: Final = frozenset({"subexpression", "index_expression", "pipe"})
IDENTITIES: Final = frozenset({"identity", "current"})

_PLAIN: Final = frozenset({"field", "identity", "current", "literal", "variable"})

_PROJECTIONS: Final = frozenset({"projection", "value_projection", "filter_projection"})

_TESTS: Final = frozenset({"contains", "ends_with", "matches", "starts_with"})

_OF_VALUES: Final = frozenset({"and_expression", "or_expression", "not_expression", "comparator"})

PYTHON_TRUTH: Final = _PROJECTIONS | {"not_expression", "comparator", "flatten"}
"""What gives null, true, false or an array: Python's truth of those is JMESPath's."""


def gains(tree: Node) -> bool:
    """Whether a selector is more than one closure, so that it is worth being written out."""
    kind = tree["type"]
    if kind == "comparator" or kind == "subexpression":
        return any(gains(child) for child in tree["children"])
    return kind not in _PLAIN


def reads_fields_only(tree: Node) -> bool:
    """Whether an item that is no object is to a selector the same as an empty one."""
    kind = tree["type"]
    if kind in CHAINS:
        return reads_fields_only(tree["children"][0])
    if kind in ("field", "literal", "variable"):
        return True
    if kind in _OF_VALUES or kind == "function_expression":
        # What an `&expression` reads is not this item.
        return all(child["type"] == "expref" or reads_fields_only(child) for child in tree["children"])
    return False


def gives_truth(tree: Node) -> bool:
    """Whether the value is true, false or null, whatever the item."""
    if tree["type"] == "function_expression":
        return tree["value"] in _TESTS
    return tree["type"] in ("comparator", "not_expression")


def needs_object(tree: Node) -> bool:
    """Whether a selector is false, and surely does not fail, for an item that is no object."""
    kind = tree["type"]
    if kind in CHAINS:
        first, *others = tree["children"]
        return needs_object(first) and all(other["type"] in ("field", "index") for other in others)
    if kind == "and_expression":
        return needs_object(tree["children"][0])
    if kind == "or_expression":
        return all(map(needs_object, tree["children"]))
    if kind == "comparator" and tree["value"] == "eq":
        # A field of what is no object is null, which of all constants only null is equal to.
        first, second = sorted(tree["children"], key=lambda child: child["type"] == "literal")
        is_constant: bool = second["type"] == "literal" and second["value"] is not None
        return is_constant and needs_object(first)
    return bool(kind == "field")


def reads_item(tree: Node) -> bool:
    """Whether the value depends on the item; that of what is newly made for every item is taken to."""
    kind = tree["type"]
    if kind in CHAINS or kind in _PROJECTIONS or kind == "flatten":
        return reads_item(tree["children"][0])
    if kind in _OF_VALUES or kind == "function_expression":
        return any(reads_item(child) for child in tree["children"])
    return kind not in ("literal", "variable", "expref")


def steps_of(node: Node) -> list[Node]:
    """A chain's nodes in order: neighbouring fields are one node, and an `@` after the first is gone."""
    steps: list[Node] = []
    for step in _links(node):
        last = steps[-1] if steps else None
        if last is not None and step["type"] in IDENTITIES:
            continue
        if last is not None and step["type"] == "field" and last["type"] in ("field", "fields"):
            names = (last["value"],) if last["type"] == "field" else last["value"]
            steps[-1] = {"type": "fields", "value": (*names, step["value"])}
        else:
            steps.append(step)
    return steps


def _links(node: Node) -> list[Node]:
    if node["type"] not in CHAINS:
        return [node]
    return [link for child in node["children"] for link in _links(child)]
