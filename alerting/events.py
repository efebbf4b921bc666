"""Ops events as they come: from JSON or msgpack, bounded."""

import msgspec

from streams.contracts import OpsEvent

SIZE_LIMIT = 64 * 1024
"""Bytes of an event; one that is larger is none."""
_json, _msgpack = msgspec.json.Decoder(OpsEvent), msgspec.msgpack.Decoder(OpsEvent)


def decode(value: bytes) -> OpsEvent:
    """Read an event; raises `ValueError`, of which `msgspec.DecodeError` is one."""
    if not value or len(value) > SIZE_LIMIT:
        raise ValueError(f"empty, or larger than {SIZE_LIMIT:,} bytes")
    try:
        # JSON's map begins with a brace, msgpack's never does: no header has to be read
        return _json.decode(value) if value.lstrip()[:1] == b"{" else _msgpack.decode(value)
    except RecursionError:
        raise ValueError("nested too deep") from None
