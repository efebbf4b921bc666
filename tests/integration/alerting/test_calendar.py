"""What goes by the clock on the wall, through the running program while the clock passes: hand-overs, time intervals,
daylight saving; beside them an acknowledgement that lapses and an alert that flaps. The program's clock is the test's.
"""

import contextlib
import threading
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import clocks
import httpx
import pytest
from integration.alerting.replica import Replica, replicas
from integration.alerting.running import WITHIN_S, alerting, webhooks

from alerting import instants
from streams import declare

SOON_S = 5.0
"""Within which something comes after its time."""
EARLY_S = 0.1
DAY_S = 86_400


class Desk:
    """A program whose clock is the test's, and what people hear of it."""

    def __init__(self, url, clock, hooks):
        self.url = url
        self.clock = clock
        self.hooks = hooks

    def push(self, name, **fields):
        """Report an alert that began now."""
        began = instants.show(round(self.clock.now(), 3))
        alert = {"labels": {"alertname": name, "severity": "P1"}, "startsAt": began, **fields}
        httpx.post(f"{self.url}/api/v2/alerts", json=[alert], timeout=WITHIN_S).raise_for_status()
        return alert["startsAt"]

    def wait(self, receiver, name, step=None, status="firing"):
        """Wait until somebody is told."""
        self.hooks.first(
            lambda path, body: (
                (path, body["commonLabels"]["alertname"], body["status"], step_of(body))
                == (receiver, name, status, step)
            )
        )

    def until(self, instant):
        """Wait until its clock shows an instant."""
        threading.Event().wait(max(0.0, instant - self.clock.now()))

    def heard(self, name):
        """Who has been told of an alert so far: when, who, what, by which step."""
        return [
            (at, path, body["status"], step_of(body))
            for at, path, body in self.hooks.all()
            if body["commonLabels"]["alertname"] == name
        ]

    def incident(self, name):
        found = httpx.get(f"{self.url}/v1/incidents", timeout=WITHIN_S).json()["incidents"]
        return next((one for one in found if one["title"] == name), None)

    def noted(self, name, what):
        """When something happened to its incident, as on record."""
        return next(instants.parse(one["at"]) for one in self.incident(name)["timeline"] if one["what"] == what)

    def command(self, name, **what):
        where = f"{self.url}/v1/incidents/{self.incident(name)['id']}/commands"
        httpx.post(where, json=what, timeout=WITHIN_S).raise_for_status()


def step_of(body):
    return body["commonAnnotations"].get("escalation_step")


def calls(heard):
    """Who was called by which step."""
    return [(who, step) for _, who, _, step in heard if step is not None]


def when(heard, receiver, step=None):
    """When somebody was told first."""
    return next(at for at, who, _, by in heard if (who, by) == (receiver, step))


def on_time(at, due):
    return due - EARLY_S <= at <= due + SOON_S


MINUTE = """
global: {{resolve_timeout: 1h, evaluation_interval: 0.2s}}
route:
  receiver: log
  group_by: [alertname]
  group_wait: 0s
  group_interval: 2s
  repeat_interval: 1d
  routes:
  - {{receiver: night, matchers: ['alertname=~"Early|Muted"'], group_interval: 0.2s, mute_time_intervals: [minute]}}
  - {{receiver: day, matchers: ['alertname=~"Office|Closed"'], group_interval: 0.2s, active_time_intervals: [minute]}}
  - {{receiver: flutter, matchers: [alertname="Flutter"], group_interval: 0.2s}}
time_intervals:
- {{name: minute, time_intervals: [{{times: [{{start_time: "{first}", end_time: "{last}"}}]}}]}}
receivers:
- {{name: log, webhook_configs: [{{url: '{url}/log'}}]}}
- {{name: night, webhook_configs: [{{url: '{url}/night'}}]}}
- {{name: day, webhook_configs: [{{url: '{url}/day'}}]}}
- {{name: flutter, webhook_configs: [{{url: '{url}/flutter'}}]}}
people:
  ada: {{webhook_configs: [{{url: '{url}/ada'}}]}}
  grace: {{webhook_configs: [{{url: '{url}/grace'}}]}}
  first: {{webhook_configs: [{{url: '{url}/first'}}]}}
  second: {{webhook_configs: [{{url: '{url}/second'}}]}}
rotations: {{primary: {{members: [ada, grace], length: 1m, start: {day}}}}}
escalation:
- {{matchers: [alertname="Turn"], steps: [{{after: 0s, notify: [primary]}}, {{after: 9s, notify: [primary]}}]}}
- matchers: [alertname="Answered"]
  steps: [{{after: 0s, notify: [first]}}, {{after: 2s, notify: [second]}}]
  ack_expires: {{P1: 5s}}
"""


def minute_of(instant):
    return datetime.fromtimestamp(instant, UTC).strftime("%H:%M")


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory):
    return clocks.library(tmp_path_factory.mktemp("clock"))


def whole_minute():
    """One that is a while ahead."""
    return (time.time() // 60 + 2) * 60


def flaps(desk):
    found = desk.incident("Flutter")
    return found is not None and any(one["what"] == "flapping" for one in found["timeline"])


def settled(desk, began, status):
    """Wait until it was told, or is held back because it flaps."""
    deadline = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline:
        for _, path, body in desk.hooks.all():
            if path == "flutter" and body["status"] == status and body["alerts"][0]["startsAt"] == began:
                return
        if flaps(desk):
            return
        threading.Event().wait(0.05)
    raise AssertionError((began, status))


def turn(desk):
    """Fire and be over."""
    began = desk.push("Flutter")
    settled(desk, began, "firing")
    desk.push("Flutter", startsAt=began, endsAt=instants.show(round(desk.clock.now(), 3)))
    settled(desk, began, "resolved")


@dataclass(frozen=True)
class Minute:
    """What happened: from when to when it was, who had the shifts `before` and `after`."""

    desk: Desk
    begins: float
    ends: float
    before: str
    after: str
    held_back: int
    """How many messages there were of what flaps until nothing more was told."""


@pytest.fixture(scope="module")
def minute(preloaded, kafka, tmp_path_factory):
    """A minute on Kafka, from a little before it to a little after it; its middle is left out."""
    folder = tmp_path_factory.mktemp("minute")
    prefix = f"minute{uuid.uuid4().hex[:8]}."
    declare.ensure(kafka, prefix)
    begins = whole_minute()
    ends = begins + 60
    day = datetime.fromtimestamp(begins, UTC).date()
    with webhooks() as hooks, clocks.Clock(folder / "clock") as clock, replicas() as started:
        hooks.clock = clock.now
        config = folder / "alerting.yaml"
        last = minute_of(ends) if minute_of(ends) != "00:00" else "24:00"
        config.write_text(MINUTE.format(url=hooks.url, first=minute_of(begins), last=last, day=day))
        clock.set(begins - 50)
        replica = Replica(folder, kafka, prefix, config, "one", environment=clock.environment(preloaded))
        started.append(replica)
        replica.until("ready")
        desk = Desk(replica.url, clock, hooks)
        clock.set(begins - 6)
        for name in ("Turn", "Answered", "Early", "Office"):
            desk.push(name)
        desk.wait("first", "Answered", "1")
        desk.command("Answered", action="acknowledge", by="ada")
        desk.wait("night", "Early")
        while not flaps(desk):
            turn(desk)
        for _ in range(3):
            turn(desk)
        held_back = len(desk.heard("Flutter"))
        desk.until(begins + 0.5)
        desk.push("Muted")
        desk.wait("day", "Office")
        desk.wait("second", "Answered", "2")
        members = ("ada", "grace")
        before = int((begins - 60) % DAY_S // 60) % 2
        desk.wait(members[1 - before], "Turn", "2")
        clock.set(ends - 3)
        desk.wait("night", "Muted")
        desk.until(ends + 0.5)
        desk.push("Closed")
        desk.push("Open")
        desk.wait("log", "Open")
        desk.wait("flutter", "Flutter", status="resolved")
        desk.until(ends + 2)
        yield Minute(desk, begins, ends, members[before], members[1 - before], held_back)


def test_a_hand_over_between_two_steps_calls_who_has_come(minute):
    """And who had the shift before is called no more."""
    heard = minute.desk.heard("Turn")
    assert calls(heard) == [(minute.before, "1"), (minute.after, "2")]
    assert when(heard, minute.before, "1") < minute.begins
    assert on_time(when(heard, minute.after, "2"), minute.desk.noted("Turn", "opened") + 9)


def test_an_acknowledgement_lapses_and_the_next_is_called(minute):
    """Not before, though the step was due."""
    heard = minute.desk.heard("Answered")
    assert calls(heard) == [("first", "1"), ("second", "2")]
    assert on_time(when(heard, "second", "2"), minute.desk.noted("Answered", "acknowledge") + 5)
    whats = [one["what"] for one in minute.desk.incident("Answered")["timeline"]]
    assert [one for one in whats if one.startswith("ack")] == ["acknowledge", "ack_expired"]


def test_a_route_that_is_muted_for_a_minute_tells_before_and_after_it(minute):
    assert when(minute.desk.heard("Early"), "night") < minute.begins
    assert on_time(when(minute.desk.heard("Muted"), "night"), minute.ends)


def test_a_route_that_is_active_for_a_minute_tells_in_it_alone(minute):
    assert on_time(when(minute.desk.heard("Office"), "day"), minute.begins)
    assert minute.desk.heard("Closed") == []


def test_what_flaps_says_so_once_and_is_told_as_over_when_it_is_steady(minute):
    """While it flaps nothing else is told."""
    found = minute.desk.incident("Flutter")
    whats = [one["what"] for one in found["timeline"]]
    assert (found["status"], whats.count("flapping"), whats.count("steady")) == ("resolved", 1, 1)
    assert [one[1:3] for one in minute.desk.heard("Flutter")[minute.held_back :]] == [("flutter", "resolved")]


DAYLIGHT = """
global: {{resolve_timeout: 1d, evaluation_interval: 0.2s}}
route:
  receiver: log
  group_by: [alertname]
  group_wait: 0s
  group_interval: 0.2s
  repeat_interval: 30d
  routes: [{{receiver: night, matchers: [alertname="Muted"], mute_time_intervals: [night]}}]
time_intervals:
- {{name: night, time_intervals: [{{times: [{{start_time: "{first}", end_time: "03:00"}}], location: Europe/Berlin}}]}}
receivers:
- {{name: log, webhook_configs: [{{url: '{url}/log'}}]}}
- {{name: night, webhook_configs: [{{url: '{url}/night'}}]}}
people: {{ada: {{webhook_configs: [{{url: '{url}/ada'}}]}}, grace: {{webhook_configs: [{{url: '{url}/grace'}}]}}}}
rotations:
  primary:
    {{members: [ada, grace], length: 1d, handover: "{handover}", time_zone: Europe/Berlin, start: "2027-03-01"}}
escalation:
- matchers: [alertname="Turn"]
  steps: [{{after: 0s, notify: [primary]}}, {{after: 6s, notify: [primary]}}, {{after: 1810s, notify: [primary]}}]
"""


@pytest.fixture
def daylight(preloaded, tmp_path):
    """Start a program some minutes before a change, with a configuration."""
    with contextlib.ExitStack() as stack:

        def start(changes, **said):
            clock = stack.enter_context(clocks.Clock(tmp_path / "clock"))
            clock.set(changes - 300)
            hooks = stack.enter_context(webhooks())
            hooks.clock = clock.now
            text = DAYLIGHT.format(url=hooks.url, **said)
            process = stack.enter_context(alerting(tmp_path, text, environment=clock.environment(preloaded)))
            desk = Desk(f"http://{process.url}", clock, hooks)
            clock.set(changes - 4)
            desk.push("Turn")
            desk.push("Muted")
            return desk

        yield start


def test_when_the_clocks_go_forward_three_comes_after_two(daylight):
    """A route that is muted until 03:00 speaks, and a hand-over at 03:00 is, when 01:59 is over."""
    changes = instants.parse("2027-03-28T01:00:00Z")
    desk = daylight(changes, first="01:00", handover="03:00")
    desk.wait("ada", "Turn", "1")
    desk.wait("night", "Muted")
    desk.wait("grace", "Turn", "2")
    assert calls(desk.heard("Turn")) == [("ada", "1"), ("grace", "2")]
    assert when(desk.heard("Turn"), "ada", "1") < changes
    assert on_time(when(desk.heard("Muted"), "night"), changes)


def test_when_the_clocks_go_back_two_comes_twice(daylight):
    """A route that is muted from two to three is so for two hours; a hand-over at 02:30 happens the first time."""
    changes = instants.parse("2027-10-31T01:00:00Z")
    desk = daylight(changes, first="02:00", handover="02:30")
    who = "ada"
    desk.wait(who, "Turn", "1")
    desk.wait(who, "Turn", "2")
    desk.clock.set(changes + 1803)
    desk.wait(who, "Turn", "3")
    assert calls(desk.heard("Turn")) == [(who, "1"), (who, "2"), (who, "3")]
    assert desk.heard("Muted") == []
    desk.clock.set(changes + 3597)
    desk.wait("night", "Muted")
    assert on_time(when(desk.heard("Muted"), "night"), changes + 3600)
