"""What a worker knows of a partition of the journal: what is held back from the commit, and what is forgotten."""

import pytest

from streams.journal import Entry
from streams.ledger import Ledger


def entry(kind, name="r", source="compute.requests/0/1", **more):
    usual = {
        "value": b"x", "queued_at_ms": 0, "timeout_s": 1.0, "at_ms": 0, "content_type": "application/json",
        "headers": [],
    }  # fmt: skip
    return Entry(name=name, kind=kind, source=source, **{**usual, **more})


class Running:
    """Takes note."""

    def __init__(self):
        self.noted = []

    def note(self, entry):
        self.noted.append(entry.kind)


@pytest.fixture
def ledger():
    return Ledger(0, 100)


def test_a_start_is_held_back_until_its_end_is_read(ledger):
    ledger.frontier.received(range(3))
    assert ledger.note(entry("start"), 0)
    assert not ledger.note(entry("part", low=0, high=2), 1)
    ledger.frontier.done([1])
    assert ledger.frontier.position == 0
    ledger.note(entry("end"), 2)
    ledger.frontier.done([2])
    assert ledger.frontier.position == 3
    assert ledger.found == {}


def test_what_came_is_put_together_but_not_the_states_of_shards(ledger):
    """Whoever merges reads those from the journal."""
    ledger.note(entry("start"), 0)
    for kind in ("sent", "part", "answer"):
        ledger.note(entry(kind), 1)
    assert [(one.kind, one.value) for one in ledger.found["r"].entries] == [
        ("sent", b"x"), ("part", b""), ("answer", b"x"),
    ]  # fmt: skip


def test_the_end_of_an_earlier_one_of_the_same_id_does_not_end_it(ledger):
    ledger.note(entry("start", source="compute.requests/0/9"), 5)
    ledger.note(entry("end"), 6)
    assert ledger.found["r"].start is not None


def test_what_an_earlier_one_of_the_same_id_sent_is_not_taken_for_its_own(ledger):
    """The answers may lie before what is read: it would wait for them until its deadline."""
    ledger.note(entry("sent"), 3)
    ledger.note(entry("start", source="compute.requests/0/9"), 5)
    ledger.note(entry("sent"), 6)
    ledger.note(entry("answer"), 7)
    ledger.note(entry("end"), 8)
    ledger.note(entry("sent"), 9)
    assert [one.kind for one in ledger.found["r"].entries] == ["answer", "sent"]


def test_what_came_of_one_that_has_ended_is_forgotten(ledger):
    """Its beginning lies before what is read; one that begins later has nothing of it."""
    for kind in ("sent", "answer", "end"):
        ledger.note(entry(kind), 1)
    ledger.note(entry("start", source="compute.requests/0/9"), 2)
    assert ledger.found["r"].entries == []


def test_one_that_has_ended_does_not_begin_again(ledger):
    ledger.note(entry("end"), 0)
    assert not ledger.note(entry("start"), 1)
    assert ledger.note(entry("start", source="compute.requests/0/9"), 2)


def test_what_runs_hears_of_what_comes(ledger):
    running = ledger.running["r"] = Running()
    ledger.behind = None
    for kind in ("sent", "part", "lost", "merged", "answer"):
        ledger.note(entry(kind), 1)
    assert running.noted == ["part", "lost", "merged", "answer"]
    ledger.end("r", "compute.requests/0/1")
    ledger.note(entry("part"), 2)
    assert ledger.found == {}
