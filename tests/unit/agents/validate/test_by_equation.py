"""Networks at points never seen: in two dimensions, nonlinear, at points asked for; data with axes, flux and source."""

import numpy as np
import pytest
from planting import rightly_judged

CASES = [
    {"equation": "u_t == 0.1*u_xx", "domain": {"x": [0, 1], "t": [0, 1]},
     "conditions": [{"at": {"x": 0}, "equation": "u"}, {"at": {"x": 1}, "equation": "u"},
                    {"at": {"t": 0}, "equation": "u - sin(pi*x)"}]},
    {"equation": "u_t == u*(1 - u)", "domain": {"t": [0, 2]}, "conditions": [{"at": {"t": 0}, "equation": "u - 0.2"}],
     "predict_at": {"t": [0.5, 1.5]}},
]  # fmt: skip


@pytest.mark.parametrize("inputs", CASES)
def test_networks_are_rightly_judged(inputs):
    rightly_judged("physics_ml", "pinn", inputs, places=4)


X, T = np.linspace(0, 1, 41), np.linspace(0, 1, 21)
WAVE = np.sin(2 * np.pi * (X[None, :] - 0.3 * T[:, None]))
FIELDS = [
    {"t": T.tolist(), "axes": {"x": X[:-1].tolist()}, "fields": {"u": (1 + WAVE[:, :-1]).tolist()}, "density": "u",
     "boundary": "periodic"},
    {"t": T.tolist(), "axes": {"x": X.tolist()}, "fields": {"u": (2 + WAVE).tolist()}, "density": "u",
     "flux": {"x": "0.3*u"}},
    {"t": T.tolist(), "axes": {"x": X.tolist()}, "fields": {"u": np.exp(-T[:, None] + 0 * X).tolist()}, "density": "u",
     "source": "-u"},
]  # fmt: skip


@pytest.mark.parametrize("inputs", FIELDS)
def test_conserved_quantities_over_axes_are_rightly_judged(inputs):
    rightly_judged("physics_ml", "conservation", inputs, places=3)
