"""Duration texts."""

from __future__ import annotations

import pytest

from specbuilder.language.durations import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("50ms", 0.05),
        ("1.5s", 1.5),
        ("10m", 600.0),
        ("1h", 3600.0),
        (" 20 s ", 20.0),
        ("-120ms", -0.12),
        ("5e-05s", 0.00005),
        (".5s", 0.5),
        ("0", 0.0),
        (0, 0.0),
    ],
)
def test_read(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "5", 5, 1.5, "ms", "5 days", "1d", "5ms5", "nans", "infs", "٣s", "9" * 400 + "s", True, None, []],
)
def test_refused_with_a_way_out(text: object) -> None:
    with pytest.raises(ValueError, match="write a number and a unit") as caught:
        parse_duration(text)
    assert len(str(caught.value)) < 160
