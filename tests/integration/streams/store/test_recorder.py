"""The recorder on real servers: every record has its effect once, whatever is away when."""

import asyncio
import contextlib
from collections.abc import Iterator

import msgspec
import pytest
import stamina
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from streams import declare, telemetry
from streams.emit import Outgoing
from streams.fenced import FencedEmitter
from streams.store.ports import StoreAwayError
from streams.store.recorder import Recorder
from streams.store.rows import inflate

from .conftest import in_postgres

PATIENCE_S = 60.0
REQUEST = {"agent": "ode", "task": "ivp", "inputs": {}, "labels": {"team": "fluids"}}
RESULT = {
    "agent": "ode", "task": "ivp", "status": "succeeded", "outputs": {"x": [1.0]}, "error": None, "warnings": [],
    "completed_at": "2026-11-24T10:00:00.123Z", "provenance": {"worker": "host/1", "run_s": 0.5},
}  # fmt: skip
COMMAND = {"incident": "INC-1", "action": "note", "by": "ada", "at": "2026-11-24T10:01:00Z"}


class Topics:
    """Publishes to the topics of one test."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap, self.prefix = bootstrap, prefix
        declare.ensure(bootstrap, prefix)
        self._producer = Producer({"bootstrap.servers": bootstrap})

    def publish(self, topic: str, *values: dict | bytes) -> None:
        failures: list[object] = []
        for value in values:
            key = value["id"].encode() if isinstance(value, dict) and "id" in value else b"key"
            encoded = value if isinstance(value, bytes) else msgspec.json.encode(value)
            self._producer.produce(
                self.prefix + topic, encoded, key, on_delivery=lambda error, _: failures.append(error)
            )
        assert self._producer.flush(30) == 0
        assert not any(failures)

    def work(self, first: int, count: int) -> list[str]:
        """Publish requests and their results; returns the ids."""
        ids = [f"r-{number}" for number in range(first, first + count)]
        self.publish("compute.requests", *({"id": one, **REQUEST} for one in ids))
        self.publish("compute.results", *({"id": one, **RESULT} for one in ids))
        return ids


@pytest.fixture
def topics(kafka, topic_prefix) -> Topics:
    return Topics(kafka, topic_prefix)


@contextlib.contextmanager
def _recording(store, topics, **settings) -> Iterator[Recorder]:
    recorder = Recorder(store.writer(), topics.bootstrap, topics.prefix, retention_days=0, **settings)
    recorder.start()
    try:
        yield recorder
    finally:
        recorder.stop()


def _until(holds) -> None:
    for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=PATIENCE_S, wait_max=0.2):
        with attempt:
            assert holds()


async def _until_kept(reader, ids) -> None:
    waits = (AssertionError, StoreAwayError)  # its tables are made by the first recorder
    async for attempt in stamina.retry_context(on=waits, attempts=None, timeout=PATIENCE_S, wait_max=0.2):
        with attempt:
            kept = await reader.page(1_000_000, None, "succeeded", None)
            assert sorted(found.id for found in kept) == sorted(ids)


async def test_requests_and_results_are_kept(store, reader, topics):
    """Every request is there with its result, as it was sent."""
    ids = topics.work(0, 500)
    with _recording(store, topics):
        await _until_kept(reader, ids)
        found = await reader.find("r-7")
        assert msgspec.json.decode(inflate(found.body, 10_000)) == {"id": "r-7", **RESULT}


async def test_it_goes_on_where_it_stopped(store, reader, topics):
    """What came while no recorder ran is recorded by the next, and nothing twice."""
    ids = topics.work(0, 50)
    topics.publish("ops.commands", COMMAND)
    with _recording(store, topics):
        await _until_kept(reader, ids)
    topics.publish("ops.commands", COMMAND | {"by": "grace", "at": "2026-11-24T10:02:00Z"})
    ids += topics.work(50, 50)
    with _recording(store, topics):
        await _until_kept(reader, ids)
        async for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=PATIENCE_S, wait_max=0.2):
            with attempt:
                assert [deed.who for deed in await reader.audit(10, None, None)] == ["grace", "ada"]


async def test_hostile_records_hold_up_nothing(store, reader, topics):
    """Bytes that are nothing, and text that a database does not take, are passed by."""
    hostile = [b"", b"\xff\xfe", b"[" * 10_000, b"null", {"id": "n\x00l", **RESULT}]
    hostile += [
        {"id": f"h-{n}", **RESULT, "agent": name} for n, name in enumerate(["a\x00", "\ud7ff\ufffe", "x" * 9_000])
    ]
    topics.publish("compute.results", *hostile)
    topics.publish("compute.requests", *hostile, {"id": "h-9", **REQUEST, "seed": 1 << 64})
    ids = [*topics.work(0, 10), "h-0", "h-1", "h-2"]
    with _recording(store, topics):
        await _until_kept(reader, ids)


async def test_a_record_that_a_store_refuses_is_passed_by_alone(store, reader, topics, monkeypatch):
    """Of a batch that holds one row that does not fit, all others are kept."""
    from streams.store import rows

    take = rows._take_request

    def overflow(found, *record):
        take(found, *record)
        for key, row in found.asked.items():
            if key == "unfit":
                found.asked[key] = (*row[:5], 1 << 70, *row[6:])

    monkeypatch.setattr(rows, "_take_request", overflow)
    ids = topics.work(0, 20)
    topics.publish("compute.requests", {"id": "unfit", **REQUEST})
    ids += topics.work(20, 20)
    with _recording(store, topics):
        await _until_kept(reader, ids)
        assert await reader.find("unfit") is None


async def test_a_second_recorder_takes_over(store, reader, topics):
    """While one records the other stands by; when it stops the other goes on from there."""
    with contextlib.ExitStack() as stack:
        first = Recorder(store.writer(), topics.bootstrap, topics.prefix, retention_days=0)
        first.start()
        stack.callback(first.stop)
        _until(lambda: first.state == "recording")
        second = stack.enter_context(_recording(store, topics))
        _until(lambda: second.state == "standby")
        ids = topics.work(0, 20)
        await _until_kept(reader, ids)
        first.stop()
        ids += topics.work(20, 20)
        await _until_kept(reader, ids)
        assert second.state == "recording"


async def test_what_a_transaction_leaves_behind_its_records_is_no_lag(store, reader, topics):
    """The alerting process writes in transactions, each of which ends with a mark that takes an offset."""
    writer = FencedEmitter(topics.bootstrap, f"{topics.prefix}writer")
    writer.take()
    with _recording(store, topics) as recorder:
        _until(lambda: recorder.state == "recording")
        writer.send([Outgoing(f"{topics.prefix}ops.commands", b"k", msgspec.json.encode(COMMAND), [])])
        await _until_kept(reader, topics.work(0, 5))
        recorder.lag = -1  # what it measures from here on counts
        _until(lambda: recorder.lag == 0)


async def test_records_that_retention_took_are_counted(store, reader, topics):
    """What Kafka deleted while no recorder ran is missing, and said to be."""
    with _recording(store, topics) as recorder:
        topics.publish("ops.commands", *[COMMAND] * 4)
        _until(lambda: recorder.state == "recording")
        await _until_kept(reader, topics.work(0, 5))
        _until(lambda: recorder.lag == 0)
    topics.publish("ops.commands", *[COMMAND] * 40)
    admin = AdminClient({"bootstrap.servers": topics.bootstrap})
    everything = [TopicPartition(f"{topics.prefix}ops.commands", number, -1) for number in range(4)]
    for future in admin.delete_records(everything).values():
        future.result(30)
    before = telemetry.HISTORY_LOST._value.get()
    with _recording(store, topics) as recorder:
        _until(lambda: recorder.state == "recording")
        await _until_kept(reader, [f"r-{number}" for number in range(5)] + topics.work(5, 5))
    assert telemetry.HISTORY_LOST._value.get() - before == 40


@pytest.mark.containers
@pytest.mark.parametrize("hurt", ["kill", "stop"])
async def test_a_postgresql_that_dies_makes_it_lag_and_lose_nothing(postgres_server, topics, hurt):
    """Killed or stopped in mid-flight: all is there once it is back."""
    store = in_postgres(postgres_server.url)
    ids = topics.work(0, 3_000)
    with _recording(store, topics) as recorder:
        _until(lambda: recorder.state == "recording")
        getattr(postgres_server, hurt)()
        ids += topics.work(3_000, 3_000)
        _until(lambda: recorder.state == "away")
        await asyncio.to_thread(postgres_server.start)
        reader = store.reader()
        await _until_kept(reader, ids)
        await reader.close()
        _until(lambda: recorder.state == "recording" and recorder.lag == 0)


@pytest.mark.containers
async def test_a_postgresql_that_hangs_is_left_and_found_again(postgres_server, topics):
    """Frozen, it is given up after a while, and recorded into once it goes on."""
    store = in_postgres(postgres_server.url)
    with _recording(store, topics) as recorder:
        _until(lambda: recorder.state == "recording")
        postgres_server.pause()
        try:
            ids = topics.work(0, 100)
            _until(lambda: recorder.state == "away")
        finally:
            postgres_server.resume()
        reader = store.reader()
        await _until_kept(reader, ids)
        await reader.close()


@pytest.mark.containers
async def test_a_broker_that_dies_makes_it_wait(kafka_restartable, topic_prefix, sqlite_store):
    """The broker killed and started again: the recorder goes on by itself."""
    topics = Topics(kafka_restartable.bootstrap, topic_prefix)
    ids = topics.work(0, 100)
    reader = sqlite_store.reader()
    with _recording(sqlite_store, topics):
        await _until_kept(reader, ids)
        kafka_restartable.kill()
        kafka_restartable.start()
        ids += topics.work(100, 100)
        await _until_kept(reader, ids)
