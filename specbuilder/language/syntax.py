"""YAML's syntax errors in plain words, with the way out.

A spec is full of text that YAML gives a meaning of its own: `!is_final`, `{{ model }}`, `errors[0].x`
inside braces, `a: b`. The scanner's words ("mapping values are not allowed in this context") do not
lead an author to the missing quotes, so the line is looked at once more.
"""

from __future__ import annotations

import re

import yaml

from specbuilder.language.document import MAX_DEPTH
from specbuilder.language.errors import Issue

__all__ = ["control_character_issue", "quote", "rest_of_value", "syntax_issue"]

# YAML 1.2.2, 5.1: what a stream may hold.
_NOT_PRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_INDENTATION = "look at the indentation and the quotes"
_BACKSLASH = r"in double quotes write \\, or use single quotes"

# What libyaml or PyYAML says (a part of it), the sentence, the hint. The first match wins.
_SENTENCES: tuple[tuple[str, str, str | None], ...] = (
    # libyaml has a limit of its own, which is higher.
    ("maximum nesting depth", f"nested deeper than {MAX_DEPTH} levels", None),
    ("mapping values are not allowed", "a second ': ' in one value", _INDENTATION),
    ("sequence entries are not allowed", "'- ' is not allowed here", "a list begins on a line of its own"),
    ("could not find expected ':'", "expected 'key: value'; this line has no ': '", None),
    ("',' or '}'", "expected ',' or '}' in the mapping that begins at {context}", None),
    ("',' or ']'", "expected ',' or ']' in the list that begins at {context}", None),
    ("end of stream", "the quote opened here is never closed", None),
    ("document indicator", "the quote opened here is never closed", None),
    ("unknown escape character", "not an escape that YAML knows", _BACKSLASH),
    ("hexadecimal number", "the escape is not finished", _BACKSLASH),
    ("tab character", "a tab cannot indent", "indent with spaces"),
    ("'-' indicator", "expected another '- ' item of the list that begins at {context}", _INDENTATION),
    ("expected key", "expected a key of the mapping that begins at {context}", _INDENTATION),
    ("node content", "a value is missing here", "look for a bracket or brace that is never closed"),
    ("<block end>", "expected a key or item of what begins at {context}", _INDENTATION),
)
# Where these are noticed is not where they are mended.
_AT_CONTEXT = re.compile(r"end of stream|document indicator|could not find expected ':'")
_BEGINNINGS = {
    "while scanning an anchor": "a value that begins with '&' is a YAML anchor",
    "while scanning an alias": "a value that begins with '*' is a YAML alias",
    "while scanning a tag": "a value that begins with '!' is a YAML tag",
    "while parsing a tag": "a value that begins with '!' is a YAML tag",
    "while scanning a block scalar": "a value that begins with '|' or '>' is a YAML block text",
    "while scanning a directive": "a line that begins with '%' is a YAML directive",
}

# Where a value begins: after `key: ` or `- `, at the line's start or inside braces and brackets.
_VALUE_START = re.compile(
    r"(?:^|(?<=[\s{\[,]))(?:-[ \t]+)*(?:(?:\"[^\"]*\"|'[^']*'|[\w.$-]+):[ \t]+|(?<=- ))"
)
_NEEDS_QUOTES = re.compile(r"^[!@%&*|>`?\[{]|: |:$| #|\{\{|\[")


def quote(text: str) -> str:
    """The hint that sends an author to quotes, single or double as the text allows."""
    if '"' not in text and "\\" not in text:
        return f'put quotes around it: "{text}"'
    escaped = text.replace("'", "''")
    return f"put quotes around it: '{escaped}'"


def rest_of_value(text: str, start: int) -> str:
    """What an author meant as one value, from its first character: to the end of the line, or, inside
    braces, to the comma before the next key or the closing brace."""
    end = text.find("\n", start)
    line = text[start : len(text) if end < 0 else end]
    begin = text.rfind("\n", 0, start) + 1
    return _cut(text[begin:start], line)


def control_character_issue(text: str, file: str) -> Issue | None:
    """Characters that YAML forbids, by their number; half a surrogate pair is one of them."""
    found = _NOT_PRINTABLE.search(text)
    if found is None:
        return None
    line_start = text.rfind("\n", 0, found.start()) + 1
    line = text.count("\n", 0, found.start()) + 1
    message = f"the character U+{ord(found.group()):04X} cannot be part of a YAML file"
    return Issue(
        file, line, found.start() - line_start + 1, "", message, "in double quotes write it as \\u...."
    )


def syntax_issue(error: yaml.MarkedYAMLError, text: str, file: str) -> Issue:
    """Say a syntax error of PyYAML or libyaml as an issue of a spec."""
    mark, context = error.problem_mark or error.context_mark, error.context_mark
    if mark is None:
        return Issue(file, None, None, "", str(error.problem))
    if context is not None and _AT_CONTEXT.search(error.problem or ""):
        mark = context
    lines = text.split("\n")
    # The end of a text that does not end with a line break is, to libyaml, a line of its own.
    number, column = (mark.line, mark.column) if mark.line < len(lines) else (len(lines) - 1, len(lines[-1]))
    line = lines[number]
    if "escape character" in (error.problem or ""):
        # libyaml points at the backslash, PyYAML behind it.
        column = max(line.rfind("\\", 0, column + 1), 0)
    message, hint = _sentence(error, line[column : column + 1])
    quotes = _missing_quotes(line, column)
    if quotes is None and context is not None and context.line < mark.line:
        quotes = _comment(lines[context.line])
    return Issue(file, number + 1, column + 1, "", message, quotes or hint)


def _comment(line: str) -> str | None:
    """A brace that is never closed may have been eaten by a comment."""
    return "' #' begins a comment: put quotes around a text that holds it" if " #" in line else None


def _sentence(error: yaml.MarkedYAMLError, character: str) -> tuple[str, str | None]:
    problem = error.problem or ""
    if error.context in _BEGINNINGS:
        return _BEGINNINGS[error.context], "if it is text, put quotes around it"
    if "cannot start any token" in problem:
        if character == "\t":
            return "a tab cannot indent", "indent with spaces"
        return f"a value cannot begin with {character!r}", "put quotes around it"
    context = error.context_mark
    place = "the top" if context is None else f"line {context.line + 1}, column {context.column + 1}"
    for words, message, hint in _SENTENCES:
        if words in problem:
            return message.replace("{context}", place), hint
    return problem, None


def _missing_quotes(line: str, column: int) -> str | None:
    """The hint for the value that begins last before `column`, when YAML reads it as something else."""
    starts = [match.end() for match in _VALUE_START.finditer(line) if match.end() <= column]
    # In `when: a: b` the value is all that follows the first key, but inside braces it is not.
    for start in starts[:1] if "{" not in line else reversed(starts):
        value = _cut(line[:start], line[start:])
        if value[:1] in ("'", '"') and line[start:column].count(value[0]) > 1:
            return f"the text ends at its second {value[0]}; put one pair of quotes around the whole value"
        if value[:1] in ("", "'", '"') or (value.startswith(("{", "[")) and not value.startswith("{{")):
            continue
        if _NEEDS_QUOTES.search(value):
            return quote(value)
    return None


def _cut(before: str, rest: str) -> str:
    """`rest` up to where the value ends; inside braces that is a comma and a key, or an odd closer."""
    rest = re.split(r"\s+#", rest.rstrip(), maxsplit=1)[0] if not rest.startswith("#") else rest.rstrip()
    inside = before.count("{") + before.count("[") > before.count("}") + before.count("]")
    if not inside:
        return rest
    following = re.search(r",\s*(?:[\w.$-]+|\"[^\"]*\"|'[^']*'):\s", rest)
    if following:
        return rest[: following.start()].rstrip()
    depth = 0
    for index, character in enumerate(rest):
        depth += (character in "{[(") - (character in "}])")
        if depth < 0:
            return rest[:index].rstrip()
    return rest
