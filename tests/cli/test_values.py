from __future__ import annotations

from typing import Any

import pytest

from specbuilder.cli.output import CommandError
from specbuilder.cli.values import parse_options
from specbuilder.protocol.options import Option, OptionSet

OPTIONS = OptionSet(
    "demo",
    {
        option.name: option
        for option in (
            Option("text", {"type": "string"}),
            Option("anything", {}),
            Option("flag", {"type": "boolean"}),
            Option("count", {"type": "integer", "minimum": 0}),
            Option("share", {"type": "number"}),
            Option("words", {"type": "array"}),
            Option("numbers", {"type": "array", "items": {"type": "integer"}}),
            Option("table", {"type": "object"}),
            Option("either", {"type": ["string", "array"]}),
            Option("mixed", {"type": ["boolean", "integer"]}),
            Option("token", {"type": "string"}, secret=True, env="TOKEN"),
        )
    },
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("text=0042", "0042"),
        ("text=true", "true"),
        ("text=a=b", "a=b"),
        ("text=", ""),
        ("text=[1]", "[1]"),
        ("anything=7", "7"),
        ("flag=true", True),
        ("flag=False", False),
        ("count=3", 3),
        ("share=0.5", 0.5),
        ("share=2", 2.0),
        ("words=a, b", ["a", "b"]),
        ('words=["a,b"]', ["a,b"]),
        ("words=", []),
        ("numbers=1,2", [1, 2]),
        ('table={"a": [1]}', {"a": [1]}),
        ("either=a,b", "a,b"),
        ('either=["a","b"]', ["a", "b"]),
        ("either=[a", "[a"),
        ("mixed=true", True),
        ("mixed=3", 3),
    ],
)
def test_text_becomes_a_value_by_the_options_type(text: str, value: Any) -> None:
    found = parse_options([text], OPTIONS)[text.partition("=")[0]]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("flag", "name=value"),
        ("flg=true", "did you mean 'flag'?"),
        ("flag=yes", "--option flag=yes: expected true or false"),
        ("count=3.5", "expected a whole number"),
        ("count=-1", "option count: -1 is less than 0"),
        ("numbers=1,b", "expected a list"),
        ("table=[1]", "expected a JSON object"),
        ("mixed=x", "expected true or false or a whole number"),
        ("token=hush", "set TOKEN instead"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(CommandError) as refused:
        parse_options([text], OPTIONS)
    assert said in refused.value.message
    assert refused.value.exit_code == 2
    assert "hush" not in refused.value.message


def test_of_two_values_the_later_holds() -> None:
    assert parse_options(["count=1", "flag=true", "count=2"], OPTIONS) == {"count": 2, "flag": True}
