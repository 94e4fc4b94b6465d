"""Results as the tables of docs/benchmarks.md."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from bench.messages import VENDORS
from bench.profiling import room_of
from bench.results import Results
from bench.sides import SIDES
from bench.suite import SCALES

__all__ = ["filled", "sections", "summary"]

_NAMES = {"floor": "bare loop", "plugin": "official plugin", "ours": "ours"}


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:" for _ in head[1:]]], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _ratio(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _compared(results: Results, rows: Sequence[tuple[str, str, tuple[str, ...]]]) -> str:
    """Rows of (label, work, path) with all sides and ratios."""
    body = []
    for label, work, path in rows:
        cells = [results.spread(work, name, *path) for name in SIDES]
        if not any(cells):
            continue
        ratios = [_ratio(results.ratio(work, name, *path)) for name in ("plugin", "floor")]
        body.append([label, *("–" if cell is None else str(cell) for cell in cells), *ratios])
    return _table(["", *_NAMES.values(), "ours / plugin", "ours / bare"], body)


def summary(results: Results) -> str:
    """What `make bench-quick` shows."""
    return _compared(
        results,
        [
            *((f"{vendor}, CPU µs per audio second", f"streaming.{vendor}", ("cpu",)) for vendor in VENDORS),
            ("openai HTTP, CPU µs per request", "batch", ("cpu",)),
            ("message to event, µs, p50", "latency", ("event", "p50")),
            ("message to event, µs, p99", "latency", ("event", "p99")),
        ],
    )


_LABELS = {"interims": "openai, every interim"}
"""Of works that are not called by their vendor."""

# --- the sections of the page -----------------------------------------------------------------------------


def _targets(results: Results) -> str:
    def median(work: str, side: str, *path: str) -> float | None:
        spread = results.spread(work, side, *path)
        return None if spread is None else spread.median

    streams = [
        (f"streaming CPU{label}, {_LABELS.get(vendor, vendor)}", f"{work}.{vendor}")
        for work, label in (("streaming", ""), ("busy", ", core busy"))
        for vendor in (*VENDORS, "interims")
    ]
    rows: list[tuple[str, float | None, float, str]] = [
        *(
            (f"{label} / official plugin", results.ratio(work, "plugin", "cpu"), 0.60, "")
            for label, work in streams
        ),
        *((f"{label} / bare loop", results.ratio(work, "floor", "cpu"), 1.8, "") for label, work in streams),
        ("HTTP CPU / official plugin", results.ratio("batch", "plugin", "cpu"), 0.30, ""),
        ("message to event, p50, 100 streams", median("scaling.100", "ours", "event", "p50"), 200, " µs"),
        ("message to event, p99, 100 streams", median("scaling.100", "ours", "event", "p99"), 2000, " µs"),
        ("1,000 streams: load of one core", median("scaling.1000", "ours", "load"), 1.0, ""),
        (
            "1,000 streams: message to event, p50",
            median("scaling.1000", "ours", "event", "p50"),
            100_000,
            " µs",
        ),
        ("memory per idle stream / official plugin", results.ratio("memory", "plugin", "memory"), 1.0, ""),
        ("load_adapter of the largest spec, warm", median("load", "ours", "warm"), 25, " ms"),
        ("import beyond livekit.agents", median("start", "ours", "import"), 150, " ms"),
    ]
    body = [
        [
            label,
            "–" if value is None else f"{value:,.2f}{unit}",
            f"{target:,g}{unit}",
            "–" if value is None else "met" if value <= target else "**missed**",
        ]
        for label, value, target, unit in rows
    ]
    return _table(["", "measured", "at most", ""], body)


def _streaming(results: Results) -> str:
    works = [(_LABELS.get(name, name), name) for name in (*VENDORS, "interims")]
    vendors = [(label, f"streaming.{name}", ("cpu",)) for label, name in works]
    busy = [(f"{label}, core busy", f"busy.{name}", ("cpu",)) for label, name in works]
    busy.append(("deepgram, core busy, words read", "busy.words", ("cpu",)))
    text = _compared(results, [*vendors, *busy, ("openai HTTP, per request", "batch", ("cpu",))])
    clocks = [results.spread(f"{work}.clock", "clock", "cpu") for work in ("streaming", "busy")]
    if not all(clocks):
        return text
    return (
        f"{text}\n\nOf each streaming number, {clocks[0]} µs are the bench's own clock; busy, {clocks[1]} µs."
    )


def _latency(results: Results) -> str:
    shares = ("p50", "p99", "p99.9")
    return _compared(
        results,
        [
            *((f"message to event, {share}", "latency", ("event", share)) for share in shares),
            *((f"push_frame to the vendor, {share}", "wire", ("wire", share)) for share in shares),
            *(
                (f"stream() to first audio at the vendor, {share}", "connect", ("connect", share))
                for share in shares[:2]
            ),
        ],
    )


def _starting(results: Results) -> str:
    specs = sorted(
        {
            record["result"]["spec"]
            for record in results.records
            if record["work"] == "load" and record["side"] == "ours" and "result" in record
        }
    )
    return _compared(
        results,
        [
            ("import beyond livekit.agents, ms", "start", ("import",)),
            (f"making the first STT ({', '.join(specs)}), ms", "load", ("cold",)),
            ("making another, ms", "load", ("warm",)),
            ("memory per idle stream, KiB", "memory", ("memory",)),
        ],
    )


def _scaling(results: Results) -> str:
    body = []
    for streams in SCALES:
        for name in SIDES:
            work = f"scaling.{streams}"
            load = results.spread(work, name, "load")
            if load is None:
                continue
            paths = (("event", "p50"), ("event", "p99"), ("push", "p99"))
            late = [results.spread(work, name, *path) for path in paths]
            memory = results.spread(work, name, "memory")
            body.append(
                [
                    f"{streams:,} {_NAMES[name]}",
                    f"{load.median:.1%} ({load.low:.1%}–{load.high:.1%})",
                    *("–" if cell is None else f"{cell.median / 1e3:,.2f}" for cell in late),
                    "–" if memory is None else f"{memory.median:,.0f}",
                ]
            )
    head = [
        "streams",
        "load of one core",
        "message to event p50, ms",
        "p99, ms",
        "frames pushed late p99, ms",
    ]
    return _table([*head, "memory, KiB each"], body)


def _quiet(results: Results) -> str:
    """How far the numbers can be believed."""
    waits = [
        record["result"]["waited"]
        for record in results.records
        if "waited" in record.get("result", {}) and record["side"] != "clock"
    ]
    if not waits:
        return ""
    return (
        f" While streams were measured, the process waited for a core {statistics.median(waits):.1%} of the"
        f" time (median), {max(waits):.1%} at worst: above a few percent the machine was not quiet."
    )


def _base(results: Results) -> str:
    frame, event = results.spread("base", "", "frame"), results.spread("base", "", "event")
    if frame is None or event is None:
        return ""
    second = 20 * frame.median + 10 * event.median
    return (
        f"A frame through `push_frame` and the input channel costs {frame} µs, an event through the event\n"
        f"channel, the tee, the metrics task and the reader {event} µs. At twenty frames and ten events a\n"
        f"second that is {second:,.0f} µs per audio second on a warm processor, in every plugin."
    )


def _profile(results: Results) -> str:
    found = [
        record["result"] for record in results.records if record["work"] == "profile" and "result" in record
    ]
    if not found:
        return ""
    cpu = results.spread("streaming.deepgram", "ours", "cpu")
    rooms: Counter[str] = Counter()
    places: Counter[str] = Counter()
    for stack, count in found[-1]["stacks"]:
        rooms[room_of(stack[-1])] += count
        places["/".join(stack[-1].split("/")[-2:])] += count
    total = found[-1]["samples"]

    def share(count: int) -> list[str]:
        return [f"{count / total:.1%}", "–" if cpu is None else f"{cpu.median * count / total:,.0f}"]

    text = _table(
        ["room", "share", "µs per audio second"], ([name, *share(n)] for name, n in rooms.most_common())
    )
    top = _table(
        ["function, without what it calls", "share", "µs per audio second"],
        ([f"`{name}`", *share(n)] for name, n in places.most_common(15)),
    )
    return f"{total:,} samples.\n\n{text}\n\n{top}"


def sections(results: Results, environment: dict[str, str]) -> dict[str, str]:
    """The generated parts of the page by name."""
    failures = results.failures()
    return {
        "environment": ", ".join(f"{name} {value}" for name, value in environment.items())
        + "."
        + _quiet(results),
        "targets": _targets(results),
        "streaming": _streaming(results),
        "latency": _latency(results),
        "starting": _starting(results),
        "scaling": _scaling(results),
        "base": _base(results),
        "profile": _profile(results),
        "failures": "Not measured: " + "; ".join(failures) + "." if failures else "",
    }


def filled(page: str, parts: dict[str, Any]) -> str:
    """The page with its generated parts replaced.

    Raises:
        KeyError: the page asks for a part that there is not.
    """
    mark = re.compile(r"<!-- results: (\w+) -->\n.*?<!-- end -->", re.DOTALL)

    def part(match: re.Match[str]) -> str:
        return f"<!-- results: {match[1]} -->\n{parts[match[1]]}\n<!-- end -->"

    return mark.sub(part, page)
