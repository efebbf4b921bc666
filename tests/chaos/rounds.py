"""One round: load through a plan of faults; all made good, everything has to be answered; then the verifier reads."""

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from chaos.api import Api
from chaos.cluster import Cluster, wait_until
from chaos.faults import OF_BROKERS, Fault, plan
from chaos.ledger import Reader, Sender
from chaos.load import Item, draw, probe
from chaos.stores import WORKERS_SEE, Stores
from chaos.verifier import Report, Violation, verify
from chaos.workers import Workers
from streams import declare

_BEGIN_S = 120.0


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a round is: requests, seconds of load, worker processes, and how long it may take to settle."""

    requests: int = 4000
    duration_s: float = 20.0
    workers: int = 3
    settle_s: float = 180.0


@dataclass(frozen=True, slots=True)
class Round:
    """What came of a round.

    `settled` is how many seconds after all was made good everything was confirmed, answered, recorded, told over HTTP
    and committed;
    `restarts` is how often a worker ended by itself.
    """

    seed: int
    faults: Sequence[Fault]
    report: Report
    restarts: int
    settled: Mapping[str, float]
    took_s: float


class _Clock:
    """Seconds into the round: the schedule of the load and the faults, which nothing is judged by."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._never = threading.Event()

    def wait(self, at_s: float) -> None:
        """Return at that second, or at once when it has passed."""
        self._never.wait(max(0.0, self._began + at_s - time.monotonic()))


class Hurt:
    """Does a fault and makes it good; what suffers one suffers no other meanwhile."""

    def __init__(self, cluster: Cluster, workers: Workers, stores: Stores, api: Api) -> None:
        one, its = workers, cluster
        self._deeds: dict[str, tuple[Callable[[int], None], Callable[[int], None]]] = {
            "worker killed": (one.kill, one.start),
            "worker's child killed": (one.kill_children, one.start),
            "worker terminated": (one.terminate, one.start),
            "worker frozen": (one.freeze, one.thaw),
            "worker's child frozen": (one.freeze_children, one.thaw_children),
            "worker's supervisor frozen": (one.freeze_supervisor, one.thaw_supervisor),
            "worker cut off": (one.cut, one.connect),
            "broker stopped": (its.stop, its.start),
            "broker killed": (its.kill, its.start),
            "broker's disk full": (its.fill_disk, its.free_disk),
            "redis killed": (stores.kill_redis, stores.start_redis),
            "redis frozen": (stores.freeze_redis, stores.thaw_redis),
            "api killed": (api.kill, api.start),
            "postgres killed": (stores.kill_postgres, stores.start_postgres),
        }
        self._workers = workers
        self._cluster = cluster
        self._busy: defaultdict[object, threading.Lock] = defaultdict(threading.Lock)

    def __call__(self, fault: Fault, clock: _Clock) -> None:
        """Wait for its time, do it, wait, make it good."""
        clock.wait(fault.at_s)
        with self._busy[fault.victim]:
            if fault.kind == "clock stepped":
                self._workers.step_clock(fault.target, fault.step_s)
                return  # a clock stays where it was set
            do, undo = self._deeds[fault.kind]
            do(fault.target)
            clock.wait(fault.until_s)
            undo(fault.target)
            if fault.kind in OF_BROKERS:
                self._cluster.wait_whole()


def run(seed: int, cluster: Cluster, stores: Stores, kinds: Sequence[str], scale: Scale, logs: Path) -> Round:
    """Run one round; what the processes wrote is kept in `logs` when a promise was broken or a worker ended."""
    began = time.monotonic()
    faults = plan(seed, kinds, {"workers": scale.workers, "brokers": cluster.brokers}, scale.duration_s)
    prefix = f"chaos{seed}."
    cluster.wait_whole()
    declare.ensure(cluster.bootstrap, prefix)
    with contextlib.ExitStack() as leave:
        leave.callback(cluster.forget, prefix)
        workers = leave.enter_context(Workers(cluster, prefix, scale.workers, WORKERS_SEE))
        api = leave.enter_context(Api(cluster, prefix))
        reader = Reader(cluster.bootstrap, prefix)
        leave.callback(reader.close)
        leave.enter_context(stores.recording(prefix))
        sender = Sender(cluster.bootstrap, prefix, api)
        _begin(probe(seed), sender, reader, workers, logs / f"seed-{seed}")
        _suffer(
            draw(seed, scale.requests, datetime.now(UTC)),
            sender,
            faults,
            Hurt(cluster, workers, stores, api),
            scale.duration_s,
        )
        settled, trouble = _settle(sender, reader, api, lambda: stores.recorded(seed), scale.settle_s)
        reader.read_to_end()
        report = verify(sender.confirmed, reader.records, reader.lag(), stores.recorded(seed), api.results())
        restarts = workers.restarts
        if trouble:
            report = replace(report, violations=(Violation("it settles", f"seed {seed}", trouble), *report.violations))
        if report.violations or restarts:
            workers.write_logs(logs / f"seed-{seed}")
            cluster.write_logs(logs / f"seed-{seed}")
            api.write_logs(logs / f"seed-{seed}")
    return Round(seed, faults, report, restarts, settled, time.monotonic() - began)


def _begin(item: Item, sender: Sender, reader: Reader, workers: Workers, logs: Path) -> None:
    """Wait for a first answer, so that there is something to hurt; raises `TimeoutError`."""
    sender.send(item)
    sender.flush(_BEGIN_S)
    try:
        wait_until(lambda: reader.has(sender.confirmed, 0.1), _BEGIN_S, "a worker answers")
    except TimeoutError:
        workers.write_logs(logs)
        raise


def _suffer(items: Sequence[Item], sender: Sender, faults: Sequence[Fault], hurt: Hurt, duration_s: float) -> None:
    """Send the load in its time while the faults come and go; returns when all is made good."""
    clock = _Clock()
    with ThreadPoolExecutor(max(1, len(faults))) as pool:
        ends = [pool.submit(hurt, fault, clock) for fault in faults]
        for item in items:
            clock.wait(item.at * duration_s)
            sender.send(item)
        for end in ends:
            end.result()


def _settle(
    sender: Sender, reader: Reader, api: Api, recorded: Callable[[], set[str]], timeout_s: float
) -> tuple[dict[str, float], str | None]:
    """Wait until all is confirmed, answered, … and told over HTTP: after how long each; and in words what was not."""
    began = time.monotonic()
    steps: dict[str, Callable[[], bool]] = {
        "confirmed": lambda: sender.flush(0.5) == 0,
        "answered": lambda: reader.has(sender.confirmed, 0.5),
        "recorded": lambda: reader.answered <= recorded(),
        "told": lambda: api.tells(0.5),
        "committed": lambda: not any(reader.lag().values()),  # last: the history says where it is when it is there
    }
    settled: dict[str, float] = {}
    for name, holds in steps.items():
        while not holds():
            if time.monotonic() > began + timeout_s:
                return settled, f"not everything {name} {timeout_s:g} s after the last fault"
            reader.read(0.5)
        settled[name] = time.monotonic() - began
    return settled, None
