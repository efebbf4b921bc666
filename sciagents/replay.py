"""Sends what was kept back to where it came from, once: dead letters, or requests that are still on their topic.

A message that was sent again says where it lay first (`replayed-from`). By that it is known the next time, as long as
the topic of requests keeps it. If it fails again, that is another dead letter, from another place.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import msgspec
from confluent_kafka import Message

from sciagents.errors import BrokerError
from sciagents.reach import answering
from sciagents.tail import read_each
from streams.codec import JSON, id_of
from streams.emit import Emitter, Headers, Outgoing
from streams.letters import ERROR, SOURCE_OFFSET, SOURCE_PARTITION, SOURCE_TOPIC
from streams.topics import names

FROM = "replayed-from"
_OURS = {SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET, FROM}
_CONFIRM_WITHIN_S = 60.0

Source = Literal["dlq", "requests"]
Action = Literal["sent", "would be sent", "sent before", "not ours"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which messages: of these codes and ids (none: of all), from `since` to `until` (epoch seconds)."""

    codes: frozenset[str] = frozenset()
    ids: frozenset[str] = frozenset()
    since: float = float("-inf")
    until: float = float("inf")

    def takes(self, name: str | None, code: str | None, at: float) -> bool:
        """Whether a message is among them.

        >>> Choice(codes=frozenset({"timed_out"})).takes("r-1", "worker_crashed", 0.0)
        False
        """
        return (
            (not self.codes or code in self.codes)
            and (not self.ids or name in self.ids)
            and self.since <= at <= self.until
        )


class Replayed(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one message: `place` is topic/partition/offset where it lay first."""

    place: str
    id: str | None
    code: str | None
    action: Action


def replay(
    bootstrap: str, prefix: str, source: Source, choice: Choice, *, dry_run: bool = False, again: bool = False,
    timeout_s: float = 300.0,
) -> list[Replayed]:  # fmt: skip
    """Send the chosen messages to `compute.requests`; says what became of each.

    Raises:
        BrokerError: Kafka does not answer, or did not take all of them.
        TimeoutError: the topics could not be read in time.

    """
    topics = names(prefix)
    requests, found = topics["compute.requests"], list[Replayed]()
    refused: list[Exception] = []
    until = time.monotonic() + timeout_s

    def confirmed(refusal: Exception | None) -> None:
        if refusal is not None:
            refused.append(refusal)

    with answering(bootstrap, prefix):
        before: set[str] = set() if again else _sent_before(bootstrap, requests, until)
        codes = _codes(bootstrap, topics["compute.results"], until) if source == "requests" and choice.codes else {}
        emitter = Emitter(bootstrap)
        try:

            def take(record: Message) -> None:
                headers = _texts(record)
                if source == "requests" and FROM in headers and not again:
                    return  # a copy of one that is looked at itself
                name = id_of(record.value(), headers.get("content-type", JSON))
                code = headers.get(f"{ERROR}code") if source == "dlq" else codes.get(name or "")
                if not choice.takes(name, code, record.timestamp()[1] / 1000):
                    return
                place = f"{record.topic()}/{record.partition()}/{record.offset()}"
                ours = source == "requests" or headers.get(SOURCE_TOPIC) in (requests, topics["compute.heavy"])
                if source == "dlq" and ours:
                    place = "/".join(headers.get(part, "") for part in (SOURCE_TOPIC, SOURCE_PARTITION, SOURCE_OFFSET))
                action: Action = "would be sent" if dry_run else "sent"
                if not ours:
                    action = "not ours"
                elif place in before:
                    action = "sent before"
                else:
                    before.add(place)  # it may be there twice
                    if not dry_run:
                        emitter.send([_copy(record, requests, place)], confirmed)
                found.append(Replayed(place=place, id=name, code=code, action=action))

            _read(bootstrap, topics["compute.dlq"] if source == "dlq" else requests, take, until)
        finally:
            left = emitter.close(_CONFIRM_WITHIN_S)
    if left or refused:
        raise BrokerError(f"Kafka has not confirmed {left + len(refused)} messages; run it again: none is sent twice")
    return found


def _copy(record: Message, topic: str, place: str) -> Outgoing:
    """Make the message as it was sent first, but for one header."""
    headers: Headers = [
        (name, value)
        for name, value in cast("Headers", record.headers() or [])
        if name not in _OURS and not name.startswith(ERROR)
    ]
    key = record.key()
    return Outgoing(topic, key.encode() if isinstance(key, str) else key, record.value(), [*headers, (FROM, place)])


def _sent_before(bootstrap: str, topic: str, until: float) -> set[str]:
    found: set[str] = set()

    def take(record: Message) -> None:
        if record.headers() and (place := _texts(record).get(FROM)) is not None:
            found.add(place)

    _read(bootstrap, topic, take, until)
    return found


def _codes(bootstrap: str, topic: str, until: float) -> dict[str, str]:
    """Return the code of each id whose last result is an error."""
    found: dict[str, str] = {}

    def take(record: Message) -> None:
        name = (record.key() or b"").decode("utf-8", "replace")
        packed = _texts(record).get("content-type", JSON) != JSON
        try:
            error = (_pack if packed else _json).decode(record.value() or b"{}").error
        except msgspec.DecodeError:
            return
        if error is None:
            found.pop(name, None)
        else:
            found[name] = error.code

    _read(bootstrap, topic, take, until)
    return found


class _Error(msgspec.Struct):
    code: str


class _Result(msgspec.Struct):
    error: _Error | None = None


_json, _pack = msgspec.json.Decoder(_Result), msgspec.msgpack.Decoder(_Result)


def _read(bootstrap: str, topic: str, take: Callable[[Message], None], until: float) -> None:
    """Read what a topic holds now; nothing of it is kept here."""

    def each(records: Sequence[Message]) -> None:
        for record in records:
            take(record)

    read_each(bootstrap, topic, take=each, timeout_s=until - time.monotonic())


def _texts(record: Message) -> dict[str, str]:
    return dict(_decoded(cast("Headers", record.headers() or [])))


def _decoded(headers: Headers) -> Iterator[tuple[str, str]]:
    for name, value in headers:
        yield name, value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""
