"""Secret options: given by argument, kept through later changes, shown nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from specbuilder import load_adapter

SPEC: dict[str, Any] = {
    "spec": 1,
    "name": "vendor",
    "base_url": "https://vendor.test",
    "options": {
        "token": {"type": "string", "secret": True, "pattern": "^t-"},
        "account": {"type": "object", "secret": True},
        "model": "small",
    },
    "recognize": {
        "post": "/",
        "headers": {"X-Token": "{{ token }}", "X-Account": "{{ account.id }}"},
        "body": "{{ audio.wav }}",
        "transcript": {"text": "text"},
    },
}


def test_secret_options_are_taken_and_survive_other_changes() -> None:
    stt = load_adapter(SPEC, token="t-1234567", account={"id": "a-7654321"})
    stt.update_options(model="large")
    assert "t-1234567" not in repr(stt.given())
    assert "a-7654321" not in repr(stt.given())
    assert stt.redact("sent t-1234567 of a-7654321") == "sent *** of ***"


def test_a_bad_secret_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match=r"option token: the value does not match \^t-") as caught:
        load_adapter(SPEC, token="wrong-1234567")
    assert "1234567" not in str(caught.value)
