"""What a crash leaves behind: every request is answered, and a repeat says the same."""

import msgspec
import numpy as np
from confluent_kafka import Consumer, TopicPartition

COUNT = 10_000
_MAY_DIFFER = ("provenance", "completed_at")


def _requests():
    drawn = np.random.default_rng(5).uniform(-1.0, 1.0, (COUNT, 6)).tolist()
    for number, (a, b, c, d, e, f) in enumerate(drawn):
        inputs = {"a": [[3 + a, b], [c, 3 + d]], "b": [e, f]}
        yield msgspec.json.encode({"id": f"r-{number}", "agent": "linalg", "task": "solve", "inputs": inputs})


def _consumer(lane):
    return Consumer({"bootstrap.servers": lane.bootstrap, "group.id": f"{lane.prefix}sci-agents"})


def _ends(lane, topic):
    consumer = _consumer(lane)
    places = [TopicPartition(f"{lane.prefix}{topic}", number) for number in range(4)]
    ends = [consumer.get_watermark_offsets(place, timeout=20)[1] for place in places]
    consumer.close()
    return ends


def _committed(lane):
    consumer = _consumer(lane)
    places = [TopicPartition(f"{lane.prefix}compute.requests", number) for number in range(4)]
    committed = [max(found.offset, 0) for found in consumer.committed(places, timeout=20)]
    consumer.close()
    return committed


def test_kill_9_in_the_middle_of_ten_thousand_requests(kafka_lane):
    """On real Kafka: killed, started again, every id has a result; repeats are byte-identical but for two fields."""
    answers = kafka_lane.answers
    worker = kafka_lane.start_worker()
    requests = list(_requests())
    kafka_lane.publish(*requests[: COUNT // 2])
    answers.wait(lambda found: len(found.by_id) > 0)
    kafka_lane.publish(*requests[COUNT // 2 :])
    worker.kill()
    kafka_lane.start_worker()
    answers.wait(lambda found: len(found.by_id) == COUNT, 120.0)
    for results in answers.by_id.values():
        kept = [{name: value for name, value in result.items() if name not in _MAY_DIFFER} for result in results]
        assert all(msgspec.json.encode(other) == msgspec.json.encode(kept[0]) for other in kept)
    workers = {result["provenance"]["worker"] for results in answers.by_id.values() for result in results}
    assert len(workers) == 2


def test_what_the_last_owner_answered_is_not_answered_again(kafka_lane):
    """It died before it committed: had it answered in time what has expired by now, there is no second answer."""
    request = {"agent": "linalg", "task": "solve", "inputs": {"a": [[2.0]], "b": [1.0]}}
    late = msgspec.json.encode(request | {"id": "late", "expires_at": "2020-01-01T00:00:00Z"})
    kafka_lane.publish(late, key=b"k")
    kafka_lane.publish(b'{"id": "late", "status": "succeeded"}', topic="compute.results", key=b"late")
    kafka_lane.publish(msgspec.json.encode(request | {"id": "next"}), key=b"k")
    worker = kafka_lane.start_worker()
    kafka_lane.answers.one("next")
    worker.stop()
    ends, committed = _ends(kafka_lane, "compute.results"), _committed(kafka_lane)
    assert sum(ends) == 2
    assert committed == _ends(kafka_lane, "compute.requests")


def test_what_was_answered_is_committed(kafka_lane):
    """After a clean stop the group's offsets are the ends of the partitions."""
    worker = kafka_lane.start_worker()
    kafka_lane.publish(*list(_requests())[:1000])
    kafka_lane.answers.wait(lambda found: len(found.by_id) == 1000)
    worker.stop()
    ends = _ends(kafka_lane, "compute.requests")
    assert _committed(kafka_lane) == ends
    assert sum(ends) == 1000
