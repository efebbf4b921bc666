"""A bare aiokafka loop: what arrived, one native call, its results, their confirmation, the commit."""

import asyncio
import sys

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.peers.work import solve


async def main(bootstrap: str, prefix: str) -> None:
    """Run until killed."""
    consumer = AIOKafkaConsumer(
        f"{prefix}compute.requests", bootstrap_servers=bootstrap, group_id=f"{prefix}aiokafka",
        auto_offset_reset="earliest", enable_auto_commit=False,
    )  # fmt: skip
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await consumer.start()
    await producer.start()
    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode
    topic = f"{prefix}compute.results"
    while True:
        found = await consumer.getmany(timeout_ms=1000, max_records=2_000)
        requests = [decode(record.value) for records in found.values() for record in records]
        if not requests:
            continue
        asked = [(request["id"], request["inputs"]["a"], request["inputs"]["b"]) for request in requests]
        await asyncio.gather(*[
            await producer.send(topic, encode(result), result["id"].encode()) for result in solve(asked)
        ])  # fmt: skip
        await consumer.commit()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
