"""The chart of docs/benchmarks.md as SVG: CPU by vendor and side, and load by number of streams."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from bench.messages import VENDORS
from bench.results import Results
from bench.sides import SIDES
from bench.suite import SCALES

__all__ = ["chart"]

_COLOURS = {"floor": "#9aa5b1", "plugin": "#d9822b", "ours": "#2b7bd9"}
_LABELS = {"floor": "bare loop", "plugin": "official plugin", "ours": "ours"}
_WIDTH, _HEIGHT, _TOP, _LEFT = 460, 240, 50, 60


def _text(x: float, y: float, text: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _axis(left: float, top: float, highest: float, unit: str) -> list[str]:
    parts = []
    for step in range(5):
        y = top + _HEIGHT * (1 - step / 4)
        parts.append(f'<line x1="{left}" x2="{left + _WIDTH}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(_text(left - 6, y + 4, f"{highest * step / 4:,.0f}{unit}", "end"))
    return parts


def _bars(results: Results, left: float) -> list[str]:
    values = {
        (vendor, side): spread
        for vendor in VENDORS
        for side in SIDES
        if (spread := results.spread(f"streaming.{vendor}", side, "cpu")) is not None
    }
    highest = max((spread.high for spread in values.values()), default=1.0) * 1.05
    parts = [_text(left + _WIDTH / 2, 20, "CPU, µs per second of audio"), *_axis(left, _TOP, highest, "")]
    slot = _WIDTH / len(VENDORS)
    for at, vendor in enumerate(VENDORS):
        for number, side in enumerate(SIDES):
            spread = values.get((vendor, side))
            if spread is None:
                continue
            x = left + at * slot + 12 + number * (slot - 24) / 3
            height = _HEIGHT * spread.median / highest
            middle = x + (slot - 24) / 6
            low, high = (_TOP + _HEIGHT * (1 - value / highest) for value in (spread.low, spread.high))
            parts.append(
                f'<rect x="{x:.1f}" y="{_TOP + _HEIGHT - height:.1f}" width="{(slot - 24) / 3 - 2:.1f}" '
                f'height="{height:.1f}" fill="{_COLOURS[side]}"/>'
                f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{low:.1f}" y2="{high:.1f}" stroke="#333"/>'
            )
        parts.append(_text(left + (at + 0.5) * slot, _TOP + _HEIGHT + 18, vendor))
    return parts


def _lines(results: Results, left: float) -> list[str]:
    def x_of(at: int) -> float:
        return left + 20 + at * (_WIDTH - 40) / (len(SCALES) - 1)

    parts = [_text(left + _WIDTH / 2, 20, "Load of one core by number of streams (Deepgram)")]
    parts += _axis(left, _TOP, 100, "%")
    for side in SIDES:
        points = []
        for at, streams in enumerate(SCALES):
            spread = results.spread(f"scaling.{streams}", side, "load")
            if spread is not None:
                points.append((x_of(at), _TOP + _HEIGHT * (1 - min(1.0, spread.median))))
        parts += _line(points, _COLOURS[side])
    parts += [_text(x_of(at), _TOP + _HEIGHT + 18, f"{streams:,}") for at, streams in enumerate(SCALES)]
    return parts


def _line(points: Sequence[tuple[float, float]], colour: str) -> list[str]:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>' for x, y in points]
    return [f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>', *dots]


def chart(results: Results) -> str:
    """The SVG's text."""
    width, height = 2 * (_WIDTH + _LEFT) + 40, _HEIGHT + _TOP + 60
    parts = _bars(results, _LEFT) + _lines(results, 2 * _LEFT + _WIDTH + 10)
    for at, side in enumerate(SIDES):
        x, y = _LEFT + at * 140, height - 16
        parts.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{_COLOURS[side]}"/>')
        parts.append(_text(x + 18, y, _LABELS[side], "start"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )
