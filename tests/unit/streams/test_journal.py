"""The journal: what was written is read again, and what is none of ours is told from it."""

import msgspec
import pytest

from agents import divided
from agents.divided import Shard, Trouble
from streams import journal


class Record:
    """A record as the broker gives it."""

    def __init__(self, message, offset=9, at_ms=1234):
        self._message, self._offset, self._at_ms = message, offset, at_ms

    def headers(self):
        return self._message.headers

    def key(self):
        return self._message.key

    def value(self):
        return self._message.value

    def timestamp(self):
        return (1, self._at_ms)

    def offset(self):
        return self._offset


def read(message):
    return journal.read(Record(message))


@pytest.mark.parametrize("trouble", [None, Trouble("singular", "no")])
def test_a_part_says_which_blocks_how_long_and_whether_one_failed(trouble):
    value = msgspec.msgpack.encode(Shard(3, 7, [b"x"], trouble))
    assert divided.failed(value) == (trouble is not None)
    found = read(journal.part("j", "r", "t/0/1", (3, 7), value, 1.25))
    assert (found.kind, found.name, found.source, found.value, found.offset) == ("part", "r", "t/0/1", value, 9)
    assert (found.low, found.high, found.run_s, found.failed) == (3, 7, 1.25, trouble is not None)


def test_what_is_lost_says_why():
    lost = Trouble("worker_crashed", "killed", hint="report")
    found = read(journal.lost("j", "r", "t/0/1", lost))
    assert (found.kind, found.source) == ("lost", "t/0/1")
    assert msgspec.json.decode(found.value, type=Trouble) == lost


def test_a_result_is_kept_as_it_is_to_be_sent():
    found = read(journal.merged("j", "r", "t/0/1", b"{}"))
    assert (found.kind, found.value, found.source) == ("merged", b"{}", "t/0/1")


def test_what_was_sent_and_has_ended_is_named():
    assert read(journal.sent("j", "r", ("0-4@1", "merge"))).value == b"0-4@1\nmerge"
    assert read(journal.end("j", "r", "t/0/1")).kind == "end"


def test_what_is_none_of_ours_is_nothing():
    start = journal.end("j", "r", "t/0/1")
    assert read(msgspec.structs.replace(start, headers=[])) is None
    assert read(msgspec.structs.replace(start, key=None)) is None
    assert read(msgspec.structs.replace(start, headers=[("journal-kind", b"other")])) is None
    assert read(msgspec.structs.replace(start, headers=[("journal-kind", b"part"), ("journal-shard", b"a-b")])) is None
    assert read(msgspec.structs.replace(start, headers=[("journal-kind", b"part"), ("journal-run-s", b"soon")])) is None
