"""The two stores, empty: a SQLite file, and a PostgreSQL in a container."""

import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from streams.store.ports import Reader, Writer
from streams.store.postgres import PostgresReader, PostgresWriter
from streams.store.sqlite import FILE, SqliteReader, SqliteWriter


@dataclass(frozen=True)
class Store:
    """Makes writers and readers of one store."""

    writer: Callable[[], Writer]
    reader: Callable[[], Reader]


@pytest.fixture
def sqlite_store(tmp_path) -> Store:
    path = tmp_path / FILE
    return Store(lambda: SqliteWriter(path), lambda: SqliteReader(path))


def in_postgres(url: str) -> Store:
    return Store(lambda: PostgresWriter(url), lambda: PostgresReader(url))


@pytest.fixture
def postgres_store(postgres) -> Store:
    return in_postgres(postgres.database(f"t{uuid.uuid4().hex[:12]}"))


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.containers)])
def store(request: pytest.FixtureRequest) -> Store:
    return request.getfixturevalue(f"{request.param}_store")


@pytest.fixture
async def reader(store: Store) -> AsyncIterator[Reader]:
    made = store.reader()
    yield made
    await made.close()
