"""Migrations are applied once, in their order, and never as another one."""

import pytest

from streams.store import migrate
from streams.store.migrate import Migration, MigrationError

FIRST, SECOND = Migration(1, "history", "CREATE TABLE a (x);"), Migration(2, "labels", "CREATE TABLE b (x);")


def test_files_are_put_in_order():
    """The number at the beginning of a name orders it."""
    texts = {"0002_labels.sql": SECOND.sql, "0001_history.sql": FIRST.sql}
    assert migrate.ordered(texts) == [FIRST, SECOND]


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ("no gaps", ["0001_a.sql", "0003_b.sql"]),
        ("no number twice", ["0001_a.sql", "0001_b.sql"]),
        ("from 1 on", ["0002_a.sql"]),
        ("nothing else lies there", ["0001_a.sql", "notes.txt"]),
    ],
)
def test_files_that_have_no_order_are_refused(rule, names):
    """A migration that would be skipped or applied out of turn stops the start."""
    with pytest.raises(MigrationError):
        migrate.ordered(dict.fromkeys(names, ""))


@pytest.mark.parametrize(
    ("applied", "left"),
    [([], [FIRST, SECOND]), ([FIRST], [SECOND]), ([FIRST, SECOND], []), ([SECOND, FIRST], [])],
)
def test_what_was_applied_is_not_applied_again(applied, left):
    """What is left follows from what the table of versions says."""
    assert list(migrate.pending([(one.number, one.digest) for one in applied], [FIRST, SECOND])) == left


@pytest.mark.parametrize(
    ("rule", "applied", "said"),
    [
        ("one that was changed afterwards", [(1, "other")], "another one"),
        ("a database of a later program", [(1, FIRST.digest), (2, SECOND.digest), (3, "x")], "older"),
        ("one in the place of another", [(2, SECOND.digest)], "another one"),
    ],
)
def test_tables_of_another_history_are_refused(rule, applied, said):
    """Tables that this program does not know are left as they are."""
    with pytest.raises(MigrationError, match=said):
        migrate.pending(applied, [FIRST, SECOND])


@pytest.mark.parametrize("kind", ["postgres", "sqlite"])
def test_both_databases_have_migrations_of_the_same_names(kind):
    """Neither database is left behind."""
    assert [one.name for one in migrate.shipped(kind)] == [one.name for one in migrate.shipped("postgres")] != []


def test_a_migration_is_cut_into_its_statements():
    """Each ends with a semicolon at the end of a line."""
    assert [one.strip() for one in migrate.split("CREATE TABLE a (x);\n-- b; c\nCREATE TABLE b (x);\n")] == [
        "CREATE TABLE a (x)", "-- b; c\nCREATE TABLE b (x)",
    ]  # fmt: skip
