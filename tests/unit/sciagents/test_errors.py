"""Errors: what they say, and whose fault they are."""

import pickle

import pytest

from agents.outcome import NOTHING_TO_SAY, Problem
from sciagents.errors import BrokerError, ComputeError, NoAnswerError, NotFoundError, SciAgentsError, UsageError
from streams.contracts import Error, Provenance, Result


def _result(error, status="failed"):
    return Result(
        id="r", agent="linalg", task="solve", status=status, outputs=None, error=error, warnings=[],
        diagnostics=NOTHING_TO_SAY, provenance=Provenance(version="0"), labels={}, completed_at="2026-11-24T10:00:00Z",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "fault", "retryable"),
    [
        ("invalid_input", "caller", False),
        ("singular", "caller", False),
        ("cancelled", "caller", False),
        ("timed_out", "passing", True),
        ("unavailable", "passing", True),
        ("worker_crashed", "ours", True),
        ("internal", "ours", True),
    ],
)
def test_a_code_says_whose_fault_it_is(code, fault, retryable):
    error = ComputeError(code, "text")
    assert (error.fault, error.retryable) == (fault, retryable)


def test_a_result_without_outputs_becomes_an_error_with_all_of_it():
    result = _result(Error(code="singular", message="a is singular", field="inputs.a", hint="least squares"))
    error = ComputeError.of_result(result)
    assert (error.code, error.message, error.field, error.hint) == (
        "singular", "a is singular", "inputs.a", "least squares"
    )  # fmt: skip
    assert error.result is result
    assert str(error) == "singular: inputs.a: a is singular (least squares)"


def test_a_result_without_an_error_is_our_fault():
    assert ComputeError.of_result(_result(None)).fault == "ours"


def test_a_problem_becomes_an_error_without_a_result():
    error = ComputeError.of(Problem("invalid_input", "wrong", field="inputs", hint="right"))
    assert (error.code, error.field, error.hint, error.result) == ("invalid_input", "inputs", "right", None)


def test_an_error_survives_another_process():
    error = pickle.loads(pickle.dumps(ComputeError("singular", "text", field="inputs.a", hint="h", retryable=True)))
    assert (error.code, error.message, error.field, error.hint, error.retryable) == (
        "singular", "text", "inputs.a", "h", True
    )  # fmt: skip


@pytest.mark.parametrize("kind", [ComputeError, UsageError, NotFoundError, BrokerError, NoAnswerError])
def test_every_error_is_a_sci_agents_error(kind):
    assert issubclass(kind, SciAgentsError)
