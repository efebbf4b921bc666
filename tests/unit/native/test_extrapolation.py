"""Singular ends that are not at 0: the bound holds, and a diverging integral stays without a value."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from native import extrapolation, quadrature
from native.formula import compile_program


def integrate(text, *edges, tolerance=1e-9):
    return extrapolation.integrate(
        compile_program([text], ["x"]), 0, np.zeros(1), edges, tolerance, tolerance, 2000, lambda fraction, stage: None
    )


@pytest.mark.parametrize(
    ("text", "edges", "expected"),
    [
        ("1/sqrt(abs(x - 0.5))", (0, 0.5, 1), 2 * math.sqrt(2)),
        ("1/sqrt(1 - x)", (0, 1), 2.0),
        ("1/sqrt(1 - x*x)", (-1, 1), math.pi),
        ("log(1 - x)/sqrt(1 - x)", (0, 1), -4.0),
        ("exp(1 - x)/sqrt(x - 1)", (1, math.inf), math.sqrt(math.pi)),
        ("exp(x + 2)/sqrt(-2 - x)", (-math.inf, -2), math.sqrt(math.pi)),
    ],
)
def test_the_bound_holds_beside_singular_ends(text, edges, expected):
    made = integrate(text, *edges)
    assert made.status == quadrature.CONVERGED
    assert abs(made.value - expected) <= made.error <= 1e-9 * abs(expected)


@settings(max_examples=60)
@given(st.floats(-0.9, 1.5), st.floats(0.01, 0.99), st.sampled_from([1e-4, 1e-7, 1e-10]), st.booleans())
def test_the_bound_holds_for_powers_and_logarithms(power, place, tolerance, logarithm):
    text = f"abs(x - {place!r})**({power!r})" + (f"*log(abs(x - {place!r}))" if logarithm else "")
    exact = 0.0
    for width in (place, 1.0 - place):
        one = width ** (power + 1) / (power + 1)
        exact += one * (math.log(width) - 1 / (power + 1)) if logarithm else one
    made = integrate(text, 0.0, place, 1.0, tolerance=tolerance)
    if made.status == quadrature.CONVERGED:
        assert abs(made.value - exact) <= made.error + 1e-14 * abs(exact)


@settings(max_examples=40)
@given(st.floats(-3.0, -1.0), st.floats(0.01, 0.99), st.sampled_from([1e-1, 1e-4, 1e-10]))
def test_what_does_not_exist_gets_no_value(power, place, tolerance):
    made = integrate(f"abs(x - {place!r})**({power!r})", 0.0, place, 1.0, tolerance=tolerance)
    assert made.status != quadrature.CONVERGED


def test_the_limit_of_geometric_sums_is_found_from_a_few():
    k = np.arange(12)
    value, spread = extrapolation.limit_of(np.cumsum(0.9**k + 0.3**k))
    assert abs(value - (10.0 + 1 / 0.7)) < 1e-9
    assert spread < 1e-8
