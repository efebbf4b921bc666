"""Writing answers together, and delivering what was written: once counted, however often it is sent."""

import msgspec
import pytest

from agents import catalogue
from agents.outcome import Diagnostics, Outcome, Problem
from streams import telemetry
from streams.admit import PLAIN, Job, Origin
from streams.codec import Received
from streams.emit import Outgoing
from streams.replies import Desk, Draft, Letterhead, Written, deliver
from streams.topics import RESULT_LIMIT, names

TOPICS = {"compute.results": "compute.results"}


class Keeping:
    """An emitter that keeps what it is to send."""

    def __init__(self):
        self.claims = []

    def send(self, messages, confirmed, claim=None):
        self.claims.append(claim)


@pytest.fixture
def emitter():
    return Keeping()


def test_what_is_withdrawn_and_sent_anew_ran_once(emitter):
    """Its partition was another's for a moment, or another answer of its producer's was."""
    desk = Desk(version="0", worker="w", emitter=emitter, done=list, give_up=print, topics=TOPICS)
    message = Outgoing("compute.results", b"a", b"{}", [])
    before = telemetry.KERNEL_SECONDS.labels("k")._sum.get()
    deliver(desk, Written([message], [], [(("compute.requests", 0), 1)], [], "k", 2.0))
    emitter.claims[0].anew()
    assert len(emitter.claims) == 2
    assert telemetry.KERNEL_SECONDS.labels("k")._sum.get() - before == 2.0


PLACE = ("compute.requests", 2)


def _job(name, offset):
    request = Received(id=name, agent="linalg", task="solve", inputs=msgspec.Raw(b"{}"))
    task = catalogue.TASKS["linalg", "solve"]
    return Job(Origin(PLACE, offset, 0, *PLAIN), request, task, None, None, "sha256:", 30.0, plain=True)


def _outcome(outputs, **more):
    return Outcome(outputs, "k", False, Diagnostics(method="lu"), **more)


STRANGE = (
    _outcome({"x": float("nan")}), _outcome({"x": object()}), _outcome({"x": "y" * (RESULT_LIMIT + 1)}),
    _outcome(None, problem=Problem("singular", "a is singular")), _outcome({"x": 1.0}, keep={"s-1": b"fitted"}),
    _outcome(None),
)  # fmt: skip


@pytest.mark.parametrize("strange", STRANGE)
def test_beside_a_strange_outcome_the_others_are_answered_as_ever(strange):
    """And the strange one as it is alone: infinite, not to be encoded, too large, failed, with an artifact, empty."""
    jobs = [_job(name, offset) for offset, name in enumerate(("a", "odd", "b"))]
    plain, head = _outcome({"x": [1.0]}), Letterhead(version="0", worker="w", topics=names())
    together, alone = Draft(head, 3), [Draft(head, 3) for _ in jobs]
    together.compute(jobs, [plain, strange, plain])
    for job, one, outcome in zip(jobs, alone, [plain, strange, plain], strict=True):
        one.compute([msgspec.structs.replace(job, plain=False)], [outcome])
    expected, written = [one.written() for one in alone], together.written()
    assert _told(written.messages) == _told([message for one in expected for message in one.messages])
    assert written.artifacts == [message for one in expected for message in one.artifacts]
    assert sorted(written.offsets) == [(PLACE, 0), (PLACE, 1), (PLACE, 2)]
    assert sum(count for _, count in written.counts) == 3


def _told(messages):
    """Each result but for when it was made."""
    told = {message.key: msgspec.json.decode(message.value) for message in messages}
    for result in told.values():
        del result["completed_at"], result["provenance"]["queued_s"]
    return told
