"""The alerting process: tails of events and results feed the alerting stream; one emitter writes what it decides.

It takes up where the last process stopped: `ops.incidents`, `ops.notifications` and `ops.silences` are read whole, then
the commands, then events and results from the lookback on. Any number may run on Kafka: one of them does all this, the
others stand by (`sciagents.replicas`). With `listen` it has the routes of `sciagents.api.alerting`; `alone`, it brings
its own embedded broker, in the place of an Alertmanager, and a journal in a file in the place of the topics.
"""

import asyncio
import os
import signal as signals
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any, cast

import faust
import msgspec
import structlog
from confluent_kafka import Message
from prometheus_client import Gauge, start_http_server

from alerting import alerts, stream
from alerting import config as configuration
from alerting.alerts import SEVERITIES, Alert
from alerting.config import Config
from alerting.documents import ConfigError
from alerting.engine import Engine
from alerting.stream import Batch, CaughtUp, Stream
from sciagents import addresses, past, replicas, shipped
from sciagents.api import alerting as api
from sciagents.api.access import Tokens, listen, read_tokens
from sciagents.api.alerting import server
from sciagents.api.desk import Desk
from sciagents.api.gateway import Gateway
from sciagents.broker import EmbeddedBroker
from sciagents.journal import Journal
from sciagents.tail import Tail
from sciagents.writing import PlainWriter, Writer
from streams import declare, logs, process
from streams.channel import own_channel
from streams.contracts import AlertState, Severity
from streams.topics import names

_log = structlog.get_logger(__name__)

_BATCHES_AHEAD = 8

_OPEN = Gauge("sci_agents_incidents_open", "Incidents that are not resolved.", ["severity"])
_DROPPED = Gauge("sci_agents_alerting_samples_dropped", "Samples that were not taken: late, old, too many.")
_WRITER = Gauge("sci_agents_alerting_writer", "Whether this process writes and tells: 1, or 0 while it stands by.")
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


def run(settings: AlertingSettings) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP loads the configuration again.

    Raises:
        ConfigError: before anything else, when the configuration is wrong.
        UsageError: the address to listen on cannot be had, or is not of this machine alone and there are no tokens.

    """
    load = partial(configuration.load, settings.config, os.environ)
    config = load()
    log_file = Path(settings.log_file) if settings.log_file else None
    logs.configure(settings.log_level, log_file, settings.log_format)
    for notice in config.notices:
        _log.warning("config_notice", notice=notice)
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
        if writer is not None:
            _WRITER.set(1)
            now_valid = _again(load, config)  # it may have waited for hours
            process.run(make_app(settings, now_valid, load, listener, tokens, writer, journal), settings.log_level)


def _again(load: Callable[[], Config], before: Config) -> Config:
    """Load the configuration as it is now, or keep the one of before when that has become wrong."""
    try:
        return load()
    except ConfigError as error:
        _log.error("config_reload_failed", error=str(error))
        return before


def make_app(
    settings: AlertingSettings, config: Config, load: Callable[[], Config], listener: socket.socket | None,
    tokens: Tokens, writer: Writer, journal: Journal | None = None,
) -> faust.App:  # fmt: skip
    """Take up what the last process left, and wire the Faust app."""
    Path(settings.directory).mkdir(parents=True, exist_ok=True)
    topics = names(settings.prefix)
    app = faust.App(
        # unique: the commands are read whole at each start, and Faust keeps no state for us
        f"{settings.prefix}sci-agents-alerting-{uuid.uuid4().hex[:12]}",
        broker=f"kafka://{settings.kafka}",
        web_enabled=False,
        datadir=str(Path(settings.directory) / "faust"),
        topic_allow_declare=not settings.embedded,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
    )
    now = time.time()
    if journal is None:  # the embedded broker knows no times
        before = past.of_topics(
            settings.kafka, settings.prefix, None if settings.embedded else now - config.resolve_timeout
        )
    else:
        before = past.of_journal(journal)
    engine = Engine.restore(config, before.incidents, before.notifications, now, before.silences)
    batches = own_channel(app, 0)
    alerting = Stream(engine, writer.send, topics, confirm=writer.confirm)
    feed = _Feed(batches, app)
    tails = [
        Tail(
            settings.kafka, [topic], feed.hand_out, on_failure=feed.fail, start="beginning" if settings.embedded else at
        )
        for topic, at in (
            (topics["ops.events"], now - config.events_lookback),
            (topics["compute.results"], now - config.results_lookback),
        )
    ]
    running: list[Tail] = []
    stream.attach(app, batches, alerting, topics["ops.commands"])
    _measure(engine, alerting)

    earlier = () if journal is None else before.notifications  # that topics of an embedded broker do not have
    door = None if listener is None else _Door(Desk(alerting, load, time.time(), earlier), settings, tokens, listener)

    async def reload() -> None:
        with suppress(ConfigError):  # logged, and an incident
            await alerting.reload(load, "SIGHUP")

    async def start(_app: object) -> None:
        asyncio.get_running_loop().add_signal_handler(
            signals.SIGHUP, lambda: asyncio.get_running_loop().create_task(reload())
        )
        if door is not None:
            door.open()
        for command in before.commands:  # before any timer: an answer that came while nobody listened counts
            await alerting.do(command)
        alerting.begin()
        if untold := _untold(engine, before.alerts):
            await alerting.alert(untold)
        for tail in tails:
            await asyncio.to_thread(tail.__enter__)
            running.append(tail)
        _log.info("alerting_ready", kafka=settings.kafka, config=str(settings.config), rules=len(config.rules))
        while not all(tail.caught_up.is_set() for tail in tails):  # noqa: ASYNC110 - the tails' threads set it
            await asyncio.sleep(0.05)
        feed.put(CaughtUp())
        await alerting.until_live()
        if door is not None:
            print("ready", flush=True)  # noqa: T201 - its output

    async def stop(_app: Any, /, *_: Any, signal: Any, **__: Any) -> None:  # noqa: ARG001 - as mode calls it
        feed.close()
        if door is not None:
            await door.close()
        await alerting.stop()
        await asyncio.gather(*(asyncio.to_thread(tail.__exit__) for tail in running))
        await asyncio.to_thread(writer.close)

    app.task(start)
    app.on_before_shutdown.connect(stop, weak=False)
    return app


def _untold(engine: Engine, states: Iterable[AlertState]) -> list[Alert]:
    """The alerts from outside that were taken and that nobody was told of yet: their senders may not repeat them."""
    own = {rule.name for rule in engine.config.rules}  # these are found again by their rules
    return [
        alerts.restored(state)
        for state in states
        if state.labels.get("alertname") not in own and engine.store.get(state.fingerprint) is None
    ]


class _Door:
    """The address that the process listens on."""

    def __init__(self, desk: Desk, settings: AlertingSettings, tokens: Tokens, listener: socket.socket) -> None:
        self._gateway = Gateway(settings.kafka, settings.prefix)
        self._server = server(api.make_app(desk, self._gateway, tokens))
        self._listener = listener
        self._serving: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to answer."""
        self._serving = asyncio.create_task(api.serve(self._server, self._listener))

    async def close(self) -> None:
        """Answer what has been asked, for a moment, and end."""
        self._server.end()
        if self._serving is not None:
            await self._serving
        self._gateway.close()


class _Feed:
    """Brings batches from the tails' threads to the channel; a thread waits while too many are under way."""

    def __init__(self, channel: faust.ChannelT[Any], app: faust.App) -> None:
        self._channel = channel
        self._app = app
        self._room = threading.BoundedSemaphore(_BATCHES_AHEAD)
        self._closed = threading.Event()

    def hand_out(self, records: Sequence[Message]) -> None:
        while not self._room.acquire(timeout=0.1):
            if self._closed.is_set():
                return
        self.put(Batch(records, self._room.release))

    def put(self, value: object) -> None:
        asyncio.run_coroutine_threadsafe(self._channel.put(cast("faust.EventT[Any]", value)), self._app.loop)

    def fail(self, failure: Exception) -> None:
        """End the process: an alerting stream that is deaf must not look alive."""
        asyncio.run_coroutine_threadsafe(self._app.crash(failure), self._app.loop)

    def close(self) -> None:
        self._closed.set()


def _measure(engine: Engine, alerting: Stream) -> None:
    """Show the state of the engine to Prometheus."""

    def open_of(severity: Severity) -> float:
        open_ones = (incident for incident in engine.register if incident.status != "resolved")
        return float(sum(incident.severity == severity for incident in open_ones))

    for severity in SEVERITIES:
        _OPEN.labels(severity).set_function(partial(open_of, severity))
    _DROPPED.set_function(lambda: float(engine.signals.dropped.total()))
    _IGNORED.set_function(lambda: float(alerting.ignored.total()))
