"""The exponential's bounds beside eighty digits: in doubles, of norms alone, and the one that is told."""

import mpmath
import numpy as np
import pytest

from native import exponential
from native.kernels import exponential as kernel


@pytest.mark.parametrize("kind", ["general", "skew", "triangular", "complex", "decaying"])
@pytest.mark.parametrize("n", [1, 3, 7])
@pytest.mark.parametrize("size", [0.1, 1.0, 20.0])
def test_the_bound_by_norms_holds(kind, n, size):
    random = np.random.default_rng(n)
    a = random.normal(size=(n, n)) * size
    if kind == "skew":
        a = a - a.T
    elif kind == "triangular":
        a = np.triu(a)
    elif kind == "complex":
        a = a + 1j * random.normal(size=(n, n))
    elif kind == "decaying":
        a = a - 30 * size * np.eye(n)
    with mpmath.workdps(80):
        true = np.array(mpmath.expm(mpmath.matrix(a.tolist()), method="taylor").tolist())
        ways = [exponential.blocked, exponential.exponential, *([] if kind == "complex" else [kernel.exponential])]
        for found, bound in (way(a) for way in ways):
            reached = max(abs(one) for one in (true - found.astype(object)).ravel())
            assert reached <= bound


def test_what_underflows_or_is_large_has_no_bound_of_norms():
    with np.errstate(all="ignore"):
        for a in (np.diag([-300.0, -310.0]), 1e7 * np.eye(2)):
            assert exponential.blocked(a)[1] == np.inf
        assert exponential.exponential(np.diag([-300.0, -310.0]))[1] < 1e-140
