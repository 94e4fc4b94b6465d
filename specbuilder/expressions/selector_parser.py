"""Text of a selector to its syntax tree: JMESPath's grammar plus `$name`.

The trees are jmespath's own (`{"type": ..., "children": [...], "value": ...}`); nodes that can be found
wrong after parsing (functions, `&expression`) carry their `start` in the text besides. Spellings that
JMESPath accepts although they can only ever give null are refused here, unless `strict` asks for JMESPath as
it is.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn, TypeAlias

from jmespath import ast, exceptions
from jmespath.lexer import Lexer
from jmespath.parser import Parser

__all__ = ["Node", "SelectorError", "parse_selector"]

Node: TypeAlias = dict[str, Any]

MAX_DEPTH: Final = 200
"""Nodes within nodes: each is a call at run time, and Python's stack ends at about 1000 calls."""

_PLAIN_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_JSON_WORDS = frozenset({"true", "false", "null"})


class SelectorError(ValueError):
    """A selector cannot be used.

    Attributes:
        message: what is wrong.
        offset: where, as a character of the text, counted from 0.
        hint: the way out, or None.
        kind: JMESPath's category: `syntax`, `unknown-function`, `invalid-arity`, `invalid-type` or
            `invalid-value`.
    """

    def __init__(self, message: str, offset: int = 0, hint: str | None = None, kind: str = "syntax") -> None:
        self.message = message
        self.offset = offset
        self.hint = hint
        self.kind = kind
        super().__init__(message, offset, hint, kind)

    def __str__(self) -> str:
        hint = f" ({self.hint})" if self.hint else ""
        return f"{self.message} at character {self.offset + 1}{hint}"


def parse_selector(text: str, *, strict: bool = False) -> Node:
    """Parse a selector.

    Args:
        text: JMESPath (jmespath.org/specification.html), with `$name` (JEP-18) wherever a path may begin.
        strict: accept what JMESPath accepts, also where the result is always null.

    Raises:
        SelectorError: the text is no selector.
    """
    try:
        tree = _SelectorParser(text, strict).tree()
        _check_depth(tree)
        return tree
    except SelectorError:
        raise
    except exceptions.EmptyExpressionError:
        raise SelectorError("the selector is empty") from None
    except exceptions.IncompleteExpressionError:
        raise SelectorError("the selector ends too early", len(text), _hint_for_text(text)) from None
    except exceptions.LexerError as error:
        raise _refuse_character(error, text) from None
    except exceptions.ParseError as error:
        raise _refuse_token(error, text) from None
    except RecursionError:
        raise SelectorError("the selector is nested too deeply") from None
    except ValueError as error:  # int() refuses a number of thousands of digits
        raise SelectorError(str(error)) from None


class _SelectorLexer(Lexer):  # type: ignore[misc]
    # A "$" may begin a name but not continue one, so the base class reads `$name` as one identifier.
    START_IDENTIFIER = Lexer.START_IDENTIFIER | {"$"}

    def __init__(self, strict: bool) -> None:
        self._strict = strict

    def tokens(self, text: str) -> list[dict[str, Any]]:
        return [self._variable(token) for token in self.tokenize(text)]

    def _variable(self, token: dict[str, Any]) -> dict[str, Any]:
        if token["type"] != "unquoted_identifier" or not token["value"].startswith("$"):
            return token
        name = token["value"][1:]
        if not _PLAIN_NAME.fullmatch(name):
            raise exceptions.LexerError(token["start"], token["value"], "Unknown token $")
        return {**token, "type": "variable", "value": name}

    def _consume_literal(self) -> dict[str, Any]:
        if self._strict:
            literal: dict[str, Any] = super()._consume_literal()
            return literal
        # jmespath still reads `text` as 'text'. JEP-12 ended that: two spellings of text are one too many.
        start = self._position
        source = self._consume_until("`").replace("\\`", "`")
        try:
            value = json.loads(source, parse_constant=_refuse_constant)
        except ValueError:
            raise SelectorError(
                f"`{source}` is not JSON", start, f"text is written '{source.strip()}'"
            ) from None
        return {"type": "literal", "value": value, "start": start, "end": self._position}


class _SelectorParser(Parser):  # type: ignore[misc]
    BINDING_POWER = {**Parser.BINDING_POWER, "variable": 0}  # noqa: RUF012 - the base class's table, extended

    def __init__(self, text: str, strict: bool) -> None:
        super().__init__()
        self._index: int = 0
        self._text = text
        self._strict = strict

    def tree(self) -> Node:
        self._tokens = _SelectorLexer(self._strict).tokens(self._text)
        node: Node = self._expression()
        if self._current_token() != "eof":
            self._unexpected(self._lookahead_token(0))
        return node

    def _unexpected(self, token: dict[str, Any]) -> NoReturn:
        raise exceptions.ParseError(token["start"], token["value"], token["type"])

    def _token_nud_variable(self, token: dict[str, Any]) -> Node:
        return {"type": "variable", "children": [], "value": token["value"]}

    def _token_nud_unquoted_identifier(self, token: dict[str, Any]) -> Node:
        name = token["value"]
        if name in _JSON_WORDS and not self._strict:
            hint = f'write `{name}`; a field of that name is written "{name}"'
            raise SelectorError(f"{name} is the name of a field here", token["start"], hint)
        return {**ast.field(name), "start": token["start"]}

    def _token_nud_quoted_identifier(self, token: dict[str, Any]) -> Node:
        if self._current_token() == "lparen":
            raise SelectorError(
                "the name of a function has no quotes", token["start"], f"write {token['value']}(...)"
            )
        return {**ast.field(token["value"]), "start": token["start"], "quoted": True}

    def _token_nud_expref(self, token: dict[str, Any]) -> Node:
        return {**super()._token_nud_expref(token), "start": token["start"]}

    def _token_nud_not(self, token: dict[str, Any]) -> Node:
        first: int = self._index
        node: Node = super()._token_nud_not(token)
        # `!` binds tighter than a path: `!a.b` is the field b of a boolean, which is always null.
        if self._current_token() in ("dot", "flatten", "filter") and not self._strict:
            begin = self._tokens[first]["start"]
            self._index = first
            self._expression(self.BINDING_POWER["flatten"] - 1)
            path = self._text[begin : self._lookahead_token(0)["start"]].strip()
            raise SelectorError(
                "! is applied before the path that follows, so this is always null",
                token["start"],
                f"write !({path})",
            )
        return node

    def _token_led_lparen(self, left: Node) -> Node:
        if left["type"] != "field" or "quoted" in left:
            self._unexpected(self._lookahead_token(-1))
        arguments = []
        if self._current_token() != "rparen":
            arguments.append(self._expression())
            while self._current_token() == "comma":
                self._advance()
                arguments.append(self._expression())
        self._match("rparen")
        return {**ast.function_expression(left["value"], arguments), "start": left["start"]}

    def _parse_comparator(self, left: Node, comparator: str) -> Node:
        node: Node = super()._parse_comparator(left, comparator)
        for side in node["children"]:
            # A plain field name needs no quotes: `type == "Results"` means the text, and is never true.
            if "quoted" in side and _PLAIN_NAME.fullmatch(side["value"]) and not self._strict:
                name = side["value"]
                hint = f"text is written '{name}', the field is written {name}"
                raise SelectorError(f'"{name}" is a field here, not text', side["start"], hint)
        return node

    def _parse_slice_expression(self) -> Node:
        start = self._lookahead_token(0)["start"]
        node: Node = super()._parse_slice_expression()
        if node["children"][2] == 0:
            raise SelectorError("the step of a slice cannot be 0", start, kind="invalid-value")
        return node


def _check_depth(tree: Node) -> None:
    pending = [(tree, 1)]
    while pending:
        node, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise SelectorError("the selector is nested too deeply")
        children = _children(node)
        # The steps of a path are children of one node, but call each other.
        inner = depth + (len(children) if node["type"] in ("subexpression", "index_expression") else 1)
        pending.extend((child, inner) for child in children)


def _children(node: Node) -> list[Node]:
    if node["type"] == "slice":  # its children are numbers
        return []
    if node["type"] != "literal":
        return list(node["children"])
    value = node["value"]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [ast.literal(one) for one in inner]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)  # json reads NaN and Infinity, which are no JSON


def _refuse_character(error: exceptions.LexerError, text: str) -> SelectorError:
    offset = error.lexer_position
    if not error.message.startswith("Unknown token"):
        return SelectorError(error.message[0].lower() + error.message[1:], offset)
    character = text[offset : offset + 1]
    hint = _hint_for_text(text)
    if character == "=":
        hint = "a comparison is written =="
    elif character == "$":
        hint = "$ is followed by a name of letters, digits and _"
    elif character.isalpha():
        hint = "a field name of other characters than A-Z a-z 0-9 _ is written in double quotes"
    return SelectorError(f"unexpected {character!r}", offset, hint)


def _refuse_token(error: exceptions.ParseError, text: str) -> SelectorError:
    kind, value, offset = error.token_type, error.token_value, error.lex_position
    hint = _hint_for_text(text)
    if kind == "NUMBER":
        hint = f"a number is written `{value}`"
    elif kind == "VARIABLE":
        hint = f"$ can only begin a path; to look up a field by name write lookup(object, ${value})"
    elif kind == "EXPREF":
        hint = '"and" is written &&'
    elif value in ("and", "or", "not"):
        hint = "write &&, || and !"
    shown = f"${value}" if kind == "VARIABLE" else value
    found = f"unexpected {shown!r}" if kind != "EOF" else "the selector ends too early"
    return SelectorError(found, offset, hint)


def _hint_for_text(text: str) -> str | None:
    if "{{" in text:
        return "a selector has no {{ }}: write the path itself, and $name for an option"
    return None
