"""Codecs: between WebSocket frames and messages."""

from __future__ import annotations

import builtins
import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specbuilder.protocol.codecs import CODECS, CodecError, codec
from specbuilder.protocol.registry import register_codec

INT64 = st.integers(-(2**63), 2**63 - 1)
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
SCALARS = st.none() | st.booleans() | INT64 | st.floats(allow_nan=False, allow_infinity=False) | TEXT
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
BINARY = ["msgpack", "aws_eventstream", "volc_v3"]


class TestTable:
    def test_names(self) -> None:
        assert CODECS.names[:6] == ("json", "text", "msgpack", "aws_eventstream", "usp", "volc_v3")

    def test_an_unknown_one_gets_a_hint(self) -> None:
        with pytest.raises(ValueError, match=r"unknown codec 'volc'.*did you mean 'volc_v3'"):
            codec("volc")

    def test_a_users_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(CODECS, "_added", {})

        class Reversed:
            def decode(self, frame: str | bytes) -> Any:
                return frame[::-1]

            def encode(self, message: Any) -> str | bytes:
                return message[::-1]

        mine = Reversed()
        register_codec("reversed", mine)
        assert codec("reversed") is mine
        assert not CODECS.is_builtin("reversed")
        for name, problem in (("json", "built in"), ("reversed", "registered")):
            with pytest.raises(ValueError, match=problem):
                register_codec(name, Reversed())

    @given(frame=st.binary(max_size=80) | TEXT)
    @pytest.mark.parametrize("name", CODECS.names[:6])
    def test_any_frame_is_a_message_or_a_codec_error(self, name: str, frame: str | bytes) -> None:
        problem: BaseException | None = None
        try:
            codec(name).decode(frame)
        except CodecError as error:
            problem = error
        assert problem is None or (str(problem) and problem.__context__ is None)

    @pytest.mark.parametrize("name", BINARY)
    def test_binary_forms_have_no_text_frames(self, name: str) -> None:
        with pytest.raises(CodecError, match="text frame"):
            codec(name).decode("{}")

    @pytest.mark.parametrize("name", ["aws_eventstream", "usp", "volc_v3"])
    @pytest.mark.parametrize("message", ["x", {"body": 1, "header": {}}, {"headers": [1]}, None])
    def test_framed_forms_want_headers_and_body(self, name: str, message: Any) -> None:
        with pytest.raises(CodecError, match="framed message"):
            codec(name).encode(message)


class TestJson:
    @given(TREES)
    def test_round_trip(self, message: Any) -> None:
        frame = codec("json").encode(message)
        assert isinstance(frame, str)
        assert codec("json").decode(frame) == message == codec("json").decode(frame.encode())

    def test_one_line_without_blanks_in_the_order_written(self) -> None:
        assert codec("json").encode({"b": [1, 2.0, None], "a": "Grüße"}) == '{"b":[1,2.0,null],"a":"Grüße"}'

    def test_what_vendors_get_wrong(self) -> None:
        decode = codec("json").decode
        assert decode('{"a": NaN, "b": [-Infinity, 1]}') == {"a": None, "b": [None, 1]}
        assert decode('{"text": "half \\ud83d", "p": 0.5}') == {"text": "half ?", "p": 0.5}
        assert decode('"\\ud83d\\ude00"') == "😀"

    @pytest.mark.parametrize(
        "frame", ["", "{", "hello", b"\xff", "[1,]", "{'a': 1}", "[" * 5000 + "]" * 5000]
    )
    def test_no_json(self, frame: str | bytes) -> None:
        with pytest.raises(CodecError, match=r"not JSON \(\d+ long"):
            codec("json").decode(frame)

    def test_an_error_does_not_quote_the_frame(self) -> None:
        with pytest.raises(CodecError) as caught:
            codec("json").decode('{"token": "sesame"')
        assert "sesame" not in str(caught.value)
        assert caught.value.__context__ is None

    def test_bytes_are_no_json(self) -> None:
        with pytest.raises(CodecError, match="bytes"):
            codec("json").encode({"audio": b"\x00"})


class TestText:
    def test_text_and_binary_alike(self) -> None:
        assert codec("text").decode("hällo") == {"text": "hällo"} == codec("text").decode("hällo".encode())
        with pytest.raises(CodecError, match="UTF-8"):
            codec("text").decode(b"ok\xff")

    @given(TEXT)
    def test_round_trip(self, text: str) -> None:
        assert codec("text").encode(codec("text").decode(text)) == text
        assert codec("text").encode(text) == text

    def test_settings_are_json(self) -> None:
        assert codec("text").encode({"text": 1}) == '{"text":1}'
        assert codec("text").encode([1]) == "[1]"


class TestMsgpack:
    def test_kyutais_frames(self) -> None:
        """moshi-server, its own client: audio in single precision, and the marker."""
        audio, marker = {"type": "Audio", "pcm": [0.0, 0.5]}, {"type": "Marker", "id": 0}
        assert codec("msgpack").encode(audio).hex() == (
            "82a474797065a5417564696fa370636d92ca00000000ca3f000000"
        )
        assert codec("msgpack").encode(marker).hex() == "82a474797065a64d61726b6572a2696400"
        assert codec("msgpack").decode(bytes.fromhex("82a474797065a64d61726b6572a2696400")) == marker

    @given(
        st.recursive(
            st.none()
            | st.booleans()
            | INT64
            | st.floats(width=32, allow_nan=False)
            | TEXT
            | st.binary(max_size=9),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
            max_leaves=12,
        )
    )
    def test_round_trip(self, message: Any) -> None:
        assert codec("msgpack").decode(codec("msgpack").encode(message)) == message

    def test_double_precision_is_read(self) -> None:
        assert codec("msgpack").decode(bytes.fromhex("cb3fb999999999999a")) == 0.1

    def test_extensions_are_refused_and_timestamps_read(self) -> None:
        assert codec("msgpack").decode(bytes.fromhex("d6ff00000005")) == 5.0
        with pytest.raises(CodecError):
            codec("msgpack").decode(bytes.fromhex("d40100"))

    def test_what_has_no_form(self) -> None:
        for message in (object(), 2**70):
            with pytest.raises(CodecError, match="MessagePack"):
                codec("msgpack").encode(message)

    def test_without_the_library(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = builtins.__import__

        def without(name: str, *args: Any, **kwargs: Any) -> Any:
            if name == "msgpack":
                raise ImportError(name)
            return real(name, *args, **kwargs)

        monkeypatch.setattr(builtins, "__import__", without)
        with pytest.raises(CodecError, match=r"pip install 'specbuilder\[msgpack\]'"):
            codec("msgpack").decode(b"\xc0")


AUDIO_EVENT = {
    ":content-type": "application/octet-stream",
    ":event-type": "AudioEvent",
    ":message-type": "event",
}


class TestAwsEventstream:
    def test_an_audio_event(self) -> None:
        """The bytes an independent implementation of the encoding gives and reads."""
        frame = codec("aws_eventstream").encode({"headers": AUDIO_EVENT, "body": bytes.fromhex("01000200")})
        assert frame.hex() == (
            "0000006c000000585c509ce30d3a636f6e74656e742d747970650700186170706c69636174696f6e2f6f637465742d7374726561"
            "6d0b3a6576656e742d7479706507000a417564696f4576656e740d3a6d6573736167652d747970650700056576656e7401000200"
            "69bea37c"
        )

    def test_the_end_is_an_empty_audio_event(self) -> None:
        frame = codec("aws_eventstream").encode({"headers": AUDIO_EVENT})
        assert len(frame) == 104
        assert frame.hex().startswith("0000006800000058a9d03a23")
        assert frame.hex().endswith("5cc64095")

    @given(
        headers=st.dictionaries(
            TEXT.filter(bool),
            st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT | st.binary(max_size=20),
            max_size=5,
        ),
        body=st.binary(max_size=50),
    )
    def test_botocore_reads_what_we_write(self, headers: dict[str, Any], body: bytes) -> None:
        eventstream = pytest.importorskip("botocore.eventstream")
        frame = codec("aws_eventstream").encode({"headers": headers, "body": body})
        buffer = eventstream.EventStreamBuffer()
        buffer.add_data(frame)
        (event,) = buffer
        assert (event.headers, event.payload) == (headers, body)
        decoded = codec("aws_eventstream").decode(frame)
        assert decoded["headers"] == headers
        assert {name: type(value) for name, value in decoded["headers"].items()} == {
            name: type(value) for name, value in headers.items()
        }

    def test_json_bodies_are_json(self) -> None:
        headers = {":message-type": "exception", ":content-type": "application/json"}
        message = {"headers": headers, "body": {"Message": "no"}}
        frame = codec("aws_eventstream").encode(message)
        assert b'{"Message":"no"}' in frame
        assert codec("aws_eventstream").decode(frame) == message
        empty = codec("aws_eventstream").encode({"headers": headers})
        assert codec("aws_eventstream").decode(empty) == {"headers": headers, "body": None}

    def test_every_type_of_header(self) -> None:
        """The types no template can write: byte, short, timestamp and UUID, numbers 2, 3, 8 and 9."""
        block = (
            b"\x01a\x02\xff"
            b"\x01b\x03\x01\x00"
            b"\x01c\x08" + (1700000000000).to_bytes(8, "big") + b"\x01d\x09" + bytes(range(16))
        )
        assert codec("aws_eventstream").decode(event_with(block))["headers"] == {
            "a": -1,
            "b": 256,
            "c": 1700000000000,
            "d": "00010203-0405-0607-0809-0a0b0c0d0e0f",
        }

    @pytest.mark.parametrize(
        "block", [b"\x01a", b"\x05a", b"\x01a\x0a", b"\x01a\x07\x00\x05x", b"\x01\xff\x00"]
    )
    def test_malformed_headers(self, block: bytes) -> None:
        with pytest.raises(CodecError, match="header"):
            codec("aws_eventstream").decode(event_with(block))

    def test_every_bit_is_guarded(self) -> None:
        frame = codec("aws_eventstream").encode({"headers": {"a": "b"}, "body": b"xyz"})
        for place in range(len(frame)):
            spoilt = bytearray(frame)
            spoilt[place] ^= 1
            with pytest.raises(CodecError):
                codec("aws_eventstream").decode(bytes(spoilt))
        with pytest.raises(CodecError, match="lengths"):
            codec("aws_eventstream").decode(frame + frame)

    @pytest.mark.parametrize(
        "headers", [{"": "x"}, {"a" * 256: "x"}, {"a": 2**63}, {"a": 1.5}, {"a": "x" * 2**15}]
    )
    def test_headers_that_do_not_fit(self, headers: dict[str, Any]) -> None:
        with pytest.raises(CodecError, match="header"):
            codec("aws_eventstream").encode({"headers": headers})


def event_with(block: bytes) -> bytes:
    """An event with this header block, written without the codec."""
    prelude = (len(block) + 16).to_bytes(4, "big") + len(block).to_bytes(4, "big")
    event = prelude + zlib.crc32(prelude).to_bytes(4, "big") + block
    return event + zlib.crc32(event).to_bytes(4, "big")


class TestUsp:
    def test_a_text_frame_both_ways(self) -> None:
        """As the Speech SDK opens a turn."""
        frame = (
            "X-Timestamp:2026-11-22T21:31:55.041Z\r\nPath:speech.config\r\nContent-Type:application/json\r\n\r\n"
            '{"context":{"system":{"name":"SpeechSDK"}}}'
        )
        message = {
            "headers": {
                "X-Timestamp": "2026-11-22T21:31:55.041Z",
                "Path": "speech.config",
                "Content-Type": "application/json",
            },
            "body": {"context": {"system": {"name": "SpeechSDK"}}},
        }
        assert codec("usp").decode(frame) == message
        assert codec("usp").encode(message) == frame

    def test_json_with_a_charset_and_any_case(self) -> None:
        frame = "path: speech.phrase\r\ncontent-type: application/json; charset=utf-8\r\n\r\n"
        assert codec("usp").decode(frame + '{"a":1}')["body"] == {"a": 1}
        assert codec("usp").decode(frame) == {
            "headers": {"path": "speech.phrase", "content-type": "application/json; charset=utf-8"},
            "body": None,
        }

    def test_text_that_is_not_json(self) -> None:
        message = {"headers": {"Path": "telemetry"}, "body": "a\r\n\r\nb"}
        assert codec("usp").decode(codec("usp").encode(message)) == message
        assert codec("usp").encode({"headers": {"Path": "x"}}) == "Path:x\r\n\r\n"
        assert codec("usp").encode({"headers": {"Path": "x"}, "body": {"a": 1}}) == 'Path:x\r\n\r\n{"a":1}'

    def test_a_binary_frame_both_ways(self) -> None:
        frame = b"\x00\x1aPath:audio\r\nX-StreamId:1\r\n\x01\x02"
        message = {"headers": {"Path": "audio", "X-StreamId": 1}, "body": b"\x01\x02"}
        assert codec("usp").encode(message) == frame
        assert codec("usp").decode(frame) == {
            "headers": {"Path": "audio", "X-StreamId": "1"},
            "body": b"\x01\x02",
        }

    def test_the_end_is_an_empty_binary_frame(self) -> None:
        frame = codec("usp").encode({"headers": {"Path": "audio"}, "body": b""})
        assert frame == b"\x00\x0cPath:audio\r\n"
        assert codec("usp").decode(frame)["body"] == b""

    @pytest.mark.parametrize(
        "frame",
        ["Path:x", "no colon\r\n\r\n", b"", b"\x00", b"\x00\x05Pa", b"\x00\x02\xff\xff", b"\x00\x01x"],
    )
    def test_not_the_form(self, frame: str | bytes) -> None:
        with pytest.raises(CodecError):
            codec("usp").decode(frame)

    @pytest.mark.parametrize(
        "headers",
        [{"Path": "a\r\nPath:b"}, {"a:b": "c"}, {"a\n": "c"}, {"a": None}, {"a": True}, {"a": ["b"]}],
    )
    def test_no_header_can_be_smuggled_in(self, headers: dict[str, Any]) -> None:
        with pytest.raises(CodecError, match="header"):
            codec("usp").encode({"headers": headers})

    def test_more_headers_than_the_length_can_say(self) -> None:
        with pytest.raises(CodecError, match="65535"):
            codec("usp").encode({"headers": {"a": "x" * 65535}, "body": b""})


class TestVolcV3:
    @pytest.mark.parametrize(
        ("headers", "body", "frame"),
        [
            ({"type": "request", "sequence": 1}, {}, "1111100000000001000000027b7d"),
            ({"type": "audio", "sequence": 2}, b"\x01\x02", "1121000000000002000000020102"),
            ({"type": "audio", "sequence": 3, "last": True}, None, "11230000fffffffd00000000"),
            ({"type": "audio", "last": True}, b"", "1122000000000000"),
        ],
    )
    def test_frames_of_a_client(self, headers: dict[str, Any], body: Any, frame: str) -> None:
        """The bytes of the vendor's own client, without compression."""
        assert codec("volc_v3").encode({"headers": {**headers, "gzip": False}, "body": body}).hex() == frame
        decoded = codec("volc_v3").decode(bytes.fromhex(frame))
        assert decoded["headers"] == {"last": False, **headers}
        assert decoded["body"] == ({} if body == {} else body or b"")

    def test_the_servers_answer(self) -> None:
        payload = gzip.compress(json.dumps({"result": {"text": "hi"}}).encode())
        frame = bytes.fromhex("11931100") + (-7).to_bytes(4, "big", signed=True)
        frame += len(payload).to_bytes(4, "big") + payload
        assert codec("volc_v3").decode(frame) == {
            "headers": {"type": "response", "last": True, "sequence": 7},
            "body": {"result": {"text": "hi"}},
        }

    def test_the_servers_error(self) -> None:
        frame = bytes.fromhex("11f00000") + (45000001).to_bytes(4, "big") + (3).to_bytes(4, "big") + b"bad"
        assert codec("volc_v3").decode(frame) == {
            "headers": {"type": "error", "last": False, "code": 45000001},
            "body": "bad",
        }

    def test_a_frame_that_ends_behind_its_sequence(self) -> None:
        assert codec("volc_v3").decode(bytes.fromhex("11b1000000000005")) == {
            "headers": {"type": "ack", "last": False, "sequence": 5},
            "body": None,
        }

    @given(
        kind=st.sampled_from(["request", "audio", "response", "ack"]),
        sequence=st.none() | st.integers(1, 2**31 - 1),
        event=st.none() | st.integers(-(2**31), 2**31 - 1),
        last=st.booleans(),
        packed=st.booleans(),
        body=st.binary(max_size=40) | st.dictionaries(TEXT, TREES, max_size=3),
    )
    def test_round_trip(self, kind, sequence, event, last, packed, body) -> None:
        headers = {"type": kind, "last": last, "sequence": sequence, "event": event}
        headers = {name: value for name, value in headers.items() if value is not None}
        frame = codec("volc_v3").encode({"headers": {**headers, "gzip": packed}, "body": body})
        assert codec("volc_v3").decode(frame) == {"headers": headers, "body": body}

    def test_a_gzip_bomb_is_refused(self) -> None:
        payload = gzip.compress(bytes(17 * 1024 * 1024))
        frame = bytes.fromhex("11900100") + len(payload).to_bytes(4, "big") + payload
        assert len(frame) < 20_000
        with pytest.raises(CodecError, match="unpacks to more"):
            codec("volc_v3").decode(frame)

    @pytest.mark.parametrize(
        "frame",
        [
            "",
            "11",
            "21911100",
            "10911100",
            "11310000",
            "1191000000000001000000",
            "119000000000000a00",
            "1190010000000001aa",
        ],
    )
    def test_not_the_form(self, frame: str) -> None:
        with pytest.raises(CodecError, match="not a Volcengine frame"):
            codec("volc_v3").decode(bytes.fromhex(frame))

    @pytest.mark.parametrize(
        "headers",
        [{}, {"type": "sound"}, {"type": "audio", "sequence": 2**31}, {"type": "audio", "event": "1"}],
    )
    def test_headers_that_do_not_fit(self, headers: dict[str, Any]) -> None:
        with pytest.raises(CodecError, match="header"):
            codec("volc_v3").encode({"headers": headers, "body": b""})
