"""The SQL that PostgreSQL and SQLite share: rows are staged in temporary tables and merged from there."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from streams.store.rows import COLUMNS

STAGED: Mapping[str, str] = {
    "asked": "requests",
    "answered": (
        "(SELECT r.id, agent, task, status, code, completed_at, run_s, queued_s, worker, cached, s.content_type, "
        "s.size, s.body FROM requests r JOIN results s ON s.id = r.id) answered"
    ),
    "incidents": "incidents",
    "notifications": "notifications",
    "audit": "audit",
}
"""What each kind's temporary table takes its types from."""
PRUNED: Sequence[tuple[str, str, str]] = (
    ("requests", "id", "at < {before}"),
    ("results", "id", "completed_at < {before}"),
    ("incidents", "id", "status = 'resolved' AND resolved_at < {before}"),
    ("notifications", 'topic, partition, "offset"', "at < {before}"),
    ("audit", 'topic, partition, "offset"', "at < {before}"),
)  # fmt: skip
"""Table, key, and which of its rows are too old."""

_KEYS = {"incidents": "id", "notifications": 'topic, partition, "offset"', "audit": 'topic, partition, "offset"'}


def names(kind: str) -> str:
    """The columns of a kind, as SQL has them."""
    return ", ".join(_quoted(name) for name in COLUMNS[kind])


def merge(kind: str) -> Sequence[str]:
    """Return the statements that take a kind's staged rows into their tables."""
    return _MERGES[kind]


def equal(wanted: Mapping[str, str | None], arguments: list[Any], mark: Callable[[int], str]) -> list[str]:
    """Return a condition for each column that is wanted to be something, which is added to `arguments`.

    >>> found = ["before"]
    >>> equal({"status": "failed", "agent": None}, found, lambda place: f"${place}"), found
    (['status = $2'], ['before', 'failed'])
    """
    conditions = []
    for column, value in wanted.items():
        if value is not None:
            arguments.append(value)
            conditions.append(f"{column} = {mark(len(arguments))}")
    return conditions


def _quoted(name: str) -> str:
    return f'"{name}"' if name == "offset" else name


def _upsert(table: str, columns: Sequence[str], values: str, kind: str, key: str, changes: str) -> str:
    listed = ", ".join(_quoted(name) for name in columns)
    return (
        f"INSERT INTO {table} ({listed}) SELECT {values} FROM stage_{kind} WHERE true ON CONFLICT ({key}) DO {changes}"
    )


def _all(table: str, kind: str, columns: Sequence[str], condition: str = "") -> str:
    """Insert rows, or put them in the place of those with their key."""
    key = _KEYS.get(kind, "id")
    changed = [_quoted(name) for name in columns if _quoted(name) not in key.split(", ")]
    changes = "UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in changed) + condition
    return _upsert(table, columns, ", ".join(map(_quoted, columns)), kind, key, changes)


_RESULT = ("id", "completed_at", "run_s", "queued_s", "worker", "cached", "content_type", "size", "body")

_MERGES: Mapping[str, Sequence[str]] = {
    # a request that is answered stays so, when it comes late or again
    "asked": [
        _upsert(
            "requests", ("status", "at", *COLUMNS["asked"]), f"'pending', sent_at, {names('asked')}", "asked", "id",
            "UPDATE SET " + ", ".join(f"{name} = excluded.{name}" for name in COLUMNS["asked"] if name != "id"),
        )
    ],
    "answered": [
        _upsert(
            "requests", ("id", "agent", "task", "status", "code", "at"), "id, agent, task, status, code, completed_at",
            "answered", "id",
            "UPDATE SET status = excluded.status, code = excluded.code, at = excluded.at, "
            "agent = coalesce(excluded.agent, requests.agent), task = coalesce(excluded.task, requests.task)",
        ),
        _all("results", "answered", _RESULT),
    ],
    "incidents": [
        _all("incidents", "incidents", COLUMNS["incidents"], " WHERE incidents.version <= excluded.version")
    ],
    "notifications": [_all("notifications", "notifications", COLUMNS["notifications"])],
    "audit": [_all("audit", "audit", COLUMNS["audit"])],
}  # fmt: skip

FIND = (
    "SELECT r.id, r.agent, r.task, r.status, r.code, {at}, s.content_type, s.size, s.body "
    "FROM requests r LEFT JOIN results s ON s.id = r.id WHERE r.id = {id}"
)
"""One request with its result."""
PAGE = (
    "SELECT r.id, r.agent, r.task, r.status, r.code, {at} FROM requests r WHERE {conditions} "
    "ORDER BY r.at DESC, r.id DESC LIMIT {limit}"
)
AUDIT = "SELECT {at}, who, action, subject, detail FROM audit WHERE {conditions} ORDER BY audit.at DESC LIMIT {limit}"
