"""Chaos expansions and modes: each distribution, each order of taking terms up, each interpolator."""

import numpy as np
import pytest
from planting import rightly_judged

from agents import distributions

RANDOM = np.random.default_rng(5)
INPUTS = {
    "a": {"distribution": "norm", "loc": 1, "scale": 2}, "b": {"distribution": "beta", "a": 2, "b": 3.5},
    "c": {"distribution": "gamma", "a": 2.5, "scale": 0.5}, "d": {"distribution": "lognorm", "s": 0.3},
    "w": {"distribution": "weibull_min", "c": 1.5},
}  # fmt: skip


@pytest.mark.parametrize("method", ["lars", "omp", "ols"])
@pytest.mark.parametrize("names", ["ab", "cd", "wb"])
def test_expansions_under_each_distribution_are_rightly_judged(names, method):
    given = {name: INPUTS[name] for name in names}
    read = distributions.read_all(given, "")
    x = np.stack([one.quantile(RANDOM.uniform(0.01, 0.99, 60)) for one in read.values()], axis=1)
    y = 0.1 * x[:, 0] ** 2 + np.sin(x[:, 1]) + x[:, 0] * x[:, 1]
    inputs = {"x": x.tolist(), "y": y.tolist(), "distributions": given, "predict_at": x[:3].tolist()}
    rightly_judged("surrogate", "polynomial_chaos", inputs, {"method": method, "max_degree": 6}, places=5)


SNAPSHOTS = [[np.sin(k * z) + 0.1 * k * z for z in np.linspace(0, 1, 30)] for k in (1, 1.5, 2, 2.5, 3, 3.5)]


@pytest.mark.parametrize("kernel", ["linear", "cubic", "thin_plate_spline"])
def test_modes_with_each_interpolator_are_rightly_judged(kernel):
    inputs = {"y": [[float(one) for one in row] for row in SNAPSHOTS], "x": [1, 1.5, 2, 2.5, 3, 3.5]}
    rightly_judged("surrogate", "pod", {**inputs, "predict_at": [1.2, 2.2]}, {"kernel": kernel}, places=5)
    rightly_judged("surrogate", "pod", {"y": inputs["y"]}, {"n_modes": 2, "center": False}, places=5)
