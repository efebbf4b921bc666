"""Numbers at the ends of what floats hold: an answer or an error, never a crash."""

import itertools

import numpy as np
import pytest

from agents.outcome import Problem
from sciagents.accuracy.case import answer

VALUES = [1e308, -1e308, 1e-300, 5e-324, 0, "1/0", "1e308*x", "x - x", "where(x < 0.5, 1e-200, 1e200)"]
BASE = {"initial": "x", "t_span": [0, 1], "n_times": 2}


def requests(value):
    for grid, boundary in itertools.product(
        ({"domain": [[0, 1]], "shape": [20]}, {"domain": [[0, 1], [0, 1]], "shape": [8, 9]}),
        ("dirichlet", "periodic", {"type": "neumann", "value": value}),
    ):
        common = {**grid, "boundary": boundary}
        for method in ("auto", "multigrid"):
            yield "poisson", {**common, "source": 1, "coefficients": {"diffusivity": value}}, {"method": method}
        yield "poisson", {**common, "source": value}, {}
        for method in ("explicit", "implicit"):
            yield "heat", {**common, **BASE, "coefficients": value}, {"method": method, "max_steps": 50}
        yield "heat", {**common, **BASE, "source": f"u*({value})"}, {"max_steps": 50}
        yield "wave", {**common, **BASE, "coefficients": value}, {"max_steps": 1000}
        flow = {"velocity": [value] * len(grid["shape"]), "diffusivity": 0}
        yield "advection_diffusion", {**common, **BASE, "coefficients": flow}, {"max_steps": 50}
        start = {**BASE, "initial": {"u": value}, "diffusivity": 1, "reaction": {"u": "u"}}
        yield "reaction_diffusion", {**common, **start}, {"max_steps": 50}


@pytest.mark.parametrize("value", VALUES)
def test_extreme_numbers_have_an_answer_or_an_error(value):
    for task, inputs, options in requests(value):
        outcome = answer("pde", task, inputs, options)
        if outcome.problem is None:
            assert np.isfinite(outcome.diagnostics.error_estimate)
        else:
            assert isinstance(outcome.problem, Problem)
            assert outcome.problem.hint
            assert outcome.problem.field
