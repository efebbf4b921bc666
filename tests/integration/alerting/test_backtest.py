"""`rules backtest`: history from topics or from a file through two sets of rules, and where they differ."""

import time

import msgspec
import pytest

from alerting import instants
from sciagents.publish import publish
from sciagents.tail import read_all
from streams import declare
from streams.contracts import OpsEvent
from streams.topics import names

CONFIG = """
route: {receiver: team, group_by: [alertname, instance, agent], group_wait: 0s, group_interval: 1m}
receivers: [{name: team, email_configs: [{to: ops@example.com}]}]
global: {evaluation_interval: 10s, smtp_smarthost: "localhost:25", smtp_from: "a@example.com"}
rules:
  - {name: Hot, expr: temperature > 90, window: 30s, by: [instance], for: 2m, severity: P2}
  - {name: Full, expr: memory > 50, window: 30s, by: [instance], for: 1m, severity: P2}
  - {name: Slow, expr: delay > 1, window: 30s, by: [instance], for: 1m, severity: P3}
  - {name: Failing, expr: error_rate > 0.5, window: 1m, by: [agent], severity: P1}
"""
CHANGED = """
rules:
  - {name: Hot, expr: temperature > 80, window: 30s, by: [instance], for: 1m, severity: P2}
  - {name: Full, expr: memory > 80, window: 30s, by: [instance], for: 1m, severity: P2}
  - {name: Slow, expr: delay > 1, window: 30s, by: [instance], for: 4m, severity: P1}
  - {name: Failing, expr: error_rate > 0.5, window: 1m, by: [agent], severity: P1}
"""
MINUTES = 20


def history(start):
    """Twenty minutes: one gets hot in steps, one stays warm, one fills up a little, one is slow."""
    for second in range(0, MINUTES * 60, 10):
        minute = second // 60
        for source, name, value in (
            ("steps", "temperature", 70.0 if minute < 5 else 85.0 if minute < 10 else 95.0),
            ("warm", "temperature", 85.0 if 5 <= minute < 15 else 20.0),
            ("half", "memory", 60.0 if 5 <= minute < 15 else 20.0),
            ("slow", "delay", 2.0 if 5 <= minute < 15 else 0.0),
        ):
            yield OpsEvent(
                id=f"{source}{second}", time=instants.show(start + second), source=source, kind="metric", name=name,
                value=value,
            )  # fmt: skip


EXPECTED = {
    ("steps", "earlier"), ("warm", "opened"), ("half", "not_opened"), ("slow", "later,severity"),
}  # fmt: skip


@pytest.fixture
def files(tmp_path):
    """The configuration that is in force, the changed rules, and a file of events."""
    for name, text in (("alerting.yaml", CONFIG), ("changed.yaml", CHANGED)):
        (tmp_path / name).write_text(text)
    start = instants.parse("2026-01-05T10:00:00Z")
    lines = b"".join(msgspec.json.encode(one) + b"\n" for one in history(start))
    (tmp_path / "events.ndjson").write_bytes(b"no event\n" + lines + b"{}\n" + b"x" * 200_000 + b"\n")
    return tmp_path


def arguments(files, *more):
    return ("rules", "backtest", "--config", files / "alerting.yaml", "--rules", files / "changed.yaml", *more)


def differences(out):
    *found, last = [msgspec.json.decode(line) for line in out.splitlines()]
    return {(one["labels"]["instance"], ",".join(one["changes"])) for one in found}, last["summary"]


def test_a_file_of_events_needs_no_broker(shell, files):
    """Opened, not opened, earlier, later and of another severity: each once; what cannot be read is counted."""
    code, out, err = shell(*arguments(files, "--events", files / "events.ndjson", "--json"))
    assert (code, err) == (0, "")
    found, summary = differences(out)
    assert found == EXPECTED
    assert (summary["in_force"], summary["changed"], summary["same"]) == (3, 3, 0)
    assert (summary["events"], summary["unreadable"], summary["dropped"]) == (480, 3, {})


def test_people_read_a_table(shell, files):
    code, out, _ = shell(*arguments(files, "--events", files / "events.ndjson"))
    assert code == 0
    rows = {line.split("  ")[0] for line in out.splitlines()}
    assert {"opened", "not opened", "6m earlier", "3m later, another severity"} <= rows
    assert "P3 → P1" in out
    assert "in force 3, changed 3; 0 the same, 4 differ" in out


def test_the_same_rules_differ_in_nothing(shell, files):
    (files / "changed.yaml").write_text(CONFIG)
    code, out, _ = shell(*arguments(files, "--events", files / "events.ndjson"))
    assert (code, out.splitlines()[-1]) == (0, "in force 3, changed 3; 3 the same, 0 differ")


def test_a_part_of_the_time_can_be_asked_about(shell, files):
    """What was opened before it is no difference; the engines have warmed up by then."""
    more = ("--events", files / "events.ndjson", "--from", "2026-01-05T10:08:00Z", "--to", "2026-01-05T10:13:00Z")
    _, out, _ = shell(*arguments(files, *more, "--json"))
    found, _ = differences(out)
    assert found == {("slow", "opened"), ("steps", "not_opened")}


@pytest.mark.parametrize(
    ("more", "said"),
    [
        pytest.param(("--events", "none.ndjson"), "cannot be read", id="no such file"),
        pytest.param(("--events", "alerting.yaml"), "has no event", id="a file without an event"),
        pytest.param((), "from when on", id="topics without a time"),
        pytest.param(("--from", "soon"), "is no instant", id="a time that is none"),
        pytest.param(("--from", "1h", "--to", "2h"), "ends before it begins", id="a time that runs backwards"),
        pytest.param(("--rules", "none.yaml", "--from", "1h"), "none.yaml", id="no such rules"),
    ],
)
def test_wrong_usage_is_told(shell, files, monkeypatch, more, said):
    monkeypatch.chdir(files)
    code, _, err = shell(*arguments(files, *more))
    assert (code, said in err) == (2, True)


def test_a_file_whose_times_are_years_apart_is_refused(shell, files):
    """Virtual time would go through all of them."""
    old = next(history(0.0))
    with (files / "events.ndjson").open("rb+") as file:
        rest = file.read()
        file.seek(0)
        file.write(msgspec.json.encode(old) + b"\n" + rest)
    code, _, err = shell(*arguments(files, "--events", files / "events.ndjson"))
    assert (code, "years apart" in err) == (2, True)


def test_topics_are_replayed_and_nothing_is_published(shell, broker, topic_prefix, files, monkeypatch):
    """Events and results as they lie on the broker; no topic has more records afterwards than before."""
    declare.ensure(broker.bootstrap, topic_prefix, embedded=broker.embedded)
    start = time.time() - MINUTES * 60
    written = start
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for event in history(start):
        written = instants.parse(event.time)
        producer.produce(
            topic_prefix + "ops.events", msgspec.json.encode(event), event.source, timestamp=round(written * 1000)
        )
    producer.produce(topic_prefix + "ops.events", b"no event", "x", timestamp=round(written * 1000))
    assert producer.flush(60) == 0
    before = {name: len(list(read_all(broker.bootstrap, name))) for name in names(topic_prefix).values()}
    kafka = ("--kafka", broker.bootstrap, "--topic-prefix", topic_prefix)
    code, out, err = shell(*arguments(files, "--from", "19m", "--json", *kafka))
    assert (code, err) == (0, "")
    found, summary = differences(out)
    assert found == EXPECTED
    assert (summary["unreadable"], summary["lost"]) == (1, [])
    assert {name: len(list(read_all(broker.bootstrap, name))) for name in names(topic_prefix).values()} == before


@pytest.mark.containers
def test_history_that_is_not_there_any_more_is_said(shell, kafka, topic_prefix, files):
    """A log that starts later than what was asked for."""
    from confluent_kafka import TopicPartition
    from confluent_kafka.admin import AdminClient

    declare.ensure(kafka, topic_prefix, embedded=False)
    publish(kafka, topic_prefix, "ops.events", [("s", event) for event in history(time.time() - MINUTES * 60)])
    topic, client = topic_prefix + "ops.events", AdminClient({"bootstrap.servers": kafka})
    for number in range(4):
        place = TopicPartition(topic, number, 100)
        client.delete_records([place])[place].exception(60)  # the partitions that have none refuse
    code, out, _ = shell(*arguments(files, "--from", "24h", "--kafka", kafka, "--topic-prefix", topic_prefix))
    assert code == 0
    assert "note: ops.events is kept since" in out
