"""Which store it is: PostgreSQL where an address is given, else a file below the program's directory."""

from pathlib import Path

import msgspec

from streams.store.ports import Reader, Writer
from streams.store.sqlite import FILE, SqliteReader, SqliteWriter


class HistorySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the history is kept, and how much of it."""

    postgres_url: str | None = None
    directory: str = "var"
    retention_days: float = 30.0
    body_bytes: int = 1024 * 1024


def writer(settings: HistorySettings, prefix: str) -> Writer:
    """Return what a recorder writes with."""
    if settings.postgres_url:
        from streams.store.postgres import PostgresWriter  # noqa: PLC0415 - its driver is not needed for a file

        return PostgresWriter(settings.postgres_url, prefix)
    return SqliteWriter(_file(settings))


def reader(settings: HistorySettings) -> Reader:
    """Return what the history is read with, on one event loop."""
    if settings.postgres_url:
        from streams.store.postgres import PostgresReader  # noqa: PLC0415 - as above

        return PostgresReader(settings.postgres_url)
    return SqliteReader(_file(settings))


def _file(settings: HistorySettings) -> Path:
    return Path(settings.directory).absolute() / FILE
