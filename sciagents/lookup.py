"""Reads the topics back: the last result of a request, what comes in now, the incidents as they stand."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import msgspec
from confluent_kafka import Message

from sciagents.client import decode_progress, decode_result, read_result
from sciagents.errors import BrokerError, NoAnswerError
from sciagents.reach import answering
from sciagents.reading import Start
from sciagents.tail import Tail
from streams.codec import MSGPACK
from streams.contracts import Incident, Progress, Result, Silence
from streams.store import opening
from streams.store.opening import HistorySettings
from streams.store.ports import Kept, StoreAwayError, UnfitError
from streams.store.rows import inflate
from streams.topics import TOPIC_MESSAGE_LIMIT, names

_WAITING = 1_000
"""Most updates that wait to be taken; reading stops while they do."""
_incident = msgspec.json.Decoder(Incident)
_silence = msgspec.json.Decoder(Silence)


def last_result(bootstrap: str, prefix: str, request_id: str, timeout_s: float) -> Result | None:
    """Find the last result of a request among those that are kept.

    Raises:
        BrokerError: Kafka does not answer; `NoAnswerError` when the results could not all be read in time.

    """
    key, kept = request_id.encode(), dict[bytes, Message]()
    _read_all(bootstrap, prefix, "compute.results", lambda record: _keep(kept, record, key), timeout_s)
    if key not in kept:
        return None
    try:
        return decode_result(kept[key])
    except ValueError as error:
        raise BrokerError(f"what is kept as the result of {request_id!r} cannot be read: {error}") from None


def recorded_result(history: HistorySettings, request_id: str) -> Result | None:
    """Find the result of a request in the history.

    Raises:
        BrokerError: the history does not answer, or has the result without its content.

    """

    async def ask() -> Kept | None:
        reader = opening.reader(history)
        try:
            return await reader.find(request_id)
        finally:
            await reader.close()

    try:
        found = asyncio.run(ask())
    except (StoreAwayError, UnfitError) as error:
        raise BrokerError(f"the history does not answer: {error}") from None
    if found is None or found.status == "pending":
        return None
    if found.body is None:
        raise BrokerError(f"the history has no content of {request_id!r}: it had {found.size} bytes")
    try:
        return read_result(inflate(found.body, TOPIC_MESSAGE_LIMIT), packed=found.content_type == MSGPACK)
    except ValueError as error:
        raise BrokerError(f"what is kept as the result of {request_id!r} cannot be read: {error}") from None


def incidents(bootstrap: str, prefix: str, timeout_s: float = 30.0) -> dict[str, Incident]:
    """Return the latest version of each incident, by its id; raises as `last_result`."""
    found: dict[str, Incident] = {}

    def keep(record: Message) -> None:
        incident = incident_of(record)
        if incident is not None and (incident.id not in found or incident.version >= found[incident.id].version):
            found[incident.id] = incident

    _read_all(bootstrap, prefix, "ops.incidents", keep, timeout_s)
    return found


def incident_of(record: Message) -> Incident | None:
    """Read a record of `ops.incidents`; None when it is none."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _incident.decode(record.value() or b"")
    return None


def silences(bootstrap: str, prefix: str, timeout_s: float = 30.0) -> dict[str, Silence]:
    """Return the latest version of each silence, by its id; raises as `last_result`."""
    found: dict[str, Silence] = {}

    def keep(record: Message) -> None:
        silence = silence_of(record)
        if silence is not None:
            found[silence.id] = silence
        elif record.value() is None and (key := record.key()) is not None:
            found.pop(key.decode("utf-8", "replace"), None)

    _read_all(bootstrap, prefix, "ops.silences", keep, timeout_s)
    return found


def silence_of(record: Message) -> Silence | None:
    """Read a record of `ops.silences`; None when it is none."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _silence.decode(record.value() or b"")
    return None


def follow(bootstrap: str, prefix: str, request_id: str | None) -> Iterator[Progress | Result]:
    """Iterate over progress and results as they come: of one request from what is kept on, of all from now on."""
    results = names(prefix)["compute.results"]
    wanted = None if request_id is None else request_id.encode()

    def read(record: Message) -> Progress | Result | None:
        if wanted is not None and record.key() != wanted:
            return None
        with suppress(ValueError):
            return decode_result(record) if record.topic() == results else decode_progress(record)
        return None

    start: Start = "end" if request_id is None else "beginning"
    with following(bootstrap, prefix, ("compute.results", "compute.progress"), start) as records:
        for record in records:
            if (update := read(record)) is not None:
                yield update


@contextmanager
def following(
    bootstrap: str, prefix: str, topics: tuple[str, ...], start: Start, timeout_s: float | None = None
) -> Iterator[Iterator[Message]]:
    """Give the records of topics as an endless iterator; what is sent inside this context is among them.

    With `timeout_s` the iterator raises `NoAnswerError` once as many seconds have passed.
    """
    heard: queue.Queue[Message | Exception] = queue.Queue(_WAITING)
    stopping = threading.Event()

    def put(item: Message | Exception) -> None:
        while not stopping.is_set():
            with suppress(queue.Full):
                heard.put(item, timeout=0.1)
                return

    def put_all(records: list[Message]) -> None:
        for record in records:
            put(record)

    def records(deadline: float | None) -> Iterator[Message]:
        while True:
            try:
                item = heard.get(timeout=None if deadline is None else max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise NoAnswerError(f"nothing came within {timeout_s:g} s") from None
            if isinstance(item, Exception):
                raise BrokerError(f"reading failed: {item}")
            yield item

    places = names(prefix)
    with (
        answering(bootstrap, prefix),
        Tail(bootstrap, [places[topic] for topic in topics], put_all, start=start, on_failure=put),
    ):
        try:
            yield records(None if timeout_s is None else time.monotonic() + timeout_s)
        finally:
            stopping.set()


def _read_all(bootstrap: str, prefix: str, topic: str, take: Callable[[Message], None], timeout_s: float) -> None:
    """Show `take` every record that a topic holds now, keeping none."""
    failed: list[Exception] = []

    def take_all(records: list[Message]) -> None:
        for record in records:
            take(record)

    with (
        answering(bootstrap, prefix),
        Tail(bootstrap, [names(prefix)[topic]], take_all, start="beginning", on_failure=failed.append) as tail,
    ):
        deadline = time.monotonic() + timeout_s
        while not tail.caught_up.wait(0.05) and not failed:
            if time.monotonic() > deadline:
                raise NoAnswerError(f"{topic} could not be read within {timeout_s:g} s", hint="allow more --timeout")
    if failed:
        raise BrokerError(f"reading {topic} failed: {failed[0]}")


def _keep(kept: dict[bytes, Message], record: Message, key: bytes) -> None:
    if record.key() == key and record.value() is not None:
        kept[key] = record
    elif record.key() == key:  # it was deleted
        kept.pop(key, None)
