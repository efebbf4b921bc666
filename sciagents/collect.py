"""How this machine does, and what waits in Kafka (`backlog`), every few seconds, as ops events."""

import signal
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import psutil
import structlog

from sciagents.backlog import Backlog
from streams import declare, instants, logs
from streams.contracts import OpsEvent
from streams.emit import Emitter, Outgoing
from streams.topics import names

_log = structlog.get_logger(__name__)

_STOP = (signal.SIGINT, signal.SIGTERM)
_TTL_BEATS = 3
_FIRST_S = 0.2
"""How long the first reading of the processors takes: they are measured between two looks."""


class CollectSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the collecting process is set up; the disk of `directory` is watched, `group_id` is that of the workers."""

    kafka: str
    group_id: str = "sci-agents"
    every_s: float = 5.0
    source: str = ""
    embedded: bool = False
    prefix: str = ""
    log_level: str = "INFO"
    log_file: str | None = None
    log_format: str = "auto"
    directory: str = "var"


class Reading(NamedTuple):
    """Shares in use, in percent."""

    cpu: float
    memory: float
    disk: float


def read(directory: str, interval_s: float | None = None) -> Reading:
    """Read the machine; the processors since the last reading, or over `interval_s` seconds from now."""
    return Reading(
        psutil.cpu_percent(interval_s), psutil.virtual_memory().percent, psutil.disk_usage(directory).percent
    )


def events(reading: Reading, source: str, now: float, every_s: float) -> Iterator[OpsEvent]:
    """Write a reading as ops events: three metrics, and a heartbeat that holds for three rounds."""
    at = instants.to_text(now)
    metrics = (("cpu_percent", reading.cpu), ("memory_percent", reading.memory), ("disk_percent", reading.disk))
    for name, value in metrics:
        yield OpsEvent(
            id=uuid.uuid4().hex, time=at, source=source, kind="metric", name=name, value=value, unit="percent"
        )
    yield OpsEvent(id=uuid.uuid4().hex, time=at, source=source, kind="heartbeat", ttl_s=_TTL_BEATS * every_s)


def run(settings: CollectSettings) -> None:
    """Publish until SIGTERM or SIGINT; what is not confirmed is sent again by librdkafka, in order."""
    log_file = Path(settings.log_file) if settings.log_file else None
    logs.configure(settings.log_level, log_file, settings.log_format)
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)  # before any thread is: they are waited for, below
    Path(settings.directory).mkdir(parents=True, exist_ok=True)
    declare.ensure(settings.kafka, settings.prefix, embedded=settings.embedded)
    source = settings.source or socket.gethostname()
    topic = names(settings.prefix)["ops.events"]
    emitter = Emitter(settings.kafka)
    _log.info("collect_ready", source=source, every_s=settings.every_s)
    backlog = Backlog(settings.kafka, settings.prefix, settings.group_id)
    interval: float | None = _FIRST_S
    while True:
        _publish(emitter, topic, events(read(settings.directory, interval), source, time.time(), settings.every_s))
        _publish(emitter, topic, backlog.events(time.time()))
        interval = None
        if signal.sigtimedwait(_STOP, settings.every_s) is not None:
            break
    backlog.close()
    emitter.close(2.0)


def _publish(emitter: Emitter, topic: str, found: Iterable[OpsEvent]) -> None:
    messages = [
        Outgoing(topic, event.source.encode(), msgspec.json.encode(event), [("content-type", "application/json")])
        for event in found
    ]
    if messages:
        emitter.send(messages, _told)


def _told(failure: Exception | None) -> None:
    if failure is not None:
        _log.error("metrics_not_delivered", error=str(failure))
