"""A bare librdkafka loop: batches in, one native call, batches out, the offsets committed once all are delivered."""

import sys
import time

import msgspec
from confluent_kafka import Consumer, Producer

from benchmarks.peers.work import solve


def main(bootstrap: str, prefix: str) -> None:
    """Run until killed."""
    consumer = Consumer({
        "bootstrap.servers": bootstrap, "group.id": f"{prefix}librdkafka", "auto.offset.reset": "earliest",
        "enable.auto.commit": False, "enable.auto.offset.store": False,
    })  # fmt: skip
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 2})
    consumer.subscribe([f"{prefix}compute.requests"])
    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode
    topic = f"{prefix}compute.results"
    commit_at = time.monotonic() + 0.2
    while True:
        first = consumer.poll(0.05)
        if first is not None:
            records = [first, *consumer.consume(1_999, 0)]
            requests = [decode(record.value()) for record in records if record.error() is None]
            asked = [(request["id"], request["inputs"]["a"], request["inputs"]["b"]) for request in requests]
            for result in solve(asked):
                producer.produce(topic, encode(result), result["id"].encode())
            producer.poll(0)
            for record in records:
                consumer.store_offsets(record)
        if time.monotonic() > commit_at:
            producer.flush()
            try:
                consumer.commit(asynchronous=False)
            except Exception as error:  # nothing stored yet
                print(error, file=sys.stderr)
            commit_at = time.monotonic() + 0.2


if __name__ == "__main__":
    main(*sys.argv[1:])
