"""Cancellations that were sent while no worker heard them: the last hour of `compute.control`, read at the start.

The Faust agent `control` hears from its start on, and says not exactly when that was: for a while, both read.
"""

import threading
import time

import msgspec
import structlog
from confluent_kafka import Consumer, KafkaException, Message

from streams import groupless
from streams.cancels import Cancels
from streams.contracts import Control
from streams.patience import patiently

_log = structlog.get_logger(__name__)

HORIZON_S = 3600.0
_RECORDS_LIMIT = 100_000
"""Most controls that are read again, as many as are remembered."""
_OVERLAP_S = 60.0
_BROKER_S = 10.0
_PATIENCE_S = 30.0


class Recall:
    """A thread that reads controls back; `wait` returns when what was there at the start is known."""

    def __init__(self, cancels: Cancels, bootstrap: str, topic: str, *, embedded: bool = False) -> None:
        self._cancels = cancels
        self._bootstrap = bootstrap
        self._topic = topic
        self._embedded = embedded
        self._known = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recall", daemon=True)

    def begin(self) -> None:
        """Start to read."""
        self._thread.start()

    def wait(self, timeout_s: float = _BROKER_S) -> bool:
        """Wait until what was there at the start is read; a broker that is away is not waited for longer."""
        return self._known.wait(timeout_s)

    def close(self) -> None:
        """Read no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5.0)

    def _run(self) -> None:
        try:
            patiently(self._read, _PATIENCE_S)
        except KafkaException as error:
            _log.warning("controls_not_recalled", error=str(error))
        finally:
            self._known.set()

    def _read(self) -> None:
        consumer = groupless.consumer(self._bootstrap, "recall")
        try:
            since_ms = int((time.time() - HORIZON_S) * 1000)
            behind = self._assign(consumer, since_ms)
            count, until = 0, time.monotonic() + _OVERLAP_S
            while not self._stopping.is_set() and time.monotonic() < until:
                if not behind:
                    if not self._known.is_set() and count:
                        _log.info("controls_recalled", controls=count)
                    self._known.set()
                record = consumer.poll(0.05)
                if record is None or record.error() is not None:
                    continue
                count += 1
                if record.timestamp()[1] >= since_ms:
                    obey(record.value(), self._cancels)
                _caught_up(behind, record)
        finally:
            consumer.close()

    def _assign(self, consumer: Consumer, since_ms: int) -> dict[int, int]:
        """Read from an hour ago; returns the end of each partition that has records since."""
        numbers = groupless.numbers_of(consumer, self._topic)
        most = _RECORDS_LIMIT // len(numbers)
        begin, behind = groupless.since(consumer, self._topic, numbers, since_ms, most, embedded=self._embedded)
        consumer.assign(begin)
        return behind


def obey(value: bytes | None, cancels: Cancels) -> None:
    """Do what a control says; one that cannot be read is told in the log."""
    try:
        control = msgspec.json.decode(value or b"", type=Control)
    except msgspec.DecodeError as error:  # ValidationError is one of them
        _log.warning("control_ignored", error=str(error))
    else:
        cancels.add(control.id)


def _caught_up(behind: dict[int, int], record: Message) -> None:
    number, offset = record.partition(), record.offset()
    if number in behind and offset is not None and offset + 1 >= behind[number]:
        del behind[number]
