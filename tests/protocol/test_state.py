"""State types: what a spec's `state` variables hold between messages."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specbuilder.protocol import limits
from specbuilder.protocol.registry import register_state
from specbuilder.protocol.state import STATES, Keyed, StateOverflow, StateTypeError, state_type


class Variable:
    """A state variable, as a connection would keep it."""

    def __init__(self, name: str, join: str = "") -> None:
        self.type = state_type(name, join)
        self.current = self.type.initial()

    def set(self, value: Any) -> Any:
        self.current = self.type.set(self.current, value)
        return self.value

    def add(self, value: Any) -> Any:
        self.current = self.type.add(self.current, value)
        return self.value

    def clear(self) -> Any:
        self.current = self.type.clear(self.current)
        return self.value

    @property
    def value(self) -> Any:
        return self.type.value(self.current)


class TestPlainTypes:
    @pytest.mark.parametrize(
        ("name", "initial"),
        [
            ("text", ""),
            ("list", []),
            ("number", 0),
            ("flag", False),
            ("value", None),
            ("segments", ""),
            ("growing_text", ""),
        ],
    )
    def test_initial_and_null(self, name: str, initial: Any) -> None:
        variable = Variable(name)
        assert variable.value == initial
        assert variable.clear() == initial
        if variable.type.addable:
            assert variable.add(None) == initial
        assert variable.set(None) == initial

    def test_text(self) -> None:
        text = Variable("text")
        text.add("hel")
        assert text.add("lo") == "hello"
        assert text.add(None) == "hello"
        assert text.set("x") == "x"
        assert text.set(None) == ""
        text.add("y")
        assert text.clear() == ""

    def test_list(self) -> None:
        items = Variable("list")
        items.add(1)
        items.add({"a": 1})
        assert items.add([2, [3]]) == [1, {"a": 1}, 2, [3]]
        assert items.add([]) == items.add(None) == [1, {"a": 1}, 2, [3]]
        assert items.set([4]) == [4]
        assert items.set(5) == [5]
        assert items.clear() == []

    def test_number(self) -> None:
        number = Variable("number")
        number.add(2)
        assert number.add(0.5) == 2.5
        assert number.set(7) == 7
        assert number.add(-7) == 0

    @pytest.mark.parametrize(
        ("value", "flag"),
        [
            (True, True),
            (False, False),
            (None, False),
            (0, True),
            ("", False),
            ("x", True),
            ([], False),
            ({}, False),
        ],
    )
    def test_flag_has_jmespaths_truth(self, value: Any, flag: bool) -> None:
        assert Variable("flag").set(value) is flag

    def test_value(self) -> None:
        value = Variable("value")
        assert value.set({"a": [1]}) == {"a": [1]}
        assert value.clear() is None

    @pytest.mark.parametrize("name", ["flag", "value"])
    def test_nothing_can_be_added_to_some(self, name: str) -> None:
        variable = Variable(name)
        assert not variable.type.addable
        with pytest.raises(StateTypeError):
            variable.add(True)

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("text", 5, "needs text, got a number"),
            ("text", ["x"], "needs text, got a list"),
            ("number", "5", "needs a number, got text"),
            ("number", True, "needs a number, got true or false"),
            ("growing_text", {}, "needs text, got a mapping"),
            ("segments", "x", "needs rows that are mappings, got text"),
            ("segments", {"text": "x"}, "needs a number as the id of a row, got null"),
            ("segments", {"id": "1"}, "needs a number as the id of a row, got text"),
            ("segments", {"id": float("nan")}, "needs a number as the id"),
            ("segments", {"id": 1, "text": 2}, "needs text in a row"),
            ("segments", {"id": 1, "words": [None]}, "needs a list of texts as the words"),
            ("segments", {"id": 1, "replaces": [1]}, r"needs \[from, to\] as what a row replaces"),
            ("segments", {"id": 1, "replaces": [1, None]}, "needs numbers as what a row replaces"),
        ],
    )
    def test_a_wrong_type_changes_nothing(self, name: str, value: Any, message: str) -> None:
        variable = Variable(name)
        before = variable.current
        with pytest.raises(StateTypeError, match=message):
            variable.add(value)
        assert variable.current == before

    def test_what_was_read_never_changes(self) -> None:
        items = Variable("list")
        read = items.add(1)
        given_list = [5]
        items.set(given_list)
        items.add(2)
        assert read == [1]
        assert given_list == [5]

    def test_an_unknown_type(self) -> None:
        with pytest.raises(ValueError, match=r"unknown state type 'segment'.*did you mean 'segments'"):
            state_type("segment")


class TestBounds:
    def test_text(self) -> None:
        text = Variable("text")
        text.set("x" * limits.MAX_TEXT)
        with pytest.raises(StateOverflow):
            text.add("y")
        assert len(text.value) == limits.MAX_TEXT
        with pytest.raises(StateOverflow):
            Variable("text").set("x" * (limits.MAX_TEXT + 1))
        with pytest.raises(StateOverflow):
            Variable("growing_text").add("x" * (limits.MAX_TEXT + 1))

    def test_list(self) -> None:
        items = Variable("list")
        items.set([0] * limits.MAX_ITEMS)
        with pytest.raises(StateOverflow):
            items.add(1)
        assert len(items.value) == limits.MAX_ITEMS

    def test_segments(self) -> None:
        table = Variable("segments")
        with pytest.raises(StateOverflow):
            table.add([{"id": number} for number in range(limits.MAX_ITEMS + 1)])
        half = "x" * (limits.MAX_TEXT // 2)
        table.add([{"id": 1, "text": half}, {"id": 2, "text": half}])
        with pytest.raises(StateOverflow):
            table.add({"id": 3, "text": "y"})


def fireworks_row(id_: int, *words: str) -> dict[str, Any]:
    return {"id": id_, "text": " ".join(words), "words": list(words)}


class TestSegments:
    def test_fireworks(self) -> None:
        """Rows are rewritten, the newest id closes the table, a finished row may still grow."""
        heard = Variable("segments", join=" ")
        assert heard.add([fireworks_row(0, "hello")]) == "hello"
        both = [fireworks_row(0, "hello", "there"), fireworks_row(1, "how")]
        assert heard.add(both) == "hello there how"
        both[1] = fireworks_row(1, "how", "are")
        assert heard.add(both) == "hello there how are"
        assert heard.clear() == ""
        assert heard.add([fireworks_row(1, "how", "are", "you")]) == "you"
        assert heard.add([*both[:1], fireworks_row(1, "how", "are", "you")]) == "you"
        heard.clear()
        assert heard.add([fireworks_row(1, "how", "are", "you")]) == ""
        assert heard.add([{"id": 2, "text": "next one", "words": None}]) == "next one"

    def test_iflytek(self) -> None:
        """`pgs: rpl` with `rg` deletes a range of earlier sentences."""
        heard = Variable("segments")
        assert heard.add({"id": 1, "text": "hallo", "replaces": None}) == "hallo"
        assert heard.add({"id": 2, "text": "hello world", "replaces": [1, 1]}) == "hello world"
        assert heard.add({"id": 3, "text": ", again", "replaces": None}) == "hello world, again"
        assert heard.add({"id": 4, "text": "Hello.", "replaces": [2, 3]}) == "Hello."

    def test_rows_above_the_newest_were_taken_back(self) -> None:
        heard = Variable("segments", join="|")
        heard.add([{"id": 1, "text": "a"}, {"id": 2, "text": "b"}])
        assert heard.add({"id": 1, "text": "ab"}) == "ab"

    def test_texts_come_in_the_order_of_their_ids(self) -> None:
        heard = Variable("segments", join=" ")
        assert (
            heard.add([{"id": 10, "text": "c"}, {"id": 2, "text": "b"}, {"id": 0.5, "text": "a"}]) == "a b c"
        )

    def test_rows_without_text_leave_no_gap(self) -> None:
        heard = Variable("segments", join=" ")
        assert (
            heard.add([{"id": 1, "text": "a"}, {"id": 2, "text": None}, {"id": 3, "text": "c"}, None])
            == "a c"
        )

    def test_a_finished_row_without_words_does_not_come_again(self) -> None:
        heard = Variable("segments")
        heard.add({"id": 0, "text": "one"})
        heard.clear()
        assert heard.add([{"id": 0, "text": "one more"}, {"id": 1, "text": "two"}]) == "two"

    def test_a_finished_row_that_shrinks_is_dropped(self) -> None:
        heard = Variable("segments", join=" ")
        heard.add(fireworks_row(0, "a"))
        heard.clear()
        assert heard.add(fireworks_row(0, "a", "b")) == "b"
        assert heard.add(fireworks_row(0, "a")) == ""

    def test_clearing_an_empty_table_finishes_nothing(self) -> None:
        heard = Variable("segments")
        heard.clear()
        heard.add({"id": 3, "text": "x"})
        heard.clear()
        heard.clear()
        assert heard.add({"id": 3, "text": "x"}) == ""
        assert heard.add({"id": 4, "text": "y"}) == "y"

    def test_set_starts_anew(self) -> None:
        heard = Variable("segments")
        heard.add({"id": 3, "text": "x"})
        heard.clear()
        assert heard.set({"id": 0, "text": "y"}) == "y"

    @given(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), max_size=8))
    def test_whatever_grows_is_said_once(self, rows: list[list[str]]) -> None:
        """Each message repeats all rows so far; finishing after any message never repeats or loses a word."""
        heard = Variable("segments", join=" ")
        said: list[str] = []
        for count in range(1, len(rows) + 1):
            said += heard.add([fireworks_row(id_, *rows[id_]) for id_ in range(count)]).split()
            heard.clear()
        assert said == [word for row in rows for word in row]


class TestGrowingText:
    def test_the_value_is_what_follows_the_finished_part(self) -> None:
        heard = Variable("growing_text")
        assert heard.add(" Hello") == "Hello"
        assert heard.add(" Hello world.") == "Hello world."
        assert heard.clear() == ""
        assert heard.add(" Hello world.") == ""
        assert heard.add(" Hello world. This is") == "This is"
        heard.clear()
        assert heard.add(" Hello world. This is a test.") == "a test."

    def test_a_finished_part_that_is_rewritten_is_not_said_again(self) -> None:
        heard = Variable("growing_text")
        heard.add("hello world")
        heard.clear()
        assert heard.add("Hello, world! This") == "This"
        assert heard.add("Hello, world! This is") == "This is"
        heard.clear()
        assert heard.add("Hello, world! This is it") == "it"

    def test_punctuation_behind_the_finished_part_is_no_text(self) -> None:
        heard = Variable("growing_text")
        heard.add("Hello world")
        heard.clear()
        assert heard.add("Hello world.") == ""
        assert heard.add("Hello world. Next") == "Next"
        heard = Variable("growing_text")
        heard.add("你好")
        heard.clear()
        assert heard.add("你好，世界") == "世界"

    def test_a_changed_mind_repeats_whole_words_and_loses_none(self) -> None:
        heard = Variable("growing_text")
        heard.add("I like the red car")
        heard.clear()
        assert heard.add("I like the read car and") == "read car and"

    def test_a_vendor_that_begins_anew(self) -> None:
        heard = Variable("growing_text")
        heard.add("the first utterance was long")
        heard.clear()
        assert heard.add("the second") == "the second"
        assert heard.add("the second one") == "the second one"

    def test_an_empty_text_forgets_the_finished_part(self) -> None:
        heard = Variable("growing_text")
        heard.add("yes")
        heard.clear()
        assert heard.add("") == ""
        assert heard.add("yes") == "yes"

    def test_a_text_that_is_shorter_for_a_moment(self) -> None:
        heard = Variable("growing_text")
        heard.add("one two three four")
        heard.clear()
        assert heard.add("one two three") == ""
        assert heard.clear() == ""
        assert heard.add("one two three four five") == "five"

    @given(st.lists(st.tuples(st.text("ab ,.é你", max_size=6), st.booleans()), max_size=12))
    def test_what_only_grows_is_said_once(self, steps: list[tuple[str, bool]]) -> None:
        """Finals and rest together are the letters of the whole text, each once."""
        heard = Variable("growing_text")
        whole = said = text = ""
        for piece, final in steps:
            whole += piece
            text = heard.add(whole)
            if final:
                said += text
                text = heard.clear()
        assert letters(said + text) == letters(whole)


def letters(text: str) -> list[str]:
    return [character for character in text if character.isalnum()]


class TestKeyed:
    def test_each_key_has_its_own_state(self) -> None:
        keyed = Keyed(state_type("text"))
        for key, piece in (("a", "x"), ("b", "y"), ("a", "z"), (None, "n")):
            keyed.store(key, keyed.type.add(keyed.current(key), piece))
        assert (keyed.current("a"), keyed.current("b"), keyed.current(None), keyed.current("c")) == (
            "xz",
            "y",
            "n",
            "",
        )
        assert keyed.newest is None
        keyed.store("b", "")
        assert keyed.newest == "b"
        assert len(keyed) == 3

    def test_only_the_newest_are_kept(self) -> None:
        keyed = Keyed(state_type("number"))
        keyed.store("first", 1)
        keyed.store("second", 2)
        for key in range(126):
            keyed.store(key, key)
        keyed.store("first", 3)
        keyed.store("last", 4)
        assert len(keyed) == 128
        assert keyed.current("first") == 3
        assert keyed.current("second") == 0

    @pytest.mark.parametrize("key", [[1], {"a": 1}])
    def test_a_key_is_no_list_or_mapping(self, key: Any) -> None:
        keyed = Keyed(state_type("text"))
        with pytest.raises(StateTypeError):
            keyed.current(key)
        with pytest.raises(StateTypeError):
            keyed.store(key, "")


class TestRegister:
    def test_a_users_own_type(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(STATES, "_added", {})

        class Longest(type(state_type("text"))):  # type: ignore[misc]
            def _sum(self, current: str, value: str) -> str:
                return max(current, value, key=len)

        def make(join: str) -> Any:
            return Longest()

        register_state("longest", make)
        register_state("longest", make)
        longest = Variable("longest")
        longest.add("aaa")
        assert longest.add("bb") == "aaa"
        with pytest.raises(ValueError, match="registered as 'longest' already"):
            register_state("longest", lambda join: Longest())

    @pytest.mark.parametrize("name", ["text", "segments"])
    def test_ours_cannot_be_replaced(self, name: str) -> None:
        with pytest.raises(ValueError, match="built in"):
            register_state(name, lambda join: state_type("text"))
        assert STATES.is_builtin(name)

    @pytest.mark.parametrize("name", ["", "My type", "../x", "1st", "a" * 3 + "-b"])
    def test_names_are_plain(self, name: str) -> None:
        with pytest.raises(ValueError, match="lower case"):
            register_state(name, lambda join: state_type("text"))
