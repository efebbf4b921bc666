"""Which requests share an answer, and which never do."""

import math

import msgspec
import pytest

from agents import catalogue
from agents.outcome import Outcome, Problem
from streams.admit import Job, Origin, admit
from streams.cache import content
from streams.codec import JSON, MSGPACK, encode_result, receive
from streams.contracts import Result

QUAD = {"id": "r-1", "agent": "integrate", "task": "quad",
        "inputs": {"integrand": "exp(-x**2)", "variable": "x", "bounds": [0, 1]}}  # fmt: skip
RANDOM = {"id": "r-1", "agent": "integrate", "task": "monte_carlo",
          "inputs": {"integrand": "x*y", "bounds": {"x": [0, 1], "y": [0, 1]}, "n_samples": 256}}  # fmt: skip
FORM = content.form(b"program", False, 10_000)


def _job(value: dict, content_type: str = JSON) -> Job:
    encode = msgspec.msgpack.encode if content_type == MSGPACK else msgspec.json.encode
    origin = Origin(("compute.requests", 0), 7, 0, content_type, [])
    job = admit(receive(encode(value), content_type), origin, 0.0, (), 60.0)
    assert isinstance(job, Job), job
    return job


def _key(value: dict, content_type: str = JSON, form: bytes = FORM, floor: float = 0.0) -> bytes | None:
    return content.key(_job(value, content_type), form, floor)


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("ids", {"id": "r-2"}),
        ("labels", {"labels": {"team": "a"}}),
        ("priorities", {"priority": "low"}),
        ("times", {"timeout_s": 9.0, "expires_at": "2100-01-01T00:00:00Z"}),
    ],
)
def test_who_asks_and_how_makes_no_difference(rule, changes):
    """Requests that differ in ids, labels, priority or times share an answer."""
    assert _key(QUAD | changes) == _key(QUAD) is not None


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("inputs", {"inputs": QUAD["inputs"] | {"bounds": [0, 2]}}),
        ("options", {"options": {"epsrel": 1e-3}}),
        ("the form of arrays", {"options": {"arrays": "base64"}}),
        ("seeds", {"seed": 3}),
    ],
)
def test_what_an_answer_depends_on_is_in_its_key(rule, changes):
    """Requests that differ in what is asked do not share an answer."""
    assert None is not _key(QUAD | changes) != _key(QUAD)


def test_another_program_or_another_form_has_other_answers():
    """A changed kernel, and msgpack beside JSON, give other bytes."""
    keys = {
        _key(QUAD),
        _key(QUAD, form=content.form(b"other", False, 10_000)),
        _key(QUAD, form=content.form(b"program", False, 9)),
        _key(QUAD, MSGPACK, content.form(b"program", True, 10_000)),
    }
    assert len(keys) == 4


def test_infinities_of_either_sign_have_keys_of_their_own():
    """In msgpack an infinity is a number: the sign that JSON's null would lose is in the key."""
    inputs = [QUAD["inputs"] | {"bounds": [0.0, end]} for end in (1.0, math.inf)]
    below = QUAD["inputs"] | {"bounds": [-math.inf, 0.0]}
    above = QUAD["inputs"] | {"bounds": [math.inf, 0.0]}
    keys = [_key(QUAD | {"inputs": one}, MSGPACK) for one in (*inputs, below, above)]
    assert None not in keys
    assert len(set(keys)) == 4


@pytest.mark.parametrize(
    ("rule", "value", "floor"),
    [
        ("the caller wants none", QUAD | {"cache": False}, 0.0),
        ("it costs less than a look", QUAD, 1e12),
        ("its seed follows from its id", RANDOM, 0.0),
        ("what it measures differs each time",
         {"id": "r-1", "agent": "profile", "task": "request", "seed": 1, "inputs": {"request": QUAD}}, 0.0),
        ("it is a workflow", {"id": "r-1", "agent": "workflow", "task": "run", "seed": 1,
                              "inputs": {"steps": [{key: QUAD[key] for key in ("id", "agent", "task", "inputs")}]}},
         0.0),
        ("it needs what another request left", {"id": "r-1", "agent": "surrogate", "task": "predict", "seed": 1,
                                                "inputs": {"surrogate_id": "sur-" + "0" * 32, "at": [1.0]}}, 0.0),
    ],
)  # fmt: skip
def test_some_requests_are_never_looked_up(rule, value, floor):
    """Without a key nothing is read and nothing is kept."""
    assert _key(value, floor=floor) is None


def test_random_numbers_are_shared_by_those_who_name_their_seed():
    """Equal explicit seeds share an answer; the ids do not matter then."""
    assert _key(RANDOM | {"seed": 1}) == _key(RANDOM | {"seed": 1, "id": "r-2"}) is not None
    assert _key(RANDOM | {"seed": 2}) != _key(RANDOM | {"seed": 1})


@pytest.mark.parametrize(
    ("outcome", "kept"),
    [
        (Outcome({"x": 1.0}, "k", True), True),
        (Outcome({"x": 1.0}, "k", True, keep={"sur-1": b""}), False),
        *((Outcome(None, "k", True, problem=Problem(code, "m")), code in content.KEPT_FAILURES)
          for code in ("singular", "infeasible", "unbounded", "not_converged", "non_finite", "timed_out", "cancelled",
                       "internal", "worker_crashed", "unavailable", "budget_exceeded", "too_large")),
    ],
)  # fmt: skip
def test_only_what_would_come_out_again_is_kept(outcome, kept):
    """Successes and failures of the problem are kept, what a machine or a moment did is not."""
    assert content.may_be_kept(outcome) == kept


SHARED = [name for name, task in catalogue.TASKS.items() if task.repeats == "inputs"]


def test_most_tasks_share_their_answers():
    """The tasks that say so are those without random numbers."""
    assert len(SHARED) >= 25
    assert ("linalg", "solve") in SHARED
    assert ("integrate", "monte_carlo") not in SHARED


@pytest.mark.parametrize("name", SHARED, ids=".".join)
def test_two_ids_without_a_seed_get_equal_bytes(name):
    """A task that says that it repeats by its inputs gives equal bytes whatever the request's id."""
    task = catalogue.TASKS[name]
    value = {"agent": name[0], "task": name[1], "inputs": dict(task.example)}
    answers = []
    for request_id in ("r-1", "r-2"):
        job = _job(value | {"id": request_id})
        (outcome,) = task.compute([job.plan], lambda fraction, stage: None)
        assert outcome.problem is None
        result = Result(id="", agent=None, task=None, status="succeeded", outputs=outcome.outputs, error=None,
                        warnings=outcome.warnings, diagnostics=outcome.diagnostics, provenance=None, labels={},
                        completed_at="")  # fmt: skip
        answers.append(encode_result(result))
    assert answers[0] == answers[1]


def test_the_program_has_one_digest():
    """Two workers of one build agree on what computes."""
    assert content.program() == content.program()
    assert len(content.program()) == 32
