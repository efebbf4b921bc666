"""Delivering what was written: once counted, however often it is sent."""

import pytest

from streams import telemetry
from streams.emit import Outgoing
from streams.replies import Desk, Written, deliver

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
