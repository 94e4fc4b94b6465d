"""From a name, a path or a mapping to a whole, valid spec.

The files of an `extends` chain are merged, every variant is merged in, and each result is held against
the schema. Expressions are not looked at here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from specbuilder.language.catalog import bundled, bundled_path, specs_folder
from specbuilder.language.document import Document, MappingNode, SequenceNode, from_mapping
from specbuilder.language.errors import Issue, SpecError, did_you_mean
from specbuilder.language.merge import expand_options, merge, without, without_nulls
from specbuilder.language.source import read_file
from specbuilder.language.validation import sort_issues, validate

__all__ = ["MAX_EXTENDS", "Source", "load"]

MAX_EXTENDS = 8
"""Files in one chain of `extends`."""


@dataclass(frozen=True, slots=True)
class Source:
    """A loaded spec.

    Attributes:
        document: the spec, merged over what it extends. Every option is a mapping, nulls are gone but in
            payloads, in the transcripts of an exchange or rule (which are merged over outer ones) and in
            `variants`.
        variants: for each variant its `if` and the whole spec with it merged in, in order.
        path: the file, None for a mapping.
        name: the `name` in the file itself, else the file's name.
        files: every file read, the spec's own first.
    """

    document: Document
    variants: list[tuple[str, Document]]
    path: Path | None
    name: str
    files: list[Path]


def load(source: str | os.PathLike[str] | Mapping[str, Any]) -> Source:
    """Read, merge and validate a spec.

    Args:
        source: a bundled spec's name, with or without `.yaml`; a path (one with a separator, or the name
            of a file here that ends in .yaml or .yml); or the spec as a mapping.

    Raises:
        SpecError: there is no such spec, or it or one it extends is no valid spec. All issues that can
            be found at once are in it, each once.
    """
    if isinstance(source, Mapping):
        path, own = None, from_mapping(source)
        file = own.file
    else:
        path = _find(source)
        file = str(source) if _is_path(source) else path.name
        own = read_file(path, file)
    chain = _Chain(own, path)
    document = without_nulls(chain.document)
    issues = validate(document)
    variants: list[tuple[str, Document]] = []
    for condition, variant in _variants(document):
        issues.extend(validate(variant))
        variants.append((condition, variant))
    if issues:
        raise SpecError(sort_issues(issues, file))
    name = own.value.get("name") or (path.stem if path else file)
    return Source(document, variants, path, name, chain.files)


class _Chain:
    """A spec and what it extends, merged.

    Attributes:
        document: the result, without `extends`.
        files: the files read, the first one's own first.
    """

    def __init__(self, own: Document, path: Path | None) -> None:
        self.files: list[Path] = [path] if path else []
        self.names = [own.file]
        self.document = self.merged(own, path)

    def merged(self, own: Document, path: Path | None) -> Document:
        own = expand_options(own)
        parent = own.value.get("extends")
        if parent is None:
            return without(own, "extends")
        if not isinstance(parent, str):
            raise SpecError([own.issue(("extends",), "expected a spec's name or a path, which is text")])
        found = self.find(own, parent, path)
        name = parent if parent.endswith((".yaml", ".yml")) else found.name
        if any(found.samefile(known) for known in self.files):
            circle = " -> ".join([*self.names, name])
            raise SpecError([own.issue(("extends",), f"specs extend each other in a circle: {circle}")])
        if len(self.names) >= MAX_EXTENDS:
            raise SpecError([own.issue(("extends",), f"more than {MAX_EXTENDS} specs extend each other")])
        self.files.append(found)
        self.names.append(name)
        base = self.merged(read_file(found, name), found)
        # A spec is another one than its base: it has a name of its own, and tests of its own.
        return merge(without(base, "name", "tests"), without(own, "extends"))

    def find(self, own: Document, parent: str, path: Path | None) -> Path:
        """The file that `extends` names: beside or below the extending file, or bundled."""
        folder = path.resolve().parent if path else None
        if parent.endswith((".yaml", ".yml")) and folder is not None:
            candidate = (folder / parent).resolve()
            if not candidate.is_relative_to(folder):
                message = f"{parent!r} lies outside the folder of this file"
                raise SpecError([own.issue(("extends",), message, "put both into one folder")])
            if candidate.is_file():
                return candidate
        found = bundled_path(parent)
        if found is None:
            where = f"in {folder} or bundled" if folder else "bundled"
            message = f"there is no spec {parent!r} {where}"
            raise SpecError([own.issue(("extends",), message, did_you_mean(parent, bundled()))])
        return found


def _variants(document: Document) -> list[tuple[str, Document]]:
    """Every variant merged over the spec. Malformed ones are left to the validation of the spec."""
    entry = document.root.entries.get("variants")
    if entry is None or not isinstance(entry.node, SequenceNode):
        return []
    base = without(document, "variants")
    found: list[tuple[str, Document]] = []
    for item in entry.node.items:
        if isinstance(item, MappingNode) and "if" in item.entries:
            condition = item.entries["if"].node.plain()
            over = without(Document(item, document.file), "if")
            found.append((str(condition), without_nulls(merge(base, over))))
    return found


def _is_path(source: str | os.PathLike[str]) -> bool:
    return not isinstance(source, str) or os.sep in source or "/" in source


def _find(source: str | os.PathLike[str]) -> Path:
    path = Path(source)
    if _is_path(source):
        if path.is_file():
            return path
        raise SpecError([_no_file(str(source), path)])
    name = str(source)
    found = bundled_path(name)
    if found is not None:
        return found
    if name.endswith((".yaml", ".yml")):
        if path.is_file():
            return path
        raise SpecError([_no_file(name, path)])
    hint = did_you_mean(name, bundled())
    message = f"there is no bundled spec {name!r} (looked in {specs_folder()})"
    raise SpecError([Issue(name, None, None, "", message, hint or f"a file is given as ./{name}.yaml")])


def _no_file(source: str, path: Path) -> Issue:
    message = (
        "this is a folder, not a spec"
        if path.is_dir()
        else f"there is no such file in {path.parent.absolute()}"
    )
    return Issue(source, None, None, "", message, did_you_mean(path.stem, bundled()))
