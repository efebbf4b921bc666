"""A kept answer as bytes. What comes back is from outside: bounded, typed, and bound to its key by a checksum."""

import hashlib

import msgspec

from agents.outcome import Diagnostics
from streams.contracts import Error

_MARK = b"sca1"
_SUM = 16
_HEAD = len(_MARK) + _SUM


class Kept(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What of an answer does not depend on who asked; `outputs` are encoded as the request's form has them."""

    outputs: bytes | None
    error: Error | None
    warnings: list[str]
    diagnostics: Diagnostics
    kernel: str
    compiled: bool


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Kept)
_json_outputs = msgspec.json.Decoder(dict[str, msgspec.Raw])
_pack_outputs = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])


def to_bytes(key: bytes, kept: Kept) -> bytes:
    """Write it down, with a checksum over it and its key."""
    body = _encoder.encode(kept)
    return _MARK + _sum(key, body) + body


def from_bytes(key: bytes, value: bytes, *, packed: bool) -> Kept | None:
    """Read it; None for what was not written by `to_bytes` for this key, or is damaged."""
    body = value[_HEAD:]
    if value[: len(_MARK)] != _MARK or value[len(_MARK) : _HEAD] != _sum(key, body):
        return None
    try:
        kept = _decoder.decode(body)
        if kept.outputs is not None:
            (_pack_outputs if packed else _json_outputs).decode(kept.outputs)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return kept if (kept.outputs is None) != (kept.error is None) else None


def _sum(key: bytes, body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_SUM, key=key).digest()
