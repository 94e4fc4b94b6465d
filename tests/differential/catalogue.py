"""Writes docs/catalogue.md: every bundled spec beside the official plugin, what it offers, what is left out.

python -m tests.differential.catalogue

The tables are made of what is there: specs, installed plugins, the cases of this folder. The text around
them, and what is left out, is written by hand in catalogue_page.md.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from string import Template
from typing import Any

from specbuilder import language, load_spec
from specbuilder.adapters.capabilities import derive_capabilities
from specbuilder.adapters.known import language_option
from specbuilder.language.catalog import bundled, bundled_path
from specbuilder.language.schema import schema
from specbuilder.protocol.names import Names
from specbuilder.protocol.plan import Plan
from specbuilder.protocol.spec import Spec
from specbuilder.protocol.transcript import TranscriptPlan

__all__ = ["TARGET", "generate"]

TARGET = Path(__file__).parents[2] / "docs" / "catalogue.md"

_PAGE = Path(__file__).with_name("catalogue_page.md")
_SCHEMA = Path(language.__file__).with_name("schema.json")
_DASH = "–"

_PLUGIN_FILES = {
    "deepgram": "deepgram/stt.py",
    "deepgram_flux": "deepgram/stt_v2.py",
    "gemini": "google/beta/gemini_stt.py",
    "sarvam": "sarvam/stt.py",
    "sarvam_realtime": "sarvam/stt_streaming.py",
}
"""Where a package has more than one class of STT, or none in the usual place."""

_NOT_AMONG_DEV = {"nvidia"}
"""Plugins that may be missing: the page is the same without them."""

_KEYTERMS = re.compile(
    r"keyterm|keyword|hotword|phrase_list|boosting|context_bias|vocab$|vocabulary(_(id|names?))?$"
)
_DIARIZATION = re.compile(r"diari[sz]|show_speaker_label|^speaker_labels$")
_PLACE = re.compile(r"region|location|world_part")
_NAME = re.compile(r"'[^']*'|([A-Za-z_]\w*)")
"""A name in a template; what is quoted is none."""


@dataclass
class _Compared:
    """The differential cases of a spec."""

    cases: int = 0
    defects: dict[str, None] = field(default_factory=dict)
    """Each once, in the order of the cases that show them."""


@cache
def _compared() -> Mapping[str, _Compared]:
    """What is compared, by spec: the cases that a module's `test_ours` runs over."""
    found: dict[str, _Compared] = {}
    for module in pkgutil.iter_modules([str(Path(__file__).parent)], f"{__package__}."):
        if not module.name.rpartition(".")[2].startswith("test_"):
            continue
        test = getattr(importlib.import_module(module.name), "test_ours", None)
        for mark in getattr(test, "pytestmark", ()):
            for case in mark.args[1] if mark.name == "parametrize" else ():
                compared = found.setdefault(case.spec, _Compared())
                compared.cases += 1
                compared.defects |= {
                    item.why: None for item in case.corrections if item.defect and not item.shared
                }
    return found


def _plugin(name: str) -> str | None:
    """The text of the official plugin; None where nothing is compared, so that it need not be installed."""
    package = find_spec("livekit.plugins")
    if name not in _compared() or name in _NOT_AMONG_DEV or package is None:
        return None
    for folder in map(Path, package.submodule_search_locations or ()):
        files = sorted(folder.glob(_PLUGIN_FILES.get(name, f"{name}/stt*.py")))
        if files:
            return "".join(file.read_text("utf-8") for file in files)
    return None


def _beside() -> tuple[list[str], dict[str, str]]:
    """The first table, and the median sizes in KB."""
    rows: list[list[int | None]] = []
    sizes: dict[str, list[int]] = {"spec": [], "bare": [], "plugin": []}
    heading = ("spec", "YAML", "without tests", "plugin", "cases equal", "defects we do not have")
    table = [_row(heading), _row(["---", *["---:"] * 5])]
    for name in sorted(bundled()):
        path = bundled_path(name)
        assert path is not None
        text, compared = path.read_text("utf-8"), _compared().get(name)
        parts = {"spec": text, "bare": text.partition("\ntests:\n")[0].rstrip(), "plugin": _plugin(name)}
        for kind, part in parts.items():
            sizes[kind] += [] if part is None else [len(part.encode())]
        lines = [None if part is None else len(part.splitlines()) for part in parts.values()]
        counts = [compared.cases, len(compared.defects)] if compared else [None, None]
        rows.append([*lines, *counts])
        table.append(_row([f"[{name}](../specs/{name}.yaml)", *rows[-1]]))
    columns = [[cell for cell in column if cell is not None] for column in zip(*rows, strict=True)]
    table.append(_row(["**median**", *(f"{median(column):g}" for column in columns)]))
    table.append(_row(["**sum**", *map(sum, columns)]))
    return table, {kind: f"{median(found) / 1000:.1f}" for kind, found in sizes.items()}


def _defects() -> Iterator[str]:
    """The second table."""
    yield from (_row(("plugin", "defects")), _row(["---"] * 2))
    for name, compared in sorted(_compared().items()):
        if compared.defects:
            yield _row([name, "; ".join(compared.defects)])


def _offers() -> Iterator[str]:
    columns = ("spec", "transports", "languages", "diarization", "word times", "keyterms", "endpoint")
    yield from (_row(columns), _row(["---"] * len(columns)))
    for name in sorted(bundled()):
        spec = load_spec(name)
        settled = list(_settled(spec))
        yield _row(
            [
                name,
                ", ".join(_transports(spec.plans)),
                _language(spec),
                _diarization(spec),
                _word_times(spec, settled),
                _listed(_keyterms(spec)),
                ", ".join([f"`{_base_url(settled)}`", *_places(spec)]),
            ]
        )


def _settled(spec: Spec) -> Iterator[tuple[Names, Plan]]:
    """The defaults, and the options of every test, where they are allowed and enough."""
    for test in [{}, *spec.document.value["tests"]]:
        options = {name: value for name, value in (test.get("options") or {}).items() if name != "api_key"}
        try:
            _, names, plan = spec.resolve(options, "key", environ={})
        except ValueError:
            continue
        yield names, plan


def _transports(plans: Sequence[Plan]) -> Iterator[str]:
    if any(plan.stream for plan in plans):
        yield "WebSocket"
    exchanges = [plan.recognize for plan in plans if plan.recognize]
    requests = [exchange.request for exchange in exchanges if exchange.request]
    requests += [step.request for exchange in exchanges for step in exchange.steps if step.request]
    if any(request.until is None for request in requests):
        yield "HTTP"
    if any(request.until is not None for request in requests):
        yield "poll"


def _language(spec: Spec) -> str:
    names = [*language_option(spec, "en")] or [name for name in spec.options.options if "language" in name]
    options = [spec.options.options[name] for name in names]
    return _listed([f"`{option.name}`" + (", several" * ("array" in option.types)) for option in options])


def _transcripts(plan: Plan) -> Iterator[TranscriptPlan]:
    if plan.recognize:
        yield plan.recognize.transcript
    for section in (plan.stream.rules, plan.stream.on_close) if plan.stream else ():
        yield from (rule.transcript for rule in section.walk() if rule.emit)


def _diarization(spec: Spec) -> str:
    found = [transcript for plan in spec.plans for transcript in _transcripts(plan)]
    if not any(transcript.speaker or (transcript.words and transcript.words.speaker) for transcript in found):
        return _DASH
    return _listed([f"`{name}`" for name in spec.options.options if _DIARIZATION.search(name)], "yes")


def _word_times(spec: Spec, settled: Sequence[tuple[Names, Plan]]) -> str:
    found = [derive_capabilities(plan, spec.options, names).aligned_transcript for names, plan in settled]
    if "word" in found:
        return "words" if found[0] == "word" else "words, with an option"
    # livekit's capability is about streams: recordings may have the times of segments all the same.
    transcripts = [transcript for plan in spec.plans for transcript in _transcripts(plan)]
    timed = any(transcript.words and transcript.words.start for transcript in transcripts)
    return "segments" if timed or "chunk" in found else _DASH


def _keyterms(spec: Spec) -> Iterator[str]:
    for name, option in spec.options.options.items():
        if option.role == "keyterms":
            yield f"**`{name}`**"
        elif _KEYTERMS.search(name):
            yield f"`{name}`"


def _base_url(settled: Sequence[tuple[Names, Plan]]) -> Any:
    names, plan = settled[0]
    return plan.base_url.render(names, names.functions)


def _places(spec: Spec) -> list[str]:
    """Options that the address is made of, also by way of `vars`, and those that say where."""
    computed = spec.document.value.get("vars") or {}
    waiting, seen = _NAME.findall(str(spec.document.value["base_url"])), {""}
    while waiting:
        word = waiting.pop()
        if word not in seen:
            seen.add(word)
            waiting += _NAME.findall(str(computed.get(word, "")))
    return [f"`{name}`" for name in spec.options.options if name in seen or _PLACE.search(name)]


def _keys(node: Any) -> Iterator[str]:
    """The keys that a schema allows, each as often as it stands there."""
    for name, value in node.items() if isinstance(node, dict) else ():
        yield from value if name == "properties" else ()
        yield from _keys(value)
    for value in node if isinstance(node, list) else ():
        yield from _keys(value)


def _listed(texts: Iterable[str], nothing: str = _DASH) -> str:
    return ", ".join(texts) or nothing


def _row(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(_DASH if cell is None else str(cell) for cell in cells)} |"


def generate() -> str:
    """The whole page."""
    beside, medians = _beside()
    keys = list(_keys(schema()))
    return Template(_PAGE.read_text("utf-8")).substitute(
        medians,
        beside="\n".join(beside),
        defects="\n".join(_defects()),
        offers="\n".join(_offers()),
        version=version("livekit-plugins-deepgram"),
        size=f"{len(_SCHEMA.read_bytes()) / 1000:.1f}",
        keys=len(set(keys)),
        places=len(keys),
    )


if __name__ == "__main__":
    TARGET.write_text(generate(), encoding="utf-8")
