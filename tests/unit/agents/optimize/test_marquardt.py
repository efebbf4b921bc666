"""Levenberg and Marquardt's iteration: where it ends, and that it ends at the same bits."""

import numpy as np
import pytest
from scipy import optimize

from agents.optimize import marquardt
from sciagents.accuracy.optimize import more_garbow_hillstrom

PROBLEMS = list(more_garbow_hillstrom.problems())


class Written:
    """Residuals that are Python functions."""

    def __init__(self, value, slope):
        self._value, self._slope, self.calls = value, slope, 0

    def at(self, p, /):
        self.calls += 1
        with np.errstate(all="ignore"):
            return np.asarray(self._value(p), dtype=float), np.asarray(self._slope(p), dtype=float)


def _rosenbrock():
    return Written(lambda p: [10 * (p[1] - p[0] ** 2), 1 - p[0]], lambda p: [[-20 * p[0], 10.0], [-1.0, 0.0]])


def test_it_ends_at_the_minimum_within_the_steps_of_minpack():
    ours, theirs = _rosenbrock(), _rosenbrock()
    start = np.array([-1.2, 1.0])
    found = marquardt.search(ours, start, 1000)
    optimize.leastsq(lambda p: theirs.at(p)[0], start, Dfun=lambda p: theirs.at(p)[1], ftol=1e-15, xtol=1e-15)
    assert found == pytest.approx([1.0, 1.0], abs=1e-14)
    assert ours.calls <= theirs.calls


@pytest.mark.parametrize(
    ("value", "slope", "start", "wanted", "rule"),
    [
        (lambda p: [p[0] - 1e8, 1e-8 * p[1] - 1], lambda _: [[1, 0], [0, 1e-8]], [0, 0], [1e8, 1e8], "unlike scales"),
        (lambda p: [np.log(p[0])], lambda p: [[1 / p[0]]], [10.0], [1], "steps back where there is no number"),
        (lambda _: [0.0], lambda _: [[1.0]], [3.0], [3], "is at the least already"),
        (lambda _: [1.0], lambda _: [[0.0]], [3.0], [3], "goes nowhere"),
        (lambda p: [p[0]], lambda _: [[np.nan]], [3.0], [3], "stays where there is no Jacobian"),
        (lambda p: [1e200 * (p[0] - 2)], lambda _: [[1e200]], [3.0], [2], "squares that overflow"),
    ],
)
def test_ends(value, slope, start, wanted, rule):
    found = marquardt.search(Written(value, slope), np.array(start, dtype=float), 500)
    assert found == pytest.approx(wanted, rel=1e-9), rule


def test_columns_that_depend_on_each_other_leave_the_sum_least():
    written = Written(lambda p: [p[0] + p[1] - 2, p[0] + p[1] - 2], lambda _: [[1, 1], [1, 1]])
    assert marquardt.search(written, np.zeros(2), 500).sum() == pytest.approx(2.0, rel=1e-14)


def test_it_takes_no_more_evaluations_than_it_may():
    written = _rosenbrock()
    marquardt.search(written, np.array([-1.2, 1.0]), 7)
    assert written.calls == 7


def test_a_repeat_after_other_work_gives_the_same_bytes(solve):
    """SciPy's MINPACK gave the extended Powell singular function other last places in some of the repeats."""
    found = {}
    for turn in range(10):
        for one in PROBLEMS:
            outcome = solve("least_squares", {"residuals": one.residuals, "initial": one.initial})
            if outcome.outputs is not None:
                numbers = {**outcome.outputs, "residuals": outcome.outputs["residuals"].tolist()}
                found.setdefault(one.name, set()).add(repr((numbers, outcome.diagnostics)))
        # memory that others have used
        _ = [np.random.default_rng(turn).random(size) for size in range(1, 1000, 1 + turn)]
    assert len(found) > 30
    assert {name for name, seen in found.items() if len(seen) > 1} == set()
