"""Distributions: each that is named works, and a wrong one is told."""

import numpy as np
import pytest
from scipy import stats
from scipy.stats import _distr_params

from agents import distributions
from agents.outcome import Problem

SHAPES = {"trapezoid": (0.3, 0.6), "truncnorm": (-1.0, 2.0), "argus": (1.0,), "kappa3": (1.0,)}


@pytest.mark.parametrize("name", distributions._NAMES)
def test_quantiles_invert_the_distribution_function(name):
    shapes, _ = distributions._keywords(name)
    values = dict(zip(shapes, SHAPES.get(name) or dict(_distr_params.distcont)[name], strict=True))
    found = distributions.read({"distribution": name, "scale": 2.0, **values}, "inputs.d")
    p = np.array([0.01, 0.3, 0.6, 0.99])
    assert np.allclose(getattr(stats, name)(scale=2.0, **values).cdf(found.quantile(p)), p, rtol=1e-6)
    assert np.isfinite(found.log_density(found.quantile(p))).all()


@pytest.mark.parametrize(
    ("value", "field", "hint"),
    [
        (3, "inputs.d", "norm"),
        ({"distribution": "normm"}, "inputs.d.distribution", "did you mean 'norm'"),
        ({"distribution": "norm", "sigma": 1}, "inputs.d.sigma", "known: loc, scale"),
        ({"distribution": "norm", "scale": 0}, "inputs.d.scale", "above 0"),
        ({"distribution": "norm", "scale": True}, "inputs.d.scale", "number"),
        ({"distribution": "beta", "a": 1}, "inputs.d.b", "a number"),
        ({"distribution": "beta", "a": -1, "b": 1}, "inputs.d", "scipy.stats.beta"),
    ],
)
def test_a_wrong_distribution_is_told(value, field, hint):
    with pytest.raises(Problem) as caught:
        distributions.read(value, "inputs.d")
    assert (caught.value.code, caught.value.field) == ("invalid_input", field)
    assert hint in caught.value.hint
