"""Migrations: SQL files in their order, each applied once. Pure: what is to be applied follows from what was."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Literal, NamedTuple

Kind = Literal["postgres", "sqlite"]
_NAME = re.compile(r"(?P<number>\d{4})_(?P<name>[a-z0-9_]+)\.sql")


class MigrationError(Exception):
    """The tables cannot be brought to what this program needs."""


class Migration(NamedTuple):
    """One step; `digest` tells whether it is still what was applied."""

    number: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """Digest of its statements."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped(kind: Kind) -> list[Migration]:
    """Return the migrations that come with the program, in order."""
    folder = files("streams.store") / "migrations" / kind
    return ordered({path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()})


def ordered(texts: Mapping[str, str]) -> list[Migration]:
    """Put files in order; raises `MigrationError` unless they are numbered 1, 2, 3, …"""
    found = []
    for file, text in texts.items():
        read = _NAME.fullmatch(file)
        if read is None:
            raise MigrationError(f"{file} is no migration: its name begins with four digits, as 0002_labels.sql does")
        found.append(Migration(int(read["number"]), read["name"], text))
    found.sort()
    if [one.number for one in found] != list(range(1, len(found) + 1)):
        raise MigrationError(f"migrations are not numbered without gaps: {', '.join(sorted(texts))}")
    return found


def pending(applied: Sequence[tuple[int, str]], known: Sequence[Migration]) -> Sequence[Migration]:
    """Return what is still to be applied, given number and digest of what was; raises `MigrationError`."""
    for (number, digest), migration in zip(sorted(applied), known, strict=False):
        if number != migration.number or digest != migration.digest:
            raise MigrationError(f"migration {number} was applied as another one than {migration.name}")
    if len(applied) > len(known):
        raise MigrationError(f"the tables are of version {len(applied)}, this program knows {len(known)}: it is older")
    return known[len(applied) :]


def split(sql: str) -> list[str]:
    """Cut a migration into its statements: each ends with a semicolon at a line's end, in no migration of ours else."""
    return [statement for statement in re.split(r";\s*$", sql, flags=re.MULTILINE) if statement.strip()]
