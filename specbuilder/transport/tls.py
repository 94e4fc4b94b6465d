"""Which certificate authorities are trusted: the system's, or certifi's where the system has none.

livekit's own HTTP session makes the same choice, so a vendor trusted over HTTP is trusted over WebSocket.
"""

from __future__ import annotations

import functools
import os
import ssl

import certifi

__all__ = ["ssl_context"]


def ssl_context() -> ssl.SSLContext:
    """The TLS settings of every connection of ours.

    `SSL_CERT_FILE` and `SSL_CERT_DIR` take precedence. Reading the authorities takes tens of milliseconds, so
    a context is built once per setting and shared.
    """
    return _context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@functools.cache
def _context(file: str | None, folder: str | None) -> ssl.SSLContext:
    if file or folder:
        return ssl.create_default_context(cafile=file, capath=folder)
    context = ssl.create_default_context()
    # Counting the loaded certificates would not do: a folder of them is read lazily and counts as none.
    paths = ssl.get_default_verify_paths()
    has_file = paths.cafile is not None and os.path.exists(paths.cafile)
    has_folder = paths.capath is not None and os.path.isdir(paths.capath)
    if not has_file and not has_folder:
        context.load_verify_locations(cafile=certifi.where())
    return context
