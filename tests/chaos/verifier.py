"""Did every request get what it was promised? A pure function of what was sent and what lies in the topics afterwards.

Checked, for what lies in `compute.requests`, the steps of workflows among it:

- every request whose id can be read has a result, of a status that it may have, and no other id has one;
- all results of one id are the same bytes but for `provenance` and `completed_at`, its own and those of its steps;
- a value without a readable id is in `compute.dlq`, unchanged, and nothing else is there but what crashed its worker;
- the first results of requests of one key, task, shape and priority that the fast lane answered follow each other, in
  each partition of the results, as the requests do; between tasks, priorities or lanes no order is promised;
- what was sent is there: a request that the broker confirmed is in the topic;
- the groups have committed the end of every partition;
- the history has every result, and what is told over HTTP is a result that lies in the topic.
"""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec

_MAY_DIFFER = ("provenance", "completed_at")
_CRASHED = "worker_crashed"

MSGPACK = "application/msgpack"
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw])
_unpack = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])


class Record(NamedTuple):
    """A record as it lies in a topic; `topic` without its prefix."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = {}


@dataclass(frozen=True, slots=True)
class Sent:
    """A value that the broker confirmed: `id` is None where none can be read in it.

    `statuses` are those its result may have. Requests of one `order` are to be answered one after the other.
    """

    id: str | None
    key: bytes | None
    value: bytes
    statuses: frozenset[str]
    order: str | None = None


@dataclass(frozen=True, slots=True)
class Violation:
    """One promise that was not kept: which, to whom, and what was found instead."""

    promise: str
    who: str
    found: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.who}: {self.found}"


Lag = Mapping[tuple[str, str, int], int]
"""Records between what a group has committed and the end, by (group, topic, partition)."""


@dataclass(frozen=True, slots=True)
class Report:
    """What was found: counts, and the violations, most of all none."""

    requests: int
    results: int
    repeats: int
    dead: int
    statuses: Counter[str] = field(default_factory=Counter)
    violations: tuple[Violation, ...] = ()


def verify(
    sent: Iterable[Sent], records: Iterable[Record], lag: Lag, history: Collection[str] | None = None,
    told: Mapping[str, bytes] | None = None,
) -> Report:  # fmt: skip
    """Hold the records against what was sent; `records` are whole partitions, from where they began to their ends.

    `history` are the ids of the results that were recorded, where somebody records them; `told` are results by their
    ids as they were told over HTTP.
    """
    sent = list(sent)
    topics: defaultdict[str, list[Record]] = defaultdict(list)
    for record in records:
        topics[record.topic].append(record)
    for each in topics.values():
        each.sort(key=lambda record: (record.partition, record.offset))
    results, violations = _read_results(topics["compute.results"])
    violations += _answered(sent, topics["compute.requests"], results)
    violations += _letters(sent, topics["compute.requests"], topics["compute.dlq"], results)
    violations += _order(sent, topics["compute.requests"], results)
    violations += [
        Violation("lag back to 0", f"{group} on {topic}/{partition}", f"{behind} records behind")
        for (group, topic, partition), behind in sorted(lag.items())
        if behind
    ]
    violations += [
        Violation("every result is recorded", name, "not in the history")
        for name in ([] if history is None else sorted(results.keys() - set(history)))
    ]
    for name, value in (told or {}).items():
        if all(answer.record.value != value for answer in results.get(name, ())):
            violations.append(Violation("what is told lies in the topic", name, repr(value[:120])))
    count = sum(map(len, results.values()))
    return Report(
        requests=len(topics["compute.requests"]), results=count, repeats=count - len(results),
        dead=len(topics["compute.dlq"]), statuses=Counter(answers[0].status for answers in results.values()),
        violations=tuple(violations),
    )  # fmt: skip


class _Answer(NamedTuple):
    record: Record
    status: str
    code: str | None
    lane: str
    promised: dict[str, bytes]


def _read_results(records: Iterable[Record]) -> tuple[dict[str, list[_Answer]], list[Violation]]:
    """Results by id, in the order of their offsets; with those that differ from the first of their id."""
    found: dict[str, list[_Answer]] = {}
    violations = []
    for record in records:
        place = f"{record.topic}/{record.partition}/{record.offset}"
        try:
            packed = record.headers.get("content-type") == MSGPACK.encode()
            read = msgspec.msgpack.decode if packed else msgspec.json.decode
            fields = (_unpack if packed else _decode).decode(record.value or b"")
            request_id, status = read(fields["id"], type=str), read(fields["status"], type=str)
            error: dict[str, Any] | None = read(fields["error"])
            lane = read(fields["provenance"])["lane"]
        except (msgspec.DecodeError, KeyError, TypeError) as problem:
            violations.append(
                Violation("a result is readable", place, f"{problem!r} in {(record.value or b'')[:200]!r}")
            )
            continue
        if record.key != request_id.encode():
            violations.append(Violation("a result is keyed by its id", request_id, f"key {record.key!r} at {place}"))
        promised = {name: _promised(name, value) for name, value in fields.items() if name not in _MAY_DIFFER}
        answers = found.setdefault(request_id, [])
        answers.append(_Answer(record, status, None if error is None else error["code"], lane, promised))
        first = answers[0].promised
        if list(promised.items()) != list(first.items()):
            names = [name for name in {**first, **promised} if first.get(name) != promised.get(name)]
            said = "; ".join(
                f"{name}: {first.get(name, b'')[:120]!r}, then {promised.get(name, b'')[:120]!r}" for name in names
            )
            violations.append(Violation("repeats are identical", request_id, said or "its fields have another order"))
    return found, violations


def _promised(name: str, value: msgspec.Raw) -> bytes:
    """The bytes that a repeat has to have: of the results of a workflow's steps, also without what may differ."""
    if name != "outputs" or b'"provenance"' not in bytes(value):
        return bytes(value)
    outputs: dict[str, Any] = msgspec.json.decode(value)
    for step in outputs.get("steps", {}).values():
        for one in (step, *(step.get("items") or ())):
            for may_differ in _MAY_DIFFER:
                one.pop(may_differ, None)
    return msgspec.json.encode(outputs)


def _answered(
    sent: Iterable[Sent], requests: Iterable[Record], results: Mapping[str, list[_Answer]]
) -> list[Violation]:
    there = {record.value for record in requests}
    violations = [
        Violation("what was confirmed is there", one.id or repr(one.value[:60]), "not in compute.requests")
        for one in sent
        if one.value not in there
    ]
    allowed = {one.id: one.statuses for one in sent if one.id is not None}
    asked = allowed.keys() | {name for record in requests if (name := _id(record.value)) is not None}
    violations += [Violation("every request is answered", name, "no result") for name in sorted(asked - results.keys())]
    violations += [Violation("no result without a request", name, "nobody asked") for name in results.keys() - asked]
    for name, statuses in allowed.items():
        for answer in results.get(name, ()):
            if answer.status not in statuses and answer.code != _CRASHED:
                said = f"{answer.status} ({answer.code}), expected {' or '.join(sorted(statuses))}"
                violations.append(Violation("its result is what it should be", name, said))
    return violations


def _letters(
    sent: Iterable[Sent], requests: Iterable[Record], dead: Iterable[Record], results: Mapping[str, list[_Answer]]
) -> list[Violation]:
    """Dead letters: those that should be there are, as they came; the others are requests that crashed a worker."""
    places = {(record.partition, record.offset): record for record in requests}
    violations = []
    found: set[bytes | None] = set()
    unreadable = {one.value for one in sent if one.id is None}
    for letter in dead:
        found.add(letter.value)
        if letter.value in unreadable:
            try:
                source = places.get((int(letter.headers["source-partition"]), int(letter.headers["source-offset"])))
            except (KeyError, ValueError):
                source = None
            if source is None or source.value != letter.value or source.key != letter.key:
                who = repr((letter.value or b"")[:60])
                violations.append(Violation("a dead letter says where it came from", who, repr(dict(letter.headers))))
            continue
        name = _id(letter.value)
        answers = results.get(name, []) if name is not None else []
        if letter.headers.get("error-code") != _CRASHED.encode() or _CRASHED not in {one.code for one in answers}:
            said = f"{letter.headers.get('error-code')!r} for {(letter.value or b'')[:120]!r}"
            violations.append(Violation("no dead letter without a reason", name or "no id", said))
    violations += [
        Violation("what cannot be read is kept", repr(value[:60]), "not in compute.dlq") for value in unreadable - found
    ]
    return violations


def _order(sent: Iterable[Sent], requests: Iterable[Record], results: Mapping[str, list[_Answer]]) -> list[Violation]:
    order = {one.id: one.order for one in sent if one.order is not None and one.id is not None}
    last: dict[tuple[str, int, int], tuple[int, str]] = {}
    violations = []
    seen: set[str] = set()
    for record in requests:
        name = _id(record.value)
        if name is None or name in seen or (of := order.get(name)) is None or name not in results:
            continue
        seen.add(name)
        first = results[name][0]
        if first.lane != "fast":
            continue
        line = (of, record.partition, first.record.partition)
        before, whose = last.get(line, (-1, ""))
        if first.record.offset < before:
            said = f"answered at {first.record.offset}, {whose} at {before}, in partition {first.record.partition}"
            violations.append(Violation("answers of one order follow each other", name, said))
        else:
            last[line] = first.record.offset, name
    return violations


def _id(value: bytes | None) -> str | None:
    """Read the id of a request, in JSON or in msgpack."""
    for decode, read in ((_decode.decode, msgspec.json.decode), (_unpack.decode, msgspec.msgpack.decode)):
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, KeyError):
            return read(decode(value or b"")["id"], type=str)
    return None
