"""What an alerting process opens once its timers run: HTTP, and the Faust app through which it hears of the rest.

Imported by then only: Litestar and Faust take as long to import as all that is needed to tell what is due.
"""

import asyncio
import socket
import threading
import time
import uuid
from collections.abc import Awaitable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import faust
import structlog
from confluent_kafka import Message

from alerting import stream
from alerting.stream import Batch, CaughtUp, Stream
from sciagents.alerting import AlertingSettings
from sciagents.api import alerting as api
from sciagents.api.alerting import server
from sciagents.api.desk import Desk
from sciagents.api.gateway import Gateway
from sciagents.api.tokens import Tokens
from sciagents.snapshots import Snapshots
from sciagents.tail import Tail
from sciagents.writing import FencedWriter, Writer
from streams import process
from streams.channel import own_channel
from streams.topics import names

_log = structlog.get_logger(__name__)

_BATCHES_AHEAD = 8
_LAST_SNAPSHOT_S = 1.5
"""So long a last snapshot may take when the process leaves: about as long as what is being sent is waited for."""


class Door:
    """The address that the process listens on; it may be made in another thread."""

    def __init__(self, desk: Desk, kafka: str, prefix: str, tokens: Tokens, listener: socket.socket) -> None:
        self._gateway = Gateway(kafka, prefix)
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


def run(
    settings: AlertingSettings, alerting: Stream, writer: Writer, door: Door | None, loop: asyncio.AbstractEventLoop
) -> None:
    """Hear of events, results and commands until SIGTERM or SIGINT; in `loop` the timers run already."""
    process.run(make_app(settings, alerting, writer, door, loop), settings.log_level, loop)


def make_app(
    settings: AlertingSettings, alerting: Stream, writer: Writer, door: Door | None, loop: asyncio.AbstractEventLoop
) -> faust.App:
    """Wire the Faust app."""
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
        loop=loop,
    )
    alerting.fail = lambda failure: loop.create_task(app.crash(failure))
    batches = own_channel(app, 0)
    feed = _Feed(batches, app)
    now, config = time.time(), alerting.engine.config
    snapshots = Snapshots(settings.kafka, settings.prefix, uuid.uuid4().hex, alerting.engine.signals)
    tails: list[Tail] = []
    keeping: list[asyncio.Task[None]] = []
    stream.attach(app, batches, alerting, topics["ops.commands"])

    async def start(_app: object) -> None:
        before: Mapping[tuple[str, int], int] = {}
        if isinstance(writer, FencedWriter):
            before = await snapshots.restore()
            keeper = snapshots.begin()
        for topic, at in (
            (topics["ops.events"], now - config.events_lookback),
            (topics["compute.results"], now - config.results_lookback),
        ):
            tail = _tail(settings, topic, at, feed, before)
            await asyncio.to_thread(tail.__enter__)
            tails.append(tail)
            for place, offset in tail.begun.items():
                alerting.positions.setdefault(place, offset)
        if isinstance(writer, FencedWriter):
            keeping.append(loop.create_task(_or_say(snapshots.keep(keeper, alerting, writer))))
        _log.info("alerting_ready", kafka=settings.kafka, config=str(settings.config), rules=len(config.rules))
        while not all(tail.caught_up.is_set() for tail in tails):  # noqa: ASYNC110 - the tails' threads set it
            await asyncio.sleep(0.05)
        feed.put(CaughtUp())
        await alerting.until_live()
        if door is not None:
            print("ready", flush=True)  # noqa: T201 - its output

    async def stop(_app: Any, /, *_: Any, signal: Any, **__: Any) -> None:  # noqa: ARG001 - as mode calls it
        feed.close()
        snapshots.close()
        if door is not None:
            await door.close()
        ending = asyncio.create_task(alerting.stop())
        if keeping:
            await asyncio.wait(keeping, timeout=_LAST_SNAPSHOT_S)
            keeping[0].cancel()
        await ending
        await asyncio.gather(*(asyncio.to_thread(tail.__exit__) for tail in tails))
        await asyncio.to_thread(writer.close)

    app.task(start)
    app.on_before_shutdown.connect(stop, weak=False)
    return app


async def _or_say(keeping: Awaitable[None]) -> None:
    """Without snapshots a restart takes longer, and nobody is told less."""
    try:
        await keeping
    except Exception:
        _log.exception("snapshots_end")


def _tail(
    settings: AlertingSettings, topic: str, at: float, feed: "_Feed", before: Mapping[tuple[str, int], int]
) -> Tail:  # fmt: skip
    """Follow a topic from an instant on, or from where the last snapshot ends."""

    def hand_out(records: Sequence[Message]) -> None:
        feed.hand_out(records, tail.positions())

    tail = Tail(
        settings.kafka, [topic], hand_out, on_failure=feed.fail, start="beginning" if settings.embedded else at,
        resume=before,
    )  # fmt: skip
    return tail


class _Feed:
    """Brings batches from the tails' threads to the channel; a thread waits while too many are under way."""

    def __init__(self, channel: faust.ChannelT[Any], app: faust.App) -> None:
        self._channel = channel
        self._app = app
        self._room = threading.BoundedSemaphore(_BATCHES_AHEAD)
        self._closed = threading.Event()

    def hand_out(self, records: Sequence[Message], positions: Mapping[tuple[str, int], int]) -> None:
        while not self._room.acquire(timeout=0.1):
            if self._closed.is_set():
                return
        self.put(Batch(records, self._room.release, positions))

    def put(self, value: object) -> None:
        asyncio.run_coroutine_threadsafe(self._channel.put(cast("faust.EventT[Any]", value)), self._app.loop)

    def fail(self, failure: Exception) -> None:
        """End the process: an alerting stream that is deaf must not look alive."""
        asyncio.run_coroutine_threadsafe(self._app.crash(failure), self._app.loop)

    def close(self) -> None:
        self._closed.set()
