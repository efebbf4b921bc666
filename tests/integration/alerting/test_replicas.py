"""Several alerting processes on one Kafka: people are told once, whoever of them dies, freezes or is asked."""

import signal
import time
from collections import Counter

import httpx
import msgspec
import pytest
from confluent_kafka.admin import AdminClient
from containers.cable import Cable
from containers.kafka import KafkaContainer
from integration.alerting.receiving import CHANNELS, inbox
from integration.alerting.replica import WITHIN_S, Replica, replicas

from sciagents.tail import read_all
from streams import declare
from streams.contracts import Notification

CONFIG = """
global: {globals}
route: {{receiver: team, group_by: [alertname], group_wait: 0.1s, group_interval: 0.3s, repeat_interval: 4h,
        routes: [{{matchers: ['wait="yes"'], receiver: ada, group_wait: 3s}}]}}
receivers:
  - name: team{receivers}
people: {{ada: {{webhook_configs: [{{url: "{http}/ada"}}]}}, grace: {{webhook_configs: [{{url: "{http}/grace"}}]}}}}
escalation:
  - matchers: ['chain="yes"']
    steps: [{{after: 0s, notify: [ada]}}, {{after: 4s, notify: [grace]}}]
"""


@pytest.fixture
def people():
    with inbox() as found:
        yield found


def starter(kafka, prefix, people, folder, started):
    """Start replicas by their names, which reach Kafka `through` another address where it is given."""
    declare.ensure(kafka, prefix)
    config = folder / "alerting.yaml"
    config.write_text(CONFIG.format(globals=people.globals(), receivers=people.receivers(), http=people.http))

    def one(name, through=kafka):
        started.append(Replica(folder, through, prefix, config, name))
        return started[-1]

    return one


def outcomes_of(kafka, prefix):
    """Read the last word about each notification that was intended, by its id."""

    def read():
        records = read_all(kafka, f"{prefix}ops.notifications")
        found = [msgspec.json.decode(record.value(), type=Notification) for record in records]
        return {one.id: one.status for one in found}

    return read


@pytest.fixture
def start(kafka, topic_prefix, people, tmp_path):
    with replicas() as started:
        yield starter(kafka, topic_prefix, people, tmp_path, started)


@pytest.fixture
def outcomes(kafka, topic_prefix):
    return outcomes_of(kafka, topic_prefix)


def push(replica, name, **fields):
    labels = {"alertname": name, "severity": "critical", **fields.pop("labels", {})}
    answer = httpx.post(f"{replica.url}/api/v2/alerts", json=[{"labels": labels, **fields}], timeout=WITHIN_S)
    answer.raise_for_status()


def told(arrivals, status):
    return Counter(one.channel for one in arrivals if one.status == status and one.channel in CHANNELS)


def until_delivered(outcomes, count):
    """Wait until so many are on record as delivered: from then on they are not sent again."""
    deadline = time.monotonic() + WITHIN_S
    while Counter(outcomes().values()) != {"delivered": count}:
        assert time.monotonic() < deadline, outcomes()


def members(kafka, group):
    """The names of those in a group."""
    admin = AdminClient({"bootstrap.servers": kafka})
    return sorted(one.group_instance_id for one in admin.describe_consumer_groups([group])[group].result().members)


ONCE = dict.fromkeys(CHANNELS, 1)
OVER = {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2026-01-01T00:01:00Z"}


def test_an_alert_that_all_three_are_told_is_told_once_on_each_channel(start, people, outcomes):
    """One of three writes; the others say so and pass on what they are asked, as a Prometheus asks all of them."""
    writer = start("a")
    writer.until("ready")
    others = [start(name) for name in "bc"]
    for other in others:
        other.until("standby")
        assert httpx.get(f"{other.url}/-/ready").text == f"standby: {writer.url.removeprefix('http://')} writes"
        assert httpx.get(f"{other.url}/health").json()["role"] == "standby"
        assert httpx.get(f"{other.url}/health/live").status_code == 200
    assert httpx.get(f"{writer.url}/health").json()["role"] == "writer"
    for replica in (writer, *others):
        push(replica, "DiskFull")
    people.until(lambda found: told(found, "firing") >= Counter(CHANNELS))
    (incident,) = httpx.get(f"{others[0].url}/v1/incidents").json()["incidents"]
    assert incident["title"] == "Disk Full"
    silence = {"matchers": ['alertname="Quiet"'], "created_by": "ada", "duration": "1h"}
    made = httpx.post(f"{others[1].url}/v1/silences", json=silence).json()["id"]
    assert [one["id"] for one in httpx.get(f"{writer.url}/v1/silences").json()["silences"]] == [made]
    for replica in (writer, *others):
        push(replica, "DiskFull", **OVER)
    arrived = people.until(lambda found: told(found, "resolved") >= Counter(CHANNELS))
    assert told(arrived, "firing") == told(arrived, "resolved") == ONCE
    for other in others:
        assert other.end(signal.SIGTERM) == 0
    assert writer.end(signal.SIGTERM) == 0
    assert told(people.all(), "firing") == told(people.all(), "resolved") == ONCE
    assert Counter(outcomes().values()) == {"delivered": 8}


def test_a_writer_that_is_stopped_makes_way_at_once(start, people, kafka, topic_prefix):
    """It leaves the group, so that its session is not waited for; one that is alone keeps its place for its return."""
    group = f"{topic_prefix}sci-agents-alerting"
    first = start("a")
    first.until("ready")
    assert first.end(signal.SIGTERM) == 0
    assert members(kafka, group) == ["a"]
    first = start("a")
    first.until("ready")
    other = start("b")
    other.until("standby")
    push(first, "DiskFull")
    people.until(lambda found: told(found, "firing") == ONCE)
    assert first.end(signal.SIGTERM) == 0
    assert members(kafka, group) == ["b"]
    other.until("ready")
    push(other, "DiskFull", **OVER)
    arrived = people.until(lambda found: told(found, "resolved") >= Counter(CHANNELS))
    assert told(arrived, "firing") == told(arrived, "resolved") == ONCE
    assert "alerting_not_the_writer" not in first.log.read_text()


def test_a_writer_that_dies_between_intent_and_delivery_is_followed_by_one_repeat_at_most(start, people, outcomes):
    """Every channel has the message and has not answered: the next writer sends it again, under the same key."""
    writer, other = start("a"), None
    writer.until("ready")
    other = start("b")
    other.until("standby")
    people.hold(*CHANNELS)
    push(other, "DiskFull")
    people.until(lambda found: told(found, "firing") == ONCE)
    assert set(outcomes().values()) == {"intended"}
    writer.end(signal.SIGKILL)
    answer = httpx.post(f"{other.url}/api/v2/alerts", json=[{"labels": {"alertname": "Lost"}}], timeout=WITHIN_S)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), "whoever sent it knows"
    people.release()
    other.until("ready")
    arrived = people.until(lambda found: told(found, "firing") == dict.fromkeys(CHANNELS, 2))
    for channel in ("email", "pagerduty"):
        assert len({one.key for one in arrived if one.channel == channel}) == 1
    push(other, "DiskFull", **OVER)
    arrived = people.until(lambda found: told(found, "resolved") >= Counter(CHANNELS))
    assert other.end(signal.SIGTERM) == 0
    assert told(people.all(), "firing") == dict.fromkeys(CHANNELS, 2)
    assert told(people.all(), "resolved") == ONCE
    assert Counter(outcomes().values()) == {"delivered": 8}


def test_a_writer_that_wakes_up_after_its_session_tells_nothing_and_ends(start, people, outcomes):
    """Frozen before a step was due: the next writer tells it, and the old one finds itself shut out."""
    frozen = start("a")
    frozen.until("ready")
    other = start("b")
    other.until("standby")
    push(frozen, "DiskFull", labels={"chain": "yes"})
    until_delivered(outcomes, 5)
    frozen.child.send_signal(signal.SIGSTOP)
    other.until("ready")
    people.until(lambda found: any(one.channel == "grace" for one in found))
    frozen.child.send_signal(signal.SIGCONT)
    assert frozen.wait() == 1
    assert "alerting_not_the_writer" in frozen.log.read_text()
    push(other, "DiskFull", labels={"chain": "yes"}, **OVER)
    people.until(lambda found: told(found, "resolved") >= Counter(CHANNELS))
    people.until(lambda found: {"ada", "grace"} <= {one.channel for one in found if one.status == "resolved"})
    assert other.end(signal.SIGTERM) == 0
    arrived = people.all()
    for status in ("firing", "resolved"):
        assert Counter(one.channel for one in arrived if one.status == status) == {**ONCE, "ada": 1, "grace": 1}
    assert set(outcomes().values()) == {"delivered"}


def test_a_writer_that_is_cut_off_from_kafka_tells_nothing_any_more_and_ends(docker_engine, people, tmp_path):
    """It reaches whom it tells and is not reached by the brokers: the next one tells the step that was due, alone."""
    with Cable() as cable, KafkaContainer(cable) as kafka, replicas() as started:
        start = starter(kafka.bootstrap, "", people, tmp_path, started)
        cut_off = start("a", through=f"127.0.0.1:{cable.port}")
        cut_off.until("ready")
        other = start("b")
        other.until("standby")
        push(cut_off, "DiskFull", labels={"chain": "yes"})
        people.until(lambda found: told(found, "firing") == ONCE and any(one.channel == "ada" for one in found))
        until_delivered(outcomes_of(kafka.bootstrap, ""), 5)
        cable.cut()
        other.until("ready")
        people.until(lambda found: any(one.channel == "grace" for one in found))
        cable.mend()
        assert cut_off.wait() == 1
        assert "alerting_not_the_writer" in cut_off.log.read_text()
        push(other, "DiskFull", labels={"chain": "yes"}, **OVER)
        people.until(lambda found: {"ada", "grace"} <= {one.channel for one in found if one.status == "resolved"})
        people.until(lambda found: told(found, "resolved") >= Counter(CHANNELS))
        assert other.end(signal.SIGTERM) == 0
        arrived = people.all()
        for status in ("firing", "resolved"):
            assert Counter(one.channel for one in arrived if one.status == status) == {**ONCE, "ada": 1, "grace": 1}
        assert set(outcomes_of(kafka.bootstrap, "")().values()) == {"delivered"}


def test_an_alert_that_was_taken_is_told_even_if_the_writer_dies_within_its_group_wait(start, people):
    """Whoever sent it has been answered, and need not repeat it; one that is over by then is told to nobody."""
    first = start("a")
    first.until("ready")
    for name in ("Taken", "Over"):
        push(first, name, labels={"wait": "yes"})
    push(first, "Over", labels={"wait": "yes"}, **OVER)
    assert not people.all()
    first.end(signal.SIGKILL)
    start("a").until("ready")
    arrived = people.until(bool)
    assert [one.body["commonLabels"]["alertname"] for one in arrived] == ["Taken"]
