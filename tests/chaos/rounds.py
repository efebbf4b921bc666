"""One round: load through a plan of faults; all made good, everything has to be answered; then the verifier reads."""

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from integration.alerting.receiving import Inbox, inbox
from kills import story as stories
from kills import verifier as telling

from chaos.alerting import CALLED, REPLICAS, Alerting
from chaos.api import Api
from chaos.cluster import Cluster, wait_until
from chaos.faults import LONGEST, OF_BROKERS, Fault, plan
from chaos.ledger import Reader, Sender
from chaos.load import Item, draw, probe
from chaos.stores import WORKERS_SEE, Stores
from chaos.terms import Harm, breaks, lives
from chaos.trouble import LOST, PRESSURE, Trouble
from chaos.verifier import Report, Violation, verify
from chaos.witness import Witness
from chaos.workers import Workers
from streams import declare
from streams.emit import Emitter

_BEGIN_S = 120.0
_ALERT_EVERY_S = 1.5
_LASTING = 0.5
_WATCH_EVERY_S = 1.0
_BROKERS = Fault(0.0, OF_BROKERS[0], 0, 0.0).victim


@dataclass(frozen=True, slots=True)
class Scale:
    """How large a round is: requests, seconds of load, worker processes, and how long it may take to settle.

    `within_s` is how long an alerting process may know what is due before it is told.
    """

    requests: int = 4000
    duration_s: float = 20.0
    workers: int = 3
    settle_s: float = 180.0
    within_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Round:
    """What came of a round.

    `settled` is how many seconds after all was made good everything was confirmed, answered, recorded, told over HTTP
    and committed;
    `restarts` is how often a worker ended by itself, `terms` how many alerting processes wrote one after the other,
    `told` what became of incidents.
    """

    seed: int
    faults: Sequence[Fault]
    report: Report
    restarts: int
    terms: int
    told: telling.Report
    settled: Mapping[str, float]
    took_s: float


class Writes(Protocol):
    """What ran in containers."""

    def write_logs(self, folder: Path) -> None:
        """Keep what it wrote."""


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

    def __init__(self, cluster: Cluster, workers: Workers, stores: Stores, api: Api, alerting: Alerting) -> None:
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
            "alerting killed": (alerting.kill, alerting.start),
            "alerting terminated": (alerting.terminate, alerting.start),
            "alerting frozen": (alerting.freeze, alerting.thaw),
            "alerting cut off": (alerting.cut, alerting.connect),
            "postgres killed": (stores.kill_postgres, stores.start_postgres),
        }
        self._workers = workers
        self._alerting = alerting
        self._cluster = cluster
        self._busy: defaultdict[object, threading.Lock] = defaultdict(threading.Lock)
        self.done: list[Harm] = []

    def __call__(self, fault: Fault, clock: _Clock) -> None:
        """Wait for its time, do it, wait, make it good."""
        clock.wait(fault.at_s)
        with self._busy[fault.victim]:
            if fault.kind == "clock stepped":
                self._workers.step_clock(fault.target, fault.step_s)
                return  # a clock stays where it was set
            do, undo = self._deeds.get(fault.kind) or self._clock_of_alerting(fault.step_s)
            began = time.time()
            do(fault.target)
            clock.wait(fault.until_s)
            undo(fault.target)
            if fault.kind in OF_BROKERS:
                self._cluster.wait_whole()
            self.done.append(Harm(fault, began, time.time()))

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Start brokers again that end by themselves, until the end of the block: that is a fault like any other."""
        over = threading.Event()
        watch = threading.Thread(target=self._watch, args=[over], name="watch")
        watch.start()
        try:
            yield
        finally:
            over.set()
            watch.join()

    def _watch(self, over: threading.Event) -> None:
        whole_at = time.time()
        while not over.wait(_WATCH_EVERY_S):
            with self._busy[_BROKERS]:
                for number in self._cluster.ended():
                    self._cluster.wait_whole()
                    self.done.append(Harm(Fault(0.0, "broker's disk full", number, 0.0), whole_at, time.time()))
                whole_at = time.time()

    def _clock_of_alerting(self, step_s: float) -> tuple[Callable[[int], None], Callable[[int], None]]:
        """What is due when is about the time on the wall: it is put right again."""
        step = self._alerting.step_clock
        return lambda number: step(number, step_s), lambda number: step(number, 0.0)


def run(seed: int, cluster: Cluster, stores: Stores, kinds: Sequence[str], scale: Scale, logs: Path) -> Round:
    """Run one round; what the processes wrote is kept in `logs` when a promise was broken or a worker ended."""
    began = time.monotonic()
    there = {"workers": scale.workers, "brokers": cluster.brokers, "alerting": REPLICAS}
    faults = plan(seed, kinds, there, scale.duration_s)
    prefix = f"chaos{seed}."
    cluster.wait_whole()
    declare.ensure(cluster.bootstrap, prefix)
    with contextlib.ExitStack() as leave:
        leave.callback(cluster.forget, prefix)
        workers = leave.enter_context(Workers(cluster, prefix, scale.workers, WORKERS_SEE))
        api = leave.enter_context(Api(cluster, prefix))
        people = leave.enter_context(inbox(cluster.gateway))
        alerting = leave.enter_context(Alerting(cluster, prefix, people, LONGEST * scale.duration_s))
        witness = leave.enter_context(Witness(cluster.bootstrap, prefix))
        story = leave.enter_context(_telling(cluster.bootstrap, prefix, seed, witness))
        reader = Reader(cluster.bootstrap, prefix)
        leave.callback(reader.close)
        leave.enter_context(stores.recording(prefix))
        sender = Sender(cluster.bootstrap, prefix, api)
        hurt = Hurt(cluster, workers, stores, api, alerting)
        written = (workers, cluster, api, alerting)
        try:
            _begin(probe(seed), sender, reader, witness, alerting)
        except TimeoutError:
            _write_logs(written, logs / f"seed-{seed}")
            raise
        leave.enter_context(hurt.watching())
        story.start()
        _suffer(draw(seed, scale.requests, datetime.now(UTC)), sender, faults, hurt, scale.duration_s)
        settled, trouble = _settle(
            {
                "opened": lambda: _all_open(story, witness),
                "confirmed": lambda: sender.flush(0.5) == 0,
                "answered": lambda: reader.has(sender.confirmed, 0.5),
                "recorded": lambda: reader.answered <= stores.recorded(seed),
                "told": lambda: api.tells(0.5),
                "over": lambda: story.all_over() and witness.quiet(),
                # last: the history says where it is when it is there
                "committed": lambda: not any(reader.lag(witness.ends()).values()),
            },
            reader, scale.settle_s,
        )  # fmt: skip
        story.stop()
        reader.read_to_end()
        report = verify(
            sender.confirmed, reader.records, reader.lag(witness.ends()), stores.recorded(seed), api.results()
        )
        told, terms = _judged(story, people, witness, hurt.done, scale.within_s)
        restarts = workers.restarts
        late = () if trouble is None else (Violation("it settles", f"seed {seed}", trouble),)
        report = replace(report, violations=(*late, *report.violations, *told.violations))
        if report.violations or restarts:
            _write_logs(written, logs / f"seed-{seed}")
    return Round(seed, faults, report, restarts, terms, told, settled, time.monotonic() - began)


@contextlib.contextmanager
def _telling(kafka: str, prefix: str, seed: int, witness: Witness) -> Iterator[stories.Story]:
    """The story of a round, not begun; it ends with the block, whatever becomes of it."""
    with contextlib.ExitStack() as leave:
        trouble = Trouble(kafka, prefix)
        leave.callback(trouble.close)
        emitter = Emitter(kafka)
        leave.callback(emitter.close)
        story = stories.Story(
            trouble, emitter, f"{prefix}ops.commands", seed, _ALERT_EVERY_S, incidents=witness.names,
            kinds=(PRESSURE, PRESSURE, LOST), lasting=_LASTING,
        )  # fmt: skip
        leave.callback(story.stop)
        yield story


def _all_open(story: stories.Story, witness: Witness) -> bool:
    """Whether what goes on until it is one is an incident; it may end then."""
    if not witness.has(one.name for one in story.lasting_ones()):
        return False
    story.end_of_beginnings()
    return True


def _judged(
    story: stories.Story, people: Inbox, witness: Witness, harms: Sequence[Harm], within_s: float
) -> tuple[telling.Report, int]:
    """Hold what people were told against what is on record; with how many processes wrote."""
    seen = witness.read()
    names, terms = seen.names(), seen.terms()
    versions = seen.versions(harm.fault.step_s for harm in harms if harm.fault.victim[0] == "alerting")
    report = telling.verify(
        stories.cases(story.alerts, versions), stories.tellings(people.all(), names),
        lives(terms, harms, time.time()), breaks=breaks(terms, harms), team=stories.TEAM, chain=CALLED,
        log=stories.logged(seen.notifications(), versions, names), within_s=within_s,
    )  # fmt: skip
    return report, len(terms)


def _write_logs(written: Sequence[Writes], folder: Path) -> None:
    for one in written:
        one.write_logs(folder)


def _begin(item: Item, sender: Sender, reader: Reader, witness: Witness, alerting: Alerting) -> None:
    """Wait for a first answer and a first writer, so that there is something to hurt; raises `TimeoutError`."""
    sender.send(item)
    sender.flush(_BEGIN_S)
    wait_until(lambda: reader.has(sender.confirmed, 0.1), _BEGIN_S, "a worker answers")
    wait_until(lambda: witness.elected and alerting.live, _BEGIN_S, "an alerting process has read what there is")


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
    steps: Mapping[str, Callable[[], bool]], reader: Reader, timeout_s: float
) -> tuple[dict[str, float], str | None]:
    """Wait until one thing after the other holds: after how long each; and in words what did not."""
    began = time.monotonic()
    settled: dict[str, float] = {}
    for name, holds in steps.items():
        while not holds():
            if time.monotonic() > began + timeout_s:
                return settled, f"not everything is {name} {timeout_s:g} s after the last fault"
            reader.read(0.5)
        settled[name] = time.monotonic() - began
    return settled, None
