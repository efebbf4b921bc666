"""A worker process, and what it wrote."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Message, Producer

from sciagents.tail import Tail
from streams import declare


class Answers:
    """Every record of `compute.results` and `compute.dlq`, as they come."""

    def __init__(self) -> None:
        self.by_id: dict[str, list[dict]] = defaultdict(list)
        self.records: list[Message] = []
        self.dead: list[Message] = []
        self._changed = threading.Condition()

    def take(self, records: list[Message]) -> None:
        with self._changed:
            for record in records:
                if record.topic().endswith("compute.dlq"):
                    self.dead.append(record)
                    continue
                self.records.append(record)
                packed = dict(record.headers() or []).get("content-type") == b"application/msgpack"
                decode = msgspec.msgpack.decode if packed else msgspec.json.decode
                self.by_id[record.key().decode()].append(decode(record.value()))
            self._changed.notify_all()

    def wait(self, done: Callable[["Answers"], bool], timeout_s: float = 60.0) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: done(self), timeout_s), (
                f"after {timeout_s:g} s: {sorted(self.by_id)[:30]} answered, {len(self.dead)} dead letters"
            )

    def pause(self, timeout_s: float) -> None:
        """Wait for the next answer, or as long."""
        with self._changed:
            self._changed.wait(timeout_s)

    def one(self, request_id: str, timeout_s: float = 60.0) -> dict:
        self.wait(lambda answers: request_id in answers.by_id, timeout_s)
        return self.by_id[request_id][0]


class Worker:
    """`sci-agents worker` as a process; with a `module` of the tests, the worker that this starts."""

    def __init__(
        self, bootstrap: str, embedded: bool, prefix: str, folder: Path, module: str | None = None, *more: str
    ) -> None:
        self.log = folder / "worker.log"
        flags = ["--embedded"] if embedded else []
        ours = [
            "sciagents",
            "worker",
            "--kafka",
            bootstrap,
            "--topic-prefix",
            prefix,
            *flags,
            "--dir",
            str(folder),
            *more,
        ]
        theirs = [module, bootstrap, prefix, str(folder), *(["embedded"] if embedded else [])]
        places = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *(ours if module is None else theirs)], stdout=log, stderr=log,
                env={**os.environ, "PYTHONFAULTHANDLER": "1", "PYTHONPATH": os.pathsep.join(filter(None, places))},
            )  # fmt: skip

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(30) == 0, self.log.read_text()

    @property
    def running(self) -> bool:
        return self.process.poll() is None


class Lane:
    """The topics of one test: publish requests, start workers, read answers."""

    def __init__(self, bootstrap: str, embedded: bool, prefix: str, folder: Path, answers: Answers) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.answers = answers
        self.embedded = embedded
        self._folder = folder
        self._workers: list[Worker] = []
        self._producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 20_000_000})

    def start_worker(self, module: str | None = None, *more: str) -> Worker:
        worker = Worker(self.bootstrap, self.embedded, self.prefix, self._folder, module, *more)
        self._workers.append(worker)
        return worker

    def publish(
        self,
        *values: bytes | None,
        topic: str = "compute.requests",
        headers: dict | None = None,
        key: bytes | None = None,
    ) -> None:
        for value in values:
            self._producer.produce(self.prefix + topic, value, key, headers=headers)
            self._producer.poll(0)
        assert self._producer.flush(30) == 0

    def close(self) -> None:
        for worker in self._workers:
            if worker.running:
                worker.kill()


@contextlib.contextmanager
def open_lane(bootstrap: str, embedded: bool, prefix: str, folder: Path) -> Iterator[Lane]:
    declare.ensure(bootstrap, prefix, embedded=embedded)
    answers = Answers()
    topics = [f"{prefix}compute.results", f"{prefix}compute.dlq"]
    with Tail(bootstrap, topics, answers.take, start="beginning"):
        lane = Lane(bootstrap, embedded, prefix, folder, answers)
        try:
            yield lane
        finally:
            lane.close()


@pytest.fixture
def lane(broker, topic_prefix: str, tmp_path: Path) -> Iterator[Lane]:
    """A lane on the embedded broker, then on Apache Kafka."""
    with open_lane(broker.bootstrap, broker.embedded, topic_prefix, tmp_path) as opened:
        yield opened


@pytest.fixture
def kafka_lane(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[Lane]:
    """A lane on Apache Kafka."""
    with open_lane(kafka, False, topic_prefix, tmp_path) as opened:
        yield opened


@pytest.fixture
def restartable_lane(kafka_restartable, topic_prefix: str, tmp_path: Path) -> Iterator[Lane]:
    """A lane on an Apache Kafka of the test's own."""
    with open_lane(kafka_restartable.bootstrap, False, topic_prefix, tmp_path) as opened:
        yield opened
