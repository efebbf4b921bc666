"""How long the alerting process is deaf: the longest time for which its loop is blocked, by passes and by floods.

Everything runs in one loop, as in the process: a pass over label sets that are new, over full windows, after samples
that came late, and one in which thousands begin to fire; then thousands of alerts from outside, each an incident of its
own, which a webhook in another process is told of. Beside the longest block stands what the processor did in it: on a
busy machine the clock's time is others' too.
"""

import asyncio
import contextlib
import gc
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence

import msgspec
import numpy as np
import structlog

from alerting import config, documents
from alerting.alerts import Alert, label_set
from alerting.engine import Engine
from alerting.stream import CaughtUp, Outgoing, Stream
from sciagents.volume.passes import EVERY_S, SAMPLES, feed
from streams.topics import names

LABEL_SETS = 300_000
FIRING = 10_000
_BEGAN = 1_790_000_000.0
_MANY_TIMES = 10_000.0
_LOOK_S = 0.001
_MOST_S = 20.0
"""So long telling of incidents is looked at: all of it takes longer."""
_RULES = """
global: {{evaluation_interval: 15s}}
route: {{receiver: hook, group_by: ['...'], group_wait: 0s}}
receivers: [{{name: hook, webhook_configs: [{{url: "http://127.0.0.1:{port}/"}}]}}]
rules:
  - {{name: High, expr: cpu_percent > 80, clear: cpu_percent < 75, window: 5m, by: [instance], for: 15s, severity: P3}}
  - {{name: Critical, expr: cpu_percent > 9000, window: 5m, by: [instance], for: 15s, severity: P2}}
"""
_WEBHOOK = """
import sys
from sciagents.endpoint import taking
with taking(lambda _: None) as port:
    print(port, flush=True)
    sys.stdin.read()
"""


class Block(msgspec.Struct):
    """The longest time for which the loop did nothing else, and how long all of it took."""

    longest_ms: float
    of_processor_ms: float
    took_s: float


class Clock:
    """The time as the stream is told it: it goes on by itself, and leaps when a pass is to be due."""

    def __init__(self) -> None:
        self._ahead = _BEGAN - time.monotonic()

    def __call__(self) -> float:
        """Return the time."""
        return time.monotonic() + self._ahead

    def leap(self, seconds: float) -> None:
        """Let so much time be over."""
        self._ahead += seconds


def measure(label_sets: int = LABEL_SETS) -> object:
    """Measure all of it, in this process."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with _webhook() as port:
        found = asyncio.run(_measure(label_sets, port))
    return msgspec.to_builtins(found)


async def _measure(label_sets: int, port: int) -> dict[str, Block]:
    engine, clock = Engine(config.read(documents.parse(_RULES.format(port=port)), {})), Clock()
    stream = Stream(engine, _nowhere, names(""), clock=clock)
    engine.reading = True
    feed(engine, [f"host-{number}" for number in range(label_sets)], clock(), 0)
    gc.collect()
    gc.freeze()  # as the process does
    gc.set_threshold(100_000, 50, 100)
    found: dict[str, Block] = {}
    pushing: list[asyncio.Future[None]] = []

    async def run(what: str, begin: Callable[[], None], told: int = 0) -> None:
        begin()
        stream._changed.set()  # noqa: SLF001 - as when something has come
        found[what] = block = await _longest(
            lambda: engine.due(clock()) <= clock() or sum(stream.told.values()) < told, _MOST_S
        )
        said = f"{block.longest_ms:.0f} ms ({block.of_processor_ms:.0f} ms of the processor)"
        print(f"{what}: blocked for {said}, in all {block.took_s:.1f} s", flush=True)

    def push() -> None:
        at = clock()
        alerts = [Alert(label_set({"alertname": "Pushed", "n": str(n), "severity": "P2"}), at) for n in range(FIRING)]
        pushing.append(asyncio.ensure_future(stream.alert(alerts)))

    def fill() -> None:
        _more(engine, clock, SAMPLES - 1)
        clock.leap(EVERY_S)

    def late() -> None:
        _more(engine, clock, 1, back=120.0)
        clock.leap(EVERY_S)

    def fire() -> None:
        _more(engine, clock, 1, value=_MANY_TIMES, only=FIRING)
        clock.leap(EVERY_S)

    stream.start()
    stream.begin()
    live = asyncio.ensure_future(stream.observe(_channel(CaughtUp())))
    await run(f"the first pass over {label_sets:,} label sets", lambda: None)
    await live
    await run(f"a pass over {SAMPLES * label_sets:,} samples, all new", fill)
    await run("another one", lambda: clock.leap(EVERY_S))
    await run("one after samples that came two minutes late", late)
    await run(f"{FIRING:,} of them become true", fire)
    await run(f"{FIRING:,} of them begin to fire, as many incidents", lambda: clock.leap(EVERY_S), FIRING)
    await run(f"{FIRING:,} alerts from outside, as many incidents", push, 2 * FIRING)
    await stream.stop()
    return found


async def _longest(goes_on: Callable[[], bool], most_s: float) -> Block:
    """Look at how late the loop is while something goes on, for so long at most."""
    began = last = time.perf_counter()
    spent = time.process_time()
    longest, of_processor = 0.0, 0.0
    while True:
        await asyncio.sleep(_LOOK_S)
        now, used = time.perf_counter(), time.process_time()
        if now - last - _LOOK_S > longest:
            longest, of_processor = now - last - _LOOK_S, used - spent
        last, spent = now, used
        if not goes_on() or now > began + most_s:
            return Block(longest * 1e3, of_processor * 1e3, now - began)


def _more(
    engine: Engine, clock: Clock, count: int, *, value: float = 50.0, only: int | None = None, back: float = 0.0
) -> None:  # fmt: skip
    """So many more samples of each, in columns, the last ones now or `back` seconds ago."""
    family = engine.signals.kept.families["metric", "cpu_percent"]
    rows = np.arange(only or len(family.index), dtype=np.int32)
    for number in range(count):
        times = np.full(len(rows), clock() - back - number * EVERY_S / 2)
        family.samples.extend(times, rows, np.full(len(rows), value))
    engine.signals.tell("cpu_percent", clock() - back)
    engine.signals.make_room(count * len(rows))


async def _nowhere(records: Sequence[Outgoing]) -> None:
    """Write nothing: what a broker takes is not measured here."""
    del records
    await asyncio.sleep(0)


async def _channel(*values: object) -> AsyncIterator[object]:
    for value in values:
        yield value


@contextlib.contextmanager
def _webhook() -> Iterator[int]:
    with subprocess.Popen(
        [sys.executable, "-c", _WEBHOOK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    ) as child:  # fmt: skip
        assert child.stdout is not None
        yield int(child.stdout.readline())
