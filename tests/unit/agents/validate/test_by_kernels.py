"""Kernel surrogates by the bordered system: each kernel, several outputs, what is given and what is fitted."""

import numpy as np
import pytest
from planting import answered, rightly_judged

RANDOM = np.random.default_rng(5)
X = RANDOM.uniform(0, 1, (25, 2))
ONE = np.sin(4 * X[:, 0]) + X[:, 1] ** 2
BOTH = np.stack([ONE, 5 * np.cos(3 * X[:, 1]) + 1], axis=1)
GIVEN = {"x": X.tolist(), "y": ONE.tolist(), "predict_at": RANDOM.uniform(0, 1, (4, 2)).tolist()}
CASES = [
    *(("gaussian_process", {"kernel": kernel}, {}) for kernel in ("matern12", "matern32")),
    ("gaussian_process", {"kernel": "matern32", "y": BOTH.tolist()}, {"ard": False}),
    ("gaussian_process", {"hyperparameters": {"noise": 0.1, "amplitude": 1, "length_scales": 0.5}}, {}),
    *(("kriging", {"kernel": kernel}, {}) for kernel in ("spherical", "exponential", "gaussian", "matern", "auto")),
    ("kriging", {"kernel": "exponential", "y": BOTH.tolist()}, {}),
    ("kriging", {"kernel": "exponential", "variogram": {"partial_sill": 1, "range": 0.4, "nugget": 0.01}}, {}),
    *(("rbf", {"kernel": kernel, "y": BOTH.tolist()}, {}) for kernel in (
        "linear", "thin_plate_spline", "cubic", "quintic", "multiquadric", "inverse_multiquadric", "inverse_quadratic",
        "gaussian",
    )),
    ("rbf", {"kernel": "cubic", "smoothing": 0.1, "degree": 2}, {}),
    ("kriging", {"kernel": "matern"}, {"return_model": True}),
]  # fmt: skip


@pytest.mark.parametrize(("task", "more", "options"), CASES)
def test_each_kernel_is_rightly_judged(task, more, options):
    rightly_judged("surrogate", task, {**GIVEN, **more}, options, places=4)


@pytest.mark.parametrize("task", ["kriging", "rbf", "gaussian_process"])
def test_predictions_of_a_surrogate_that_was_given_back_are_rightly_judged(task):
    more = {"kernel": "exponential"} if task == "kriging" else {}
    _, result = answered("surrogate", task, {**GIVEN, **more}, {"return_model": True})
    rightly_judged("surrogate", "predict", {"surrogate": result["outputs"]["surrogate"], "at": [[0.3, 0.4]]}, places=1)
