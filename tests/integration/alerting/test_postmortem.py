"""Post-mortems over a broker: from the topics to a document, on the command line and over HTTP."""

import subprocess
import sys
import time

import httpx
import msgspec
import pytest
from integration.alerting.running import alerting, webhooks
from unit.alerting.making import make_incident

from alerting import instants
from sciagents import stretch
from sciagents.publish import publish
from streams import declare
from streams.contracts import Notification, OpsEvent
from streams.topics import names

_WITHIN_S = 60.0
CONFIG = """
route: {{receiver: team, group_wait: 0s}}
receivers: [{{name: team, webhook_configs: [{{url: "{url}/team"}}]}}]
"""


@pytest.fixture
def place(broker, topic_prefix):
    """A broker with the topics."""
    declare.ensure(broker.bootstrap, topic_prefix, embedded=broker.embedded)
    return broker.bootstrap, topic_prefix


@pytest.fixture
def incident(place):
    """An incident on the broker that began ten minutes ago, what was told of it, and a deploy before it."""
    now = time.time()
    made = msgspec.structs.replace(
        make_incident(now=now - 600), id="INC-2025-000042", started_at=instants.show(now - 600)
    )
    told = Notification(
        id="n1", incident=made.id, receiver="team", channel="email", reason="first_notification", status="delivered",
        attempt=1, at=instants.show(now - 599),
    )  # fmt: skip
    deploy = OpsEvent(id="d1", time=instants.show(now - 630), source="api", kind="deploy", version="4.5.6", by="grace")
    beat = OpsEvent(id="h1", time=instants.show(now), source="api", kind="heartbeat", ttl_s=60.0)
    publish(*place, "ops.incidents", [(made.id, made)])
    publish(*place, "ops.notifications", [(made.id, told), ("INC-2025-000041", told)])
    publish(*place, "ops.events", [("api", deploy), ("api", beat)])
    return made


def test_it_is_written_from_the_topics(shell, place, incident, tmp_path):
    """To standard output, to a file that is not written over unasked, and as JSON with its figures."""
    kafka = ("--kafka", place[0], "--topic-prefix", place[1])
    code, out, err = shell("postmortem", incident.id, *kafka)
    assert (code, err) == (0, "")
    assert out.startswith(f"# Post-mortem: {incident.id} – High Error Rate\n")
    assert "4.5.6 on api" in out
    assert "| team | email | 1 | 0 | 0 |" in out
    file = tmp_path / "post-mortem.md"
    assert shell("postmortem", incident.id, "--output", file, *kafka)[:2] == (0, f"{incident.id}: {file}\n")
    file.write_text("words of people")
    assert shell("postmortem", incident.id, "--output", file, *kafka)[0] == 2
    assert file.read_text() == "words of people"
    assert shell("postmortem", incident.id, "--output", file, "--force", *kafka)[0] == 0
    assert file.read_text().startswith("# Post-mortem")
    found = msgspec.json.decode(shell("postmortem", incident.id, "--json", *kafka)[1])
    assert (found["incident"], found["figures"]["severity"]) == (incident.id, "P1")
    assert shell("postmortem", "INC-2025-000043", *kafka)[0] == 1


def test_the_api_gives_it(place, broker, incident, tmp_path):
    """As Markdown, or with its figures to whoever asks for JSON; 404 for an incident that is none."""
    command = [sys.executable, "-m", "sciagents", "api", "--kafka", place[0], "--topic-prefix", place[1]]
    command += ["--listen", "127.0.0.1:0", "--dir", str(tmp_path), *(["--embedded"] if broker.embedded else [])]
    api = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        with httpx.Client(base_url=api.stdout.readline().strip(), timeout=_WITHIN_S) as client:
            path, deadline = f"/v1/incidents/{incident.id}/postmortem", time.monotonic() + _WITHIN_S
            while (found := client.get(path)).status_code != 200:  # it reads what is kept first
                assert time.monotonic() < deadline, found.text
            assert found.headers["content-type"] == "text/markdown; charset=utf-8"
            assert "4.5.6 on api" in found.text
            read = client.get(path, headers={"accept": "application/json"}).json()
            assert read["figures"]["notifications"][0]["delivered"] == 1
            assert client.get("/v1/incidents/INC-2025-000043/postmortem").status_code == 404
    finally:
        api.terminate()
        api.wait(_WITHIN_S)
        api.stdout.close()


def test_a_stretch_gives_what_lies_between_two_instants_in_order(place, broker):
    """Of all partitions, the earliest first."""
    before = time.time()
    beats = [
        (f"host-{number % 7}", OpsEvent(id=str(number), time=instants.show(before), source="s", kind="heartbeat"))
        for number in range(500)
    ]
    publish(*place, "ops.events", beats)
    topic = names(place[1])["ops.events"]
    found = stretch.find(place[0], [topic], before - 60.0, time.time() + 60.0, embedded=broker.embedded)
    with found.records() as records:
        times = [at for at, _ in records]
    assert len(times) == 500
    assert times == sorted(times)
    assert found.lost(topic) is None
    for begin, end in ((before - 60.0, before - 30.0), (before + 600.0, before + 700.0)):
        with stretch.find(place[0], [topic], begin, end, embedded=broker.embedded).records() as records:
            assert list(records) == []


def test_alone_it_knows_what_was_told_before_its_start(tmp_path):
    """In the place of an Alertmanager there are no topics that outlive it: its journal has the notifications."""
    with webhooks() as hooks:
        text = CONFIG.format(url=hooks.url)
        with alerting(tmp_path, text) as process:
            alerts = [{"labels": {"alertname": "Down", "severity": "critical"}}]
            assert httpx.post(f"http://{process.url}/api/v2/alerts", json=alerts, timeout=_WITHIN_S).status_code == 200
            hooks.first(lambda path, _: path == "team")
        with alerting(tmp_path, text) as process, httpx.Client(base_url=f"http://{process.url}") as client:
            (incident,) = client.get("/v1/incidents").json()["incidents"]
            found = client.get(f"/v1/incidents/{incident['id']}/postmortem", timeout=_WITHIN_S).text
    assert f"# Post-mortem: {incident['id']} – Down" in found
    assert "| team | webhook | 1 | 0 | 0 |" in found
    assert "Not known: deploys of before the embedded broker began" in found


@pytest.mark.containers
def test_what_a_topic_has_dropped_is_known(kafka, topic_prefix):
    """A log that starts later than the stretch says since when it is whole."""
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    declare.ensure(kafka, topic_prefix, embedded=False)
    topic, before = names(topic_prefix)["ops.events"], time.time()
    event = OpsEvent(id="e", time=instants.show(before), source="s", kind="heartbeat")
    publish(kafka, topic_prefix, "ops.events", [("s", event)] * 10)
    client = AdminClient({"bootstrap.servers": kafka})
    for number in range(4):
        places = client.delete_records([TopicPartition(topic, number, 5)], request_timeout=_WITHIN_S)
        for done in places.values():
            if done.exception() is None:  # the partition that has them all
                break
    found = stretch.find(kafka, [topic], before - 60.0, time.time() + 60.0, embedded=False)
    with found.records() as records:
        assert len(list(records)) == 5
    assert found.lost(topic) >= before - 1.0
    assert stretch.find(kafka, [topic], found.lost(topic), time.time() + 60.0, embedded=False).lost(topic) is None
