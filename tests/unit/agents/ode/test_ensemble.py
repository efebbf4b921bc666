"""The task `ode.ensemble`: samples, the three outputs, and members that fail."""

import numpy as np
import pytest

from agents.ode import ensemble
from agents.outcome import Problem

DECAY = {"equations": {"x": "-k*x"}, "initial": {"x": 1}, "t_span": [0, 1], "samples": {"k": [0.5, 1, 2, 4]}}
RATES = np.array([0.5, 1, 2, 4])


def no_watch(fraction, stage):
    pass


def solve(inputs, **options):
    return ensemble.TASK.compute([ensemble.TASK.prepare(inputs, options, 0)], no_watch)[0]


@pytest.mark.parametrize(
    ("change", "code", "field", "rule"),
    [
        ({"samples": {}}, "invalid_input", "inputs.samples", "no samples"),
        ({"samples": {"k": []}}, "invalid_input", "inputs.samples", "no members"),
        ({"samples": {"k": [1, 2], "x": [1]}}, "invalid_input", "inputs.samples", "different lengths"),
        ({"samples": {"k": [[1]]}}, "invalid_input", "inputs.samples.k", "a matrix"),
        ({"samples": {"k": [1, None]}}, "invalid_input", "inputs.samples.k[1]", "null"),
        ({"samples": {"t": [1]}}, "invalid_input", "inputs.samples.t", "t is no parameter"),
        ({"samples": {"k": [1]}, "initial": {}}, "invalid_input", "inputs.initial.x", "no initial value"),
        ({"samples": {"x": [1]}}, "invalid_formula", "inputs.equations.x", "no value for k"),
        ({"output": "all"}, "invalid_input", "inputs.output", "an unknown output"),
        ({"quantiles": [1.5]}, "invalid_input", "inputs.quantiles", "no quantile"),
        ({"output": "trajectory", "n_points": 9_000_000}, "budget_exceeded", "inputs", "an output too large"),
        ({"output": "statistics", "n_points": 10**7, "samples": {"k": [1] * 7}}, "budget_exceeded", "inputs", "memory"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused_with_its_place(change, code, field, rule):
    with pytest.raises(Problem) as caught:
        ensemble.TASK.prepare({**DECAY, **change}, {}, 0)
    assert (caught.value.code, caught.value.field) == (code, field), rule


def test_final_gives_each_members_end_and_their_statistics():
    outcome = solve(DECAY, rtol=1e-9, atol=1e-12)
    expected = np.exp(-RATES)
    np.testing.assert_allclose(outcome.outputs["final"]["x"], expected, rtol=1e-7)
    assert outcome.outputs["mean"]["x"] == pytest.approx(expected.mean(), rel=1e-7)
    assert outcome.outputs["std"]["x"] == pytest.approx(expected.std(ddof=1), rel=1e-7)
    assert outcome.outputs["quantiles"]["0.5"]["x"] == pytest.approx(np.median(expected), rel=1e-7)
    assert (outcome.outputs["n_members"], outcome.outputs["n_failed"], outcome.outputs["failed"]) == (4, 0, [])
    error = np.abs(outcome.outputs["final"]["x"] - expected).max()
    assert error <= outcome.diagnostics.error_estimate < 1e-8
    assert outcome.diagnostics.converged


def test_trajectory_gives_members_by_points():
    outcome = solve({**DECAY, "output": "trajectory", "n_points": 5}, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(outcome.outputs["y"]["x"], np.exp(-np.outer(RATES, np.linspace(0, 1, 5))), rtol=1e-7)


def test_statistics_are_over_the_members_at_each_time():
    outcome = solve({**DECAY, "output": "statistics", "t_eval": [0.5, 1], "quantiles": [0, 1]}, rtol=1e-9, atol=1e-12)
    states = np.exp(-np.outer(RATES, [0.5, 1]))
    assert outcome.outputs["t"].tolist() == [0.5, 1]
    np.testing.assert_allclose(outcome.outputs["mean"]["x"], states.mean(axis=0), rtol=1e-7)
    np.testing.assert_allclose(outcome.outputs["std"]["x"], states.std(axis=0, ddof=1), rtol=1e-7)
    np.testing.assert_allclose(outcome.outputs["quantiles"]["0"]["x"], states.min(axis=0), rtol=1e-7)
    np.testing.assert_allclose(outcome.outputs["quantiles"]["1"]["x"], states.max(axis=0), rtol=1e-7)


def test_initial_values_and_parameters_are_sampled_together():
    outcome = solve({**DECAY, "initial": {}, "samples": {"k": [1, 2], "x": [3, 5]}}, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(outcome.outputs["final"]["x"], [3 / np.e, 5 / np.e**2], rtol=1e-7)


BLOW_UP = {"equations": {"x": "x*x"}, "initial": {}, "t_span": [0, 1]}


def test_members_that_fail_are_counted_named_and_left_out_of_the_statistics():
    outcome = solve({**BLOW_UP, "samples": {"x": [0.5, 3, -1, 2]}})
    assert (outcome.outputs["n_failed"], outcome.outputs["failed"]) == (2, [1, 3])
    assert np.isnan(outcome.outputs["final"]["x"]).tolist() == [False, True, False, True]
    assert outcome.outputs["mean"]["x"] == pytest.approx((1.0 - 0.5) / 2, rel=1e-4)
    assert outcome.diagnostics.converged is False
    assert outcome.diagnostics.checks == []
    assert "2 of 4 members failed: 2 non_finite; member 1: the solution grows" in outcome.warnings[0]


def test_the_request_fails_when_all_members_do():
    outcome = solve({**BLOW_UP, "samples": {"x": [2, 3]}})
    assert outcome.outputs is None
    assert outcome.problem.code == "non_finite"
    assert "all 2 members failed" in outcome.problem.message


def test_one_member_has_no_standard_deviation():
    assert np.isnan(solve({**DECAY, "samples": {"k": [1]}}).outputs["std"]["x"])


def test_some_members_switch_to_the_stiff_method():
    outcome = solve({
        "equations": {"x": "y", "y": "mu*(1 - x*x)*y - x"}, "initial": {"x": 2, "y": 0}, "t_span": [0, 20],
        "samples": {"mu": [1, 1000]},
    })  # fmt: skip
    assert outcome.diagnostics.method == "dopri5, then rodas4"
    assert outcome.diagnostics.iterations < 2000


@pytest.mark.parametrize("output", ["final", "trajectory", "statistics"])
@pytest.mark.parametrize("rtol", [1e-3, 1e-6, 1e-9])
def test_the_estimate_bounds_every_number_of_the_output(output, rtol):
    rates = np.geomspace(0.1, 1e5, 40)
    inputs = {**DECAY, "samples": {"k": rates.tolist()}, "output": output}
    inputs |= {} if output == "final" else {"t_eval": [0.25, 1]}
    outcome = solve(inputs, rtol=rtol, atol=rtol / 100)
    exact = np.exp(-np.outer(rates, [0.25, 1]))
    made = outcome.outputs
    pairs = {
        "final": lambda: [(made["final"]["x"], exact[:, 1])],
        "trajectory": lambda: [(made["y"]["x"], exact)],
        "statistics": lambda: [
            (made["mean"]["x"], exact.mean(axis=0)), (made["std"]["x"], exact.std(axis=0, ddof=1)),
            (made["quantiles"]["0.25"]["x"], np.quantile(exact, 0.25, axis=0)),
        ],
    }[output]()  # fmt: skip
    error = max(np.abs(found - truth).max() for found, truth in pairs)
    assert 0 < error <= outcome.diagnostics.error_estimate


def test_the_estimate_may_be_declined_or_asked_for():
    many = {**DECAY, "samples": {"k": np.linspace(0, 1, 1001).tolist()}}
    assert solve(many).diagnostics.error_estimate is None
    assert solve(DECAY, error_estimate=False).diagnostics.error_estimate is None
    asked = solve(many, error_estimate=True)
    error = np.abs(asked.outputs["final"]["x"] - np.exp(-np.linspace(0, 1, 1001))).max()
    assert error <= asked.diagnostics.error_estimate < 1e-5


def test_a_members_answer_does_not_depend_on_the_others():
    alone, among = ({**DECAY, "samples": {"k": k}} for k in ([2.0], [0.1, 2.0, 1e4, 3.0]))
    assert solve(alone).outputs["final"]["x"][0] == solve(among).outputs["final"]["x"][1]


DRAWN = {**DECAY, "samples": {"k": {"distribution": "uniform", "loc": 1, "scale": 1}}}


@pytest.mark.parametrize(
    ("change", "field", "rule"),
    [
        ({}, "inputs.n_members", "how many is not said"),
        ({"n_members": 0}, "inputs.n_members", "none"),
        ({"n_members": 3, "samples": {"k": [1, 2]}}, "inputs.n_members", "as many as are listed"),
        ({"n_members": 3, "samples": {"k": {"distribution": "uniforn"}}}, "inputs.samples.k.distribution", "a name"),
    ],
)
def test_what_is_wrong_with_drawn_members_is_refused(change, field, rule):
    with pytest.raises(Problem) as caught:
        ensemble.TASK.prepare({**DRAWN, **change}, {}, 0)
    assert (caught.value.code, caught.value.field) == ("invalid_input", field), rule


def test_members_are_drawn_from_distributions():
    """x' = -k x with k uniform over (1, 2): the mean of exp(-k) is exp(-1) - exp(-2); listed samples go along."""
    n = 40_000
    made = solve({**DRAWN, "initial": {}, "n_members": n, "samples": {**DRAWN["samples"], "x": [1.0] * n}}).outputs
    values = made["final"]["x"]
    exact = np.exp(-1) - np.exp(-2)
    assert abs(made["mean"]["x"] - exact) < 5 * values.std() / np.sqrt(n)
    assert np.exp(-2) - 1e-5 <= values.min() <= values.max() <= np.exp(-1) + 1e-5


def test_the_same_seed_draws_the_same_members():
    first, again, other = (
        ensemble.TASK.compute([ensemble.TASK.prepare({**DRAWN, "n_members": 9}, {}, seed)], no_watch)[0].outputs
        for seed in (1, 1, 2)
    )
    assert first["final"]["x"].tolist() == again["final"]["x"].tolist() != other["final"]["x"].tolist()


def test_more_members_than_a_result_holds_leave_their_statistics():
    """`final` is null, and a warning says so; the quantiles are exact all the same."""
    outcome = solve({**DRAWN, "n_members": 1_000_001}, rtol=1e-3)
    assert outcome.outputs["final"] is None
    assert outcome.outputs["quantile_rank_error"] == 0.0
    assert "final is null" in outcome.warnings[0]
    assert outcome.outputs["quantiles"]["0.5"]["x"] == pytest.approx(np.exp(-1.5), rel=2e-3)


def test_quantiles_of_very_many_values_say_how_far_off_they_are():
    """300,000 members at 30 times: the levels are met within the rank error given, which a warning repeats."""
    inputs = {**DRAWN, "n_members": 300_000, "output": "statistics", "n_points": 30, "quantiles": [0.1, 0.5]}
    outcome = solve(inputs, rtol=1e-3)
    error = outcome.outputs["quantile_rank_error"]
    assert 0 < error < 1e-3
    assert "quantile_rank_error" in outcome.warnings[0]
    for level in (0.1, 0.5):  # x at t = 1 is at most v with probability 1 - P(k < -ln v)
        value = outcome.outputs["quantiles"][f"{level:g}"]["x"][-1]
        assert abs(2 + np.log(value) - level) < error + 5 / np.sqrt(300_000) + 1e-3


def test_the_estimate_bounds_interpolated_quantiles_too():
    inputs = {**DRAWN, "n_members": 300_000, "output": "statistics", "n_points": 30, "quantiles": [0.25]}
    outcome = solve(inputs, rtol=1e-4, error_estimate=True)
    rates = ensemble.TASK.prepare(inputs, {}, 0).block.__self__.members(0, 300_000).parameters[0]
    exact = np.quantile(np.exp(-np.outer(np.linspace(0, 1, 30), rates)), 0.25, axis=1)
    error = np.abs(outcome.outputs["quantiles"]["0.25"]["x"] - exact).max()
    assert 0 < error <= outcome.diagnostics.error_estimate < 1e-2
