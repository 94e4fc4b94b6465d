"""Lint: a spec that loads may still leak a key, promise what it does not do, or be untested.

Each rule has a code and a section in docs/lint.md. A comment `# specbuilder: ignore SB103` silences codes
on its own line, or, on a line of its own, on the next one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..language.errors import Issue, SpecError
from ..language.loader import load
from ..protocol.spec import Spec, load_spec
from .finding import UNUSABLE, Finding
from .lint_names import NAME_RULES
from .lint_streams import STREAM_RULES
from .lint_tests import TEST_RULES
from .migrations import outdated
from .subject import Rule, Subject

__all__ = ["RULES", "fix_text", "lint", "titles"]

_IGNORE = re.compile(r"#\s*specbuilder:\s*ignore\b([\s,]*SB\d{3}(?:[\s,]+SB\d{3})*)?")
_CODE = re.compile(r"SB\d{3}")

RULES: tuple[Rule, ...] = (*NAME_RULES, *STREAM_RULES, *TEST_RULES)
"""Every rule that looks at a spec that loads, by code."""


def lint(source: str | os.PathLike[str] | Mapping[str, Any]) -> list[Finding]:
    """Everything that is wrong with a spec, or should be better, in the order of the file.

    Arguments:
        source: a bundled name, a path, or a mapping (which has no comments to ignore anything with).

    Returns:
        What makes the spec unusable; only when there is nothing of that, what the rules find in its own
        file. What it inherits is the business of the spec it extends.
    """
    text = _text(source)
    try:
        spec = load_spec(source)
    except SpecError as error:
        old = outdated(text) if text is not None else None
        if old is not None:
            # A file in an older form breaks the schema in many places; one sentence says why.
            first = error.issues[0]
            return [Finding("SB131", Issue(first.file, old.line, old.column, "", *old.words), old.edit)]
        return [Finding(UNUSABLE, issue) for issue in error.issues]
    found = list(_findings(spec, source, text or ""))
    comments = list(_comments(text or ""))
    kept = [finding for finding in found if not _ignored(finding, comments)]
    kept += _idle(comments, spec.document.file)
    return sorted(kept, key=lambda one: (one.issue.line or 0, one.issue.column or 0, one.code))


def titles() -> dict[str, str]:
    """Every code with a few words about it."""
    return {
        UNUSABLE: "the spec cannot be used",
        "SB100": "an ignore comment that ignores nothing",
        **{rule.code: rule.title for rule in RULES},
        "SB131": "an older form of the language",
    }


def fix_text(text: str, findings: Iterable[Finding]) -> tuple[str, int]:
    """Mend what can be mended safely. Comments and everything else stay as they are.

    Returns:
        the new text and how many findings it mends. Edits go from the end of the file to its beginning, so
        that one does not move what another means.
    """
    fixable = [finding for finding in findings if finding.edit is not None]
    count = 0
    for finding in sorted(fixable, key=lambda one: -(one.issue.line or 0)):
        assert finding.edit is not None
        changed = finding.edit(text)
        count += changed != text
        text = changed
    return text, count


def _text(source: str | os.PathLike[str] | Mapping[str, Any]) -> str | None:
    """The text of the spec's own file; None where there is none that can be read."""
    if isinstance(source, Mapping):
        return None
    from ..language.catalog import bundled_path

    path = Path(source)
    if not path.is_file():
        found = bundled_path(str(source))
        if found is None:
            return None
        path = found
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None


def _findings(spec: Spec, source: Any, text: str) -> Iterator[Finding]:
    subject = Subject(spec, load(source), text)
    for rule in RULES:
        for found in rule.check(subject):
            if found.mark.file == spec.document.file:
                issue = Issue(
                    found.mark.file, found.mark.line, found.mark.column, found.path, found.message, found.hint
                )
                yield Finding(rule.code, issue, found.edit)


# -- comments ----------------------------------------------------------------------------------------------


@dataclass
class _Comment:
    """An ignore comment: where it stands, which line it is about, and which of its codes did something."""

    line: int
    column: int
    about: int
    codes: tuple[str, ...]
    used: set[str]


def _comments(text: str) -> Iterator[_Comment]:
    for number, line in enumerate(text.split("\n"), 1):
        found = _IGNORE.search(line)
        if found:
            alone = not line[: found.start()].strip()
            codes = tuple(_CODE.findall(found[0]))
            yield _Comment(number, found.start() + 1, number + alone, codes, set())


def _ignored(finding: Finding, comments: Iterable[_Comment]) -> bool:
    for comment in comments:
        if comment.about == finding.issue.line and finding.code in comment.codes:
            comment.used.add(finding.code)
            return True
    return False


def _idle(comments: Iterable[_Comment], file: str) -> Iterator[Finding]:
    for comment in comments:
        idle = [code for code in comment.codes if code not in comment.used]
        if idle or not comment.codes:
            words = " and ".join(idle)
            message = f"nothing on this line gives {words}" if idle else "this comment names no code"
            hint = "remove the comment" if len(idle) == len(comment.codes) else f"remove {words}"
            issue = Issue(file, comment.line, comment.column, "", message, hint)
            yield Finding("SB100", issue, lambda text, comment=comment: _without(text, comment))  # type: ignore[misc]


def _without(text: str, comment: _Comment) -> str:
    lines = text.split("\n")
    line = lines[comment.line - 1]
    kept = " ".join(code for code in comment.codes if code in comment.used)
    found = _IGNORE.search(line)
    if found is None:
        return text
    before, after = line[: found.start()], line[found.end() :]
    if kept:
        lines[comment.line - 1] = f"{before}# specbuilder: ignore {kept}{after}"
    elif after.strip():
        lines[comment.line - 1] = f"{before}#{after}"
    elif before.strip():
        lines[comment.line - 1] = before.rstrip()
    else:
        del lines[comment.line - 1]
    return "\n".join(lines)
