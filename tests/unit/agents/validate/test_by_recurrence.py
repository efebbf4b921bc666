"""Polynomials in extended precision: each family and each operation."""

import pytest
from planting import rightly_judged

FAMILIES = {
    "legendre": {}, "chebyshev_t": {}, "chebyshev_u": {}, "hermite": {}, "hermite_e": {}, "laguerre": {},
    "generalized_laguerre": {"alpha": 0.5}, "jacobi": {"alpha": 0.3, "beta": -0.4}, "gegenbauer": {"alpha": 1.5},
}  # fmt: skip


@pytest.mark.parametrize("degree", [1, 6, 30])
@pytest.mark.parametrize("operation", ["evaluate", "derivative", "quadrature", "coefficients", "roots"])
@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_rightly_judged(family, operation, degree):
    inputs = {"operation": operation, "family": family, "degree": degree, **FAMILIES[family]}
    if operation in {"evaluate", "derivative"}:
        inputs |= {"points": [0.1, 0.7, -0.3], "order": min(degree, 2)}
    rightly_judged("special", "polynomial", inputs, places=1)


POWERS = [
    {"operation": "evaluate", "coefficients": [1, 2, 3], "points": [0.3, 2]},
    {"operation": "derivative", "coefficients": [1, 2, 3, 4], "points": 0.3, "order": 2},
    {"operation": "roots", "coefficients": [1, 2, 3, 4, 5]},
    {"operation": "roots", "coefficients": [-1, 3, -3, 1]},
    {"operation": "fit", "degree": 2, "points": [0, 1, 2, 3, 4], "values": [1, 3, 2, 5, 4]},
]


@pytest.mark.parametrize("inputs", POWERS)
def test_plain_polynomials_are_rightly_judged(inputs):
    rightly_judged("special", "polynomial", {"family": "power", **inputs}, places=1)
