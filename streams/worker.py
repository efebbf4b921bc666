"""The worker process: a Faust app whose intake feeds record batches to the agent `compute`. Start reading here.

intake → channel of record batches → agent `compute` → `Compute` (a thread) → emitter → intake.done → commit
what is too long: `Compute` → `compute.heavy` → an intake of its own → agent `heavy` → `Heavy` (processes) → emitter
a workflow: `Compute` → the journal → `Conductor` → its steps as requests → their results in the journal → its result
divided work: the same, with shards over `compute.heavy` in place of steps: what each leaves is in the journal
"""

import asyncio
import os
import socket
import uuid
from collections.abc import Callable, Collection
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import faust
import msgspec
import structlog
from threadpoolctl import threadpool_limits

from agents import catalogue
from streams import artifacts, declare, faults, journal, logs, process, spans, status, supervisor, telemetry
from streams.answered import Answered, KafkaResults
from streams.artifacts import Shelf
from streams.cache.results import CacheSettings, open_cache
from streams.cancels import Cancels
from streams.channel import own_channel
from streams.compute import Compute
from streams.conductor import Conductor
from streams.emit import Emitter
from streams.heavy import forward
from streams.heavy.frames import Setup
from streams.heavy.lane import Heavy
from streams.intake import MAX_DELAY_MS, Intake
from streams.limits import USUAL, Limits
from streams.membership import Membership, Protocol, choose
from streams.note import Note, Place
from streams.ownership import OwnerWatch
from streams.pending import MAX_BATCH
from streams.recall import Recall, obey
from streams.replies import Desk
from streams.topics import groups, names
from streams.vitals import Vitals

_log = structlog.get_logger(__name__)


_READ_AHEAD = 512
"""Requests of the heavy lane that are read before their turn: among these, high priority overtakes."""
_READ_AHEAD_BYTES = 64 * 1024 * 1024
_HEAVY_BATCH = 32


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one worker process is set up."""

    kafka: str
    embedded: bool = False
    prefix: str = ""
    group_id: str = "sci-agents"
    group_protocol: Protocol = "auto"
    instance_id: str | None = None
    max_workers: int = 2
    timeout_s: float = 3600.0
    defaults: dict[tuple[str, str], dict[str, Any]] = {}
    inline_limit: int = 10_000
    metrics_listen: str | None = None
    log_level: str = "INFO"
    log_file: str | None = None
    log_format: str = "auto"
    directory: str = "var"
    cache: CacheSettings | None = None
    plugins: tuple[str, ...] = ()
    """Modules that add tasks to the catalogue, for whoever starts a worker from Python; no setting names them."""
    stuck_after_s: float = 60.0
    limits: Limits = USUAL
    max_delay_ms: float = MAX_DELAY_MS
    max_batch: int = MAX_BATCH


def supervise(
    settings: WorkerSettings, complete: Callable[[WorkerSettings], WorkerSettings] = lambda settings: settings
) -> None:
    """Run a worker in a child process, and another one when a request has killed it.

    `complete` is called in the child, for what has to ask the broker.
    """
    _log_as(settings)
    supervisor.run(lambda note, suspects: run(complete(settings), note, suspects))


def run(settings: WorkerSettings, note: Note | None = None, suspects: Collection[Place] = ()) -> None:
    """Run until SIGTERM or SIGINT; then drain: what is in flight is answered and committed.

    What is computed is noted in `note`; `suspects` are forwarded to the heavy lane, whatever they are.
    """
    _log_as(settings)
    catalogue.plug_in(settings.plugins)
    declare.ensure(settings.kafka, settings.prefix, embedded=settings.embedded)
    threadpool_limits(1, "blas")  # requests run side by side; and a result does not depend on the number of cores
    app, vitals = make_app(settings, note, suspects)
    with status.serving(settings.metrics_listen, vitals.look):
        process.run(app, settings.log_level)


def _log_as(settings: WorkerSettings) -> None:
    log_file = Path(settings.log_file) if settings.log_file else None
    logs.configure(settings.log_level, log_file, settings.log_format)


def make_app(  # noqa: PLR0915 - a list of what there is
    settings: WorkerSettings, note: Note | None = None, suspects: Collection[Place] = ()
) -> tuple[faust.App, Vitals]:
    """Wire the Faust app: intakes as services, the agents `compute`, `heavy` and `control`; and watch its vitals."""
    name = f"{socket.gethostname()}/{os.getpid()}"
    app = _app(settings)
    cancels = Cancels()
    emitter = Emitter(settings.kafka)
    batches = own_channel(app, 1)
    topics = names(settings.prefix)
    group = groups(settings.prefix, settings.group_id)
    membership = choose(
        Membership(settings.group_protocol, settings.instance_id),
        settings.kafka,
        group["compute.requests"],
        embedded=settings.embedded,
    )
    traces = spans.from_environment("sci-agents-worker", telemetry.SPANS_DROPPED.inc)
    on_loss = faults.loss_teller(emitter, topics["ops.events"], name)
    results = KafkaResults(settings.kafka, topics["compute.results"], embedded=settings.embedded)
    intake = Intake(
        batches, settings.kafka, [topics["compute.requests"]], group["compute.requests"], membership=membership,
        answered=Answered(results), outbox=emitter, on_loss=on_loss, max_delay_ms=settings.max_delay_ms,
        embedded=settings.embedded,
    )  # fmt: skip
    desk = Desk(
        version=version("sci-agents"), worker=name, emitter=emitter, done=intake.done, give_up=intake.fail,
        owns=intake.owns, certain=intake.certain, hold=intake.hold, spans=traces, topics=topics,
        inline_limit=settings.inline_limit,
    )  # fmt: skip
    shelf = Shelf(settings.kafka, topics[artifacts.TOPIC])
    cache = None if settings.cache is None else open_cache(settings.cache, settings.inline_limit)
    compute = Compute(
        desk, cancels, timeout_s=settings.timeout_s, defaults=settings.defaults, shelf=shelf, cache=cache, note=note,
        suspects=suspects, limits=settings.limits, max_batch=settings.max_batch, embedded=settings.embedded,
    )  # fmt: skip
    heavy_batches = own_channel(app, 1)
    heavy_intake = Intake(
        heavy_batches, settings.kafka, [topics[forward.TOPIC]], group[forward.TOPIC], membership=membership,
        in_flight_limit=_READ_AHEAD, bytes_limit=_READ_AHEAD_BYTES, batch_limit=_HEAVY_BATCH,
        answered=Answered(results), outbox=emitter, on_loss=on_loss,
        release=lambda partitions: heavy.release(partitions), embedded=settings.embedded,  # noqa: PLW0108 - made below
    )  # fmt: skip
    heavy = Heavy(
        replace(
            desk, done=heavy_intake.done, give_up=heavy_intake.fail, owns=heavy_intake.owns,
            certain=heavy_intake.certain, hold=heavy_intake.hold,
        ), cancels,
        Setup(
            version=desk.version, worker=name, topics=topics, inline_limit=settings.inline_limit,
            timeout_s=settings.timeout_s, defaults=settings.defaults, limits=settings.limits, plugins=settings.plugins,
            log=(settings.log_level, settings.log_file, settings.log_format),
            keying=None if cache is None else cache.key, embedded=settings.embedded,
        ),
        max_workers=settings.max_workers, shelf=shelf, cache=cache, bootstrap=settings.kafka,
    )  # fmt: skip
    conductor = Conductor(
        desk, cancels, settings.kafka, group[journal.TOPIC], membership=membership, embedded=settings.embedded,
        defaults=settings.defaults, limits=settings.limits, on_loss=on_loss,
    )  # fmt: skip
    recall = Recall(cancels, settings.kafka, topics["compute.control"], embedded=settings.embedded)
    vitals = Vitals(
        [intake, heavy_intake], conductor, emitter, topics["compute.requests"], settings.stuck_after_s,
        lambda: heavy.busy_until,
    )  # fmt: skip
    owners = OwnerWatch(settings.kafka, {
        (group["compute.requests"], topics["compute.requests"]): (intake.seat, intake.as_reader),
        (group[forward.TOPIC], topics[forward.TOPIC]): (heavy_intake.seat, heavy_intake.as_reader),
        (group[journal.TOPIC], topics[journal.TOPIC]): (conductor.seat, conductor.as_reader),
    })  # fmt: skip

    async def compute_batches(stream: Any) -> None:
        async for batch in stream:
            compute.submit(batch)

    async def compute_heavy(stream: Any) -> None:
        async for batch in stream:
            heavy.submit(batch)

    async def obey_controls(stream: Any) -> None:
        async for value in stream:
            obey(value, cancels)

    app.agent(batches, name="compute")(compute_batches)
    app.agent(heavy_batches, name="heavy")(compute_heavy)
    controls = app.topic(topics["compute.control"], value_serializer="raw", key_serializer="raw")
    app.agent(controls, name="control")(obey_controls)

    async def start(_app: object) -> None:
        vitals.begin()
        recall.begin()
        conductor.start()
        heavy.begin()
        await asyncio.get_running_loop().run_in_executor(None, recall.wait)  # before anything is handed out
        await app.add_runtime_dependency(heavy_intake)
        await app.add_runtime_dependency(intake)
        if not settings.embedded:  # whose broker is no coordinator that could be asked
            owners.begin()
        _log.info("worker_ready", worker=name, kafka=settings.kafka)

    async def stop(_app: Any, /, *_: Any, signal: Any, **__: Any) -> None:  # noqa: ARG001 - as mode calls it
        loop = asyncio.get_running_loop()
        # at once, while agents and emitter still run: each leaves its group, and others wait for its partitions. What
        # waits in the heavy lane is left to them, what runs there may finish within the same budget
        await asyncio.gather(loop.run_in_executor(None, conductor.close), intake.stop(), heavy_intake.stop())
        await loop.run_in_executor(None, heavy.close)
        await loop.run_in_executor(None, recall.close)
        vitals.close()
        owners.close()
        await loop.run_in_executor(None, emitter.close)
        if traces is not None:
            await loop.run_in_executor(None, traces.close)
        compute.close()

    app.task(start)
    app.task(vitals.measure)
    app.on_before_shutdown.connect(stop, weak=False)
    return app, vitals


def _app(settings: WorkerSettings) -> faust.App:
    Path(settings.directory).mkdir(parents=True, exist_ok=True)
    return faust.App(
        # unique: the control topic is a broadcast that every worker reads whole, and Faust keeps no state for us
        f"{settings.prefix}sci-agents-worker-{uuid.uuid4().hex[:12]}",
        broker=f"kafka://{settings.kafka}",
        loop=_loop(),
        web_enabled=False,
        datadir=str(Path(settings.directory) / "faust"),
        topic_allow_declare=not settings.embedded,
        topic_disable_leader=True,
        consumer_auto_offset_reset="latest",
    )


def _loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 - not on every platform
    except ImportError:
        loop = asyncio.new_event_loop()
    else:
        loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    return loop
