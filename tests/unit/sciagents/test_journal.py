"""The journal: what outlives a process, and what is left out."""

import pytest

from sciagents.journal import Journal


def test_what_was_written_is_there_for_the_next(tmp_path):
    path = tmp_path / "new" / "journal"
    with Journal(path) as journal:
        assert journal.values("ops.incidents") == []
        journal.append([("ops.incidents", b"INC-1", b'{"v":1}'), ("ops.alerts", b"k", b"{}")])
        journal.append([("ops.notifications", b"INC-1", b'{"n":1}'), ("ops.notifications", b"INC-1", b'{"n":2}')])
        journal.append([("ops.incidents", b"INC-1", b'{"v":2}'), ("ops.silences", b"s", b'{"s":1}')])
    with Journal(path) as journal:
        assert journal.values("ops.incidents") == [b'{"v":2}'], "of one key the latest"
        assert journal.values("ops.notifications") == [b'{"n":1}', b'{"n":2}'], "of notifications all"
        assert journal.values("ops.silences") == [b'{"s":1}']
        assert journal.values("ops.alerts") == []
        journal.append([("ops.silences", b"s", None)])
    assert Journal(path).values("ops.silences") == []


@pytest.mark.parametrize("rest", [b'["ops.incidents","INC-2",{"v', b"\xff\xfe\n", b"[]\n", b"{}\n"])
def test_a_line_that_cannot_be_read_hides_no_other(tmp_path, rest):
    path = tmp_path / "journal"
    with Journal(path) as journal:
        journal.append([("ops.incidents", b"INC-1", b"1")])
    with path.open("ab") as file:
        file.write(rest)
    with Journal(path) as journal:
        assert journal.values("ops.incidents") == [b"1"]
        journal.append([("ops.incidents", b"INC-3", b"3")])
    assert Journal(path).values("ops.incidents") == [b"1", b"3"]


def test_it_is_written_anew_when_it_has_grown(tmp_path, monkeypatch):
    monkeypatch.setattr("sciagents.journal.GROWTH_BYTES", 1000)
    path = tmp_path / "journal"
    with Journal(path) as journal:
        for number in range(1000):
            journal.append([("ops.incidents", b"INC-1", b'{"version": %d}' % number)])
        assert path.stat().st_size < 3000
    assert Journal(path).values("ops.incidents") == [b'{"version": 999}']
