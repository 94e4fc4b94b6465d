"""Bytes in, bytes out: the only rooms that open a socket."""
