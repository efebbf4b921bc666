"""The journal, `compute.workflows`: what of workflows and divided work began, was sent, has come and has ended.

All records of one have its id as their key, so they lie in one partition, and whoever owns that has all of it.
"""

from typing import Literal, NamedTuple, cast, get_args

import msgspec
from confluent_kafka import Message

from agents.divided import Trouble, failed
from agents.workflow.document import Workflow
from streams.admit import STEP_HEADER, Job, carried
from streams.emit import Headers, Outgoing

TOPIC = "compute.workflows"
Kind = Literal["start", "sent", "answer", "part", "lost", "merged", "end"]
"""`answer`: a workflow's step has its result. Of divided work: `part` is what a shard left, `lost` says why one leaves
nothing, and `merged` is the result."""
_KIND = "journal-kind"
_SOURCE = "journal-source"
_QUEUED = "journal-queued-ms"
_TIMEOUT = "journal-timeout-s"
_SHARD = "journal-shard"
_RUN = "journal-run-s"
_FAILED = "journal-failed"
_KINDS = frozenset(kind.encode() for kind in get_args(Kind))


class Entry(NamedTuple):
    """One record: of which request, and of what kind; `headers` are those that its result carries.

    A `part` has the blocks from `low` to `high`, which took `run_s`; one of them had a problem where it `failed`.
    """

    name: str
    kind: Kind
    value: bytes
    source: str
    queued_at_ms: int
    timeout_s: float
    at_ms: int
    content_type: str
    headers: Headers
    offset: int = -1
    low: int = 0
    high: int = 0
    run_s: float = 0.0
    failed: bool = False


def start(topic: str, value: bytes, job: Job) -> Outgoing:
    """Write that a request is to be run in pieces: as it came, and where from. A workflow is no step of another."""
    origin = job.origin
    (name, partition), offset = origin.partition, origin.offset
    headers: Headers = [
        (_KIND, b"start"),
        (_SOURCE, f"{name}/{partition}/{offset}".encode()),
        (_QUEUED, str(origin.queued_at_ms).encode()),
        (_TIMEOUT, repr(job.timeout_s).encode()),
    ]
    whole = isinstance(job.plan, Workflow)
    kept = [pair for pair in origin.headers if not whole or pair[0] != STEP_HEADER]
    return Outgoing(topic, job.request.id.encode(), value, [*kept, *headers])


def answer(topic: str, workflow: str, result: bytes, content_type: str) -> Outgoing:
    """Write that a step was answered: its result, as it was sent."""
    headers: Headers = [(_KIND, b"answer"), ("content-type", content_type.encode())]
    return Outgoing(topic, workflow.encode(), result, headers)


def sent(topic: str, name: str, ids: tuple[str, ...]) -> Outgoing:
    """Write that requests of these ids, or these shards, are on their way."""
    return Outgoing(topic, name.encode(), "\n".join(ids).encode(), [(_KIND, b"sent")])


def part(topic: str, name: str, source: str, blocks: tuple[int, int], value: bytes, run_s: float) -> Outgoing:
    """Write what the blocks of a shard left."""
    headers: Headers = [
        (_KIND, b"part"), (_SOURCE, source.encode()), (_SHARD, f"{blocks[0]}-{blocks[1]}".encode()),
        (_RUN, repr(run_s).encode()), (_FAILED, b"1" if failed(value) else b""),
    ]  # fmt: skip
    return Outgoing(topic, name.encode(), value, headers)


def lost(topic: str, name: str, source: str, trouble: Trouble) -> Outgoing:
    """Write why a shard leaves nothing."""
    headers: Headers = [(_KIND, b"lost"), (_SOURCE, source.encode())]
    return Outgoing(topic, name.encode(), msgspec.json.encode(trouble), headers)


def merged(topic: str, name: str, source: str, result: bytes) -> Outgoing:
    """Write the result of divided work, as it is to be sent."""
    return Outgoing(topic, name.encode(), result, [(_KIND, b"merged"), (_SOURCE, source.encode())])


def end(topic: str, name: str, source: str) -> Outgoing:
    """Write that the request from `source` has its result."""
    return Outgoing(topic, name.encode(), b"", [(_KIND, b"end"), (_SOURCE, source.encode())])


def read(record: Message) -> Entry | None:
    """Read a record; None when it is none of ours."""
    headers = cast("Headers", record.headers() or [])
    found = {name: value if isinstance(value, bytes) else (value or "").encode() for name, value in headers}
    kind, key = found.get(_KIND), record.key()
    if kind is None or kind not in _KINDS or key is None:
        return None
    content_type, kept = carried(headers)
    low, _, high = found.get(_SHARD, b"0-0").partition(b"-")
    offset = record.offset()
    try:
        return Entry(
            key.decode(), cast("Kind", kind.decode()), record.value() or b"", found.get(_SOURCE, b"").decode(),
            int(found.get(_QUEUED, b"0")), float(found.get(_TIMEOUT, b"0")), record.timestamp()[1], content_type, kept,
            -1 if offset is None else offset, int(low), int(high), float(found.get(_RUN, b"0")),
            bool(found.get(_FAILED)),
        )  # fmt: skip
    except ValueError:
        return None
