"""Workers with a cache: equal requests are computed once, and nothing is lost when the cache is."""

import uuid

import msgspec
import pytest
import stamina

from agents import catalogue

OWN = {"id", "provenance", "completed_at", "labels"}
"""What an answer has of its own."""
FAST = {"agent": "ode", "task": "ivp", "inputs": catalogue.TASKS["ode", "ivp"].example | {"t_span": [0, 300]}}
HEAVY = {"agent": "pde", "task": "heat", "inputs": dict(catalogue.TASKS["pde", "heat"].example)}
SINGULAR = {"agent": "linalg", "task": "solve", "inputs": {"a": [[0.0] * 150] * 150, "b": [1.0] * 150}}
RANDOM = {"agent": "uq", "task": "sensitivity", "inputs": dict(catalogue.TASKS["uq", "sensitivity"].example)}


@pytest.fixture
def lane(kafka_lane):
    """A lane on Apache Kafka, whose workers keep answers in memory."""
    return kafka_lane


@pytest.fixture
def redis_lane(kafka_lane, redis_server, monkeypatch):
    """A lane on Apache Kafka, whose workers share a Redis."""
    monkeypatch.setenv("SCI_AGENTS_REDIS_URL", redis_server.url)
    return kafka_lane


def _ask(lane, request: dict, **more) -> dict:
    request_id = uuid.uuid4().hex
    lane.publish(msgspec.json.encode({"id": request_id, **request, **more}))
    return lane.answers.one(request_id)


def _said(answer: dict) -> bytes:
    return msgspec.json.encode({name: value for name, value in answer.items() if name not in OWN})


@pytest.mark.parametrize(("request_", "lane_"), [(FAST, "fast"), (HEAVY, "heavy")], ids=["fast", "heavy"])
def test_an_equal_request_gets_the_same_bytes_without_computing(lane, request_, lane_):
    """The second answer is byte-identical but for its own parts, and says that it was kept."""
    lane.start_worker()
    first, second = _ask(lane, request_), _ask(lane, request_, labels={"team": "fluids"}, priority="high")
    assert first["status"] == "succeeded", first["error"]
    assert _said(first) == _said(second)
    assert (first["provenance"]["cached"], first["provenance"]["lane"]) == (False, lane_)
    assert second["provenance"]["cached"]
    assert second["provenance"]["run_s"] == 0.0
    for same in ("inputs_hash", "kernel", "compiled", "version"):
        assert second["provenance"][same] == first["provenance"][same]
    assert second["labels"] == {"team": "fluids"}


def test_who_wants_no_cache_neither_reads_nor_writes_it(lane):
    """`cache: false` is computed each time, and leaves nothing for others."""
    lane.start_worker()
    answers = [_ask(lane, FAST, cache=False), _ask(lane, FAST), _ask(lane, FAST, cache=False), _ask(lane, FAST)]
    assert [answer["provenance"]["cached"] for answer in answers] == [False, False, False, True]
    assert len({_said(answer) for answer in answers}) == 1


def test_random_numbers_of_an_id_are_its_own(lane):
    """Without a seed two ids get two samples; with one seed they share an answer."""
    lane.start_worker()
    own = [_ask(lane, RANDOM) for _ in range(2)]
    assert [answer["provenance"]["cached"] for answer in own] == [False, False]
    assert _said(own[0]) != _said(own[1])
    seeded = [_ask(lane, RANDOM, seed=7) for _ in range(2)]
    assert [answer["provenance"]["cached"] for answer in seeded] == [False, True]
    assert _said(seeded[0]) == _said(seeded[1])


def test_a_failure_of_the_problem_is_kept(lane):
    """A singular system is singular each time."""
    lane.start_worker()
    answers = [_ask(lane, SINGULAR) for _ in range(2)]
    assert [answer["error"]["code"] for answer in answers] == ["singular", "singular"]
    assert [answer["provenance"]["cached"] for answer in answers] == [False, True]
    assert _said(answers[0]) == _said(answers[1])


def test_equal_requests_that_come_together_are_computed_once(lane):
    """Of twenty in one batch one is computed, in either lane."""
    lane.publish(*(msgspec.json.encode({"id": f"f-{n}", **FAST}) for n in range(20)))
    lane.publish(*(msgspec.json.encode({"id": f"h-{n}", **HEAVY}) for n in range(6)))
    lane.start_worker()
    lane.answers.wait(lambda answers: len(answers.by_id) == 26)
    for kind in "fh":
        answers = [found[0] for name, found in lane.answers.by_id.items() if name.startswith(kind)]
        assert len({_said(answer) for answer in answers}) == 1
        assert sum(not answer["provenance"]["cached"] for answer in answers) == 1


@pytest.mark.parametrize("request_", [FAST, HEAVY], ids=["fast", "heavy"])
def test_workers_share_what_they_compute(redis_lane, request_):
    """What one worker computed another one finds, also after the first is gone."""
    first = redis_lane.start_worker()
    computed = _ask(redis_lane, request_)
    first.stop()
    redis_lane.start_worker()
    repeated = _ask(redis_lane, request_)
    assert (computed["provenance"]["cached"], repeated["provenance"]["cached"]) == (False, True)
    assert computed["provenance"]["worker"] != repeated["provenance"]["worker"]
    assert _said(computed) == _said(repeated)


@pytest.mark.parametrize(("hurt", "heal"), [("kill", "start"), ("pause", "resume")])
def test_a_redis_that_vanishes_costs_no_request(redis_lane, redis_server, hurt, heal):
    """While it is away everything is computed; when it is back it is used again."""
    redis_lane.start_worker()
    assert _ask(redis_lane, FAST)["status"] == "succeeded"
    getattr(redis_server, hurt)()
    for request in (FAST, HEAVY):
        answers = [_ask(redis_lane, request) for _ in range(2)]
        assert [answer["status"] for answer in answers] == ["succeeded"] * 2
    getattr(redis_server, heal)()
    for attempt in stamina.retry_context(on=AssertionError, attempts=None, timeout=60.0, wait_max=0.5):
        with attempt:
            assert _ask(redis_lane, FAST)["provenance"]["cached"]
