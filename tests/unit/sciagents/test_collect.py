"""Node metrics as ops events."""

from sciagents import collect


def test_a_reading_is_three_metrics_and_a_heartbeat():
    """Of one instant and one source, each with an id of its own."""
    events = list(collect.events(collect.Reading(12.5, 40.0, 70.0), "host-1", 0.0, 5.0))
    metrics = {event.name: event.value for event in events if event.kind == "metric"}
    assert metrics == {"cpu_percent": 12.5, "memory_percent": 40.0, "disk_percent": 70.0}
    assert {event.unit for event in events if event.kind == "metric"} == {"percent"}
    assert [event.ttl_s for event in events if event.kind == "heartbeat"] == [15.0]
    assert {(event.source, event.time) for event in events} == {("host-1", "1970-01-01T00:00:00.000Z")}
    assert len({event.id for event in events}) == 4


def test_this_machine_can_be_read(tmp_path):
    """Shares in use, in percent."""
    reading = collect.read(str(tmp_path))
    assert all(0.0 <= share <= 100.0 for share in reading)
    assert reading.memory > 0.0
    assert reading.disk > 0.0
