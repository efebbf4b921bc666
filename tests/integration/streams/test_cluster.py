"""A worker does not go on against another cluster than the one it began with."""

import asyncio
import queue

from sciagents.broker import EmbeddedBroker, relay
from streams.cluster import ClusterChangedError, ClusterWatch
from streams.emit import Emitter


async def test_another_cluster_at_the_same_address_is_told(topic_prefix):
    """The first broker ends, another takes its place behind the same address."""
    topic, told = f"{topic_prefix}compute.requests", queue.SimpleQueue()
    with EmbeddedBroker() as first:
        server = await relay("127.0.0.1", 0, first.bootstrap)
        port = server.sockets[0].getsockname()[1]
        emitter = Emitter(f"127.0.0.1:{port}")
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()

        def ask() -> str:
            found = emitter.cluster_id(topic)
            loop.call_soon_threadsafe(asked.set)
            return found

        watch = ClusterWatch(ask, told.put, every_s=0.05)
        watch.begin()
        async with asyncio.timeout(30):
            await asked.wait()
    server.close()
    with EmbeddedBroker() as second:
        async with await relay("127.0.0.1", port, second.bootstrap):
            failure = await asyncio.to_thread(told.get, timeout=60)
    watch.close()
    emitter.close(0.1)
    assert isinstance(failure, ClusterChangedError)
    assert str(failure).count("mockCluster") == 2
