"""A restart on Kafka: what rules knew is in the snapshots, wherever the events are by then."""

import signal
import threading
import time

import msgspec
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from integration.alerting.replica import WITHIN_S, Replica, replicas
from integration.alerting.running import webhooks

from alerting import instants, snapshot
from alerting.snapshot import Head, Piece, decode
from sciagents.tail import Tail
from streams import declare

CONFIG = """
global: {{evaluation_interval: 0.5s}}
route: {{receiver: hook, group_by: [alertname, instance], group_wait: 0s}}
receivers: [{{name: hook, webhook_configs: [{{url: "{url}/hook"}}]}}]
rules:
  - {{name: Down, expr: instances_up_ratio < 1, by: [instance], window: 1m, severity: P2}}
  - {{name: Hot, expr: cpu_percent > 50, by: [instance], window: 10m, for: 20s, severity: P2}}
"""
TTL_S = 20.0
SLOW = """
global: {{evaluation_interval: 20s}}
route: {{receiver: hook, group_by: [alertname, instance], group_wait: 0s}}
receivers: [{{name: hook, webhook_configs: [{{url: "{url}/hook"}}]}}]
rules:
  - {{name: Down, expr: instances_up_ratio < 1, by: [instance], window: 1m, severity: P2}}
  - {{name: Lost, expr: data_loss > 0, by: [instance], window: 1m, severity: P0}}
"""
"""With which a snapshot is written after 40 seconds."""


@pytest.fixture
def hooks():
    with webhooks() as found:
        yield found


@pytest.fixture
def config(tmp_path, hooks):
    file = tmp_path / "alerting.yaml"
    file.write_text(CONFIG.format(url=hooks.url))
    return file


@pytest.fixture
def start(kafka, topic_prefix, tmp_path, config):
    """Start an alerting process by a name; its log says how it began."""
    declare.ensure(kafka, topic_prefix)
    with replicas() as started:

        def begin(name):
            replica = Replica(tmp_path, kafka, topic_prefix, config, name)
            started.append(replica)
            replica.until("ready")
            return replica

        yield begin


def send(kafka, topic, *events):
    producer = Producer({"bootstrap.servers": kafka})
    for number, (at, fields) in enumerate(events):
        value = {"id": f"e{number}", "time": instants.show(at), **fields}
        producer.produce(topic, msgspec.json.encode(value), fields["source"])
    producer.flush()


def ends(kafka, topic):
    """The end of each partition."""
    reader = Consumer({"bootstrap.servers": kafka, "group.id": "ends"})
    try:
        numbers = reader.list_topics(topic, timeout=WITHIN_S).topics[topic].partitions
        return {number: reader.get_watermark_offsets(TopicPartition(topic, number))[1] for number in numbers}
    finally:
        reader.close()


def until_written(kafka, prefix):
    """Wait for a snapshot of all events there are; returns it."""
    wanted = {("ops.events", number): end for number, end in ends(kafka, f"{prefix}ops.events").items()}
    found, came = [], threading.Event()

    def look(records):
        for record in records:
            body = decode(record.value()).body
            if isinstance(body, Head) and wanted.items() <= {(t, n): at for t, n, at in body.positions}.items():
                found.append(body)
                came.set()

    with Tail(kafka, [f"{prefix}ops.signals"], look, start="beginning"):
        assert came.wait(WITHIN_S)
    return found[0]


def delete_events(kafka, topic):
    """What retention does in the end."""
    before = [TopicPartition(topic, number, end) for number, end in ends(kafka, topic).items()]
    admin = AdminClient({"bootstrap.servers": kafka})
    for future in admin.delete_records(before).values():
        future.result(WITHIN_S)


def first(hooks, name, instance):
    def wanted(_, body):
        labels = body["commonLabels"]
        return body["status"] == "firing" and (labels["alertname"], labels.get("instance")) == (name, instance)

    return hooks.first(wanted)


def test_what_was_heard_before_a_kill_is_known_though_retention_has_deleted_it(start, kafka, topic_prefix, hooks):
    """The silent one is an incident once its last beat is too old, a rule's `for` counts from when it became true."""
    process = start("a")
    began = time.time()
    events = f"{topic_prefix}ops.events"
    send(
        kafka, events,
        (began, {"source": "silent", "kind": "heartbeat", "ttl_s": TTL_S}),
        (began, {"source": "steady", "kind": "heartbeat", "ttl_s": 3600}),
        (began, {"source": "hot", "kind": "metric", "name": "cpu_percent", "value": 90.0}),
    )  # fmt: skip
    until_written(kafka, topic_prefix)
    process.end(signal.SIGKILL)
    delete_events(kafka, events)
    again = start("a")
    assert "snapshot_restored" in again.log.read_text()
    (alert,) = first(hooks, "Down", "silent")["alerts"]
    assert instants.parse(alert["startsAt"]) >= began + TTL_S - 0.001
    (alert,) = first(hooks, "Hot", "hot")["alerts"]
    assert instants.parse(alert["startsAt"]) >= began + 20.0 - 0.001
    assert not any(body["commonLabels"].get("instance") == "steady" for _, _, body in hooks.all())
    again.end(signal.SIGTERM)


def test_a_process_that_is_stopped_leaves_nothing_to_be_read_again(start, config, kafka, topic_prefix, hooks):
    """It writes a last snapshot, of all that it has taken: the next one knows what retention has deleted meanwhile."""
    config.write_text(SLOW.format(url=hooks.url))
    process = start("a")
    events = f"{topic_prefix}ops.events"
    send(
        kafka, events,
        (time.time(), {"source": "silent", "kind": "heartbeat", "ttl_s": 5.0}),
        (time.time(), {"source": "silent", "kind": "fault", "what": "data_loss"}),
    )  # fmt: skip
    first(hooks, "Lost", "silent")
    assert process.end(signal.SIGTERM) == 0
    head = until_written(kafka, topic_prefix)
    written = {number: at for topic, number, at in head.positions if topic == "ops.events"}
    assert written == ends(kafka, events)
    delete_events(kafka, events)
    again = start("a")
    assert "snapshot_restored" in again.log.read_text()
    first(hooks, "Down", "silent")
    again.end(signal.SIGTERM)


def broken_head(head):
    """One that counts a piece more than there is."""
    runs = {run: [(count + 1, head.at) for count, _ in written] for run, written in head.runs.items()}
    return msgspec.structs.replace(head, runs=runs)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        pytest.param(broken_head, "snapshot_damaged", id="pieces are missing"),
        pytest.param(lambda head: msgspec.structs.replace(head, version=0), "snapshot_unusable", id="another version"),
        pytest.param(None, "snapshot_none", id="none"),
    ],
)
def test_without_a_snapshot_that_can_be_used_the_events_are_read_again(start, kafka, topic_prefix, hooks, spoil, says):
    """And the log says why."""
    process = start("a")
    send(kafka, f"{topic_prefix}ops.events", (time.time(), {"source": "silent", "kind": "heartbeat", "ttl_s": TTL_S}))
    head = until_written(kafka, topic_prefix)
    process.end(signal.SIGKILL)
    topic = f"{topic_prefix}ops.signals"
    if spoil is None:
        delete_events(kafka, topic)
    else:
        producer = Producer({"bootstrap.servers": kafka})
        producer.produce(topic, snapshot.encode(Piece("spoilt", 0, spoil(head))), partition=snapshot.MAIN)
        producer.flush()
    again = start("a")
    log = again.log.read_text()
    assert says in log
    assert "snapshot_restored" not in log
    first(hooks, "Down", "silent")
    again.end(signal.SIGTERM)
