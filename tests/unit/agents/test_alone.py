"""Requests that are computed by themselves: which failures are outcomes, and which go through."""

import msgspec
import numpy as np
import pytest

from agents import alone
from agents.outcome import Diagnostics, Outcome, Problem
from agents.task import TaskOptions


class Inputs(msgspec.Struct, forbid_unknown_fields=True):
    """One number, and named ones."""

    x: float
    named: dict[str, float] = {}


def no_watch(fraction, stage):
    pass


def work_of(outputs):
    return lambda _watch, _kept: Outcome(outputs, "k", compiled=True)


def test_a_problem_is_the_outcome():
    def fail(watch, kept):
        raise Problem("singular", "no", field="inputs.x")

    assert alone.compute([alone.Alone("k", fail, 1.0)], no_watch)[0].problem.code == "singular"


def test_a_float_that_overflows_is_no_answer():
    """Python raises where NumPy gives inf."""
    plan = alone.Alone("k", lambda _watch, _kept: Outcome({"a": 1e155**2.5}, "k", True), 1.0)
    assert alone.compute([plan], no_watch)[0].problem.code == "non_finite"


@pytest.mark.parametrize("code", ["timed_out", "cancelled"])
def test_what_the_watch_raises_goes_through(code):
    def stop(fraction, stage):
        raise Problem(code, "stop")

    with pytest.raises(Problem):
        alone.compute([alone.Alone("k", lambda watch, _: watch(0.0, "x"), 1.0)], stop)


@pytest.mark.parametrize(
    ("outputs", "place"),
    [({"a": np.array([1.0, np.nan])}, "outputs.a"), ({"a": {"b": [1.0, float("inf")]}}, "outputs.a.b[1]"),
     ({"a": np.array([1 + 1j * np.inf])}, "outputs.a")],
)  # fmt: skip
def test_an_output_that_is_not_finite_is_no_answer(outputs, place):
    plan = alone.Alone("k", work_of(outputs), 1.0)
    problem = alone.compute([plan], no_watch)[0].problem
    assert problem.code == "non_finite"
    assert place in problem.message


@pytest.mark.parametrize("bound", [float("inf"), float("nan")])
def test_an_error_without_bound_is_no_answer(bound):
    outcome = Outcome({"a": 1.0}, "k", True, Diagnostics(error_estimate=bound))
    plan = alone.Alone("k", lambda _watch, _kept: outcome, 1.0)
    assert alone.compute([plan], no_watch)[0].problem.code == "non_finite"


def test_a_finite_output_is_checked_and_says_so():
    made = alone.compute([alone.Alone("k", work_of({"a": 1.0, "n": 3, "s": "x"}), 1.0)], no_watch)[0]
    assert [(check.name, check.passed) for check in made.diagnostics.checks] == [("finite", True)]


@pytest.mark.parametrize(
    ("inputs", "field"),
    [({"x": "1"}, "inputs.x"), ({"x": True}, "inputs.x"), ({}, "inputs.x"), ({"x": 1, "y": 2}, "inputs.y"),
     ({"x": float("nan")}, "inputs.x"), ({"x": 1, "named": {"a": 1, "b": "c"}}, "inputs.named.b")],
)  # fmt: skip
def test_inputs_are_read_as_declared(inputs, field):
    made = alone.task(
        agent="a", name="t", summary="", inputs=Inputs, options=TaskOptions, methods=(), example={},
        prepare=lambda given, how, seed: alone.Alone("k", work_of({"x": given.x}), 1.0),
    )  # fmt: skip
    with pytest.raises(Problem) as caught:
        made.prepare(inputs, {}, 0)
    assert caught.value.field == field
    assert made.compute([made.prepare({"x": 2}, {}, 0)], no_watch)[0].outputs == {"x": 2.0}
