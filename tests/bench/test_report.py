"""Results become the page's tables and pictures; a side that failed is a dash, and says so."""

from __future__ import annotations

import itertools
from typing import Any
from xml.etree import ElementTree

import pytest

from bench.flame import flame_graph
from bench.messages import STAMP, VENDORS, utterance
from bench.plot import chart
from bench.profiling import room_of
from bench.report import filled, sections, summary
from bench.results import Results


def record(work: str, side: str, number: int = 0, **result: Any) -> dict[str, Any]:
    return {"work": work, "side": side, "round": number, "result": result}


RECORDS = [
    *(
        record("streaming.deepgram", "floor", number, cpu=cpu)
        for number, cpu in enumerate([400.0, 500.0, 900.0])
    ),
    *(record("streaming.deepgram", "plugin", number, cpu=cpu) for number, cpu in enumerate([1000.0, 1100.0])),
    *(
        record("streaming.deepgram", "ours", number, cpu=cpu)
        for number, cpu in enumerate([600.0, 600.0, 1800.0])
    ),
    record("scaling.1000", "ours", load=0.8, event={"p50": 90.0, "p99": 1.0}, push={"p99": 1.0}, memory=40.0),
    {"work": "scaling.1000", "side": "plugin", "round": 0, "failed": "only 3 of 4 finals came"},
]


def test_medians_spreads_and_ratios() -> None:
    results = Results(RECORDS)
    assert str(results.spread("streaming.deepgram", "floor", "cpu")) == "500 (400–900)"
    # Each round by itself: 0.6 and 0.545; 1.5, 1.2 and 2.
    assert results.ratio("streaming.deepgram", "plugin", "cpu") == pytest.approx(0.5727, abs=1e-4)
    assert results.ratio("streaming.deepgram", "floor", "cpu") == pytest.approx(1.5)
    assert results.ratio("batch", "plugin", "cpu") is None
    assert results.failures() == ["scaling.1000 plugin: only 3 of 4 finals came"]


def test_the_summary_has_what_was_measured_and_no_more() -> None:
    lines = summary(Results(RECORDS)).splitlines()
    assert len(lines) == 3
    assert lines[2].endswith("| 0.57 | 1.50 |")


def test_the_page_is_filled_between_its_marks_and_again() -> None:
    page = (
        "before\n<!-- results: targets -->\nold\n<!-- end -->\nafter <!-- results: failures -->\n<!-- end -->"
    )
    parts = sections(Results(RECORDS), {"python": "3.11"})
    once = filled(page, parts)
    assert once.startswith("before\n")
    assert "old" not in once
    assert "| streaming CPU, deepgram / official plugin | 0.57 | 0.6 | met |" in once
    assert "| streaming CPU, soniox / official plugin | – | 0.6 | – |" in once
    assert "Not measured: scaling.1000 plugin: only 3 of 4 finals came." in once
    assert filled(once, parts) == once


def test_an_unknown_part_of_the_page_is_an_error() -> None:
    with pytest.raises(KeyError):
        filled("<!-- results: nonsense -->\n<!-- end -->", {})


def test_pictures_are_xml_and_show_what_there_is() -> None:
    bars = ElementTree.fromstring(chart(Results(RECORDS)))
    assert "deepgram" in {element.text for element in bars.iter()}
    loop = "/asyncio/events.py:_run"
    flames = flame_graph(
        [([loop, "/specbuilder/protocol/session.py:<lambda>"], 3), ([loop, "/y.py:rare"], 1)]
    )
    titles = [
        element.text for element in ElementTree.fromstring(flames).iter() if element.tag.endswith("title")
    ]
    assert titles == [
        "asyncio/events.py:_run 100.0%",
        "protocol/session.py:<lambda> 75.0%",
        "/y.py:rare 25.0%",
    ]


@pytest.mark.parametrize(
    ("file", "room"),
    [
        ("/a/specbuilder/protocol/turn.py:end", "specbuilder: protocol"),
        ("/a/livekit/agents/stt/stt.py:push_frame", "livekit: base class, channels, tee, events"),
        ("/a/asyncio/selector_events.py:write", "asyncio: sockets (system calls)"),
        ("/a/json/decoder.py:decode", "Python's library"),
        ("<build>:build", "specbuilder: generated code"),
    ],
)
def test_a_file_has_its_room(file: str, room: str) -> None:
    assert room_of(file) == room


@pytest.mark.parametrize("vendor", VENDORS)
def test_no_message_is_like_the_one_before(vendor: str) -> None:
    messages = utterance(vendor)
    assert len(messages) == 30
    assert all(one != other for one, other in itertools.pairwise(messages))


def test_stamps_are_deepgrams_only() -> None:
    assert all(message.count(STAMP) == 1 for message in utterance("deepgram", stamped=True))
    with pytest.raises(ValueError, match="soniox"):
        utterance("soniox", stamped=True)
