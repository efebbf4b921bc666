"""Makes the topics on a broker, or says how they differ from what they should be."""

import time
from concurrent.futures import Future
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import ConfigResource
from confluent_kafka.admin._resource import ResourceType
from confluent_kafka.cimpl import NewTopic

from streams.topics import TOPICS

_TIMEOUT_S = 20.0


def ensure(bootstrap: str, prefix: str = "", *, embedded: bool = False) -> list[str]:
    """Create the topics that are missing and return their names; one that is there is left as it is.

    The embedded broker has no CreateTopics: there, asking for a topic's metadata makes it.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap})
    if embedded:
        for spec in TOPICS:
            admin.list_topics(prefix + spec.name, timeout=_TIMEOUT_S)
        return [prefix + spec.name for spec in TOPICS]
    present = admin.list_topics(timeout=_TIMEOUT_S).topics
    missing = [
        NewTopic(prefix + spec.name, num_partitions=spec.partitions, config=spec.config())
        for spec in TOPICS
        if prefix + spec.name not in present
    ]
    created = []
    for name, future in (admin.create_topics(missing) if missing else {}).items():
        if _created(future):
            created.append(name)
    deadline = time.monotonic() + _TIMEOUT_S
    while not set(created) <= set(admin.list_topics(timeout=_TIMEOUT_S).topics) and time.monotonic() < deadline:
        time.sleep(0.05)  # the controller has them, and the brokers hear of it a moment later
    return created


def _created(future: "Future[Any]") -> bool:
    try:
        future.result(_TIMEOUT_S)
    except KafkaException as error:
        if error.args[0].name() == "TOPIC_ALREADY_EXISTS":  # another process of ours was quicker
            return False
        raise
    return True


def drift(bootstrap: str, prefix: str = "") -> list[str]:
    """Say, a sentence each, how the broker's topics differ from `TOPICS`; empty when they do not."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    present = admin.list_topics(timeout=_TIMEOUT_S).topics
    found = []
    for spec in TOPICS:
        name = prefix + spec.name
        if name not in present:
            found.append(f"{name}: missing")
            continue
        if len(present[name].partitions) < spec.partitions:
            found.append(f"{name}: {len(present[name].partitions)} partitions, wanted {spec.partitions}")
        resource = ConfigResource(ResourceType.TOPIC, name)
        actual = admin.describe_configs([resource])[resource].result(_TIMEOUT_S)
        for key, wanted in spec.config().items():
            value = actual[key].value
            if sorted(value.split(",")) != sorted(wanted.split(",")):
                found.append(f"{name}: {key} is {value}, wanted {wanted}")
    return found
