"""The embedded broker: librdkafka's mock cluster in a process of its own, reached through a relay at a fixed address.

The relay serves the bootstrap connection; the metadata then names the cluster's own port. What it cannot do is in
`docs/decisions/`: nothing on disk, 4 partitions, about 5 MB or 100,000 records a partition.
"""

import asyncio
import contextlib
import json
import multiprocessing
import os
from multiprocessing.connection import Connection
from typing import Self

from confluent_kafka import Producer


class EmbeddedBroker:
    """Runs the mock cluster in a child process; a context manager whose `bootstrap` clients connect to."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        self._pipe: Connection = ours
        self._process = context.Process(target=_serve, args=(theirs,), name="embedded-broker", daemon=True)
        self.bootstrap = ""

    def __enter__(self) -> Self:
        self._process.start()
        if not self._pipe.poll(30.0):
            self._process.kill()
            raise RuntimeError("the embedded broker did not start within 30 s")
        self.bootstrap = str(self._pipe.recv())
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(5.0)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    @property
    def alive(self) -> bool:
        """Whether the broker's process runs."""
        return self._process.is_alive()


def _serve(pipe: Connection) -> None:
    os.setsid()  # a signal to our group is not for us: who started us says when to stop
    found: list[str] = []

    def statistics(text: str) -> None:
        names = [name for name in json.loads(text)["brokers"] if name.startswith("127.0.0.1:")]
        found[:] = [name.partition("/")[0] for name in names]

    producer = Producer({"test.mock.num.brokers": 1, "statistics.interval.ms": 50, "stats_cb": statistics})
    while not found:
        producer.poll(0.1)
    pipe.send(found[0])
    with contextlib.suppress(EOFError, OSError):
        pipe.recv()  # a word to stop, or the end of who started us


async def relay(host: str, port: int, upstream: str) -> asyncio.Server:
    """Listen on `host:port` and pass every connection on to `upstream`."""
    up_host, _, up_port = upstream.rpartition(":")

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection(up_host, int(up_port))
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer))

    return await asyncio.start_server(serve, host, port)


def run(listen: str) -> None:
    """Run the embedded broker at `listen` until interrupted; prints its address and `ready`."""
    host, _, port = listen.rpartition(":")

    async def main(upstream: str) -> None:
        import signal  # noqa: PLC0415

        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with await relay(host or "127.0.0.1", int(port), upstream) as server:
            bound = server.sockets[0].getsockname()[1]  # for port 0, the one that was free
            print(f"kafka {host or '127.0.0.1'}:{bound} (embedded)\nready", flush=True)  # noqa: T201 - its output
            await stop.wait()

    with EmbeddedBroker() as broker:
        asyncio.run(main(broker.bootstrap))
