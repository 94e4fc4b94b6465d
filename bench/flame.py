"""A flame graph as SVG: width is time, a box stands on the function that called it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import cycle

from bench.profiling import ROOMS, room_of

__all__ = ["flame_graph"]

_WIDTH, _ROW = 1200, 16
_SMALLEST = 0.002
"""Share of the time below which a box is left out."""

_CHARACTER = 6.2
"""Pixels of a letter."""

_PALETTE = ["#5fa3e8", "#2b7bd9", "#8fc1f2", "#b9daf9", "#d9822b", "#e8b06b", "#7bb661", "#c9503d"]
_PALETTE += ["#c3c9cf", "#ddcccc", "#4fb0a5", "#eeeeee"]
_COLOURS = dict(
    zip(
        dict.fromkeys(room for _, room in ROOMS),
        cycle(_PALETTE),
        strict=False,
    )
)


@dataclass
class _Box:
    count: int = 0
    inner: dict[str, _Box] = field(default_factory=dict)


def _tree(stacks: Iterable[tuple[Sequence[str], int]]) -> _Box:
    root = _Box()
    for stack, count in stacks:
        root.count += count
        box = root
        for name in stack:
            box = box.inner.setdefault(name, _Box())
            box.count += count
    return root


def _depth(box: _Box, total: int) -> int:
    inner = [_depth(one, total) for one in box.inner.values() if one.count >= total * _SMALLEST]
    return 1 + max(inner, default=0)


def flame_graph(stacks: Iterable[tuple[Sequence[str], int]]) -> str:
    """The SVG's text.

    Arguments:
        stacks: frames from the outermost in ("file:function"), and how often.
    """
    root = _tree(stacks)
    legend = len(_COLOURS) * 18 // 3 + 24
    height = _depth(root, root.count) * _ROW + legend
    parts: list[str] = []

    def draw(box: _Box, left: float, y: float) -> None:
        for name, one in sorted(box.inner.items(), key=lambda item: -item[1].count):
            width = one.count / root.count * _WIDTH
            if one.count >= root.count * _SMALLEST:
                parts.append(_rectangle(name, one.count / root.count, left, y - _ROW, width))
                draw(one, left, y - _ROW)
            left += width

    draw(root, 0.0, float(height - legend))
    for at, (room, colour) in enumerate(_COLOURS.items()):
        x, y = 10 + at % 4 * 300, height - legend + 20 + at // 4 * 18
        parts.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{x + 18}" y="{y}">{escape(room)}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" '
        'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _rectangle(name: str, share: float, x: float, y: float, width: float) -> str:
    function = name.rpartition(":")[2]
    fits = int(width / _CHARACTER)
    label = function if len(function) <= fits else function[: fits - 1] + "…" if fits > 3 else ""
    where = "/".join(name.split("/")[-2:])
    return (
        f"<g><title>{escape(where)} {share:.1%}</title>"
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.5, width - 0.5):.1f}" height="{_ROW - 1}" '
        f'fill="{_COLOURS[room_of(name)]}"/>'
        f'<text x="{x + 3:.1f}" y="{y + 11:.1f}">{escape(label)}</text></g>'
    )
