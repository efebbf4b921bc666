"""A thousand hostile inputs a task: no crash, no hang past the deadline, and an error that names its field."""

import math
import os
import resource
import time
from typing import get_args

import msgspec
import pytest
from hostile import requests
from hypothesis import HealthCheck, given, settings

from agents import catalogue
from agents.outcome import Code, Outcome, Problem
from streams.codec import encode_result
from streams.contracts import Provenance, Result

EXAMPLES = int(os.environ.get("SCI_AGENTS_HOSTILE", "1000"))
DEADLINE_S = 0.05
HANG_S = 20.0
"""What no computation may take beyond its deadline, on the slowest machine."""
MEMORY = 10 << 30
CODES = set(get_args(Code))


@pytest.fixture(autouse=True)
def bounded_memory():
    """Let an allocation that no machine has fail at once, in place of taking the machine down."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


class Deadline:
    """A watch that stops the work at its deadline."""

    def __init__(self) -> None:
        self.until = time.monotonic() + DEADLINE_S

    def __call__(self, fraction, stage):
        assert -1e-9 <= fraction <= 1 + 1e-9, (fraction, stage)
        if time.monotonic() > self.until:
            raise Problem("timed_out", "the deadline", field="timeout_s")


def check_problem(problem: Problem) -> None:
    assert problem.code in CODES
    assert problem.code not in {"internal", "invalid_message", "worker_crashed"}
    assert problem.message
    assert problem.field
    assert problem.field.partition(".")[0].partition("[")[0] in {"inputs", "options"}, problem.field
    assert len(problem.message) < 2000
    if problem.code != "timed_out":
        assert problem.hint


def check_outcome(outcome: Outcome) -> None:
    if outcome.problem is not None:
        check_problem(outcome.problem)
        assert outcome.outputs is None or outcome.problem.code in CODES
        return
    assert isinstance(outcome.outputs, dict)
    estimate = outcome.diagnostics.error_estimate
    assert estimate is None or (math.isfinite(estimate) and estimate >= 0), estimate
    provenance = Provenance(version="0", worker="w", batch=1, run_s=0, queued_s=0, kernel=outcome.kernel, compiled=True)
    result = Result(
        id="r", agent="a", task="t", status="succeeded", outputs=outcome.outputs, error=None, warnings=outcome.warnings,
        diagnostics=outcome.diagnostics, provenance=provenance, labels={}, completed_at="",
    )  # fmt: skip
    assert msgspec.json.decode(encode_result(result))["outputs"].keys() == outcome.outputs.keys()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", [pytest.param(key, id=".".join(key)) for key in catalogue.TASKS])
def test_hostile_inputs_get_an_answer_or_an_error_that_names_the_field(name):
    task = catalogue.TASKS[name]

    @settings(
        max_examples=EXAMPLES, derandomize=True, database=None, suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(requests(task))
    def hostile(request):
        inputs, options = request
        watch = Deadline()
        try:
            plan = task.prepare(inputs, options, 1)
        except Problem as problem:
            check_problem(problem)
            return
        finally:
            assert time.monotonic() < watch.until + HANG_S, "prepare"
        assert plan.cost >= 0
        hash(plan.group)
        watch = Deadline()
        try:
            outcomes = task.compute([plan], watch)
        except Problem as problem:
            assert problem.code == "timed_out"
        else:
            assert len(outcomes) == 1
            check_outcome(outcomes[0])
        finally:
            assert time.monotonic() < watch.until + HANG_S, "compute"

    hostile()


@pytest.mark.parametrize("name", [pytest.param(key, id=".".join(key)) for key in catalogue.TASKS])
def test_the_example_is_answered_twice_alike(name):
    task = catalogue.TASKS[name]
    first, second = (task.compute([task.prepare(dict(task.example), {}, 5)], lambda fraction, stage: None)[0]
                     for _ in range(2))  # fmt: skip
    assert first.problem is None, first.problem and first.problem.message
    check_outcome(first)
    encode = msgspec.json.Encoder(enc_hook=lambda value: value.tolist() if hasattr(value, "tolist") else repr(value))
    assert encode.encode((first.outputs, first.diagnostics)) == encode.encode((second.outputs, second.diagnostics))
