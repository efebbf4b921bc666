"""The alerting process on a broker: metrics in, an incident out, told to a real mail server and HTTP endpoint."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import pytest
from listening import listening
from mailing import mailing

from alerting import instants
from sciagents.tail import Tail, read_all
from streams import declare
from streams.contracts import Command, Incident, Notification, OpsEvent
from streams.emit import Emitter, Outgoing

WITHIN_S = 60.0

CONFIG = """
global: {{smtp_smarthost: "127.0.0.1:{smtp}", smtp_from: sci-agents@example.com, smtp_require_tls: false,
         evaluation_interval: 0.2s}}
route: {{receiver: team, group_by: [alertname, instance], group_wait: 0.1s, group_interval: 0.3s, repeat_interval: 4h}}
receivers:
  - name: team
    email_configs: [{{to: ops-team@example.com, send_resolved: true}}]
    slack_configs: [{{api_url: "http://127.0.0.1:{http}/slack", send_resolved: true}}]
people: {{ada: {{webhook_configs: [{{url: "http://127.0.0.1:{http}/ada"}}]}},
         grace: {{webhook_configs: [{{url: "http://127.0.0.1:{http}/grace"}}]}}}}
escalation:
  - steps: [{{after: 0s, notify: [ada]}}, {{after: 6s, notify: [grace]}}]
rules:
  - name: HighCpuUsage
    expr: cpu_percent > 95
    window: 1s
    by: [instance]
    for: 0.5s
    severity: P1
    annotations: {{impact: "Requests queue on {{{{ labels.instance }}}}"}}
"""


@dataclass
class Receivers:
    """Everything that arrived, in order."""

    smtp: int = 0
    http: int = 0
    got: queue.Queue = field(default_factory=queue.Queue)
    seen: list = field(default_factory=list)

    def first(self, wanted):
        """The first thing that is wanted, waited for."""
        for one in self.seen:
            if wanted(one):
                return one
        deadline = time.monotonic() + WITHIN_S
        while True:
            one = self.got.get(timeout=max(0.01, deadline - time.monotonic()))
            self.seen.append(one)
            if wanted(one):
                return one

    def all(self):
        while True:
            try:
                self.seen.append(self.got.get_nowait())
            except queue.Empty:
                return self.seen


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    """A mail server and an HTTP endpoint."""
    state = Receivers()

    def take(mail):
        message = mail.message
        text = message.get_body(("plain",)).get_content()
        state.got.put(("mail", message["Subject"], text, message["Message-ID"]))

    def answer(path, _, body):
        body = msgspec.json.decode(body)
        state.got.put((path.lstrip("/"), body.get("text"), body, None))
        return 200, {}, b"ok"

    with mailing(taken=take) as mail, listening(answer) as url:
        state.smtp, state.http = mail.port, int(url.rpartition(":")[2])
        yield state


@dataclass
class Topics:
    """The topics of one test."""

    kafka: str
    embedded: bool
    prefix: str
    emitter: Emitter
    incidents: queue.Queue = field(default_factory=queue.Queue)

    def publish(self, topic, key, value):
        confirmed = threading.Event()
        self.emitter.send(
            [Outgoing(self.prefix + topic, key.encode(), msgspec.json.encode(value), [])], lambda _: confirmed.set()
        )
        assert confirmed.wait(WITHIN_S)

    def metric(self, value, instance="host-1"):
        now = time.time()
        event = OpsEvent(
            id=f"{now}", time=instants.show(now), source=instance, kind="metric", name="cpu_percent", value=value
        )
        self.publish("ops.events", instance, event)

    def until(self, wanted, value):
        """Publish a metric several times a second until the incident is as wanted."""
        deadline = time.monotonic() + WITHIN_S
        while time.monotonic() < deadline:
            self.metric(value)
            with contextlib.suppress(queue.Empty):
                incident = self.incidents.get(timeout=0.2)
                if wanted(incident):
                    return incident
        pytest.fail("the incident did not come")

    def outcomes(self):
        """The last word about each notification."""
        records = read_all(self.kafka, self.prefix + "ops.notifications")
        found = [msgspec.json.decode(record.value(), type=Notification) for record in records]
        return {one.id: one.status for one in found}

    def until_delivered(self, count):
        """Wait until so many notifications are on record as delivered: from then on they are not sent again."""
        deadline = time.monotonic() + WITHIN_S
        while list(self.outcomes().values()).count("delivered") < count:
            assert time.monotonic() < deadline, self.outcomes()


@pytest.fixture
def topics(broker, topic_prefix) -> Iterator[Topics]:
    """The topics, and what comes on ops.incidents."""
    declare.ensure(broker.bootstrap, topic_prefix, embedded=broker.embedded)
    emitter = Emitter(broker.bootstrap)
    made = Topics(broker.bootstrap, broker.embedded, topic_prefix, emitter)

    def take(records):
        for record in records:
            with contextlib.suppress(msgspec.DecodeError):
                made.incidents.put(msgspec.json.decode(record.value() or b"", type=Incident))

    with Tail(broker.bootstrap, [topic_prefix + "ops.incidents"], take, start="beginning"):
        yield made
    emitter.close()


@pytest.fixture
def alerting(topics, receivers, tmp_path):
    """Start alerting processes, one at a time."""
    config = tmp_path / "alerting.yaml"
    config.write_text(CONFIG.format(smtp=receivers.smtp, http=receivers.http))
    started = []

    def start():
        command = [
            sys.executable,
            "-m",
            "sciagents",
            "alerting",
            "--kafka",
            topics.kafka,
            "--topic-prefix",
            topics.prefix,
        ]
        command += ["--config", str(config), "--dir", str(tmp_path), *(["--embedded"] if topics.embedded else [])]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ | {"NO_COLOR": "1"})
        log = []
        live = threading.Event()

        def read():
            for line in process.stderr:
                log.append(line)
                if "alerting_live" in line:
                    live.set()
            live.set()

        reader = threading.Thread(target=read)
        reader.start()
        started.append((process, reader))
        assert live.wait(WITHIN_S)
        assert process.poll() is None, "".join(log)
        return process

    yield start
    for process, reader in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join()
        process.stderr.close()


def test_an_incident_is_told_answered_and_resolved_through_restarts(topics, receivers, alerting):
    first = alerting()
    incident = topics.until(lambda one: one.status == "triggered", 99.0)
    assert (incident.id[:9], incident.severity, incident.title) == (
        f"INC-{instants.show(time.time())[:4]}-",
        "P1",
        "High Cpu Usage",
    )

    _, subject, text, _ = receivers.first(lambda one: one[0] == "mail")
    assert subject == "[P1] Scientific Computing Agents - High Cpu Usage"
    for line in (
        "Status: INVESTIGATING", "Affected: instance host-1", "Impact: Requests queue on host-1", "Actions Taken:",
        "Next Steps:", "Updates: Every 15 minutes or when status changes",
    ):  # fmt: skip
        assert line in text
    assert receivers.first(lambda one: one[0] == "slack")[1] == subject
    called = receivers.first(lambda one: one[0] == "ada")[2]
    assert called["commonAnnotations"]["escalation_step"] == "1"

    topics.until_delivered(3)
    first.kill()  # no goodbye: what is on the topics is all that is left
    first.wait()
    second = alerting()
    receivers.first(lambda one: one[0] == "grace")  # the timer went on through the restart

    command = Command(
        incident=incident.id, action="acknowledge", by="ada", at=instants.show(time.time()), id="c-1", text="on it"
    )
    topics.publish("ops.commands", incident.id, command)
    topics.publish("ops.commands", incident.id, command)
    acknowledged = topics.until(lambda one: one.status == "acknowledged", 99.0)
    assert [entry.by for entry in acknowledged.timeline if entry.what == "acknowledge"] == ["ada"]

    second.send_signal(signal.SIGTERM)
    assert second.wait(WITHIN_S) == 0
    alerting()
    resolved = topics.until(lambda one: one.status == "resolved", 1.0)
    assert (resolved.id, resolved.phase) == (incident.id, "RESOLVED")
    assert len([entry for entry in resolved.timeline if entry.what == "acknowledge"]) == 1
    receivers.first(lambda one: one[0] == "mail" and "Status: RESOLVED" in one[2] and "on it (ada" in one[2])
    receivers.first(lambda one: one[0] == "slack" and "RESOLVED" in str(one[2]))
    receivers.first(lambda one: one[0] == "ada" and one[2]["status"] == "resolved")
    receivers.first(lambda one: one[0] == "grace" and one[2]["status"] == "resolved")

    arrived = [(to, body["status"] if to in {"ada", "grace"} else None) for to, _, body, _ in receivers.all()]
    assert sorted(arrived, key=str) == sorted(
        [("mail", None), ("mail", None), ("slack", None), ("slack", None), ("ada", "firing"), ("ada", "resolved"),
         ("grace", "firing"), ("grace", "resolved")], key=str
    )  # fmt: skip
    ids = [one[3] for one in receivers.all() if one[0] == "mail"]
    assert len(set(ids)) == 2
    topics.until_delivered(8)
    assert set(topics.outcomes().values()) == {"delivered"}


def test_nonsense_on_the_topics_is_passed_over(topics, receivers, alerting):
    for value in (b"", b"\xff", b"{}", b"[1]", b'{"id": 1}', b"{" * 10_000, b"x" * 100_000):
        for topic in ("ops.events", "compute.results", "ops.commands", "ops.incidents", "ops.notifications"):
            topics.emitter.send([Outgoing(topics.prefix + topic, b"k", value, [])], lambda _: None)
    process = alerting()
    unknown = Command(incident="INC-2020-000001", action="resolve", by="eve", at="never")
    topics.publish("ops.commands", "k", unknown)
    assert topics.until(lambda one: one.status == "triggered", 99.0).severity == "P1"
    assert receivers.first(lambda one: one[0] == "mail")
    assert process.poll() is None
