"""Designs by where their points lie: each method, over bounds and over distributions."""

import pytest
from planting import rightly_judged

BOUNDS = {"a": [20, 80], "b": [1, 5], "c": [-3, 2]}
RANDOM = {"x": {"distribution": "norm"}, "y": {"distribution": "gamma", "a": 2}}
CASES = [
    *({"bounds": BOUNDS, "method": method} for method in (
        "lhs", "sobol", "halton", "random", "full_factorial", "central_composite", "box_behnken",
    )),
    *({"distributions": RANDOM, "method": method, "n_samples": 33} for method in ("lhs", "sobol", "halton", "random")),
    *({"bounds": BOUNDS, "method": "central_composite", "alpha": alpha, "n_centers": 3}
      for alpha in ("orthogonal", "faced")),
    {"bounds": BOUNDS, "method": "full_factorial", "levels": {"a": 3, "b": 2, "c": 1}},
    {"bounds": {"a": [0, 1], "b": [0, 1]}, "n_samples": 1000},
]  # fmt: skip


@pytest.mark.parametrize("inputs", CASES)
def test_each_design_is_rightly_judged(inputs):
    rightly_judged("uq", "design", inputs, places=6)
