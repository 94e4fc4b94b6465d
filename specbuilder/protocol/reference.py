"""The whole reference of the language: its keys, and what specs may name.

`python -m specbuilder.protocol.reference` prints docs/spec-reference.md; `make docs` writes it. The keys come
from the schema (`language.reference`), the functions from where they are defined.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ..expressions import selectors, templates
from ..language.reference import reference

__all__ = ["full_reference", "tables"]

_NAMES = {
    "api_key": "The key. Templates only.",
    "audio.data": "One chunk as it is encoded for the wire; in `recognize` all samples. Where audio is sent.",
    "audio.wav": "The whole recording as a WAV file. Templates of `recognize`.",
    "audio.index": "The number of the chunk, from 0. Where audio is sent.",
    "audio.sample_rate": "Samples per second of what is sent. Templates.",
    "audio.channels": "Channels of what is sent. Templates.",
    "sent_ms": "Milliseconds of audio sent on this connection, silence included.",
    "unflushed_ms": "Milliseconds of audio sent since the last flush, silence included.",
    "sent_chunks": "How many pieces of audio were sent on this connection.",
    "flushes": "How many flushes, and the end of input, told the vendor something on this connection.",
    "close": "The vendor's close, `{code, reason}`; null while a message is read. `stream.over`.",
    "changed.x": "The new value of option `x` if it changed, else nothing. Templates of `stream.update`.",
    "target.host": "Host of the address being asked, without its port. Templates.",
    "target.path": "Path of the address being asked. Templates.",
    "livekit_version": "Version of livekit-agents. Templates.",
    "@": "The message, or the item that `each` gave. Selectors.",
    "$x": "The option, variable, step or state `x`; none that is secret. Selectors.",
}
_STATES = {
    "text": '`""` at first; `add` appends.',
    "list": "`[]` at first; `add` pushes an item, or every item of a list.",
    "number": "`0` at first; `add` sums.",
    "flag": "`false` at first; `set` takes JMESPath's truth of a value. No `add`.",
    "value": "null at first; `set` takes anything. No `add`.",
    "segments": "Rows `{id, text, words, replaces: [from, to]}`, rewritten until they are final; "
    "reads as their texts in order, joined. `clear` means: this is final now.",
    "growing_text": "The whole text so far, repeated in every message; reads as what follows the part that "
    "`clear` finished.",
}
_CODECS = {
    "json": "A JSON document in a text frame; read from binary frames too.",
    "text": "A frame is one text: the message `{text: …}`.",
    "msgpack": "One MessagePack value in a binary frame (extra `msgpack`).",
    "aws_eventstream": "Amazon's event stream encoding: `{headers, body}` in a binary frame.",
    "usp": "Microsoft's speech protocol: header lines and a body, `{headers, body}`.",
    "volc_v3": "Volcengine's binary protocol, version 3: `{headers, body}`.",
}
_PRIMITIVES = {
    "google_service_account": "`credentials` with `scope` or `audience`; gives `{access_token, expires_in}` "
    "(extra `google`).",
    "aws_sigv4": "`service`, `region`, `access_key`, `secret_key`, `url`, and optionally `query`, "
    "`session_token`, `expires`; gives the signed query for `$merge` (extra `aws`).",
    "jwt": "`claims`, `key`, `algorithm`, and optionally `headers`; gives `{token}`.",
}


def tables() -> dict[str, Mapping[str, str]]:
    """What a spec may name, by title: name -> one line about it."""
    return {
        "Names in expressions": _NAMES,
        "Functions of selectors": dict(line.split(": ", 1) for line in selectors.functions().values()),
        "Filters of templates": templates.filters(),
        "Functions of templates": {f"{name}()": line for name, line in templates.functions().items()},
        "State types": _STATES,
        "Codecs": _CODECS,
        "Step primitives": _PRIMITIVES,
    }


def full_reference() -> str:
    """The page docs/spec-reference.md."""
    return reference(tables())


if __name__ == "__main__":
    sys.stdout.write(full_reference())
