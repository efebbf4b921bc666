"""The journal of workflows, `compute.workflows`: what began, was sent, was answered and has ended, in order.

All records of a workflow have its id as their key, so they lie in one partition, and whoever owns that has all of it.
"""

from typing import Literal, NamedTuple, cast

from confluent_kafka import Message

from streams.admit import STEP_HEADER, Job, carried
from streams.emit import Headers, Outgoing

TOPIC = "compute.workflows"
Kind = Literal["start", "sent", "answer", "end"]
_KIND = "journal-kind"
_SOURCE = "journal-source"
_QUEUED = "journal-queued-ms"
_TIMEOUT = "journal-timeout-s"
_KINDS = {b"start", b"sent", b"answer", b"end"}


class Entry(NamedTuple):
    """One record: of which workflow, and of what kind; `headers` are those that its result carries."""

    workflow: str
    kind: Kind
    value: bytes
    source: str
    queued_at_ms: int
    timeout_s: float
    at_ms: int
    content_type: str
    headers: Headers


def start(topic: str, value: bytes, job: Job) -> Outgoing:
    """Write that a workflow is to be run: its request, as it came, and where from."""
    origin = job.origin
    (name, partition), offset = origin.partition, origin.offset
    headers: Headers = [
        (_KIND, b"start"),
        (_SOURCE, f"{name}/{partition}/{offset}".encode()),
        (_QUEUED, str(origin.queued_at_ms).encode()),
        (_TIMEOUT, repr(job.timeout_s).encode()),
    ]
    kept = [pair for pair in origin.headers if pair[0] != STEP_HEADER]
    return Outgoing(topic, job.request.id.encode(), value, [*kept, *headers])


def answer(topic: str, workflow: str, result: bytes, content_type: str) -> Outgoing:
    """Write that a step was answered: its result, as it was sent."""
    headers: Headers = [(_KIND, b"answer"), ("content-type", content_type.encode())]
    return Outgoing(topic, workflow.encode(), result, headers)


def sent(topic: str, workflow: str, ids: tuple[str, ...]) -> Outgoing:
    """Write that requests of these ids are on their way."""
    return Outgoing(topic, workflow.encode(), "\n".join(ids).encode(), [(_KIND, b"sent")])


def end(topic: str, workflow: str, source: str) -> Outgoing:
    """Write that the workflow from `source` has its result."""
    return Outgoing(topic, workflow.encode(), b"", [(_KIND, b"end"), (_SOURCE, source.encode())])


def read(record: Message) -> Entry | None:
    """Read a record; None when it is none of ours."""
    headers = cast("Headers", record.headers() or [])
    found = {name: value if isinstance(value, bytes) else (value or "").encode() for name, value in headers}
    kind, key = found.get(_KIND), record.key()
    if kind not in _KINDS or key is None:
        return None
    content_type, kept = carried(headers)
    try:
        return Entry(
            key.decode(), cast("Kind", kind.decode()), record.value() or b"", found.get(_SOURCE, b"").decode(),
            int(found.get(_QUEUED, b"0")), float(found.get(_TIMEOUT, b"0")), record.timestamp()[1], content_type, kept,
        )  # fmt: skip
    except ValueError:
        return None
