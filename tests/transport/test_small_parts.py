"""The parts the transports share: deadlines, the texts of errors, the inbox, the trusted authorities."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl

import pytest

from specbuilder.transport import tls
from specbuilder.transport.deadline import timeout
from specbuilder.transport.failures import connection_failed, lower_headers, place, reason, timed_out
from specbuilder.transport.inbox import Inbox

from .vendor import CERTIFICATE


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


class TestInbox:
    async def test_it_pauses_and_resumes_by_size(self) -> None:
        calls: list[str] = []
        inbox = Inbox(lambda: calls.append("pause"), lambda: calls.append("resume"))
        for _ in range(3):
            inbox.put(bytes(2**19))
        assert calls == ["pause"]
        for _ in range(3):
            await inbox.get()
        assert calls == ["pause", "resume"]

    async def test_tiny_messages_count_too(self) -> None:
        calls: list[str] = []
        inbox = Inbox(lambda: calls.append("pause"), lambda: calls.append("resume"))
        for _ in range(2**15):
            inbox.put("")
        assert calls == ["pause"]

    async def test_the_end_comes_behind_the_messages(self) -> None:
        inbox = Inbox(lambda: None, lambda: None)
        inbox.put("one")
        inbox.end()
        inbox.put("dropped")
        assert await inbox.get() == "one"
        for _ in range(2):
            with pytest.raises(EOFError):
                await inbox.get()

    async def test_discarding_lets_the_network_go_on(self) -> None:
        calls: list[str] = []
        inbox = Inbox(lambda: calls.append("pause"), lambda: calls.append("resume"))
        inbox.put(bytes(2**21))
        inbox.discard()
        assert calls == ["pause", "resume"]
        with pytest.raises(EOFError):
            await inbox.get()


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
