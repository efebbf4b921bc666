"""The error that kernel surrogates claim bounds the error reached, over functions with peaks, kinks and waves."""

import numpy as np
import pytest

from agents import alone
from agents.surrogate import gaussian_process, kriging, rbf

FUNCTIONS = {
    "peak": lambda p: 1 / (0.05 + (p[:, 0] - 0.4) ** 2 + (p[:, 1] - 0.6) ** 2),
    "kink": lambda p: abs(p[:, 0] - 0.5) + p[:, 1],
    "smooth": lambda p: np.sin(3 * p[:, 0]) * np.cos(2 * p[:, 1]),
    "wave": lambda p: np.sin(12 * p[:, 0] + 5 * p[:, 1]),
}
MODELS = {
    "thin plate": (rbf.TASK, {"kernel": "thin_plate_spline"}),
    "multiquadric": (rbf.TASK, {"kernel": "multiquadric"}),
    "quintic": (rbf.TASK, {"kernel": "quintic"}),
    "kriging": (kriging.TASK, {"kernel": "auto"}),
    "matern": (gaussian_process.TASK, {"kernel": "matern52"}),
}


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_claim_bounds_the_error(model, function, seed):
    rng = np.random.default_rng(seed)
    x, at = rng.random((40, 2)), rng.random((100, 2))
    truth = FUNCTIONS[function]
    task, extra = MODELS[model]
    inputs = {"x": x.tolist(), "y": truth(x).tolist(), "predict_at": at.tolist(), **extra}
    outcome = alone.run(task.prepare(inputs, {}, 1), lambda fraction, stage: None, {})
    assert np.abs(outcome.outputs["mean"] - truth(at)).max() <= outcome.diagnostics.error_estimate
