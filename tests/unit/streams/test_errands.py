"""What is sent for conducted requests goes out while their partition is this worker's, and certainly so."""

from types import SimpleNamespace

import pytest

from streams.admit import Origin
from streams.doubt import Doubt
from streams.emit import Outgoing
from streams.errands import Errands
from streams.ledger import Ledger
from streams.replies import Desk

TOPICS = {"compute.results": "results", "compute.control": "control", "compute.progress": "progress"}
STEP = Outgoing("requests", b"r/a", b"{}", [])


class Keeping:
    """An emitter that keeps what it is to send, and confirms when it is told to."""

    def __init__(self):
        self.sent, self.claims, self.confirmations = [], [], []

    def send(self, messages, confirmed, partitions=None, claim=None):
        self.sent += [(one.topic, one.key) for one in messages]
        self.claims.append(claim)
        self.confirmations.append(confirmed)


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


class Scene:
    """A request that runs in partition 0, and a coordinator that can be silent."""

    def __init__(self):
        self.clock, self.emitter = Clock(), Keeping()
        self.doubt = Doubt(3.0, self.clock)
        self.ledgers = {0: Ledger(0, None)}
        desk = Desk(version="0", worker="w", emitter=self.emitter, done=list, give_up=pytest.fail, topics=TOPICS)
        self.errands = Errands(desk, "journal", self.ledgers, self.doubt)
        origin = Origin(("journal", 0), 7, 0, "application/json", [("content-type", b"application/json")])
        job = SimpleNamespace(request=SimpleNamespace(id="r"), origin=origin)
        self.one = SimpleNamespace(job=job, entry=SimpleNamespace(name="r", source="requests/0/1"), started_at=0.0)
        self.ledgers[0].frontier.received([7])
        self.ledgers[0].running["r"] = self.one
        self.renew()

    def renew(self):
        self.doubt.renew()
        self.doubt.look()

    def fall_silent(self):
        self.clock.now += 4.0
        assert self.doubt.look()


@pytest.fixture
def scene():
    return Scene()


def test_what_is_decided_in_doubt_goes_out_when_that_is_over(scene):
    """Steps, cancellations and the answer, in their order."""
    scene.fall_silent()
    scene.errands.send(scene.one, {"r/a": STEP})
    scene.errands.cancel(scene.one, ["r/a"])
    assert scene.emitter.sent == []
    scene.renew()
    scene.fall_silent()
    scene.errands.relay(scene.one, b"{}")
    assert scene.emitter.sent == [("requests", b"r/a"), ("control", b"r/a")]
    scene.renew()
    assert scene.emitter.sent[2:] == [("results", b"r")]


def test_what_is_held_for_a_partition_that_went_to_another_is_let_go_of(scene):
    """Although it has come back since: whoever had it in between may have answered."""
    scene.fall_silent()
    scene.errands.send(scene.one, {"r/a": STEP})
    scene.errands.cancel(scene.one, ["r/a"])
    scene.errands.relay(scene.one, b"{}")
    del scene.ledgers[0]
    scene.doubt.sift()
    scene.ledgers[0] = Ledger(0, None)
    scene.renew()
    assert (scene.emitter.sent, len(scene.doubt)) == ([], 0)


def test_what_is_on_its_way_is_claimed_by_the_partition(scene):
    """Withdrawn, it is sent anew where it still runs here."""
    scene.errands.send(scene.one, {"r/a": STEP})
    claim = scene.emitter.claims[0]
    assert claim.holds()
    claim.anew()
    assert scene.emitter.sent == [("requests", b"r/a")] * 2
    scene.ledgers[0] = Ledger(0, None)
    assert not claim.holds()
    claim.anew()
    assert len(scene.emitter.sent) == 2


def test_the_offset_of_an_answered_request_is_done_once_the_journal_says_so(scene):
    """Result, then the end in the journal, then the offset: each when the one before is confirmed."""
    scene.errands.relay(scene.one, b"{}")
    frontier = scene.ledgers[0].frontier
    for sent in ([("results", b"r")], [("results", b"r"), ("journal", b"r")]):
        assert (scene.emitter.sent, frontier.position, scene.errands.ending({0})) == (sent, 7, len(sent) == 1)
        scene.emitter.confirmations[-1](None)
        scene.errands.hear()
    assert (frontier.position, scene.errands.ending({0})) == (8, False)
