"""Records become rows; what cannot be read becomes none, and is passed by."""

import msgspec
import pytest

from streams.codec import MSGPACK
from streams.store import rows
from streams.store.rows import COLUMNS, gather

REQUEST = {"id": "r-1", "agent": "ode", "task": "ivp", "inputs": {"x": 1}, "seed": 7, "labels": {"team": "fluids"}}
RESULT = {
    "id": "r-1", "agent": "ode", "task": "ivp", "status": "failed", "outputs": None, "warnings": [], "labels": {},
    "error": {"code": "singular", "message": "it is"}, "completed_at": "2026-11-24T10:00:00.123Z",
    "provenance": {"version": "1", "worker": "host/1", "run_s": 0.5, "queued_s": 0.25, "cached": True},
}  # fmt: skip
INCIDENT = {"id": "INC-1", "group_key": "g", "title": "Data Loss", "severity": "P0", "status": "triggered",
            "phase": "INVESTIGATING", "started_at": "2026-11-24T10:00:00Z", "version": 3}  # fmt: skip
NOTIFICATION = {"id": "n-1", "incident": "INC-1", "receiver": "ops", "channel": "email", "reason": "first_notification",
                "status": "delivered", "attempt": 1, "at": "2026-11-24T10:00:01Z"}  # fmt: skip
COMMAND = {"incident": "INC-1", "action": "acknowledge", "by": "ada", "at": "2026-11-24T10:01:00Z"}


class Record:
    def __init__(self, topic, value, offset=0, partition=0, content_type=None):
        self._topic, self._offset, self._partition = topic, offset, partition
        encode = msgspec.msgpack.encode if content_type == MSGPACK else msgspec.json.encode
        self._value = value if value is None or isinstance(value, bytes) else encode(value)
        self._headers = [("content-type", content_type.encode())] if content_type else None

    def topic(self):
        return self._topic

    def partition(self):
        return self._partition

    def offset(self):
        return self._offset

    def timestamp(self):
        return (1, 1_700_000_000_500)

    def headers(self):
        return self._headers

    def value(self):
        return self._value


def _row(kind, found):
    ((_, (row,)),) = found.kinds()
    return dict(zip(COLUMNS[kind], row, strict=True))


@pytest.mark.parametrize("content_type", [None, MSGPACK])
def test_a_request_is_a_row_with_its_message(content_type):
    """What was asked, when the broker got it, and the message as it came."""
    record = Record("compute.requests", REQUEST, 41, 2, content_type)
    found = gather([record])
    row = _row("asked", found)
    assert rows.inflate(row.pop("body"), 1_000) == record.value()
    assert row == {
        "id": "r-1", "agent": "ode", "task": "ivp", "sent_at": 1_700_000_000.5, "priority": "normal", "seed": 7,
        "labels": '{"team":"fluids"}', "content_type": content_type or "application/json", "size": len(record.value()),
    }  # fmt: skip
    assert found.moved == {("compute.requests", 2): 42}


def test_a_result_is_a_row_with_its_message():
    """What became of it, and the result as it was sent."""
    record = Record("compute.results", RESULT)
    row = _row("answered", gather([record]))
    assert rows.inflate(row.pop("body"), 1_000) == record.value()
    assert row == {
        "id": "r-1", "agent": "ode", "task": "ivp", "status": "failed", "code": "singular",
        "completed_at": 1_795_514_400.123, "run_s": 0.5, "queued_s": 0.25, "worker": "host/1", "cached": True,
        "content_type": "application/json", "size": len(record.value()),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "value", "kind", "expected"),
    [
        ("ops.incidents", INCIDENT, "incidents", {"id": "INC-1", "version": 3, "severity": "P0", "resolved_at": None}),
        ("ops.notifications", NOTIFICATION, "notifications", {"offset": 5, "receiver": "ops", "status": "delivered"}),
        ("ops.commands", COMMAND, "audit", {"offset": 5, "who": "ada", "action": "acknowledge", "subject": "INC-1"}),
    ],
)
def test_what_is_done_about_incidents_becomes_rows(topic, value, kind, expected):
    """Incidents, what people were told, and who did what."""
    row = _row(kind, gather([Record(topic, value, 5)]))
    assert expected.items() <= row.items()


def test_topics_are_known_by_their_prefix():
    """The prefix of a system's topics is taken off."""
    found = gather([Record("p.compute.requests", REQUEST)], "p.")
    assert [kind for kind, _ in found.kinds()] == ["asked"]


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        ("compute.requests", b"\xff\xfe"),
        ("compute.requests", b"{" * 5_000),
        ("compute.requests", {"id": "", "agent": "ode", "task": "ivp"}),
        ("compute.requests", {"id": "a\x00b", "agent": "ode", "task": "ivp"}),
        ("compute.requests", REQUEST | {"seed": 1 << 63}),
        ("compute.requests", REQUEST | {"seed": -1}),
        ("compute.results", RESULT | {"status": "lost"}),
        ("compute.results", RESULT | {"completed_at": "yesterday"}),
        ("ops.incidents", {"id": "INC-1"}),
        ("ops.commands", COMMAND | {"at": "2026-11-24T10:01:00"}),
        ("ops.incidents", None),
    ],
)
def test_what_is_no_record_of_ours_is_passed_by(topic, value):
    """It makes no row, and the partition goes on behind it."""
    found = gather([Record(topic, value, 9)])
    assert list(found.kinds()) == []
    assert found.moved == {(topic, 0): 10}


def test_text_has_no_nul_and_an_end():
    """No database takes a NUL, and nobody fills it with one agent's name."""
    hostile = REQUEST | {"agent": "a\x00b" + "x" * 100_000, "labels": {"a\x00": "\\\x00", "b": "\\u0000"}}
    row = _row("asked", gather([Record("compute.requests", hostile)]))
    assert row["agent"].startswith("a\ufffdb")
    assert len(row["agent"]) == 4_000
    assert msgspec.json.decode(row["labels"]) == {"a\ufffd": "\\\ufffd", "b": "\\u0000"}


@pytest.mark.parametrize(("instant", "seconds"), [("0001-01-01T00:00:00Z", 0.0), ("9999-12-31T23:59:59.9999Z", None)])
def test_instants_are_within_what_databases_hold(instant, seconds):
    """An instant from before the epoch, or at the end of time, is brought within."""
    row = _row("answered", gather([Record("compute.results", RESULT | {"completed_at": instant})]))
    assert row["completed_at"] == (rows._LATEST if seconds is None else seconds)


def test_a_body_that_is_too_large_is_left_out():
    """Its row is there, with its size."""
    row = _row("asked", gather([Record("compute.requests", REQUEST)], body_limit=10))
    assert row["body"] is None
    assert row["size"] > 10


def test_of_one_id_the_last_counts():
    """Repeats within one batch are one row; of an incident the latest version is."""
    found = gather([
        Record("compute.results", RESULT, 0),
        Record("compute.results", RESULT | {"status": "succeeded", "error": None}, 1),
        Record("ops.incidents", INCIDENT, 0),
        Record("ops.incidents", INCIDENT | {"version": 2}, 1),
    ])  # fmt: skip
    kinds = dict(found.kinds())
    assert [row[3] for row in kinds["answered"]] == ["succeeded"]
    assert [row[1] for row in kinds["incidents"]] == [3]


@pytest.mark.parametrize("body", [b"", b"no zlib", rows._body(bytes(100), 1_000)[:-3], rows._body(bytes(2_000), 9_000)])
def test_a_body_that_is_damaged_or_a_bomb_is_refused(body):
    """What comes back from a store is bounded too."""
    with pytest.raises(ValueError, match="body"):
        rows.inflate(body, 1_000)
