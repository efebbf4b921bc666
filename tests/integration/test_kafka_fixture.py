"""What the other tests rely on: both brokers behave as the program needs, and their absence is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from containers.kafka import Broker, KafkaContainer

from sciagents.tail import read_all
from streams import declare
from streams.topics import TOPICS, names

_TIMEOUT_S = 30.0


def _send(bootstrap: str, topic: str, value: bytes) -> None:
    failures: list[object] = []
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 12 * 1024 * 1024})
    producer.produce(topic, value, b"key", on_delivery=lambda error, _: failures.append(error))
    assert producer.flush(_TIMEOUT_S) == 0
    assert failures == [None]


def test_a_declared_topic_keeps_what_is_sent_to_it(broker: Broker, topic_prefix: str) -> None:
    declare.ensure(broker.bootstrap, topic_prefix, embedded=broker.embedded)
    topic = topic_prefix + "compute.requests"
    _send(broker.bootstrap, topic, b"one")
    assert [message.value() for message in read_all(broker.bootstrap, topic)] == [b"one"]


def test_kcat_reads_what_kcat_sent(broker: Broker, topic_prefix: str, kcat: str) -> None:
    declare.ensure(broker.bootstrap, topic_prefix, embedded=broker.embedded)
    topic = topic_prefix + "compute.requests"
    line = json.dumps({"id": "r-1"})
    subprocess.run(
        [kcat, "-q", "-b", broker.bootstrap, "-P", "-t", topic], input=line, text=True, check=True, timeout=60
    )
    read = [kcat, "-q", "-b", broker.bootstrap, "-C", "-t", topic, "-o", "beginning", "-e"]
    assert subprocess.run(read, capture_output=True, text=True, check=True, timeout=60).stdout == f"{line}\n"


def test_kafka_gets_the_topics_as_they_are_declared_and_only_once(kafka: str, topic_prefix: str) -> None:
    assert declare.drift(kafka, topic_prefix) == [f"{topic_prefix}{spec.name}: missing" for spec in TOPICS]
    assert sorted(declare.ensure(kafka, topic_prefix)) == sorted(names(topic_prefix).values())
    assert declare.drift(kafka, topic_prefix) == []
    assert declare.ensure(kafka, topic_prefix) == []


def test_kafka_takes_a_value_above_the_message_limit_so_that_it_can_be_rejected(kafka: str, topic_prefix: str) -> None:
    declare.ensure(kafka, topic_prefix)
    topic = topic_prefix + "compute.requests"
    _send(kafka, topic, bytes(9 * 1024 * 1024))
    assert [len(message.value() or b"") for message in read_all(kafka, topic)] == [9 * 1024 * 1024]


def test_kafka_makes_no_topic_that_was_not_declared(kafka: str, topic_prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka, "allow.auto.create.topics": True})
    topic = topic_prefix + "nobody.declared"
    assert admin.list_topics(topic, timeout=_TIMEOUT_S).topics[topic].error is not None
    assert topic not in admin.list_topics(timeout=_TIMEOUT_S).topics


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_restarted_kafka_has_its_address_and_its_records(
    kafka_restartable: KafkaContainer, topic_prefix: str, end: str
) -> None:
    kafka = kafka_restartable.bootstrap
    declare.ensure(kafka, topic_prefix)
    topic = topic_prefix + "compute.results"
    _send(kafka, topic, b"kept")
    getattr(kafka_restartable, end)()
    with pytest.raises(KafkaException):
        AdminClient({"bootstrap.servers": kafka, "log_level": 0}).list_topics(timeout=1.0)
    kafka_restartable.start()
    assert [message.value() for message in read_all(kafka, topic)] == [b"kept"]


@pytest.mark.parametrize(
    ("required", "code", "outcome"),
    [
        ("0", 0, "1 passed, 1 skipped"),
        ("1", 1, "1 passed, 1 error"),
    ],
)
def test_without_an_engine_containers_are_skipped_or_required(required: str, code: int, outcome: str) -> None:
    nowhere = {"DOCKER_HOST": "tcp://127.0.0.1:1", "SCI_AGENTS_REQUIRE_CONTAINERS": required}
    both_brokers = f"{Path(__file__)}::{test_a_declared_topic_keeps_what_is_sent_to_it.__name__}"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", both_brokers]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=os.environ | nowhere)
    assert done.returncode == code, done.stdout
    assert outcome in done.stdout
    assert "docker engine: no Docker engine answers" in done.stdout
