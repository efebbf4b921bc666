"""From records to rows, without a store: what cannot be read makes none. Pure.

A row is a tuple in the order of `COLUMNS`; instants are epoch seconds. Text is bounded and without NUL, which no
database takes; bodies are deflated, and left out when they are too large.
"""

import re
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

import msgspec

from streams import instants
from streams.admit import carried
from streams.codec import MSGPACK, readable_id
from streams.contracts import Command, Incident, Notification, Status
from streams.emit import Headers

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "asked": (
        "id", "agent", "task", "sent_at", "priority", "seed", "labels", "content_type", "size", "body",
    ),
    "answered": (
        "id", "agent", "task", "status", "code", "completed_at", "run_s", "queued_s", "worker", "cached",
        "content_type", "size", "body",
    ),
    "incidents": (
        "id", "version", "severity", "status", "phase", "title", "started_at", "resolved_at", "document",
    ),
    "notifications": (
        "topic", "partition", "offset", "id", "incident", "receiver", "channel", "reason", "status", "attempt", "at",
        "error",
    ),
    "audit": ("topic", "partition", "offset", "at", "who", "action", "subject", "detail"),
}  # fmt: skip
"""What records say, kind by kind: `asked` and `answered` are of requests and results."""
TOPICS = ("compute.requests", "compute.results", "ops.incidents", "ops.notifications", "ops.commands")
BODY_LIMIT = 1024 * 1024
_TEXT_LIMIT = 4_000
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_LATEST = 253_402_300_799.0

Place = tuple[str, int]
Row = tuple[Any, ...]
T = TypeVar("T")


class Record(Protocol):
    """A record as librdkafka gives it."""

    def topic(self) -> str:
        """Name of its topic on the broker."""

    def partition(self) -> int:
        """Number of its partition."""

    def offset(self) -> int:
        """Where it lies there."""

    def timestamp(self) -> tuple[int, int]:
        """A kind, and milliseconds since the epoch."""

    def headers(self) -> Any:
        """Its headers, or None."""

    def value(self) -> bytes | None:
        """What it holds."""


@dataclass
class Rows:
    """The rows of records that came together, kind by kind; of one id the last.

    `moved` maps a partition to the offset after its last record here; `unread` counts what makes no row.
    """

    asked: dict[str, Row] = field(default_factory=dict)
    answered: dict[str, Row] = field(default_factory=dict)
    incidents: dict[str, Row] = field(default_factory=dict)
    notifications: dict[tuple[str, int, int], Row] = field(default_factory=dict)
    audit: dict[tuple[str, int, int], Row] = field(default_factory=dict)
    moved: dict[Place, int] = field(default_factory=dict)
    unread: int = 0

    def kinds(self) -> Iterable[tuple[str, list[Row]]]:
        """Iterate over the kinds of which there are rows."""
        for kind in COLUMNS:
            if rows := getattr(self, kind):
                yield kind, list(rows.values())


class _Asked(msgspec.Struct):
    id: str
    agent: str
    task: str
    priority: str = "normal"
    seed: int | None = None
    labels: dict[str, str] = {}


class _Code(msgspec.Struct):
    code: str


class _Made(msgspec.Struct):
    run_s: float | None = None
    queued_s: float | None = None
    worker: str | None = None
    cached: bool | None = None


class _Answered(msgspec.Struct):
    id: str
    status: Status
    completed_at: str
    agent: str | None = None
    task: str | None = None
    error: _Code | None = None
    provenance: _Made = msgspec.field(default_factory=_Made)


_asked = msgspec.json.Decoder(_Asked), msgspec.msgpack.Decoder(_Asked)
_answered = msgspec.json.Decoder(_Answered), msgspec.msgpack.Decoder(_Answered)
_incident = msgspec.json.Decoder(Incident)
_notification = msgspec.json.Decoder(Notification)
_command = msgspec.json.Decoder(Command)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError, OverflowError)


def gather(records: Iterable[Record], prefix: str = "", body_limit: int = BODY_LIMIT) -> Rows:
    """Turn records into rows; `prefix` is that of the topics' names."""
    rows = Rows()
    readers: Mapping[str, Callable[[Rows, Record, bytes, int], None]] = {
        prefix + "compute.requests": _take_request,
        prefix + "compute.results": _take_result,
        prefix + "ops.incidents": _take_incident,
        prefix + "ops.notifications": _take_notification,
        prefix + "ops.commands": _take_command,
    }
    for record in records:
        topic, value = record.topic(), record.value()
        rows.moved[topic, record.partition()] = record.offset() + 1
        try:
            if value is not None:
                readers[topic](rows, record, value, body_limit)
        except _UNREADABLE:  # what another program wrote there, or a request that is answered as one that is none
            rows.unread += 1
    return rows


def inflate(body: bytes, limit: int) -> bytes:
    """Return a body as it was; raises `ValueError` when it is not one of at most `limit` bytes."""
    try:
        inflater = zlib.decompressobj()
        text = inflater.decompress(body, limit)
    except zlib.error as error:
        raise ValueError(f"the body is damaged: {error}") from None
    if not inflater.eof:
        raise ValueError("the body is cut off, or larger than it may be")
    return text


def _take_request(rows: Rows, record: Record, value: bytes, limit: int) -> None:
    content_type, packed = _form(record)
    asked = _asked[packed].decode(value)
    if not readable_id(asked.id) or not 0 <= (asked.seed or 0) < 1 << 63:
        raise ValueError("no request")
    rows.asked[asked.id] = (
        asked.id, _text(asked.agent), _text(asked.task), max(record.timestamp()[1], 0) / 1000, _text(asked.priority),
        asked.seed, _json(asked.labels), content_type, len(value), _body(value, limit),
    )  # fmt: skip


def _take_result(rows: Rows, record: Record, value: bytes, limit: int) -> None:
    content_type, packed = _form(record)
    found = _answered[packed].decode(value)
    if not readable_id(found.id):
        raise ValueError("no result")
    made = found.provenance
    rows.answered[found.id] = (
        found.id, _text(found.agent), _text(found.task), found.status, _text(found.error.code if found.error else None),
        _instant(found.completed_at), made.run_s, made.queued_s, _text(made.worker), made.cached, content_type,
        len(value), _body(value, limit),
    )  # fmt: skip


def _take_incident(rows: Rows, record: Record, value: bytes, limit: int) -> None:  # noqa: ARG001 - as the others
    found = _incident.decode(value)
    known = rows.incidents.get(_text(found.id))
    if known is None or known[1] <= found.version:
        ended = None if found.resolved_at is None else _instant(found.resolved_at)
        rows.incidents[_text(found.id)] = (
            _text(found.id), min(found.version, (1 << 31) - 1), found.severity, found.status, found.phase,
            _text(found.title), _instant(found.started_at), ended, _json(found),
        )  # fmt: skip


def _take_notification(rows: Rows, record: Record, value: bytes, limit: int) -> None:  # noqa: ARG001 - as above
    found = _notification.decode(value)
    place = record.topic(), record.partition(), record.offset()
    rows.notifications[place] = (
        *place, _text(found.id), _text(found.incident), _text(found.receiver), _text(found.channel),
        _text(found.reason), found.status, min(found.attempt, (1 << 31) - 1), _instant(found.at), _text(found.error),
    )  # fmt: skip


def _take_command(rows: Rows, record: Record, value: bytes, limit: int) -> None:  # noqa: ARG001 - as above
    found = _command.decode(value)
    place = record.topic(), record.partition(), record.offset()
    rows.audit[place] = (
        *place, _instant(found.at), _text(found.by), found.action, _text(found.incident), _json(found)
    )  # fmt: skip


def _form(record: Record) -> tuple[str, bool]:
    content_type, _ = carried(cast("Headers", record.headers() or []))
    return _text(content_type), content_type == MSGPACK


def _instant(text: str) -> float:
    """Epoch seconds, to the millisecond, within what the databases can hold."""
    return round(min(max(instants.from_text(text), 0.0), _LATEST), 3)


def _text(text: Any) -> Any:
    return None if text is None else text[:_TEXT_LIMIT].replace("\0", "\ufffd")


def _json(value: object) -> str:
    return _NUL.sub(rb"\1\\ufffd", msgspec.json.encode(value)).decode()


def _body(value: bytes, limit: int) -> bytes | None:
    return zlib.compress(value, 1) if len(value) <= limit else None
