"""Snoozes and reminders through the running program, in real time."""

import time

import httpx
import msgspec
import pytest
from integration.alerting.replica import Replica, replicas
from integration.alerting.running import WITHIN_S, alerting, webhooks

from alerting import instants
from alerting.text import OVERDUE
from sciagents.broker import EmbeddedBroker
from sciagents.tail import read_all
from streams import declare
from streams.contracts import Command, Notification

CONFIG = """
route: {{receiver: team, group_by: [alertname], group_wait: 0s, group_interval: 0.2s, repeat_interval: 1s}}
receivers: [{{name: team, webhook_configs: [{{url: "{url}/team"}}], slack_configs: [{{api_url: "{url}/slack"}}]}}]
people: {{ada: {{webhook_configs: [{{url: "{url}/ada"}}]}}, grace: {{webhook_configs: [{{url: "{url}/grace"}}]}}}}
escalation: [{{steps: [{{after: 0s, notify: [ada]}}, {{after: 3s, notify: [grace]}}]}}]
severities: {{P1: {{ack_within: 15m, update_every: {update}}}}}
"""
decode = msgspec.json.Decoder(Notification).decode
ALERT = [{"labels": {"alertname": "Down", "severity": "critical"}}]


@pytest.fixture
def endpoint():
    with webhooks() as found:
        yield found


def incident_of(endpoint):
    return endpoint.first(lambda path, _: path == "ada")["commonAnnotations"]["incident_id"]


def until(client, incident, fits):
    """The incident once it is as wanted."""
    deadline = time.monotonic() + WITHIN_S
    while not fits(found := client.get(f"/v1/incidents/{incident}").json()):
        assert time.monotonic() < deadline, found
    return found


def test_a_snooze_puts_everybody_off_until_it_ends(endpoint, shell, tmp_path):
    """By the command line; the second step and the repeats come after its end, over HTTP it is put off again."""
    text = CONFIG.format(url=endpoint.url, update="1h")
    with (
        EmbeddedBroker() as broker,
        alerting(tmp_path, text, "--kafka", broker.bootstrap) as process,
        httpx.Client(base_url=f"http://{process.url}", timeout=WITHIN_S) as client,
    ):
        assert client.post("/api/v2/alerts", json=ALERT).status_code == 200
        incident = incident_of(endpoint)
        kafka = ("--kafka", broker.bootstrap, "--by", "ada")
        said = shell("incidents", "snooze", incident, "--for", "6s", *kafka)
        assert said == (0, f"{incident} is triggered: snooze by ada\n", "")
        ended = until(client, incident, lambda found: "snooze_ended" in [one["what"] for one in found["timeline"]])
        end = next(one["at"] for one in ended["timeline"] if one["what"] == "snooze_ended")
        called = until(client, incident, lambda found: found["escalation"]["step"] == 2)
        escalated = [one["at"] for one in called["timeline"] if one["what"] == "escalated"]
        assert escalated[-1] >= end
        assert shell("incidents", "snooze", incident, "--for", "soon", *kafka)[0] == 2
        assert shell("incidents", "phase", incident, "IDENTIFIED", *kafka)[0] == 0
        assert shell("incidents", "phase", incident, "RESOLVED", *kafka)[0] == 2
        assert client.get(f"/v1/incidents/{incident}").json()["phase"] == "IDENTIFIED"
        path = f"/v1/incidents/{incident}/commands"
        assert client.post(path, json={"action": "snooze", "by": "eve", "for": "x"}).status_code == 400
        accepted = client.post(path, json={"action": "snooze", "by": "eve", "for": "2h"})
        assert accepted.status_code == 202
        asleep = until(client, incident, lambda found: found["snoozed_until"] is not None)
        assert asleep["timeline"][-1]["reason"] == f"until {accepted.json()['until']}"


def test_slack_is_reminded_of_an_update_once_a_time_and_not_again_after_a_restart(endpoint, tmp_path):
    """The timer is in the incident: the next process reminds of what is due from then on."""
    text = CONFIG.format(url=endpoint.url, update="4s").replace("repeat_interval: 1s", "repeat_interval: 1h")

    def is_reminder(path, body):
        return path == "slack" and OVERDUE in str(body["blocks"][-1])

    with EmbeddedBroker() as broker:

        def recorded(status):
            """The names of reminders with a status on the topic; a name has the time at which it was due."""
            found = [decode(one.value()) for one in read_all(broker.bootstrap, "ops.notifications")]
            return {one.id for one in found if one.reason == OVERDUE and one.status == status}

        with alerting(tmp_path, text, "--kafka", broker.bootstrap) as process:
            with httpx.Client(base_url=f"http://{process.url}", timeout=WITHIN_S) as client:
                client.post("/api/v2/alerts", json=ALERT)
            first = endpoint.first(is_reminder)
            assert "Overdue since" in str(first["blocks"])
            deadline = time.monotonic() + WITHIN_S
            while not recorded("delivered"):  # killed before, it is told again under the same name
                assert time.monotonic() < deadline
            process.child.kill()
            process.child.wait(WITHIN_S)
        before = recorded("intended")
        with alerting(tmp_path, text, "--kafka", broker.bootstrap):
            deadline = time.monotonic() + WITHIN_S
            while len(recorded("delivered")) < len(before) + 2:
                assert time.monotonic() < deadline
        told = [at for at, path, body in endpoint.all() if is_reminder(path, body)]
        assert len(told) <= len(recorded("intended"))


@pytest.mark.containers
def test_on_kafka_a_snooze_outlives_a_take_over(endpoint, kafka, topic_prefix, tmp_path):
    """Asked of the process that stands by; the one that takes over calls the next step at the snooze's end, once."""
    declare.ensure(kafka, topic_prefix)
    config = tmp_path / "alerting.yaml"
    config.write_text(
        CONFIG.format(url=endpoint.url, update="1h").replace("repeat_interval: 1s", "repeat_interval: 1h")
    )
    with replicas() as started:
        for name in "ab":
            started.append(Replica(tmp_path, kafka, topic_prefix, config, name))
            started[-1].until("ready", "standby")
        writer, other = started if started[0].said[-1][1] == "ready" else reversed(started)
        with httpx.Client(base_url=other.url, timeout=WITHIN_S) as client:
            assert client.post("/api/v2/alerts", json=ALERT).status_code == 200
            incident = incident_of(endpoint)
            snooze = {"action": "snooze", "by": "ada", "for": "20s"}
            assert client.post(f"/v1/incidents/{incident}/commands", json=snooze).status_code == 202
            asleep = until(client, incident, lambda found: found["snoozed_until"] is not None)
            assert client.post("/-/reload", params={"by": "ada"}).status_code == 200
            writer.child.kill()
            other.until("ready")
            endpoint.first(lambda path, _: path == "grace")
            awake = until(client, incident, lambda found: found["snoozed_until"] is None)
            assert [one["what"] for one in awake["timeline"]].count("snooze_ended") == 1
            escalated = [one["at"] for one in awake["timeline"] if one["what"] == "escalated"]
            assert len(escalated) == 2
            assert instants.parse(escalated[1]) >= instants.parse(asleep["snoozed_until"])
    records = read_all(kafka, f"{topic_prefix}ops.commands")
    commands = [msgspec.json.decode(record.value(), type=Command) for record in records]
    assert [(one.action, one.by) for one in commands if one.incident == "configuration"] == [("reload", "ada")]
    assert sum(path == "grace" for _, path, _ in endpoint.all()) == 1
