"""`python -m bench` measures everything and writes docs/benchmarks.md; `--quick` measures a little."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bench.flame import flame_graph
from bench.plot import chart
from bench.report import filled, sections, summary
from bench.results import Results
from bench.suite import FULL, QUICK, environment, run

__all__ = ["main"]

_ROOT = Path(__file__).resolve().parent.parent
_RESULTS = _ROOT / "bench" / "results"
_DOCS = _ROOT / "docs"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="Deepgram, HTTP and latency; shown, not written")
    parser.add_argument("--rounds", type=int, default=0, help="of all sides in turn (5, quick: 2)")
    parser.add_argument(
        "--only", nargs="+", metavar="WORK", help="works whose names begin so; the rest is kept"
    )
    parser.add_argument(
        "--report", action="store_true", help="measure nothing: write the page of the last results"
    )
    return parser.parse_args()


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")


def _write_page(stored: dict[str, Any]) -> None:
    results = Results(stored["records"])
    page = _DOCS / "benchmarks.md"
    page.write_text(filled(page.read_text(), sections(results, stored["environment"])))
    (_DOCS / "benchmarks.svg").write_text(chart(results))
    for record in stored["records"]:
        if record["work"] == "profile" and "result" in record:
            (_DOCS / "flame.svg").write_text(flame_graph(record["result"]["stacks"]))


def main() -> int:
    """Run the command; 1 when something could not be measured."""
    arguments = _arguments()
    rounds = arguments.rounds or (2 if arguments.quick else 5)
    file = _RESULTS / ("quick.json" if arguments.quick else "docs.json")
    if arguments.report:
        _write_page(json.loads(file.read_text()))
        return 0
    works = [
        work
        for work in (QUICK if arguments.quick else FULL)
        if arguments.only is None or work.key.startswith(tuple(arguments.only))
    ]
    stored: dict[str, Any] = {"environment": environment(), "records": list(run(works, rounds, _tell))}
    results = Results(stored["records"])
    if arguments.only and file.exists():
        measured = {work.key for work in works}
        kept = json.loads(file.read_text())["records"]
        stored["records"] += [record for record in kept if record["work"] not in measured]
    file.write_text(json.dumps(stored, separators=(",", ":")) + "\n")
    if not arguments.quick:
        _write_page(stored)
    sys.stdout.write(summary(results) + "\n")
    for failure in results.failures():
        _tell(f"not measured: {failure}")
    return 1 if results.failures() else 0


if __name__ == "__main__":
    sys.exit(main())
