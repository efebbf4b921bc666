"""What the fast lane writes on `compute.heavy`: the request as it came, and in headers why it comes and where from."""

import re
from typing import Literal, NamedTuple, cast

from confluent_kafka import Message

from streams import shard
from streams.admit import Origin, Partition, carried
from streams.emit import Headers, Outgoing

TOPIC = "compute.heavy"
Reason = Literal["cost", "slice", "artifacts", "suspect", "shard"]
"""Too costly for the fast lane; outlasted its slice there; needs artifacts; was in the native call a worker died in;
is a part of divided work, which the conductor sends."""

PREFIX = "lane-"
REASON = "lane-reason"
_ATTEMPT = "lane-attempt"
QUEUED = "lane-queued-ms"
_SOURCE = "lane-source"
_KEY = "lane-key"
_SOURCE_FORM = re.compile(r"([A-Za-z0-9._-]{1,249})/(\d{1,10})/(\d{1,19})")
_LARGEST_ATTEMPT = 100


class Forwarded(NamedTuple):
    """A record of `compute.heavy`, read: where it lay first, under which key, and which attempt at it this is."""

    origin: Origin
    value: bytes | None
    headers: Headers
    key: bytes | None
    source: tuple[str, str, str]
    reason: str
    attempt: int


def forward(topic: str, record: Message, origin: Origin, request_id: str, reason: Reason, attempt: int) -> Outgoing:
    """Pass a request on to the heavy lane: its bytes and headers unchanged, keyed by its id."""
    (name, partition), offset = origin.partition, origin.offset
    headers = without_ours(cast("Headers", record.headers() or []))
    headers += [
        (REASON, reason),
        (_ATTEMPT, str(attempt)),
        (QUEUED, str(origin.queued_at_ms)),
        (_SOURCE, f"{name}/{partition}/{offset}"),
    ]
    if (key := record.key()) is not None:
        headers.append((_KEY, key if isinstance(key, bytes) else str(key).encode()))
    return Outgoing(topic, request_id.encode(), record.value(), headers)


def read(record: Message, partition: Partition, offset: int) -> Forwarded:
    """Read a record; one that is not from the fast lane counts as sent here first."""
    headers = cast("Headers", record.headers() or [])
    ours = {name: _text(value) for name, value in headers if name.startswith(PREFIX)}
    content_type, kept = carried(headers)
    queued_at_ms = _number(ours.get(QUEUED), record.timestamp()[1])
    key = next((value for name, value in headers if name == _KEY), None if REASON in ours else record.key())
    return Forwarded(
        Origin(partition, offset, queued_at_ms, content_type, kept, ours.get(shard.HEADER, "")),
        record.value(), without_ours(headers), key.encode() if isinstance(key, str) else key,
        _place(ours.get(_SOURCE)) or (partition[0], str(partition[1]), str(offset)),
        ours.get(REASON) or "", min(max(_number(ours.get(_ATTEMPT), 1), 1), _LARGEST_ATTEMPT),
    )  # fmt: skip


def without_ours(headers: Headers) -> Headers:
    """Return the headers that a client set."""
    return [(name, value) for name, value in headers if not name.startswith(PREFIX)]


def _text(value: str | bytes | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""


def _place(text: str | None) -> tuple[str, str, str] | None:
    found = _SOURCE_FORM.fullmatch(text or "")
    return (found[1], found[2], found[3]) if found else None


def _number(text: str | None, otherwise: int) -> int:
    try:
        return int(text) if text else otherwise
    except ValueError:
        return otherwise
