"""Findings about specs in the forms that people, programs and CI services read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeAlias
from xml.sax.saxutils import escape, quoteattr

from .output import printable

if TYPE_CHECKING:
    from ..toolkit.finding import Finding

__all__ = ["Case", "github", "json_report", "junit", "junit_suites", "sarif", "summary", "text"]

Case: TypeAlias = tuple[str, str, Sequence[str]]
"""A case of JUnit: its name, its class, and what failed."""

_DOCS = "https://specbuilder.dev/lint.html#"
_GITHUB_LEVELS = {"error": "error", "warning": "warning", "note": "notice"}


def text(found: Finding) -> str:
    """A line for people; what makes a spec unusable needs no code to be looked up."""
    return printable(str(found.issue) if found.severity == "error" else str(found))


def summary(specs: int, found: Sequence[Finding]) -> str:
    """The last line: how many specs, how many findings of each kind."""
    checked = f"{specs} spec{'s' if specs != 1 else ''} checked"
    if not found:
        return f"{checked}: no problems"
    counts = []
    for severity, word in (("error", "problem"), ("warning", "warning"), ("note", "note")):
        count = sum(one.severity == severity for one in found)
        if count:
            counts.append(f"{count} {word}{'s' if count != 1 else ''}")
    files = len({one.issue.file for one in found})
    return f"{checked}: {', '.join(counts)} in {files} file{'s' if files != 1 else ''}"


def github(found: Finding) -> str:
    """A workflow command that GitHub shows at the line.

    https://docs.github.com/actions/reference/workflow-commands-for-github-actions#setting-an-error-message
    """
    issue = found.issue
    places = {"file": issue.file, "line": issue.line, "col": issue.column, "title": issue.path or None}
    properties = ",".join(
        f"{name}={_escaped(str(value)).replace(':', '%3A').replace(',', '%2C')}"
        for name, value in places.items()
        if value is not None
    )
    code = "" if found.severity == "error" else f" [{found.code}]"
    hint = f" ({issue.hint})" if issue.hint else ""
    return f"::{_GITHUB_LEVELS[found.severity]} {properties}::{_escaped(issue.message + hint)}{code}"


def _escaped(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def json_report(specs: Sequence[str], found: Sequence[Finding]) -> str:
    """`{checked, issues}`; an issue has its code and severity besides its place and words."""
    issues = [{**asdict(one.issue), "code": one.code, "severity": one.severity} for one in found]
    return json.dumps({"checked": list(specs), "issues": issues}, indent=2, ensure_ascii=False)


def sarif(rules: Mapping[str, str], found: Sequence[Finding]) -> str:
    """SARIF 2.1.0, which code hosts show beside the lines (docs.oasis-open.org/sarif/sarif/v2.1.0)."""
    run: dict[str, Any] = {
        "tool": {
            "driver": {
                "name": "specbuilder",
                "informationUri": "https://specbuilder.dev",
                "rules": [
                    {"id": code, "shortDescription": {"text": title}, "helpUri": _DOCS + code.lower()}
                    for code, title in rules.items()
                ],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_result(one) for one in found],
    }
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _result(found: Finding) -> dict[str, Any]:
    issue = found.issue
    where: dict[str, Any] = {"artifactLocation": {"uri": issue.file.replace("\\", "/")}}
    if issue.line is not None:
        where["region"] = {"startLine": issue.line, "startColumn": issue.column}
    return {
        "ruleId": found.code,
        "level": found.severity,
        "message": {"text": f"{issue.path}: {_said(found)}" if issue.path else _said(found)},
        "locations": [{"physicalLocation": where}],
    }


def _said(found: Finding) -> str:
    return found.issue.message + (f" ({found.issue.hint})" if found.issue.hint else "")


def junit(specs: Sequence[str], found: Sequence[Finding], file_of: Callable[[str], str]) -> str:
    """JUnit XML with a case for each spec, which fails when there is something about it.

    Arguments:
        file_of: a checked spec to the name of the file its findings have.
    """
    names = {file_of(spec): spec for spec in specs}
    # What stands in a file that a checked spec extends has a case of its own.
    names |= {one.issue.file: one.issue.file for one in found if one.issue.file not in names}
    cases: list[Case] = [
        (name, "validate", [text(one) for one in found if one.issue.file == file])
        for file, name in names.items()
    ]
    return junit_suites({"specbuilder validate": cases})


def junit_suites(suites: Mapping[str, Sequence[Case]]) -> str:
    """JUnit XML, as CI services read it (github.com/testmoapp/junitxml), of suites by name."""
    total = sum(map(len, suites.values()))
    failed = sum(bool(case[2]) for cases in suites.values() for case in cases)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites name="specbuilder" tests="{total}" failures="{failed}">',
    ]
    for name, cases in suites.items():
        failures = sum(bool(case[2]) for case in cases)
        lines.append(f'  <testsuite name={_quoted(name)} tests="{len(cases)}" failures="{failures}">')
        for case, classname, texts in cases:
            head = f"    <testcase name={_quoted(case)} classname={_quoted(classname)}"
            if not texts:
                lines.append(f"{head}/>")
                continue
            first = texts[0].split("\n", 1)[0]
            body = escape(printable("\n".join(texts)))
            lines.append(
                f"{head}>\n      <failure message={_quoted(first)}>{body}</failure>\n    </testcase>"
            )
        lines.append("  </testsuite>")
    return "\n".join([*lines, "</testsuites>"])


def _quoted(value: str) -> str:
    return quoteattr(printable(value))
