"""The incidents of a run: alerts that begin, are repeated as Prometheus repeats them, are answered or not, and end."""

import math
import random
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import httpx
import msgspec

from alerting import instants
from alerting.alerts import loses_data
from alerting.messages import step_of
from kills.verifier import FIRING, OVER, Case, Log, Place, Telling, step
from streams.contracts import Command, Incident, Notification
from streams.emit import Emitter, Outgoing

_REPEAT_S = 0.5
_REPEAT_OVER_S = 120.0
"""How long the end of an alert is repeated; Prometheus does it for 15 minutes."""

ANSWERED = "answered"
_WORDS = {"all_resolved": OVER, "resolved": OVER, "acknowledged": ANSWERED}
CASE = "case"
"""The label that has an alert's name in the story."""
TEAM = ("email", "pagerduty", "webhook")
CHAIN = {1: "ada", 2: "bob", 3: "carol"}
BESIDE = 0
"""What stands for the number of the call that lost data makes beside the chain."""
STEP_S = 2.0
PEOPLE = """
receivers:
  - name: team
    email_configs: [{{to: ops-team@example.com, send_resolved: true}}]
    pagerduty_configs: [{{routing_key: key, url: "{http}/pagerduty", send_resolved: true}}]
    webhook_configs: [{{url: "{http}/webhook", send_resolved: true}}]
people:
  ada: {{webhook_configs: [{{url: "{http}/ada"}}]}}
  bob: {{webhook_configs: [{{url: "{http}/bob"}}]}}
  carol: {{webhook_configs: [{{url: "{http}/carol"}}]}}
"""
"""The team and who is called by `CHAIN`, as sections of a configuration; others may follow."""
CONFIG = (
    """
global: {globals}
route: {{receiver: team, group_by: [alertname], group_wait: 0.1s, group_interval: 0.3s, repeat_interval: 4h}}
"""
    + PEOPLE
    + """
escalation:
  - steps: [{{after: 0s, notify: [ada]}}, {{after: 2s, notify: [bob]}}, {{after: 4s, notify: [carol]}}]
"""
)


@dataclass
class Alert:
    """One of the story, epoch seconds; `ends` is infinity while it lasts, `taken` and `over` as `Case` has them."""

    name: str
    starts: float
    answer_after: float | None
    ends: float
    taken: float | None = None
    over: float | None = None
    answered: float | None = None


@dataclass
class Story:
    """Tells the program what happens, as fast as it listens.

    `report` tells of alerts as they stand at an instant, and takes note of what was taken. `incidents` are the ids that
    are known, by the names of alerts; `lasting` is the share of those that go on until `end_of_beginnings`.
    """

    report: Callable[[Sequence[Alert], float], object]
    emitter: Emitter
    commands: str
    seed: int
    every_s: float = 3.0
    incidents: Mapping[str, str] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    kinds: Sequence[str] = ("K",)
    lasting: float = 0.0

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._begin = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="story")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end_of_beginnings(self) -> None:
        """Begin no more; what has begun ends in its time, or now."""
        self._begin.set()
        now = time.time()
        for one in self.lasting_ones():
            one.ends = now

    def lasting_ones(self) -> list[Alert]:
        """Those that go on."""
        return [one for one in self.alerts if one.ends == math.inf]

    def stop(self) -> None:
        """Say nothing more."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()

    def all_over(self) -> bool:
        """Whether the end of everything that has begun was taken."""
        return all(one.over is not None for one in self.alerts)

    def _run(self) -> None:
        next_at = time.time()
        while not self._stop.wait(_REPEAT_S / 2):
            now = time.time()
            if now >= next_at and not self._begin.is_set():
                self.alerts.append(self._drawn(now))
                next_at = now + self._random.uniform(0.5, 1.5) * self.every_s
            self.report([one for one in self.alerts if now < one.ends + _REPEAT_OVER_S], now)
            self._answer(now)

    def _drawn(self, now: float) -> Alert:
        answer_after = self._random.choice([None, None, 0.5, 1.5, 2.5, 3.5])
        name = f"{self._random.choice(self.kinds)}{len(self.alerts):04}"
        ends = now + self._random.uniform(3.0, 9.0)
        return Alert(name, now, answer_after, math.inf if self._random.random() < self.lasting else ends)

    def _answer(self, now: float) -> None:
        for one in self.alerts:
            if one.answer_after is None or one.answered or one.ends <= now < one.starts + one.answer_after:
                continue
            incident = self.incidents.get(one.name)
            if incident is None or now < one.starts + one.answer_after or one.ends <= now:
                continue
            command = Command(
                incident=incident, action="acknowledge", by="ada", at=instants.show(time.time()), id=one.name
            )
            record = Outgoing(self.commands, incident.encode(), msgspec.json.encode(command), [])
            self.emitter.send([record], lambda _: None)
            one.answered = now


class Prometheus:
    """Reports alerts over HTTP as Prometheus does."""

    def __init__(self, url: str) -> None:
        self._url = f"{url}/api/v2/alerts"
        self._client = httpx.Client(timeout=5.0)

    def __call__(self, told: Sequence[Alert], now: float) -> None:
        """Post what there is to be told of; where nobody listens nothing is taken."""
        alerts = []
        for one in told:
            labels = {"alertname": one.name, CASE: one.name, "severity": "critical"}
            alert = {"labels": labels, "startsAt": instants.show(one.starts)}
            if one.ends <= now:
                alert["endsAt"] = instants.show(one.ends)
            alerts.append(alert)
        try:
            answer = self._client.post(self._url, json=alerts)
        except httpx.HTTPError:
            return
        if answer.is_success:
            mark(told, now, time.time())

    def close(self) -> None:
        """Report nothing more."""
        self._client.close()


def mark(told: Iterable[Alert], now: float, taken: float) -> None:
    """Take note that the alerts were taken as they stood at an instant."""
    for one in told:
        one.taken = one.taken or taken
        if one.ends <= now:
            one.over = one.over or taken


class Version(NamedTuple):
    """An incident as it was written; `ahead` is how many seconds the clock of who wrote it was before ours."""

    incident: Incident
    ahead: float = 0.0


def named(labels: Mapping[str, str], starts: str) -> str:
    """The story's name of an alert; of one that is none of its own, what it is and since when."""
    whose = " ".join(labels[name] for name in ("agent", "receiver") if name in labels)
    return labels.get(CASE) or f"{labels.get('alertname', '')} {whose} since {starts}"


def alert_of(incident: Incident) -> str:
    """The story's name of what an incident is about."""
    return next((named(state.labels, state.starts_at) for state in incident.alerts), "")


def cases(alerts: Sequence[Alert], versions: Sequence[Version]) -> list[Case]:
    """Put together what the story did and what `ops.incidents` says of that, and of alerts that are none of its own."""
    of: dict[str, list[Version]] = {one.name: [] for one in alerts}
    for version in versions:
        of.setdefault(alert_of(version.incident), []).append(version)
    told = {one.name: (one.taken, one.ends) for one in alerts}
    return [_case(name, told.get(name), mine) for name, mine in of.items()]


def _case(name: str, told: tuple[float | None, float] | None, mine: Sequence[Version]) -> Case:
    times: dict[str, float] = {}
    due: dict[int, float] = {}
    for incident, ahead in mine:
        for entry in incident.timeline:
            times.setdefault(entry.what, instants.parse(entry.at) - (ahead if entry.by is None else 0.0))
        if incident.escalation.due_at is not None and incident.status == "triggered":
            due.setdefault(incident.escalation.step + 1, instants.parse(incident.escalation.due_at) - ahead)
        if incident.chain and incident.chain.data_loss and any(loses_data(state.labels) for state in incident.alerts):
            due.setdefault(BESIDE, times["opened"])
    for number in range(2, max((incident.escalation.step for incident, _ in mine), default=0) + 1):
        due.setdefault(number, due[number - 1] + STEP_S)  # taken together with the one before, both overdue
    taken, over = told or (None, times.get("resolved", math.inf))
    return Case(
        name, taken, over, times.get("opened"), times.get("resolved"),
        times.get("acknowledged") or times.get("acknowledge"), due, len({incident.id for incident, _ in mine}),
    )  # fmt: skip


def tellings(arrivals: list, names: Mapping[str, str]) -> list[Telling]:
    """Read what arrived; `names` are the alerts' names by the ids of their incidents."""
    found = []
    for one in arrivals:
        match one.channel:
            case "email":  # <INCIDENT.MILLISECONDS.RECEIVER.CHANNEL@DOMAIN>
                alert = names.get(one.key.strip("<>").partition(".")[0], "?")
            case "pagerduty":
                alert = names.get(one.key, "?")
            case _:
                alert = next((named(alert["labels"], alert["startsAt"]) for alert in one.body["alerts"]), "?")
        what = {"resolved": OVER, "acknowledge": ANSWERED}.get(one.status, one.status)
        call = one.body.get("commonAnnotations", {})
        if "escalation_target" in call and what != OVER:
            what = step(int(call.get("escalation_step", BESIDE)))
        found.append(Telling(one.at, alert, one.channel, what, one.key))
    return found


def logged(
    notifications: Iterable[tuple[Notification, float]], versions: Iterable[Version], names: Mapping[str, str]
) -> Log:
    """What is on record of tellings, of which each has come at an instant, and of incidents."""
    found: dict[str, dict[Place, float]] = {"intended": {}, "delivered": {}}
    for one, at in notifications:
        if one.status in found and one.incident in names:
            number = step_of(one.id)
            what = _WORDS.get(one.reason, FIRING) if number is None else step(number)
            channel = one.channel if one.receiver == "team" else one.receiver
            found[one.status].setdefault((names[one.incident], channel, what), at)
    numbers: dict[str, list[int]] = {}
    for incident, _ in versions:
        numbers.setdefault(incident.id, []).append(incident.version)
    return Log(found["intended"], found["delivered"], numbers)
