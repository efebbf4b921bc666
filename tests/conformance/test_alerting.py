"""The laws of the alerting stream, case by case, in virtual time: no clock, no network, the engine alone."""

import heapq
import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pytest
import yaml

from alerting import config as configuration
from alerting import documents, instants
from alerting.alerts import Alert, label_set
from alerting.effects import Notify, Publish
from alerting.engine import Engine
from alerting.messages import Message
from alerting.outbox import DELIVERED, Outcome
from streams.contracts import Command, Incident, Notification, OpsEvent, Silence

CASES = [
    case
    for name in ("alerting.yaml", "escalation.yaml")
    for case in yaml.safe_load((Path(__file__).parent / name).read_text())
]
EPOCH = "2026-09-21T14:13:20Z"
"""Second 0 of a case that does not say so itself."""


def epoch_of(case):
    return instants.parse(case.get("epoch", EPOCH))


def load_config(spec):
    receivers = [
        {
            "name": one["name"],
            "webhook_configs": [{"url": "http://127.0.0.1/"} | {k: v for k, v in one.items() if k != "name"}],
        }
        for one in spec["receivers"]
    ]
    return configuration.read(documents.parse(msgspec.json.encode(spec | {"receivers": receivers}).decode()), {})


class Crash(Exception):  # noqa: N818 - what happens, not an error
    """The process is killed between two effects."""


@dataclass
class World:
    """The topics, the receivers and the time around an engine."""

    case: dict
    engine: Engine = None
    incidents: list[Incident] = field(default_factory=list)
    notifications: list[Notification] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    silences: dict[str, Silence] = field(default_factory=dict)
    events: list[OpsEvent] = field(default_factory=list)
    got: dict[str, list[tuple[float, Message]]] = field(default_factory=lambda: defaultdict(list))
    pushed: list[list[Alert]] = field(default_factory=list)
    outcomes: list = field(default_factory=list)
    effects_left: float = float("inf")
    config: dict = None
    _order: itertools.count = field(default_factory=itertools.count)

    def __post_init__(self):
        self.epoch = epoch_of(self.case)
        self.config = self.case["config"]

    def perform(self, effects, now):
        for effect in effects:
            self.effects_left -= 1
            if self.effects_left == 0:
                raise Crash
            match effect:
                case Publish(topic="ops.incidents", value=value):
                    self.incidents.append(msgspec.json.decode(msgspec.json.encode(value), type=Incident))
                case Publish(topic="ops.notifications", value=value):
                    self.notifications.append(value)
                case Publish(topic="ops.silences", key=key, value=value):
                    self.silences[key] = value
                case Notify(message=message):
                    self.send(message, now)

    def send(self, message, now):
        intents = [one for one in self.notifications if one.id == message.id and one.status == "intended"]
        assert intents, "sent before its intent was recorded"
        hang = self.case.get("hangs", {}).get(message.receiver)
        refuses = self.case.get("refuses", {}).get(message.receiver)
        if refuses and now - self.epoch < refuses["while_before"]:
            outcome, at = Outcome("permanent", "HTTP 404"), now
        elif hang and now - self.epoch < hang["while_before"]:
            if hang["for"] >= message.integration.timeout:
                outcome, at = Outcome("retry", "timed out"), now + message.integration.timeout
            else:
                outcome, at = DELIVERED, now + hang["for"]
        else:
            outcome, at = DELIVERED, now
        heapq.heappush(self.outcomes, (at, next(self._order), message, outcome))

    def start(self, now):
        """Start a process: what is on the topics is all it knows."""
        self.outcomes.clear()
        self.engine = Engine.restore(
            load_config(self.config), self.incidents, self.notifications, now, list(self.silences.values())
        )
        for event in self.events:
            self.engine.on_events([event], now)
        for command in self.commands:
            self.perform(self.engine.on_command(command, now), now)
        if self.case.get("repush"):  # as whoever sends alerts from outside does
            for alerts in self.pushed:
                self.perform(self.engine.on_alerts(alerts, now), now)

    def deliver(self, now):
        at, _, message, outcome = heapq.heappop(self.outcomes)
        if outcome is DELIVERED:
            self.got[message.receiver].append((at - self.epoch, message))
        self.perform(self.engine.on_delivery(message.id, outcome, now), now)

    def run(self):
        happenings = sorted(happenings_of(self.case), key=lambda one: one[0])
        stalls = [(self.epoch + one["at"], self.epoch + one["until"]) for one in self.case.get("stalled", [])]
        now, end = self.epoch, self.epoch + self.case["until"]
        self.start(now)
        alive = True
        while True:
            following = [happenings[0][0]] if happenings else []
            if alive:
                following += [max(now, self.engine.due(now)), *([self.outcomes[0][0]] if self.outcomes else [])]
            if not following or min(following) > end:
                return
            now = min(following)
            for begins, ends in stalls:
                now = ends if begins <= now < ends else now
            try:
                while happenings and happenings[0][0] <= now:
                    _, what, value = happenings.pop(0)
                    if what == "kill":
                        alive = False
                    elif what == "start":
                        alive = True
                        self.config = value or self.config
                        self.start(now)
                    else:
                        self.happen(what, value, now)
                self.go_on(now, alive=alive)
            except Crash:
                self.start(now)
                for alerts in self.pushed:  # who pushed got no answer
                    self.perform(self.engine.on_alerts(alerts, now), now)

    def go_on(self, now, *, alive):
        while alive and self.outcomes and self.outcomes[0][0] <= now:
            self.deliver(now)
        if alive:
            self.perform(self.engine.tick(now), now)
            assert self.outcomes or self.engine.due(now) > now, "a tick leaves nothing due"

    def happen(self, what, value, now):
        match what:
            case "push":
                self.pushed.append(value)
                self.perform(self.engine.on_alerts(value, now), now)
            case "event":
                self.events.append(value)
                self.engine.on_events([value], now)
            case "reload":
                self.config = value
                self.perform(self.engine.reconfigure(load_config(value), now), now)
            case "silence" if "expire" in value:
                self.perform(self.engine.expire_silence(value["expire"], now), now)
            case "silence":
                first, last = (instants.show(self.epoch + at) for at in value["span"])
                wanted = Silence(matchers=value["matchers"], starts_at=first, ends_at=last, created_by="ada")
                self.perform(self.engine.set_silence(wanted, value["id"], now)[1], now)
            case "command":
                of = value.get("of")
                named = [one for one in self.incidents if of in {None, one.alerts[0].labels["alertname"]}]
                fields = {key: said for key, said in value.items() if key != "of"}
                command = Command(incident=named[-1].id, **{"at": instants.show(now)} | fields)
                self.commands.append(command)
                self.perform(self.engine.on_command(command, now), now)


def happenings_of(case):
    epoch = epoch_of(case)
    for push in case.get("push", []):
        alerts = [
            Alert(
                label_set({"alertname": name, **push.get("labels", {})}),
                epoch + span[0],
                push.get("annotations", {}),
                ends_at=epoch + span[1] if len(span) == 2 else None,
            )
            for name, span in push["alerts"].items()
        ]
        yield epoch + push["at"], "push", alerts
    if flutter := case.get("flutter"):  # fires and is over in turn
        began = 0
        for at in range(0, flutter["until"], flutter["every"]):
            over = (at // flutter["every"]) % 2
            began = began if over else at
            ends_at = epoch + at if over else None
            alert = Alert(label_set({"alertname": flutter["alert"]}), epoch + began, {}, ends_at=ends_at)
            yield epoch + at, "push", [alert]
    for one in case.get("silence", []):
        yield epoch + one["at"], "silence", one
    for one in case.get("killed", []):
        yield epoch + one["at"], "kill", None
        yield epoch + one["started"], "start", one.get("config")
    for one in case.get("reload", []):
        yield epoch + one["at"], "reload", one["config"]
    for one in case.get("commands", []):
        fields = {key: value for key, value in one.items() if key not in {"at", "at_instant"}}
        if "at_instant" in one:  # it bears an instant of its own, as one that is read again does
            fields["at"] = instants.show(epoch + one["at_instant"])
        if "until" in one:
            fields["until"] = instants.show(epoch + one["until"])
        yield epoch + one["at"], "command", fields
    for one in case.get("events", []):
        fields = {key: value for key, value in one.items() if key not in {"at", "every", "until"}}
        at = one["at"]
        while at <= one.get("until", one["at"]):
            yield epoch + at, "event", OpsEvent(id=f"e{at}", time=instants.show(epoch + at), **fields)
            at += one.get("every", float("inf"))


def shown(message, epoch):
    return {
        state.labels["alertname"]: [
            instants.parse(instant) - epoch for instant in (state.starts_at, state.ends_at) if instant is not None
        ]
        for state in message.alerts
    }


@pytest.mark.parametrize("case", [pytest.param(case, id=str(case["id"])) for case in CASES])
def test_every_receiver_gets_exactly_what_is_wanted(case):
    world = World(case)
    world.run()
    for receiver in {one["name"] for one in case["config"]["receivers"]}:
        wanted = case["want"].get(receiver, [])
        got = sorted(world.got.get(receiver, []), key=lambda one: (one[0], sorted(shown(one[1], 0.0))))
        assert [message.alerts for _, message in got if not message.alerts] == [], "no empty message"
        told = [(at, shown(message, world.epoch), message.step) for at, message in got]
        assert len(told) == len(wanted), (receiver, told)
        for (at, alerts, step), want in zip(told, wanted, strict=True):
            begins, ends = want["window"]
            assert begins - 1e-6 <= at <= ends, (receiver, told)
            assert alerts.keys() == want["alerts"].keys(), (receiver, told)
            for name, span in want["alerts"].items():
                assert alerts[name] == pytest.approx(span, abs=want.get("tolerance", 0.002)), (receiver, told)
            assert step == want.get("step"), (receiver, told)
        for (_, message), want in zip(got, wanted, strict=True):
            assert all(state.annotations == want.get("annotations", state.annotations) for state in message.alerts)


@pytest.mark.parametrize(
    "name", ["E1", "an acknowledgement stops the chain and lapses", "a step and a route with one receiver"]
)
def test_a_crash_between_any_two_effects_tells_each_thing_once(name):
    """What was sent twice has the same id, so that its receiver can tell; nothing is missing."""
    case = next(case for case in CASES if case["id"] == name) | {"killed": []}
    whole = World(case)
    whole.run()
    wanted = {(to, message.step) for to, got in whole.got.items() for _, message in got}
    assert wanted
    for effects in range(1, 100):
        world = World(case, effects_left=effects)
        world.run()
        ids = {(to, message.id) for to, got in world.got.items() for _, message in got}
        steps = [
            (to, message.step)
            for to, got in world.got.items()
            for _, message in {m.id: (t, m) for t, m in got}.values()
        ]
        assert sorted(steps, key=str) == sorted(wanted, key=str), f"killed before effect {effects}"
        assert len(ids) == len(wanted)
        if world.effects_left > 0:
            break
    else:
        pytest.fail("the case never ran to its end")


@pytest.mark.parametrize("case", [pytest.param(case, id=str(case["id"])) for case in CASES])
def test_versions_of_an_incident_follow_each_other(case):
    world = World(case)
    world.run()
    assert world.incidents
    versions = defaultdict(list)
    for incident in world.incidents:
        versions[incident.id].append(incident.version)
    for found in versions.values():
        assert found == list(range(1, len(found) + 1))
