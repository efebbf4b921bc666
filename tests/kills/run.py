"""One run: the story goes on while the process that should tell of it is killed and started again."""

import random
import signal
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from integration.alerting.receiving import Inbox, inbox
from integration.alerting.replica import WITHIN_S, Replica, replicas

from alerting import instants
from kills import story as stories
from kills.verifier import Break, Life, Report, verify
from sciagents import addresses
from sciagents.tail import Tail, read_all
from streams import declare
from streams.contracts import Incident, Notification
from streams.emit import Emitter

_STARTING_S = 1.5
_LIVING_S = 3.0
_AT_ONCE_S = 0.03
_SLOW_S = 0.15
_SETTLE_S = 180.0


@dataclass(frozen=True)
class Done:
    """What a run came to."""

    report: Report
    incidents: int
    lives: list[Life]


def run(
    kafka: str,
    folder: Path,
    *,
    kills: int,
    seed: int,
    within_s: float,
    every_s: float = 3.0,
    say: Callable[[str], object] = lambda _: None,
) -> Done:
    """Kill the process so many times, let the last one finish, and judge."""
    drawn = random.Random(seed)
    prefix = f"k{uuid.uuid4().hex[:12]}."
    declare.ensure(kafka, prefix)
    config = folder / "alerting.yaml"
    listen = addresses.free("127.0.0.1:0")
    names: dict[str, str] = {}
    lives: list[Life] = []
    emitter = Emitter(kafka)

    def follow(records: list) -> None:
        for record in records:
            incident = msgspec.json.decode(record.value(), type=Incident)
            names[stories.alert_of(incident)] = incident.id

    with inbox() as people, replicas() as started, Tail(kafka, [f"{prefix}ops.incidents"], follow, start="beginning"):
        slow = random.Random(seed + 1)
        people.slow = lambda: slow.uniform(0.0, _SLOW_S)
        config.write_text(stories.CONFIG.format(globals=people.globals(), http=people.http))
        prometheus = stories.Prometheus(f"http://{listen}")
        story = stories.Story(prometheus, emitter, f"{prefix}ops.commands", seed, every_s, incidents=names)
        story.start()

        def begin() -> tuple[Replica, float]:
            since = time.time()
            started[:] = [Replica(folder, kafka, prefix, config, "only", listen)]
            return started[0], since

        for number in range(kills):
            replica, since = begin()
            live_at = _until_the_kill(replica, drawn, people)
            replica.child.kill()
            lives.append(Life(since, live_at, time.time()))
            replica.wait()
            replica.child.stdout.close()
            say(f"{number + 1} kills, {len(story.alerts)} alerts, {len(people.all())} tellings")
        replica, since = begin()
        replica.until("ready")
        story.end_of_beginnings()
        _settle(kafka, prefix, story)
        story.stop()
        prometheus.close()
        assert replica.end(signal.SIGTERM) == 0
        lives.append(Life(since, None, time.time()))
        arrived = people.all()
    emitter.close()
    by_id = {incident: alert for alert, incident in names.items()}
    versions = [stories.Version(one) for one in _read(kafka, f"{prefix}ops.incidents", Incident)]
    sendings = [(one, instants.parse(one.at)) for one in _read(kafka, f"{prefix}ops.notifications", Notification)]
    report = verify(
        stories.cases(story.alerts, versions), stories.tellings(arrived, by_id), lives,
        breaks=[Break(life.ended, life.ended) for life in lives], team=stories.TEAM, chain=stories.CHAIN,
        log=stories.logged(sendings, versions, by_id), within_s=within_s,
    )  # fmt: skip
    return Done(report, len(by_id), lives)


def _until_the_kill(replica: Replica, drawn: random.Random, people: Inbox) -> float | None:
    """Wait for the instant: within the start, while it lives, or just as somebody is told. Returns when it was live."""
    kind = drawn.random()
    never = threading.Event()
    if kind < 0.2:
        never.wait(drawn.uniform(0.0, _STARTING_S))
        return None
    if replica.hears("ready", within_s=WITHIN_S) is None:
        raise AssertionError(f"it does not start: {replica.log.read_text()[-3000:]}")
    live_at = replica.said[-1][0]
    if kind < 0.6:
        known = len(people.all())
        people.next(known, _LIVING_S)
        never.wait(drawn.uniform(0.0, _AT_ONCE_S))
    else:
        never.wait(drawn.uniform(0.0, _LIVING_S))
    return live_at


def _settle(kafka: str, prefix: str, story: stories.Story) -> None:
    """Wait until all is over and nothing is under way any more, or has been for long enough."""
    deadline = time.monotonic() + _SETTLE_S
    pause = threading.Event()
    while time.monotonic() < deadline:
        incidents = {one.id: one for one in _read(kafka, f"{prefix}ops.incidents", Incident)}
        last = {one.id: one.status for one in _read(kafka, f"{prefix}ops.notifications", Notification)}
        quiet = all(one.status == "resolved" for one in incidents.values()) and "intended" not in last.values()
        if quiet and story.all_over():
            return
        pause.wait(0.5)


def _read(kafka: str, topic: str, kind: type) -> list:
    return [msgspec.json.decode(record.value(), type=kind) for record in read_all(kafka, topic) if record.value()]
