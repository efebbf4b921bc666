"""The alerting process: tails of events and results feed the alerting stream; one emitter writes what it decides.

It takes up where the last process stopped: `ops.incidents`, `ops.notifications` and `ops.silences` are read whole, then
the commands, then the last snapshot of the signals (`sciagents.snapshots`), and events and results from where that ends
or, without one, from the lookback on. Any number may run on Kafka: one of them does all this, the others stand by
(`sciagents.replicas`). What was due meanwhile is told first: all that is not needed for that is opened after it
(`sciagents.opening`). With `listen` it has the routes of `sciagents.api.alerting`; `alone`, it brings its own embedded
broker, in the place of an Alertmanager, and a journal in a file in the place of the topics.
"""

import asyncio
import os
import signal
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import structlog
from prometheus_client import Gauge, start_http_server

from alerting import alerts
from alerting import config as configuration
from alerting.alerts import SEVERITIES, Alert
from alerting.config import Config
from alerting.documents import ConfigError
from alerting.engine import Engine
from alerting.stream import Stream
from sciagents import addresses, ending, past, replicas, shipped
from sciagents.ahead import Ahead
from sciagents.api.desk import Desk
from sciagents.api.tokens import Tokens, listen, read_tokens
from sciagents.broker import EmbeddedBroker
from sciagents.journal import Journal
from sciagents.past import Past
from sciagents.writing import PlainWriter, Writer
from streams import declare, logs
from streams.contracts import AlertState, Severity
from streams.topics import names

if TYPE_CHECKING:
    from sciagents.opening import Door

_log = structlog.get_logger(__name__)

_FIRST_S = 0.5
"""So long what was due at the start has the process for itself."""

_OPEN = Gauge("sci_agents_incidents_open", "Incidents that are not resolved.", ["severity"])
_DROPPED = Gauge("sci_agents_alerting_samples_dropped", "Samples that were not taken: late, old, too many.")
_WRITER = Gauge("sci_agents_alerting_writer", "Whether this process writes and tells: 1, or 0 while it stands by.")
SNAPSHOT_AT = Gauge(
    "sci_agents_alerting_snapshot_timestamp_seconds", "Until when the last snapshot of the signals goes."
)
_IGNORED = Gauge("sci_agents_alerting_records_ignored", "Records that could not be read.")


class AlertingSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the alerting process is set up."""

    kafka: str
    config: Path
    embedded: bool = False
    alone: bool = False
    prefix: str = ""
    listen: str | None = None
    instance_id: str | None = None
    advertise: str | None = None
    metrics_listen: str | None = None
    log_level: str = "INFO"
    log_file: str | None = None
    log_format: str = "auto"
    directory: str = "var"


def default_config() -> Path:
    """The configuration that comes with the program; raises `NotFoundError`."""
    return shipped.folder("config") / "alerting.yaml"


def check(file: Path) -> None:
    """Look whether a configuration can be used; raises `ConfigError`."""
    configuration.load(file, os.environ)


def run(settings: AlertingSettings, ahead: Ahead | None = None) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP loads the configuration again.

    `ahead` has begun to ask a broker what it holds.

    Raises:
        ConfigError: before anything else, when the configuration is wrong.
        UsageError: the address to listen on cannot be had, or is not of this machine alone and there are no tokens.

    """
    signal.signal(signal.SIGHUP, lambda *_: None)  # until the stream runs: the configuration is being read, or will be
    load = partial(configuration.load, settings.config, os.environ)
    config = load()
    log_file = Path(settings.log_file) if settings.log_file else None
    logs.configure(settings.log_level, log_file, settings.log_format)
    for notice in config.notices:
        _log.warning("config_notice", notice=notice)
    if settings.advertise is not None:
        addresses.parse(settings.advertise, "advertise")
    tokens = read_tokens(os.environ)
    listener = None if settings.listen is None else listen(settings.listen, tokens)
    if listener is not None:
        print(f"http {addresses.name(listener)}", flush=True)  # noqa: T201 - its output
    journal: Journal | None = None
    with ExitStack() as stack:
        if settings.alone:
            journal = stack.enter_context(Journal(Path(settings.directory) / "alerting.journal"))
            broker = stack.enter_context(EmbeddedBroker())
            settings = msgspec.structs.replace(settings, kafka=broker.bootstrap, embedded=True)
        if ahead is None or not ahead.has_all_topics():
            declare.ensure(settings.kafka, settings.prefix, embedded=settings.embedded)
        if settings.metrics_listen:
            host, _, port = settings.metrics_listen.rpartition(":")
            start_http_server(int(port), host or "127.0.0.1")
        topics = names(settings.prefix)
        writer: Writer | None
        if settings.embedded:
            writer = PlainWriter(settings.kafka, topics, journal)
        else:
            name = settings.instance_id or replicas.name(listener)
            http = settings.advertise or replicas.reached(listener)
            replica = replicas.Replica(settings.kafka, settings.prefix, name, http)
            writer = replica.write(listener, tokens, stack, time.time())
            if replica.stood_by:  # maybe for hours
                config, ahead = _again(load, config), None
        if writer is not None:
            _WRITER.set(1)
            before = _before(settings, config, journal, ahead)
            engine = Engine.restore(config, before.incidents, before.notifications, time.time(), before.silences)
            alerting = Stream(engine, writer.send, topics, steady=time.monotonic, confirm=writer.confirm)
            _measure(engine, alerting)
            earlier = () if journal is None else before.notifications  # that topics of an embedded broker do not have
            _tell(settings, alerting, before, Desk(alerting, load, time.time(), earlier), writer, listener, tokens)


def _tell(
    settings: AlertingSettings, alerting: Stream, before: Past, desk: Desk, writer: Writer,
    listener: socket.socket | None, tokens: Tokens,
) -> None:  # fmt: skip
    """Run the stream: what is due first, then all that the process hears."""

    def door() -> "Door | None":
        from sciagents.opening import Door  # noqa: PLC0415 - see there

        return None if listener is None else Door(desk, settings.kafka, settings.prefix, tokens, listener)

    async def reload() -> None:
        with suppress(ConfigError):  # logged, and an incident
            await alerting.reload(desk.load, "SIGHUP")

    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    loop.add_signal_handler(signal.SIGHUP, lambda: loop.create_task(reload()))
    try:
        opened = _started(loop, alerting, before, door)
    except asyncio.CancelledError:  # it is to stop, before all is open
        loop.run_until_complete(alerting.stop())
        writer.close()
        return
    from sciagents import opening  # noqa: PLC0415 - imported by now

    opening.run(settings, alerting, writer, opened, loop)


def _started(
    loop: asyncio.AbstractEventLoop, alerting: Stream, before: Past, make_door: Callable[[], "Door | None"]
) -> "Door | None":
    """Tell what is due, and open the door meanwhile; raises `asyncio.CancelledError` when the process is to stop."""
    failures: list[BaseException] = []

    async def begin() -> "Door | None":
        alerting.start()
        for command in before.commands:  # before any timer: an answer that came while nobody listened counts
            await alerting.do(command)
        alerting.begin()
        if untold := _untold(alerting.engine, before.alerts):
            await alerting.alert(untold)
        await alerting.tell_due(_FIRST_S)  # to import takes what they need who tell it
        door = await asyncio.to_thread(make_door)
        if door is not None:
            door.open()
        return door

    beginning = loop.create_task(begin())

    def fail(failure: BaseException) -> None:
        failures.append(failure)
        beginning.cancel()

    alerting.fail = fail
    try:
        with ending.heard(loop, beginning.cancel):
            return loop.run_until_complete(beginning)
    finally:
        if failures:
            raise failures[0]


def _before(settings: AlertingSettings, config: Config, journal: Journal | None, ahead: Ahead | None) -> Past:
    """What was there before, in the journal or on the topics."""
    if journal is not None:
        return past.of_journal(journal)
    topics = None if ahead is None else ahead.topics()
    with topics or past.Topics(settings.kafka, settings.prefix) as found:
        # the embedded broker knows no times
        return found.past(None if settings.embedded else time.time() - config.resolve_timeout)


def _again(load: Callable[[], Config], before: Config) -> Config:
    """Load the configuration as it is now, or keep the one of before when that has become wrong."""
    try:
        return load()
    except ConfigError as error:
        _log.error("config_reload_failed", error=str(error))
        return before


def _untold(engine: Engine, states: Iterable[AlertState]) -> list[Alert]:
    """The alerts from outside that were taken and that nobody was told of yet: their senders may not repeat them."""
    own = {rule.name for rule in engine.config.rules}  # these are found again by their rules
    return [
        alerts.restored(state)
        for state in states
        if state.labels.get("alertname") not in own and engine.store.get(state.fingerprint) is None
    ]


def _measure(engine: Engine, alerting: Stream) -> None:
    """Show the state of the engine to Prometheus."""

    def open_of(severity: Severity) -> float:
        open_ones = (incident for incident in engine.register if incident.status != "resolved")
        return float(sum(incident.severity == severity for incident in open_ones))

    for severity in SEVERITIES:
        _OPEN.labels(severity).set_function(partial(open_of, severity))
    _DROPPED.set_function(lambda: float(engine.signals.dropped.total()))
    _IGNORED.set_function(lambda: float(alerting.ignored.total()))
