"""Redis and PostgreSQL in containers, set up as `docker-compose.yml` does, reached on free ports of this machine."""

import asyncio

import asyncpg
import redis
import stamina
from images import build

from containers.container import START_TIMEOUT_S, ServiceContainer

_PASSWORD = "of-the-tests"


class RedisContainer(ServiceContainer):
    """A Redis at `url`."""

    def __init__(self) -> None:
        super().__init__(build.redis(), "redis", 6379)
        self.url = f"redis://127.0.0.1:{self.port}/0"

    def wait(self) -> None:
        """Wait for an answer to PING; raises `redis.RedisError`."""
        client = redis.Redis.from_url(self.url, socket_timeout=1.0)
        trouble = redis.RedisError
        for attempt in stamina.retry_context(on=trouble, attempts=None, timeout=START_TIMEOUT_S, wait_max=0.3):
            with attempt:
                client.ping()
        client.close()


class PostgresContainer(ServiceContainer):
    """A PostgreSQL with the user and the database of `docker-compose.yml`, at `url`."""

    def __init__(self) -> None:
        super().__init__(build.postgres(), "postgres", 5432, {"POSTGRES_PASSWORD": _PASSWORD})
        self.url = f"postgres://agent_user:{_PASSWORD}@127.0.0.1:{self.port}/sci_agents"

    def wait(self) -> None:
        """Wait until a query is answered; raises as asyncpg does."""
        trouble = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
        for attempt in stamina.retry_context(on=trouble, attempts=None, timeout=START_TIMEOUT_S, wait_max=0.3):
            with attempt:
                assert asyncio.run(self.ask("SELECT 1")) == 1

    def database(self, name: str) -> str:
        """Make an empty database, and return its address."""
        self.run("createdb", "--username=agent_user", name)
        return f"{self.url.rpartition('/')[0]}/{name}"

    async def ask(self, query: str, *arguments: object) -> object:
        """Return the first value that a query gives."""
        connection = await asyncpg.connect(self.url, timeout=2.0)
        try:
            return await connection.fetchval(query, *arguments)
        finally:
            await connection.close()
