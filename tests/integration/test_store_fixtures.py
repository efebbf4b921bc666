"""What tests of the stores build on: servers that keep their address, stopped, killed, frozen and started again."""

import asyncio

import asyncpg
import pytest
import redis
from containers.stores import PostgresContainer, RedisContainer


def test_redis_comes_back_at_its_address(redis_server: RedisContainer) -> None:
    """After a kill it answers at the same address, and has forgotten what it held: a restart clears the cache."""
    with redis.Redis.from_url(redis_server.url, socket_timeout=0.5, retry=None) as client:
        client.set("a", "1")
        redis_server.pause()
        with pytest.raises(redis.TimeoutError):
            client.get("a")
        redis_server.resume()
        redis_server.kill()
        with pytest.raises(redis.ConnectionError):
            client.get("a")
        redis_server.start()
        assert client.get("a") is None


def test_postgresql_comes_back_with_what_was_committed(postgres_server: PostgresContainer) -> None:
    """After a kill it answers at the same address and has every committed row."""
    asyncio.run(postgres_server.ask("CREATE TABLE kept (n int)"))
    asyncio.run(postgres_server.ask("INSERT INTO kept VALUES (7)"))
    postgres_server.kill()
    with pytest.raises((OSError, asyncpg.PostgresError)):
        asyncio.run(postgres_server.ask("SELECT 1"))
    postgres_server.start()
    assert asyncio.run(postgres_server.ask("SELECT n FROM kept")) == 7
    assert (
        postgres_server.run("psql", "-U", "agent_user", "-d", "sci_agents", "-Atc", "SELECT count(*) FROM kept")
        == "1\n"
    )
