"""Profiles: the stages add up, each share is one of a whole, and without a clock nothing is made up."""

import time

import pytest

from agents import catalogue
from agents.outcome import Problem

TASK = catalogue.find("profile", "request")


class Ticking:
    """A watch whose clock goes on by a second each time it is read."""

    def __init__(self):
        self.now = 0.0

    def __call__(self, fraction, stage):
        assert -1e-9 <= fraction <= 1 + 1e-9

    def clock(self):
        self.now += 1.0
        return self.now


class Real(Ticking):
    def clock(self):
        return time.perf_counter()


def profiled(request, watch, **options):
    (outcome,) = TASK.compute([TASK.prepare({"request": request}, options, 1)], watch)
    assert outcome.problem is None
    return outcome


ENSEMBLE = {
    "agent": "ode", "task": "ensemble",
    "inputs": {"equations": {"x": "y", "y": "-w*sin(x)"}, "initial": {"x": 1, "y": 0}, "t_span": [0, 100],
               "samples": {"w": [1 + i / 500 for i in range(500)]}},
}  # fmt: skip


def test_each_stage_is_measured_and_they_add_up():
    outputs = profiled(TASK.example["request"], Ticking(), repeats=2).outputs
    assert outputs["stages"] == {"decode": 1.0, "prepare": 1.0, "compute": 1.0, "encode": 1.0}
    assert outputs["total"] == 4.0
    assert len(outputs["compute_all"]) == 2


def test_kernels_have_the_greatest_share_of_a_large_ensemble():
    outputs = profiled(ENSEMBLE, Real(), repeats=1).outputs
    assert sum(outputs["shares"].values()) == pytest.approx(1.0)
    if outputs["compiled"]:
        assert outputs["kernel_share"] > 0.5
    assert outputs["memory"]["peak_bytes"] > 500 * 2 * 8
    assert outputs["watched"] >= 1


def test_without_a_clock_times_are_null():
    outcome = profiled(TASK.example["request"], lambda fraction, stage: None)
    assert set(outcome.outputs["stages"].values()) == {None}
    assert outcome.outputs["shares"] is None
    assert outcome.warnings
    assert outcome.outputs["evaluations"] > 0


def test_a_request_that_fails_is_profiled_and_told():
    singular = {"agent": "linalg", "task": "solve", "inputs": {"a": [[1, 1], [1, 1]], "b": [1, 2]}}
    outputs = profiled(singular, Ticking()).outputs
    assert (outputs["status"], outputs["code"]) == ("failed", "singular")


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        ({"agent": "od", "task": "ivp", "inputs": {}}, "inputs.request.agent"),
        ({"agent": "ode", "task": "ivp", "inputs": {}}, "inputs.request.inputs.equations"),
        ({"agent": "profile", "task": "request", "inputs": {}}, "inputs.request.agent"),
        ({"agent": "ode", "task": "ivp"}, "inputs.request.inputs"),
    ],
)
def test_what_is_no_request_is_rejected_with_its_field(request_, field):
    with pytest.raises(Problem) as caught:
        TASK.prepare({"request": request_}, {}, 1)
    assert caught.value.field == field
