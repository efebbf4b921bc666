"""Divided work: any cut into shards, computed anywhere and in any order, gives the bytes of the whole."""

from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents import alone, catalogue, divided
from agents.alone import Alone
from agents.arrays import Array
from agents.outcome import Outcome, Problem
from streams.codec import encode_result
from streams.contracts import Provenance, Result

NORMAL, UNIFORM = {"distribution": "norm"}, {"distribution": "uniform", "loc": -1, "scale": 2}
MODEL = {"model": "x + x*y**2", "distributions": {"x": NORMAL, "y": UNIFORM}}
LORENZ = {
    "equations": {"x": "10*(y - x)", "y": "x*(r - z) - y", "z": "x*y - 8*z/3"}, "initial": {"y": 1, "z": 20},
    "t_span": [0, 0.1], "samples": {"r": {"distribution": "norm", "loc": 28}, "x": UNIFORM},
}  # fmt: skip
CASES = {
    "ensemble, final": ("ode", "ensemble", {**LORENZ, "n_members": 150_000}, {"rtol": 1e-3}),
    "ensemble, statistics": (
        "ode", "ensemble", {**LORENZ, "n_members": 5000, "output": "statistics", "n_points": 60}, {"rtol": 1e-3},
    ),
    "ensemble, summed up": (
        "ode", "ensemble", {**LORENZ, "n_members": 50_000, "output": "statistics", "n_points": 60}, {"rtol": 1e-3},
    ),
    "ensemble, with bounds": (
        "ode", "ensemble",
        {**LORENZ, "n_members": 3000, "output": "trajectory", "n_points": 100}, {"error_estimate": True},
    ),
    "ensemble, some fail": (
        "ode", "ensemble",
        {"equations": {"x": "x*x"}, "initial": {}, "t_span": [0, 1], "n_members": 4000, "output": "statistics",
         "n_points": 200, "samples": {"x": {"distribution": "norm", "scale": 0.6}}}, {},
    ),
    "propagate, random": ("uq", "propagate", {**MODEL, "n_samples": 200_000, "n_kept": 7}, {}),
    "propagate, lhs": ("uq", "propagate", {**MODEL, "n_samples": 200_000, "sampler": "lhs"}, {}),
    "propagate, sobol": ("uq", "propagate", {**MODEL, "n_samples": 262_144, "sampler": "sobol", "n_kept": 50}, {}),
    "sensitivity, sobol": ("uq", "sensitivity", {**MODEL, "n_samples": 65_536, "second_order": True}, {}),
    "sensitivity, morris": ("uq", "sensitivity", {**MODEL, "method": "morris", "n_samples": 60_000}, {}),
    "rare_event, subset": ("uq", "rare_event", {**MODEL, "threshold": 6.0, "n_samples": 1600}, {}),
    "rare_event, counted": (
        "uq", "rare_event", {**MODEL, "threshold": 4.0, "n_samples": 200_000, "method": "monte_carlo"}, {},
    ),
    "monte_carlo, sobol": (
        "integrate", "monte_carlo", {"integrand": "exp(-x*y)", "bounds": {"x": [0, 1], "y": [0, None]},
                                     "n_samples": 262_144}, {},
    ),
    "monte_carlo, random": (
        "integrate", "monte_carlo", {"integrand": "exp(-x*y)", "bounds": {"x": [0, 1], "y": [0, 2]},
                                     "n_samples": 200_000, "sampler": "random"}, {},
    ),
    "not finite": ("uq", "propagate", {**MODEL, "model": "log(x + 4.2)", "n_samples": 400_000}, {}),
    "not reached": ("uq", "rare_event", {**MODEL, "model": "sin(x)", "threshold": 3.0, "n_samples": 1600}, {}),
}  # fmt: skip


def no_watch(fraction, stage):
    assert 0.0 <= fraction <= 1.0


def plan_of(agent, task, inputs, options):
    return catalogue.find(agent, task).prepare(inputs, options, 7)


def bytes_of(outcome: Outcome) -> bytes:
    problem = None if outcome.problem is None else divided.trouble(outcome.problem)
    result = Result(
        id="r", agent="a", task="t", status="succeeded", outputs=outcome.outputs, error=problem,
        warnings=outcome.warnings, diagnostics=outcome.diagnostics, provenance=Provenance(version="0"), labels={},
        completed_at="",
    )  # fmt: skip
    return encode_result(result, "application/msgpack", "base64")


@pytest.mark.parametrize("case", sorted(CASES))
def test_any_cut_gives_the_same_bytes(case):
    """Each block computed once, by a plan of its own; shards of any lengths, in any order, some twice."""
    plan = plan_of(*CASES[case])
    assert plan.divisible
    assert 2 <= plan.blocks <= 64
    whole = bytes_of(alone.run(plan, no_watch, {}))
    single = {}

    @settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
    @given(cuts=st.sets(st.integers(1, plan.blocks - 1)), order=st.randoms(use_true_random=False))
    def check(cuts, order):
        edges = [0, *sorted(cuts), plan.blocks]
        pieces = list(pairwise(edges))
        pieces += pieces[:1]
        order.shuffle(pieces)
        shards = []
        for low, high in pieces:
            if (low, high) not in single:
                single[low, high] = divided.compute(plan_of(*CASES[case]), low, high, no_watch)
            shards.append(single[low, high])
        assert bytes_of(alone.run(divided.merged(plan, shards), no_watch, {})) == whole

    check()


class State(msgspec.Struct, frozen=True):
    """Of these tests."""

    number: int
    values: Array


def plan_with(block, blocks=6):
    return divided.plan(
        "k", 1.0, blocks, block, lambda states, _: Outcome({"n": [one.number for one in states]}, "k", True), State,
        state_bytes=100,
    )  # fmt: skip


def test_the_first_block_with_a_problem_decides():
    """In one piece and in shards, also where a later one's comes to be known first."""

    def block(number, watch):
        if number in {2, 4}:
            raise Problem("singular", f"block {number}", field="inputs.a")
        return State(number, np.zeros(1))

    plan = plan_with(block)
    late, early = divided.compute(plan, 3, 6, no_watch), divided.compute(plan, 0, 3, no_watch)
    assert (divided.failed(late), divided.failed(early)) == (True, True)
    assert divided.failed(divided.compute(plan, 0, 2, no_watch)) is False
    for outcome in (alone.run(plan, no_watch, {}), alone.run(divided.merged(plan, [late, early]), no_watch, {})):
        assert (outcome.problem.message, outcome.problem.field) == ("block 2", "inputs.a")


def test_too_little_memory_is_a_problem_of_its_block():
    def block(number, watch):
        raise MemoryError

    outcome = alone.run(divided.merged(plan := plan_with(block), [divided.compute(plan, 0, 6, no_watch)]), no_watch, {})
    assert outcome.problem.code == "budget_exceeded"


def test_a_hole_between_shards_is_a_mistake():
    plan = plan_with(lambda number, watch: State(number, np.zeros(1)))
    with pytest.raises(ValueError, match="2 of 6 blocks"):
        divided.merged(plan, [divided.compute(plan, 0, 2, no_watch), divided.compute(plan, 3, 6, no_watch)])


def test_what_the_watch_raises_goes_through():
    def stop(fraction, stage):
        raise Problem("cancelled", "stop")

    def block(number, watch):
        watch(0.5, "x")

    with pytest.raises(Problem, match="stop"):
        divided.compute(plan_with(block), 0, 1, stop)


def test_arrays_keep_their_type_shape_and_every_bit():
    values = np.array([[np.nan, -0.0], [np.inf, 5e-324]])
    plan = plan_with(lambda number, watch: State(number, values), blocks=1)
    seen = []
    whole = divided.plan(
        "k", 1.0, 1, plan.block, lambda states, _: seen.append(states[0]) or Outcome({}, "k", True), State,
        state_bytes=9,
    )  # fmt: skip
    alone.run(divided.merged(whole, [divided.compute(plan, 0, 1, no_watch)]), no_watch, {})
    assert seen[0].values.tobytes() == values.tobytes()
    assert (seen[0].values.dtype, seen[0].values.shape) == (values.dtype, values.shape)


def test_what_leaves_too_much_is_not_divided():
    plan = divided.plan("k", 1.0, 6, lambda *_: None, lambda *_: None, State, state_bytes=divided.STATE_LIMIT + 1)
    assert not plan.divisible
    assert isinstance(plan, Alone)
