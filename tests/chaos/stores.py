"""Redis, which workers share, and PostgreSQL with a recorder of the history: either may vanish, and nothing is lost."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Self, cast

import asyncpg
from containers.stores import PostgresContainer, RedisContainer

from chaos.cluster import Cluster
from streams.store.postgres import PostgresWriter
from streams.store.recorder import Recorder

_REDIS = "redis"
WORKERS_SEE = {"SCI_AGENTS_REDIS_URL": f"redis://{_REDIS}:6379/0"}
"""What a worker on the network is told of them."""


class Stores:
    """One of each, for all rounds; a context manager."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._redis = RedisContainer()
        self._postgres = PostgresContainer()
        self._leave = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as leave:
            leave.enter_context(self._redis)
            self._redis.join(self._cluster.network, _REDIS)
            leave.enter_context(self._postgres)
            self._leave = leave.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.close()

    def kill_redis(self, _: int) -> None:
        """Kill Redis with SIGKILL."""
        self._redis.kill()

    def start_redis(self, _: int) -> None:
        """Start it again."""
        self._redis.start()

    def freeze_redis(self, _: int) -> None:
        """Let its connections stay and nothing answer."""
        self._redis.pause()

    def thaw_redis(self, _: int) -> None:
        """Let it go on."""
        self._redis.resume()

    def kill_postgres(self, _: int) -> None:
        """Kill PostgreSQL with SIGKILL."""
        self._postgres.kill()

    def start_postgres(self, _: int) -> None:
        """Start it again."""
        self._postgres.start()

    @contextlib.contextmanager
    def recording(self, prefix: str) -> Iterator[None]:
        """Record a round's topics into PostgreSQL."""
        recorder = Recorder(PostgresWriter(self._postgres.url, prefix), self._cluster.bootstrap, prefix)
        recorder.start()
        try:
            yield
        finally:
            recorder.stop()

    def recorded(self, seed: int) -> set[str]:
        """Return the ids of a round's results in the history; none while it is away."""
        query = "SELECT coalesce(array_agg(id), '{}') FROM results WHERE id LIKE $1 || '-%'"
        try:
            return set(cast("list[str]", asyncio.run(self._postgres.ask(query, str(seed)))))
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return set()
