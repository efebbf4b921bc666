"""The incidents of a run: alerts that begin, are repeated as Prometheus repeats them, are answered or not, and end."""

import random
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
import msgspec

from alerting import instants
from alerting.messages import step_of
from kills.verifier import FIRING, OVER, Case, Place, Telling, step
from streams.contracts import Command, Incident, Notification
from streams.emit import Emitter, Outgoing

_REPEAT_S = 0.5
_REPEAT_OVER_S = 120.0
"""How long the end of an alert is repeated; Prometheus does it for 15 minutes."""

ANSWERED = "answered"
_WORDS = {"all_resolved": OVER, "resolved": OVER, "acknowledged": ANSWERED}
TEAM = ("email", "pagerduty", "webhook")
CHAIN = {1: "ada", 2: "bob", 3: "carol"}
STEP_S = 2.0
CONFIG = """
global: {globals}
route: {{receiver: team, group_by: [alertname], group_wait: 0.1s, group_interval: 0.3s, repeat_interval: 4h}}
receivers:
  - name: team
    email_configs: [{{to: ops-team@example.com, send_resolved: true}}]
    pagerduty_configs: [{{routing_key: key, url: "{http}/pagerduty", send_resolved: true}}]
    webhook_configs: [{{url: "{http}/webhook", send_resolved: true}}]
people:
  ada: {{webhook_configs: [{{url: "{http}/ada"}}]}}
  bob: {{webhook_configs: [{{url: "{http}/bob"}}]}}
  carol: {{webhook_configs: [{{url: "{http}/carol"}}]}}
escalation:
  - steps: [{{after: 0s, notify: [ada]}}, {{after: 2s, notify: [bob]}}, {{after: 4s, notify: [carol]}}]
"""


@dataclass
class _Alert:
    name: str
    starts: float
    answer_after: float | None
    ends: float
    taken: float | None = None
    over: float | None = None
    answered: float | None = None


@dataclass
class Story:
    """Tells the program what happens, as fast as it listens; `incidents` are the ids that are known, by title."""

    url: str
    emitter: Emitter
    commands: str
    seed: int
    every_s: float = 3.0
    incidents: Mapping[str, str] = field(default_factory=dict)
    alerts: list[_Alert] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._begin = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="story")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end_of_beginnings(self) -> None:
        """Begin no more; what has begun ends in its time."""
        self._begin.set()

    def stop(self) -> None:
        """Say nothing more."""
        self._stop.set()
        self._thread.join()

    def all_over(self) -> bool:
        """Whether the end of everything that has begun was taken."""
        return all(one.over is not None for one in self.alerts)

    def _run(self) -> None:
        next_at = time.time()
        with httpx.Client(timeout=5.0) as client:
            while not self._stop.wait(_REPEAT_S / 2):
                now = time.time()
                if now >= next_at and not self._begin.is_set():
                    answer_after = self._random.choice([None, None, 0.5, 1.5, 2.5, 3.5])
                    name = f"K{len(self.alerts):04}"
                    self.alerts.append(_Alert(name, now, answer_after, now + self._random.uniform(3.0, 9.0)))
                    next_at = now + self._random.uniform(0.5, 1.5) * self.every_s
                self._push(client, now)
                self._answer(now)

    def _push(self, client: httpx.Client, now: float) -> None:
        told = [one for one in self.alerts if now < one.ends + _REPEAT_OVER_S]
        alerts = []
        for one in told:
            alert = {"labels": {"alertname": one.name, "severity": "critical"}, "startsAt": instants.show(one.starts)}
            if one.ends <= now:
                alert["endsAt"] = instants.show(one.ends)
            alerts.append(alert)
        try:
            answer = client.post(f"{self.url}/api/v2/alerts", json=alerts)
        except httpx.HTTPError:
            return
        if answer.is_success:
            taken = time.time()
            for one in told:
                one.taken = one.taken or taken
                if one.ends <= now:
                    one.over = one.over or taken

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


def alert_of(incident: Incident) -> str:
    """The story's name of what an incident is about."""
    return next((state.labels.get("alertname", "") for state in incident.alerts), "")


def cases(alerts: list[_Alert], versions: list[Incident]) -> list[Case]:
    """Put together what the story did and what `ops.incidents` says of it."""
    of: dict[str, list[Incident]] = {}
    for incident in versions:
        of.setdefault(alert_of(incident), []).append(incident)
    found = []
    for one in alerts:
        mine = of.get(one.name, [])
        times = {entry.what: instants.parse(entry.at) for incident in mine for entry in reversed(incident.timeline)}
        due: dict[int, float] = {}
        for incident in mine:
            if incident.escalation.due_at is not None and incident.status == "triggered":
                due.setdefault(incident.escalation.step + 1, instants.parse(incident.escalation.due_at))
        for number in range(2, max((incident.escalation.step for incident in mine), default=0) + 1):
            due.setdefault(number, due[number - 1] + STEP_S)  # taken together with the one before, both overdue
        answered = times.get("acknowledged") or times.get("acknowledge")
        found.append(Case(one.name, one.taken, one.ends, times.get("opened"), times.get("resolved"), answered, due))
    return found


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
                alert = next((alert["labels"]["alertname"] for alert in one.body["alerts"]), "?")
        what = {"resolved": OVER, "acknowledge": ANSWERED}.get(one.status, one.status)
        if (number := one.body.get("commonAnnotations", {}).get("escalation_step")) is not None and what != OVER:
            what = step(int(number))
        found.append(Telling(one.at, alert, one.channel, what, one.key))
    return found


def deliveries(notifications: list[Notification], names: Mapping[str, str]) -> dict[Place, float]:
    """When each telling was first on record as delivered."""
    found: dict[Place, float] = {}
    for one in notifications:
        if one.status != "delivered" or one.incident not in names:
            continue
        number = step_of(one.id)
        what = _WORDS.get(one.reason, FIRING) if number is None else step(number)
        channel = one.channel if one.receiver == "team" else one.receiver
        found.setdefault((names[one.incident], channel, what), instants.parse(one.at))
    return found
