"""Cases that take minutes, through the running program on Kafka: its clock is the test's, which leaves out the waits.

Events come over their topic, alerts over HTTP, people are webhooks; killed is killed. Rules are looked at five times
a second, so that a step of the clock is seen soon.
"""

import signal
import time
from pathlib import Path

import clocks
import httpx
import msgspec
import pytest
import yaml
from confluent_kafka import Producer
from integration.alerting.replica import WITHIN_S, replicas
from integration.alerting.replica import Replica as Process
from integration.alerting.running import webhooks

from alerting import durations, instants
from streams import declare

EARLY_S, SOON_S = 0.1, 5.0
"""How long before its window something may come, by the reading of two clocks, and how long after it."""
LONG_S = 100
"""From here on a case is not waited for in `test_conformance`."""
LAST = "Last"
"""An alert that is told after everything else."""
KNOWN = {"id", "law", "config", "push", "events", "killed", "until", "want"}


def _needs_steps(case):
    """What takes rules or minutes, goes by no date of its own, and is not killed beside a message."""
    return (
        case.keys() <= KNOWN
        and ("rules" in case["config"] or ("killed" not in case and case["until"] > LONG_S))
        and "time_intervals" not in case["config"]
    )


CASES = {
    case["id"].replace(" ", "-"): case
    for case in yaml.safe_load((Path(__file__).parents[2] / "conformance" / "alerting.yaml").read_text())
    if _needs_steps(case)
}


@pytest.fixture(scope="module")
def preloaded(tmp_path_factory):
    return clocks.library(tmp_path_factory.mktemp("clock"))


def configuration(case, url):
    """The case's, with webhooks."""
    config = case["config"]
    receivers = [
        {
            "name": one["name"],
            "webhook_configs": [{"url": f"{url}/{one['name']}"} | {k: v for k, v in one.items() if k != "name"}],
        }
        for one in config["receivers"]
    ]
    looks = config["global"] | {"evaluation_interval": "0.2s"}
    lagging = {"receiver": "nobody", "matchers": ['alertname="EvaluatorLagging"']}  # it says that looks were left out
    route = config["route"] | {"routes": [lagging]}
    return yaml.safe_dump(config | {"global": looks, "route": route, "receivers": [*receivers, {"name": "nobody"}]})


def happenings(case):
    """When there is what to do, in the case's seconds: what happens, and where somebody looks who waits to be told."""
    for push in case.get("push", []):
        yield push["at"], 0, "push", push
    for one in case.get("killed", []):
        yield one["at"], 0, "kill", None
        yield one["started"], 0, "start", None
    for one in case.get("events", []):
        at = one["at"]
        while at <= min(one.get("until", at), case["until"]):
            yield at, 0, "event", {key: value for key, value in one.items() if key not in {"at", "every", "until"}}
            at += one.get("every", float("inf"))
    for receiver, wants in case["want"].items():
        for want in wants:
            yield (
                want["window"][0],
                1,
                "look",
                (receiver, {name: len(span) == 2 for name, span in want["alerts"].items()}),
            )


class World:
    """A case under way."""

    def __init__(self, case, kafka, prefix, folder, clock, preloaded, hooks, started):
        self.case, self.kafka, self.prefix, self.folder = case, kafka, prefix, folder
        self.clock, self.preloaded, self.hooks, self.started = clock, preloaded, hooks, started
        self.epoch = round(time.time()) - case["until"]
        self.config = folder / "alerting.yaml"
        self.config.write_text(configuration(case, hooks.url))
        self.producer = Producer({"bootstrap.servers": kafka})

    def start(self):
        name = f"process-{len(self.started)}"
        environment = self.clock.environment(self.preloaded)
        process = Process(self.folder, self.kafka, self.prefix, self.config, name, environment=environment)
        self.started.append(process)
        process.until("ready")

    def post(self, alerts, labels=()):
        body = [
            {
                "labels": {"alertname": name, **dict(labels)},
                "startsAt": instants.show(self.epoch + span[0]),
                **({"endsAt": instants.show(self.epoch + span[1])} if len(span) == 2 else {}),
            }
            for name, span in alerts.items()
        ]
        url = f"{self.started[-1].url}/api/v2/alerts"
        httpx.post(url, json=body, timeout=WITHIN_S).raise_for_status()

    def publish(self, at, event):
        value = {"id": f"e{at}-{event['source']}", "time": instants.show(self.epoch + at), **event}
        self.producer.produce(f"{self.prefix}ops.events", msgspec.json.encode(value), event["source"])
        assert self.producer.flush(WITHIN_S) == 0

    def look(self, receiver, alerts):
        """Wait until it is told which alerts are over and which are not, while the clock goes on as clocks do."""

        def wanted(path, body):
            return path == receiver and alerts == {n: one["status"] == "resolved" for n, one in told(body).items()}

        self.hooks.first(wanted)

    def run(self):
        declare.ensure(self.kafka, self.prefix)
        self.clock.set(self.epoch)
        self.start()
        for at, _, what, value in sorted(happenings(self.case), key=lambda one: one[:2]):
            at_once = self.epoch + at - (EARLY_S / 2 if what == "look" else 0.0)
            if self.clock.now() < at_once:
                self.clock.set(at_once)
            match what:
                case "push":
                    self.post(value["alerts"], value.get("labels", {}))
                case "event":
                    self.publish(at, value)
                case "kill":
                    self.started[-1].end(signal.SIGKILL)
                case "start":
                    self.start()
                case "look":
                    self.look(*value)
        self.clock.set(max(self.clock.now(), self.epoch + self.case["until"]))
        self.post({LAST: [self.case["until"]]})
        self.clock.set(self.clock.now() + durations.parse(self.case["config"]["route"]["group_wait"]))
        self.look(self.case["config"]["route"]["receiver"], {LAST: False})


def told(body):
    """Alerts by their names."""
    return {one["labels"]["alertname"]: one for one in body["alerts"]}


def spans(body, epoch):
    return {
        name: [instants.parse(one[at]) - epoch for at in ("startsAt", "endsAt") if not one[at].startswith("0001")]
        for name, one in told(body).items()
    }


@pytest.mark.parametrize("name", CASES)
def test_every_receiver_gets_exactly_what_is_wanted(name, kafka, topic_prefix, tmp_path, preloaded):
    case = CASES[name]
    with webhooks() as hooks, clocks.Clock(tmp_path / "clock") as clock, replicas() as started:
        hooks.clock = clock.now
        world = World(case, kafka, topic_prefix, tmp_path, clock, preloaded, hooks, started)
        world.run()
        got = [
            (at - world.epoch, receiver, spans(body, world.epoch))
            for at, receiver, body in hooks.all()
            if LAST not in told(body)
        ]
    wanted = sorted(
        ((want["window"], receiver, want) for receiver, wants in case["want"].items() for want in wants),
        key=lambda one: one[0],
    )
    assert len(got) == len(wanted), got
    for (at, receiver, alerts), ((begins, ends), to, want) in zip(got, wanted, strict=True):
        assert begins - EARLY_S <= at <= ends + SOON_S, got
        assert receiver == to
        assert alerts == {
            alert: pytest.approx(span, abs=want.get("tolerance", 0.002)) for alert, span in want["alerts"].items()
        }
