"""The history in a SQLite file, where there is no server: the same tables, one writer, readers beside it (WAL)."""

import asyncio
import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from streams.store import migrate, statements
from streams.store.ports import Deed, Kept, StoreAwayError, UnfitError
from streams.store.rows import COLUMNS, Place, Rows

FILE = "history.sqlite"
_BUSY_S = 5.0
_VERSIONS = (
    "CREATE TABLE IF NOT EXISTS schema_versions "
    "(number integer PRIMARY KEY, name text NOT NULL, digest text NOT NULL, applied_at text DEFAULT CURRENT_TIMESTAMP)"
)
_UNFIT = (sqlite3.DataError, sqlite3.IntegrityError, OverflowError, UnicodeEncodeError)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except _UNFIT as error:
        raise UnfitError(f"{type(error).__name__}: {error}") from error
    except (sqlite3.Error, OSError) as error:
        raise StoreAwayError(f"{type(error).__name__}: {error}") from error


class SqliteWriter:
    """Records into the file at `path`; of the processes that could, the one that holds the lock beside it does."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._lock: int | None = None

    async def open(self) -> None:
        """Take the lock if it is free, and only then touch the file."""
        with _translated():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600)

    async def lead(self) -> bool:
        """Lock, and bring the tables to what this program needs."""
        if self._lock is None:
            raise StoreAwayError("not open")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        with _translated():
            self._connection = sqlite3.connect(self._path, timeout=_BUSY_S, isolation_level=None)
            self._path.chmod(0o600)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")  # what a power cut takes is recorded again
            self._migrate(self._connection)
            for kind, source in statements.STAGED.items():
                self._connection.execute(
                    f"CREATE TEMP TABLE stage_{kind} AS SELECT {statements.names(kind)} FROM {source} LIMIT 0"
                )
        return True

    async def positions(self, cluster: str) -> Mapping[Place, int]:
        """Read how far each partition is recorded."""
        with _translated():
            found = self._open.execute("SELECT topic, partition, next FROM positions WHERE cluster = ?", (cluster,))
            return {(topic, partition): offset for topic, partition, offset in found}

    async def write(self, rows: Rows, cluster: str, expected: Mapping[Place, int | None]) -> None:
        """Write in one transaction."""
        with _translated(), _transaction(self._open) as connection:
            for kind, staged in rows.kinds():
                marks = ", ".join("?" * len(COLUMNS[kind]))
                connection.executemany(f"INSERT INTO stage_{kind} VALUES ({marks})", staged)
                for statement in statements.merge(kind):
                    connection.execute(statement)
                connection.execute(f"DELETE FROM stage_{kind}")
            for (topic, partition), offset in rows.moved.items():
                place = (cluster, topic, partition)
                if expected[topic, partition] is None:
                    done = connection.execute("INSERT OR IGNORE INTO positions VALUES (?, ?, ?, ?)", (*place, offset))
                else:
                    query = "UPDATE positions SET next = ? WHERE (cluster, topic, partition, next) = (?, ?, ?, ?)"
                    done = connection.execute(query, (offset, *place, expected[topic, partition]))
                if done.rowcount != 1:
                    raise StoreAwayError(f"another process records {topic}")

    async def prune(self, before: float) -> int:
        """Delete what is older."""
        gone = 0
        with _translated(), _transaction(self._open) as connection:
            for table, _, old in statements.PRUNED:
                query = f"DELETE FROM {table} WHERE {old.format(before='?')}"
                gone += connection.execute(query, (before,)).rowcount
        return gone

    async def close(self) -> None:
        """Close the file and give back the lock."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreAwayError("not open")
        return self._connection

    @staticmethod
    def _migrate(connection: sqlite3.Connection) -> None:
        connection.execute(_VERSIONS)
        applied = connection.execute("SELECT number, digest FROM schema_versions").fetchall()
        for step in migrate.pending(applied, migrate.shipped("sqlite")):
            with _transaction(connection):
                for statement in migrate.split(step.sql):
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO schema_versions (number, name, digest) VALUES (?, ?, ?)",
                    (step.number, step.name, step.digest),
                )


class SqliteReader:
    """Reads the file at `path`, in a thread; a file that is not there yet has nothing in it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def find(self, request_id: str) -> Kept | None:
        """Read one request with its result."""
        rows = await self._ask(statements.FIND.format(at="r.at", id="?"), [request_id])
        return Kept(**dict(zip(Kept.__struct_fields__, rows[0], strict=True))) if rows else None

    async def page(
        self, limit: int, before: tuple[float, str] | None, status: str | None, agent: str | None
    ) -> Sequence[Kept]:
        """Read a page, by an index of its order."""
        conditions, arguments = ["true"], list[Any]()
        if before is not None:
            conditions.append("(r.at, r.id) < (?, ?)")
            arguments += before
        conditions += statements.equal({"r.status": status, "r.agent": agent}, arguments, _mark)
        query = statements.PAGE.format(at="r.at", conditions=" AND ".join(conditions), limit=limit)
        rows = await self._ask(query, arguments)
        return [Kept(**dict(zip(Kept.__struct_fields__, row, strict=False))) for row in rows]

    async def audit(self, limit: int, subject: str | None, who: str | None) -> Sequence[Deed]:
        """Read deeds."""
        arguments: list[Any] = []
        conditions = ["true", *statements.equal({"subject": subject, "who": who}, arguments, _mark)]
        query = statements.AUDIT.format(at="at", conditions=" AND ".join(conditions), limit=limit)
        rows = await self._ask(query, arguments)
        return [
            Deed(at=at, who=by, action=action, subject=what, detail=msgspec.Raw(detail.encode()))
            for at, by, action, what, detail in rows
        ]

    async def ping(self) -> None:
        """Ask for nothing."""
        await self._ask("SELECT 1", [])

    async def close(self) -> None:
        """Nothing is held."""

    async def _ask(self, query: str, arguments: Sequence[Any]) -> list[Any]:
        def ask() -> list[Any]:
            if not self._path.exists():
                return []
            with contextlib.closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", _BUSY_S, uri=True)) as connection:
                return connection.execute(query, arguments).fetchall()

        with _translated():
            return await asyncio.to_thread(ask)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _mark(place: int) -> str:  # noqa: ARG001 - the next one, in order
    return "?"
