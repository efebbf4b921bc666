"""Who may tell: what the brokers have confirmed lately, or confirm now."""

import time

import pytest

from alerting.stream import Outgoing
from sciagents.writing import FencedWriter
from streams.fenced import FencedError

HERE = Outgoing("ops.alerting", b"writer", b"{}")


class Emitter:
    """Writes down what is sent, as long as nobody else has the name."""

    def __init__(self):
        self.sent = []
        self.fenced = False
        self.confirmed_at = float("-inf")

    def take(self):
        self.sent.append("taken")

    def send(self, messages, partitions=None):
        if self.fenced:
            raise FencedError("another one")
        self.sent.append([(message.topic, message.key, message.value) for message in messages])
        self.confirmed_at = time.monotonic()


@pytest.fixture
def emitter():
    return Emitter()


@pytest.fixture
def lost():
    return []


@pytest.fixture
def writer(emitter, lost):
    return FencedWriter(emitter, HERE, lost.append)


def test_it_takes_the_name_before_it_says_that_it_writes(writer, emitter):
    writer.take()
    assert emitter.sent == ["taken", [tuple(HERE)]]


async def test_what_was_confirmed_a_moment_ago_is_not_asked_again(writer, emitter):
    await writer.send([Outgoing("t", b"k", b"v")])
    await writer.confirm()
    assert emitter.sent == [[("t", b"k", b"v")]]


async def test_after_a_pause_nobody_is_told_before_the_brokers_confirm_it(writer, emitter, lost):
    """As after a freeze: it writes again who it is, and that fails once another one has taken over."""
    await writer.send([Outgoing("t", b"k", b"v")])
    emitter.confirmed_at -= 2.0
    await writer.confirm()
    assert emitter.sent[1:] == [[tuple(HERE)]]
    emitter.confirmed_at -= 2.0
    emitter.fenced = True
    with pytest.raises(FencedError):
        await writer.confirm()
    assert lost == ["another one"]


async def test_one_that_is_shut_out_ends_the_process(writer, emitter, lost):
    emitter.fenced = True
    with pytest.raises(FencedError):
        await writer.send([Outgoing("t", b"k", b"v")])
    assert lost == ["another one"]
