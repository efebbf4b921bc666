"""What goes through the pipe between a worker and a process of its heavy lane: one kind byte, then msgpack or JSON.

Both ends are ours, and each frame is typed: nothing is pickled.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from streams.admit import Origin, Partition
from streams.cache.content import Keying
from streams.codec import INLINE_LIMIT
from streams.emit import Outgoing
from streams.limits import USUAL, Limits
from streams.replies import Written

WORK, CANCEL, ARTIFACTS, KEPT = b"w", b"c", b"a", b"k"
"""From the worker: a request to compute; stop it; the artifacts it asked for; what the cache has for it, or nothing."""
READY, WRITTEN, PROGRESS, NEEDS, LOOK = b"s", b"r", b"p", b"n", b"l"
"""From the process: it waits for requests; what is to be sent for one; how far it is, as JSON; artifacts it needs; the
key of its answer in the cache."""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What a process of the lane is told once, at its start."""

    version: str
    worker: str
    topics: Mapping[str, str]
    inline_limit: int = INLINE_LIMIT
    timeout_s: float = 3600.0
    defaults: Mapping[tuple[str, str], Mapping[str, Any]] = {}
    log: tuple[str, str | None, str] = ("INFO", None, "auto")
    """Level, file and form of its logs, as the worker's."""
    embedded: bool = False
    keying: Keying | None = None
    """What gives a request its key in the cache; None where there is no cache."""
    limits: Limits = USUAL
    """`bytes` of them is also what a request may allocate, above what the process has at its start."""
    plugins: tuple[str, ...] = ()
    """Modules whose tasks the catalogue has too."""


class Work(NamedTuple):
    """One request, or a part of one: its value, where it lay, and which attempt this is."""

    value: bytes
    origin: Origin
    attempt: int
    shards: tuple[bytes, ...] = ()
    """Where all shards of divided work are to be merged: what they left."""


_Headers = list[tuple[str, Any]]
"""As Kafka carries them: a value is text, bytes or nothing, which no type of msgspec says."""
_Message = tuple[str, bytes | None, bytes | None, _Headers]

encode = msgspec.msgpack.Encoder().encode
_work = msgspec.msgpack.Decoder(tuple[bytes, tuple[Partition, int, int, str, _Headers, str], int, tuple[bytes, ...]])
_written = msgspec.msgpack.Decoder(
    tuple[
        list[_Message], list[_Message], list[tuple[Partition, int]], list[tuple[tuple[str, str, str, str], int]],
        str, float, list[tuple[bytes, bytes]],
    ]
)  # fmt: skip
decode_names = msgspec.msgpack.Decoder(list[str]).decode
decode_artifacts = msgspec.msgpack.Decoder(dict[str, bytes]).decode


def decode_work(body: bytes) -> Work:
    """Read a request, as the process gets it."""
    value, origin, attempt, shards = _work.decode(body)
    return Work(value, Origin(*origin), attempt, shards)


def decode_written(body: bytes) -> Written:
    """Read what is to be sent, as the worker gets it."""
    messages, artifacts, offsets, counts, kernel, run_s, kept = _written.decode(body)
    sent, first = [Outgoing(*message) for message in messages], [Outgoing(*message) for message in artifacts]
    return Written(sent, first, offsets, counts, kernel, run_s, kept)
