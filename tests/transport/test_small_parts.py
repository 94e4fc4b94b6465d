"""The parts the transports share: deadlines, the texts of errors, frames, the trusted authorities."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl

import pytest
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.server import ServerProtocol

from specbuilder.transport import tls
from specbuilder.transport.deadline import timeout
from specbuilder.transport.failures import connection_failed, lower_headers, place, reason, timed_out
from specbuilder.transport.framing import BINARY, TEXT, FrameReader, FrameWriter

from .vendor import CERTIFICATE, frame


class TestDeadline:
    async def test_it_ends_what_takes_longer(self) -> None:
        with pytest.raises(asyncio.TimeoutError):
            async with timeout(0.01):
                await asyncio.Event().wait()

    async def test_none_is_no_deadline(self) -> None:
        async with timeout(None):
            await asyncio.sleep(0)

    async def test_a_cancellation_is_not_a_timeout(self) -> None:
        async def wait() -> None:
            async with timeout(30):
                await asyncio.Event().wait()

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


class TestFailures:
    @pytest.mark.parametrize(
        ("url", "said"),
        [
            ("wss://api.example.com/v1/listen?key=abc#here", "wss://api.example.com/v1/listen"),
            ("https://user:secret@api.example.com:8443", "https://api.example.com:8443"),
            ("ws://[::1]:80/a", "ws://[::1]:80/a"),
            ("http://[broken?key=abc", "an invalid address"),
            ("http://host:port/", "an invalid address"),
        ],
    )
    def test_an_address_is_told_without_its_secrets(self, url: str, said: str) -> None:
        assert place(url) == said

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (
                ConnectionResetError(errno.ECONNRESET, "at 10.0.0.1?k=abc"),
                "ConnectionResetError: Connection reset",
            ),
            (socket.gaierror(-2, "Name or service not known"), "gaierror: Name or service not known"),
            (OSError("Multiple exceptions: ..."), "OSError: Multiple exceptions: ..."),
            (ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"), "SSLError"),
            (ValueError("Authorization: abc"), "ValueError"),
            (RuntimeError("https://host/?key=abc"), "RuntimeError"),
        ],
    )
    def test_a_cause_is_told_without_its_own_words(self, error: Exception, said: str) -> None:
        told = reason(error)
        assert told.startswith(said)
        assert "abc" not in told

    def test_errors_mask_what_the_caller_says_is_secret(self) -> None:
        def redact(text: str) -> str:
            return text.replace("abc", "***")

        error = connection_failed("no way to", "ws://h/abc", "broken abc", redact, retryable=False)
        assert (str(error), error.retryable) == ("no way to ws://h/***: broken ***", False)
        assert str(timed_out("no way to", "ws://h/abc", 2.0, redact)) == "no way to ws://h/*** within 2 s"

    def test_repeated_headers_are_joined(self) -> None:
        headers = [("Vary", "a"), ("X-One", "1"), ("vary", "b")]
        assert lower_headers(headers) == {"vary": "a, b", "x-one": "1"}


class TestFrameReader:
    def read(self, raw: bytes, size: int, limit: int = 2**20) -> tuple[list[tuple[int, bytes]], bytes]:
        """The messages, and what is left to the library, of a stream that comes in pieces."""
        messages: list[tuple[int, bytes]] = []
        other: list[bytes] = []
        reader = FrameReader(limit, lambda opcode, data: messages.append((opcode, data)), other.append)
        for at in range(0, len(raw), size):
            reader.feed(raw[at : at + size])
        return messages, b"".join(other)

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 10**6])
    def test_messages_come_out_however_the_network_cuts_them(self, size: int) -> None:
        contents = [bytes(length) for length in (0, 1, 125, 126, 127, 65535, 65536)]
        ping = frame(b"there?", Opcode.PING)
        raw = ping + b"".join(frame(content) for content in contents) + frame("grüezi") + ping
        messages, other = self.read(raw, size)
        assert messages == [*((BINARY, content) for content in contents), (TEXT, "grüezi".encode())]
        assert other == ping * 2

    @pytest.mark.parametrize("length", [0, 1, 2, 3, 125, 126, 127, 1023, 1024])
    def test_a_message_that_comes_alone_and_whole(self, length: int) -> None:
        content = bytes(length)
        messages, other = self.read(frame(content), 10**6, limit=1024)
        assert (messages, other) == ([(BINARY, content)], b"")

    @pytest.mark.parametrize(
        "alone",
        [
            bytes((0x82, 0x80 | 4)) + bytes(132),  # Masked, and as long as its second byte would say.
            frame(bytes(1025)),  # Too large.
            b"\x02\x03abc",  # The first of several fragments.
        ],
    )
    def test_what_comes_alone_and_is_no_whole_message_is_the_librarys(self, alone: bytes) -> None:
        assert self.read(alone, 10**6, limit=1024) == ([], alone)

    @pytest.mark.parametrize("size", [1, 5, 10**6])
    @pytest.mark.parametrize(
        "wrong",
        [
            frame(bytes(1025)),  # Too large.
            b"\xc2\x01a",  # A reserved bit.
            Frame(Opcode.TEXT, b"masked").serialize(mask=True),
        ],
    )
    def test_from_a_wrong_frame_on_everything_is_the_librarys(self, wrong: bytes, size: int) -> None:
        messages, other = self.read(frame("good") + wrong + frame("lost"), size, limit=1024)
        assert messages == [(TEXT, b"good")]
        assert other == wrong + frame("lost")

    def test_what_it_reads_is_what_the_writer_wrote(self) -> None:
        writer = FrameWriter()
        for size in (0, 125, 126, 65535, 65536):
            content = bytes(number % 251 for number in range(size))
            parser = ServerProtocol(state=State.OPEN)
            parser.receive_data(writer.frame(content))
            (event,) = parser.events_received()
            assert isinstance(event, Frame)
            assert (event.opcode, bytes(event.data), event.fin) == (Opcode.BINARY, content, True)


class TestTls:
    def test_a_context_is_built_once(self) -> None:
        assert tls.ssl_context() is tls.ssl_context()
        assert tls.ssl_context().verify_mode is ssl.CERT_REQUIRED
        assert tls.ssl_context().check_hostname

    def test_a_given_file_is_the_only_authority(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SSL_CERT_FILE", CERTIFICATE)
        monkeypatch.delenv("SSL_CERT_DIR", raising=False)
        assert len(tls.ssl_context().get_ca_certs()) == 1

    def test_certifi_stands_in_for_a_missing_store(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        monkeypatch.delenv("SSL_CERT_DIR", raising=False)
        nothing = ssl.DefaultVerifyPaths("/none", "/none", "", "/none", "", "/none")
        monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
        monkeypatch.setattr(ssl.SSLContext, "set_default_verify_paths", lambda self: None)
        tls._context.cache_clear()
        try:
            assert len(tls.ssl_context().get_ca_certs()) > 50
        finally:
            tls._context.cache_clear()
