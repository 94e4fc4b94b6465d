"""The check of the whole run for keys finds what it is to find."""

from __future__ import annotations

import logging
import sys

import pytest

from tests.support.taint import KEYS, Taint, forms_of


@pytest.mark.parametrize("key", KEYS)
def test_a_key_is_found_in_every_form(key: str) -> None:
    for form in forms_of(key):
        taint = Taint()
        taint.look("here", f"x{form}y")
        assert list(taint.found) == ["here"]


def test_a_key_is_found_in_a_message_its_arguments_and_the_chain_of_an_exception() -> None:
    for message, args in ((f"key {KEYS[0]}", ()), ("key %s", (KEYS[0],)), ("fine", ())):
        taint = Taint()
        try:
            try:
                raise ValueError(KEYS[0])
            except ValueError as error:
                raise RuntimeError("hidden") from error
        except RuntimeError:
            exc_info = sys.exc_info() if message == "fine" else None
        taint.look_at_record(logging.LogRecord("a", 40, "file", 1, message, args, exc_info))
        assert taint.found


def test_a_key_is_found_in_the_extras_of_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    taint = Taint()
    monkeypatch.setattr("tests.support.taint._taint", taint)
    logging.getLogger("tests.taint").warning("fine", extra={"header": {"Authorization": KEYS[1]}})
    assert len(taint.found) == 1


def test_other_texts_are_clean() -> None:
    taint = Taint()
    taint.look_at_record(logging.LogRecord("a", 40, "file", 1, "key %d", ("no number",), None))
    assert taint.looked == 1
    assert not taint.found
