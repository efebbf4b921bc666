"""The history in PostgreSQL: batches by COPY into staging tables, merged in one transaction with the positions."""

import contextlib
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import asyncpg
import msgspec

from streams.store import migrate, statements
from streams.store.ports import Deed, Kept, StoreAwayError, UnfitError
from streams.store.rows import COLUMNS, Place, Row, Rows

_CONNECT_S = 5.0
_WRITE_S = 15.0
_READ_S = 3.0
_LOCK = 0x5C1A6E
"""First half of the advisory lock's key; the second is the topics' prefix."""
_PRUNE_AT_ONCE = 5_000
_INSTANTS = {"sent_at", "completed_at", "started_at", "resolved_at", "at"}
_VERSIONS = (
    "CREATE TABLE IF NOT EXISTS schema_versions "
    "(number integer PRIMARY KEY, name text NOT NULL, digest text NOT NULL, applied_at timestamptz DEFAULT now())"
)
_AWAY = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)
_UNFIT = (
    asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError, OverflowError,
    TypeError, ValueError,
)  # fmt: skip


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _UNFIT as error:
        raise UnfitError(_brief(error)) from error
    except _AWAY as error:
        raise StoreAwayError(_brief(error)) from error


class PostgresWriter:
    """Records into the database at `url`; of those with one `prefix` one at a time leads, while it is connected."""

    def __init__(self, url: str, prefix: str = "") -> None:
        self._url = url
        self._half = zlib.crc32(prefix.encode()) - (1 << 31)
        self._connection: Any = None

    async def open(self) -> None:
        """Connect and migrate."""
        with _translated():
            self._connection = await asyncpg.connect(
                self._url, timeout=_CONNECT_S, command_timeout=_WRITE_S, server_settings=_SETTINGS
            )
            await self._migrate()
            for kind, source in statements.STAGED.items():
                await self._connection.execute(
                    f"CREATE TEMP TABLE stage_{kind} ON COMMIT DELETE ROWS AS "
                    f"SELECT {statements.names(kind)} FROM {source} WITH NO DATA"
                )

    async def lead(self) -> bool:
        """Take the advisory lock; it goes with the connection."""
        with _translated():
            return bool(await self._connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", _LOCK, self._half))

    async def positions(self, cluster: str) -> Mapping[Place, int]:
        """Read how far each partition is recorded."""
        with _translated():
            found = await self._connection.fetch(
                "SELECT topic, partition, next FROM positions WHERE cluster = $1", cluster
            )
        return {(topic, partition): offset for topic, partition, offset in found}

    async def write(self, rows: Rows, cluster: str, expected: Mapping[Place, int | None]) -> None:
        """Write in one transaction."""
        with _translated():
            async with self._connection.transaction():
                for kind, staged in rows.kinds():
                    await self._connection.copy_records_to_table(
                        f"stage_{kind}", columns=COLUMNS[kind], records=_typed(kind, staged), timeout=_WRITE_S
                    )
                    for statement in statements.merge(kind):
                        await self._connection.execute(statement)
                for (topic, partition), offset in rows.moved.items():
                    await self._move(cluster, topic, partition, expected[topic, partition], offset)

    async def prune(self, before: float) -> int:
        """Delete in pieces, so that nobody waits for one large transaction."""
        gone = 0
        with _translated():
            for table, key, old in statements.PRUNED:
                query = (
                    f"DELETE FROM {table} WHERE ({key}) IN "
                    f"(SELECT {key} FROM {table} WHERE {old.format(before='$1')} LIMIT {_PRUNE_AT_ONCE})"
                )
                while True:
                    count = _count(await self._connection.execute(query, _instant(before)))
                    gone += count
                    if count < _PRUNE_AT_ONCE:
                        break
        return gone

    async def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*_AWAY):
                await connection.close(timeout=1.0)

    async def _migrate(self) -> None:
        connection = self._connection
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1, 0)", _LOCK + 1)
            await connection.execute(_VERSIONS)
            applied = await connection.fetch("SELECT number, digest FROM schema_versions")
            known = migrate.shipped("postgres")
            for step in migrate.pending([(number, digest) for number, digest in applied], known):
                await connection.execute(step.sql)
                await connection.execute(
                    "INSERT INTO schema_versions (number, name, digest) VALUES ($1, $2, $3)",
                    step.number, step.name, step.digest,
                )  # fmt: skip

    async def _move(self, cluster: str, topic: str, partition: int, at: int | None, to: int) -> None:
        if at is None:
            query = (
                "INSERT INTO positions (cluster, topic, partition, next) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
            )
            done = await self._connection.execute(query, cluster, topic, partition, to)
        else:
            query = "UPDATE positions SET next = $4 WHERE (cluster, topic, partition, next) = ($1, $2, $3, $5)"
            done = await self._connection.execute(query, cluster, topic, partition, to, at)
        if _count(done) != 1:
            raise StoreAwayError(f"another process records {topic}")


class PostgresReader:
    """Reads from the database at `url`, over a few connections; made and used on one event loop."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._pool: Any = None

    async def find(self, request_id: str) -> Kept | None:
        """Read one request with its result."""
        query = statements.FIND.format(at="extract(epoch FROM r.at)::float8", id="$1")
        async with self._connected() as connection:
            found = await connection.fetchrow(query, request_id)
        return None if found is None else Kept(**dict(zip(Kept.__struct_fields__, found, strict=True)))

    async def page(
        self, limit: int, before: tuple[float, str] | None, status: str | None, agent: str | None
    ) -> Sequence[Kept]:
        """Read a page, by an index of its order."""
        conditions, arguments = ["true"], list[Any]()
        if before is not None:
            arguments += [_instant(before[0]), before[1]]
            conditions.append("(r.at, r.id) < ($1, $2)")
        conditions += statements.equal({"r.status": status, "r.agent": agent}, arguments, _mark)
        query = statements.PAGE.format(
            at="extract(epoch FROM r.at)::float8", conditions=" AND ".join(conditions), limit=limit
        )
        async with self._connected() as connection:
            found = await connection.fetch(query, *arguments)
        return [Kept(**dict(zip(Kept.__struct_fields__, row, strict=False))) for row in found]

    async def audit(self, limit: int, subject: str | None, who: str | None) -> Sequence[Deed]:
        """Read deeds."""
        arguments: list[Any] = []
        conditions = ["true", *statements.equal({"subject": subject, "who": who}, arguments, _mark)]
        query = statements.AUDIT.format(
            at="extract(epoch FROM at)::float8", conditions=" AND ".join(conditions), limit=limit
        )
        async with self._connected() as connection:
            found = await connection.fetch(query, *arguments)
        return [
            Deed(at=at, who=by, action=action, subject=what, detail=msgspec.Raw(detail.encode()))
            for at, by, action, what, detail in found
        ]

    async def ping(self) -> None:
        """Ask for nothing."""
        async with self._connected() as connection:
            await connection.fetchval("SELECT 1")

    async def close(self) -> None:
        """Close the connections."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        with _translated():
            if self._pool is None:
                self._pool = asyncpg.create_pool(
                    self._url, min_size=0, max_size=4, timeout=_READ_S, command_timeout=_READ_S,
                    server_settings=_SETTINGS, max_inactive_connection_lifetime=60.0,
                )  # fmt: skip
                await self._pool
            async with self._pool.acquire(timeout=_READ_S) as connection:
                yield connection


_SETTINGS = {
    "application_name": "sci-agents",
    "timezone": "UTC",
    # a recorder whose machine is gone gives up its lock within half a minute
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


def _typed(kind: str, rows: Sequence[Row]) -> list[Row]:
    """Epoch seconds as PostgreSQL's instants."""
    places = [index for index, name in enumerate(COLUMNS[kind]) if name in _INSTANTS]
    typed = []
    for row in rows:
        values = list(row)
        for index in places:
            values[index] = None if values[index] is None else _instant(values[index])
        typed.append(tuple(values))
    return typed


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _count(done: str) -> int:
    """Rows that a statement changed, by the word that it ends with."""
    return int(done.rpartition(" ")[2])


def _brief(error: BaseException) -> str:
    """An error in one line, without the address, which may hold a password."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:200]


def _mark(place: int) -> str:
    return f"${place}"
