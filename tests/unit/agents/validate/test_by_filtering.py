"""States from observations by other means: linear and nonlinear, at once and over time."""

import pytest
from planting import answered, looked, rightly_judged

from agents import catalogue

LINEAR = {
    "matrix": [[1, 0.1], [-0.1, 1]], "initial": [1, 0], "initial_covariance": [[0.1, 0.02], [0.02, 0.2]],
    "observations": [[1, 0], [0.9, 0.1], [0.8, 0.2]], "observation_covariance": [0.01, 0.02],
}  # fmt: skip
PENDULUM = {**catalogue.TASKS["inverse", "enkf"].example, "equations": {"x": "v", "v": "-sin(x) - 0.1*v"}}


@pytest.mark.parametrize(
    ("inputs", "options"),
    [(LINEAR, {"n_ensemble": 50}), (LINEAR, {"n_ensemble": 50, "inflation": 1.1, "localization": 2.0}), (PENDULUM, {})],
)
def test_filters_of_any_seed_are_found_right(inputs, options):
    for seed in range(8):
        found = looked(*answered("inverse", "enkf", inputs, options, seed), seed)
        assert found
        assert all(one.passed for one in found), [one for one in found if not one.passed]


VARIATIONAL = [
    {"background": {"x": 1, "v": 0}, "background_covariance": 0.1, "observations": [0.85, 0.5, 0.1],
     "observation_operator": ["x"], "observation_covariance": 0.01, "equations": {"x": "v", "v": "-sin(x)"},
     "times": [0.5, 1, 1.5]},
    {"background": {"x": 1, "y": 0.1, "z": 2}, "background_covariance": 0.5, "observations": [[1.2, 0.3], [1.5, 0.4]],
     "observation_operator": ["x*x", "y + z"], "observation_covariance": [0.01, 0.1]},
]  # fmt: skip


@pytest.mark.parametrize("inputs", VARIATIONAL)
def test_analyses_with_nonlinear_models_are_rightly_judged(inputs):
    rightly_judged("inverse", "variational", inputs, places=8)
