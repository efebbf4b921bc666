"""The journal of an alerting process that brings its own broker: what the topics would keep, in a file of JSON lines.

The embedded broker keeps nothing; incidents, notifications and silences have to outlive the process all the same, as
an Alertmanager's do. One line a record, written before the next thing happens; one that a crash cut off is left out.
The file is written anew, without what is out of date, at each start and whenever it has grown by 64 MiB.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO, Self

import msgspec
import structlog

_log = structlog.get_logger(__name__)

KEPT = ("ops.incidents", "ops.silences", "ops.notifications")
"""The topics that are journalled; of all but the last one the latest record of a key is enough."""
NOTIFICATIONS_LIMIT = 50_000
GROWTH_BYTES = 64 * 1024 * 1024


class Entry(msgspec.Struct, array_like=True, frozen=True):
    """A record: its topic, its key, and its value, which is JSON, or null where it was removed."""

    topic: str
    key: str
    value: msgspec.Raw


_decoder = msgspec.json.Decoder(Entry)
_NULL = b"null"


class Journal:
    """Appends records to a file; a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries = latest(read(path))
        self._file: BinaryIO | None = None
        self._size = self._next = 0

    def __enter__(self) -> Self:
        """Write the file anew and open it."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._write(self._entries)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def values(self, topic: str) -> list[bytes]:
        """The values that were there at the start, in order."""
        return [bytes(entry.value) for entry in self._entries if entry.topic == topic and bytes(entry.value) != _NULL]

    def append(self, records: Iterable[tuple[str, bytes, bytes | None]]) -> None:
        """Write records (topic, key, value as JSON), those of other topics aside."""
        if self._file is None:
            raise ValueError("the journal is not open")
        lines = b"".join(
            msgspec.json.encode(Entry(topic, key.decode(), msgspec.Raw(_NULL if value is None else value))) + b"\n"
            for topic, key, value in records
            if topic in KEPT
        )
        if not lines:
            return
        self._file.write(lines)
        self._file.flush()
        self._size += len(lines)
        if self._size > self._next:
            self._file.close()
            self._write(latest(read(self._path)))

    def _write(self, entries: Sequence[Entry]) -> None:
        new = self._path.with_suffix(".new")
        with new.open("wb") as file:
            for entry in entries:
                file.write(msgspec.json.encode(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)
        self._file = self._path.open("ab")
        self._size = self._path.stat().st_size
        self._next = 2 * self._size + GROWTH_BYTES


def read(path: Path) -> list[Entry]:
    """Read a journal; lines that cannot be read are logged and left out, and no file is an empty journal."""
    found: list[Entry] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    found.append(_decoder.decode(line))
                except msgspec.DecodeError as error:
                    _log.warning("journal_line_ignored", file=str(path), line=number, error=str(error))
    except FileNotFoundError:
        pass
    return found


def latest(entries: Sequence[Entry]) -> list[Entry]:
    """Leave out what is out of date: the last record of each key counts, and the last 50,000 notifications."""
    last: dict[tuple[str, str], Entry] = {}
    told: list[Entry] = []
    for entry in entries:
        if entry.topic == "ops.notifications":
            told.append(entry)
        else:
            last.pop((entry.topic, entry.key), None)
            last[entry.topic, entry.key] = entry
    return [*(one for one in last.values() if bytes(one.value) != _NULL), *told[-NOTIFICATIONS_LIMIT:]]
