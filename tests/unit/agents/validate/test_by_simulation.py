"""Fitted equations integrated again: several variables, fitted initial values, known noise."""

from planting import rightly_judged

PREY = {
    "equations": {"x": "a*x - b*x*y", "y": "c*x*y - d*y"}, "parameters": {"a": 1, "b": 0.2, "c": 0.1, "d": 0.5},
    "initial": {"x": 5, "y": 2}, "fit": ["a", "d", "x"], "sigma": 0.1,
    "data": {"t": [0, 1, 2, 3, 4, 5, 6], "x": [5.1, 7.0, 3, 1.5, 1.7, 3.2, 6.0], "y": [2, 4, 6.5, 4, 2.2, 1.6, 2.2]},
}  # fmt: skip


def test_parameters_with_known_noise_and_a_fitted_start_are_rightly_judged():
    rightly_judged("inverse", "ode_parameters", PREY, places=12)
