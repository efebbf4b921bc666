"""Minima by what holds there: each penalty, each choice of alpha, bounds, data."""

import numpy as np
import pytest
from planting import rightly_judged

RANDOM = np.random.default_rng(3)
A = RANDOM.standard_normal((30, 12))
B = A[:, 2] - 2 * A[:, 7] + 0.1 * RANDOM.standard_normal(30)
BLUR = np.array([[np.exp(-0.5 * ((i - j) / 2.0) ** 2) for j in range(20)] for i in range(20)])
STEP = (np.arange(20) > 9) * 1.0
BLURRED = BLUR @ STEP + 0.01 * RANDOM.standard_normal(20)
NOISY = STEP + 0.1 * RANDOM.standard_normal(20)
PLAIN = {"a": A.tolist(), "b": B.tolist()}
CASES = [
    (PLAIN, {}), (PLAIN, {"selection": "l_curve"}), (PLAIN, {"selection": "discrepancy", "noise_norm": 0.6}),
    ({**PLAIN, "method": "l1", "alpha": 2}, {}), ({**PLAIN, "method": "l1"}, {}),
    ({"a": BLUR.tolist(), "b": BLURRED.tolist()}, {}),
    ({"a": BLUR.tolist(), "b": BLURRED.tolist(), "method": "tv", "alpha": 0.05}, {}),
    ({"b": NOISY.tolist(), "method": "tv", "alpha": 0.3}, {}),
    ({"b": np.outer(NOISY[:12], STEP[4:16]).ravel().tolist(), "method": "tv", "alpha": 0.3, "shape": [12, 12]}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("inputs", "options"), CASES)
def test_each_penalty_is_rightly_judged(inputs, options):
    rightly_judged("inverse", "regularized", inputs, options, places=5)


LEAST = [
    {"residuals": ["x - 1", "y - 2", "x*y - 3"], "initial": {"x": 0, "y": 0}, "bounds": {"x": [0, 0.9]}},
    {"residuals": "a*exp(-k*t)", "initial": {"a": 1, "k": 0.5}, "observed": "y",
     "data": {"t": [0, 1, 2, 3, 4], "y": [2, 1.2, 0.8, 0.4, 0.3]}},
    {"residuals": ["x**2", "y - 1"], "initial": {"x": 1, "y": 0}},
]  # fmt: skip


@pytest.mark.parametrize("inputs", LEAST)
def test_least_squares_are_rightly_judged(inputs):
    rightly_judged("optimize", "least_squares", inputs, places=1)
