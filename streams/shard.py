"""What a record of `compute.heavy` is, where it is not a request: blocks of divided work, or all of them to be merged.

Its value is the whole's request, its header `lane-shard` says which part. What comes of it goes to the journal, under
the whole's id, and never to a client.
"""

import msgspec

HEADER = "lane-shard"


class Blocks(msgspec.Struct, frozen=True, tag="blocks"):
    """The blocks from `low` to `high` of the work whose request lay at `source`."""

    source: str
    low: int
    high: int


class Merge(msgspec.Struct, frozen=True, tag="merge"):
    """All blocks, which lie in the journal's `partition` from offset `first` to `last`; it began at `begun_at`."""

    source: str
    partition: int
    first: int
    last: int
    begun_at: float


Shard = Blocks | Merge
_decoder: msgspec.json.Decoder[Shard] = msgspec.json.Decoder(Shard)


def write(shard: Shard) -> str:
    """Write the header."""
    return msgspec.json.encode(shard).decode()


def read(text: str) -> Shard | None:
    """Read the header; None where there is none, or nothing that was written here."""
    try:
        return _decoder.decode(text) if text else None
    except msgspec.DecodeError:
        return None


def group(request_id: str, source: str) -> str:
    """Name what all shards of one work are cancelled by: another request of the same id has another."""
    return f"{request_id}@{source}"
