"""Integrals: the error bound holds, infinite ranges and singular ends work, and what does not exist has no value."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from native import quadrature
from native.formula import compile_program

INF = math.inf


def integrate(text, *edges, epsabs=1e-10, epsrel=1e-10, limit=2000):
    program = compile_program([text], ["x"])
    return quadrature.integrate(
        program, 0, np.zeros(1), edges, epsabs, epsrel, limit, lambda fraction, stage: None
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "edges", "expected", "rule"),
    [
        ("x**5", (0, 2), 64 / 6, "a polynomial"),
        ("exp(x)", (-1, 3), math.exp(3) - math.exp(-1), "a smooth integrand"),
        ("exp(-x**2)", (-INF, INF), math.sqrt(math.pi), "both ends infinite"),
        ("exp(-x**2)*cos(2*x)", (-INF, INF), math.sqrt(math.pi) / math.e, "both ends infinite, oscillating"),
        ("1/(1 + x**2)", (-INF, INF), math.pi, "both ends infinite, slowly decaying"),
        ("exp(-x)", (0, INF), 1.0, "upper end infinite"),
        ("exp(x)", (-INF, 0), 1.0, "lower end infinite"),
        ("x**-2", (1, INF), 1.0, "an algebraic tail"),
        ("1/(exp(x) - 1)*x**3", (0, INF), math.pi**4 / 15, "Planck's integral, 0/0 at the end"),
        ("1/sqrt(x)", (0, 1), 2.0, "a singular end"),
        ("log(x)", (0, 1), -1.0, "a logarithmic end"),
        ("x**-0.9", (0, 1), 10.0, "an end just integrable"),
        ("sin(x)/x", (-1, 1), 2 * special.sici(1)[0], "a removable singularity"),
        ("abs(x - 0.3)", (0, 1), (0.3**2 + 0.7**2) / 2, "a kink"),
        ("where(x < 0.3, 1, 2)", (0, 1), 1.7, "a jump"),
        ("abs(x - 0.3)**-0.5", (0, 0.3, 1), 2 * (math.sqrt(0.3) + math.sqrt(0.7)), "a singularity at a breakpoint"),
        ("exp(-abs(x - 3))", (-INF, 3, INF), 2.0, "a breakpoint between infinite ends"),
        ("cos(200*x)", (0, 1), math.sin(200) / 200, "a fast oscillation"),
        ("1/(1e-8 + (x - 0.5)**2)", (0, 1), 2 * 1e4 * math.atan(0.5e4), "a sharp peak"),
        ("exp(-1000*(x - 0.7)**2)", (0, 1), math.sqrt(math.pi / 1000), "a narrow bell"),
    ],
)
def test_the_error_bound_holds(text, edges, expected, rule):
    made = integrate(text, *edges, epsabs=1e-7 if ("-0." in text or "sqrt" in text) else 1e-10)
    assert made.status == quadrature.CONVERGED, rule
    assert abs(made.value - expected) <= made.error + 1e-15 * abs(expected), rule
    assert made.error <= max(1e-7, 1e-7 * abs(expected)), rule


@given(
    st.floats(-0.85, 3.0), st.floats(0.05, 0.95), st.sampled_from([1e-3, 1e-6, 1e-9]),
)  # fmt: skip
def test_the_error_bound_holds_for_algebraic_singularities(power, place, tolerance):
    exact = (place ** (power + 1) + (1 - place) ** (power + 1)) / (power + 1)
    made = integrate(f"abs(x - {place!r})**({power!r})", 0.0, place, 1.0, epsabs=tolerance, epsrel=0.0)
    if made.status == quadrature.CONVERGED:
        assert abs(made.value - exact) <= made.error + 4e-15 * exact


@given(st.floats(0.0, 1.0), st.sampled_from([1e-3, 1e-6, 1e-9]), st.sampled_from(["jump", "kink", "end"]))
def test_the_error_bound_holds_where_the_integrand_is_not_smooth(place, tolerance, kind):
    text, exact = {
        "jump": (f"where(x < {place!r}, 1, 3)", 3 - 2 * place),
        "kink": (f"abs(x - {place!r})", (place**2 + (1 - place) ** 2) / 2),
        "end": (f"where(x < {place!r}, exp(x), 0)", math.expm1(place)),
    }[kind]
    made = integrate(text, 0.0, 1.0, epsabs=tolerance, epsrel=0.0)
    assert made.status == quadrature.CONVERGED
    # a jump nearer to the end of the first panels than any point is the one thing that cannot be seen
    hidden = 1e-10 if kind != "kink" else 0.0
    assert abs(made.value - exact) <= made.error + 4e-15 * exact + hidden


@pytest.mark.parametrize(
    ("text", "edges", "rule"),
    [
        ("1/x", (0, 1), "a pole at an end"),
        ("1/x", (-1, 1), "a pole in the middle, its halves cancelling"),
        ("1/(x - 0.3)", (0, 1), "a pole anywhere"),
        ("1/(x - 0.3)**2", (0, 1), "a double pole"),
        ("x**-1.01", (0, 1), "just not integrable"),
        ("1/x", (1, INF), "a tail just not integrable"),
        ("x", (-INF, INF), "an odd integrand without decay"),
        ("1", (0, INF), "a constant"),
        ("sin(x)", (0, INF), "an oscillation without decay"),
        ("exp(x)", (0, INF), "an exponential"),
        ("sqrt(x)", (-1, 1), "no number on half of the range"),
        ("0*x + log(-1)", (0, 1), "no number anywhere"),
    ],
)
def test_what_does_not_exist_does_not_converge(text, edges, rule):
    assert integrate(text, *edges).status != quadrature.CONVERGED, rule


def test_the_limit_of_panels_is_kept():
    made = integrate("sin(1/x)", 0, 1, limit=40)
    assert (made.status, made.panels) == (quadrature.LIMIT, 40)


def test_the_watch_is_called_between_chunks():
    seen = []
    program = compile_program(["sin(1/x)/x"], ["x"])
    quadrature.integrate(
        program, 0, np.zeros(1), (0.0, 1.0), 0.0, 1e-13, 3000, lambda fraction, stage: seen.append(fraction)
    )  # fmt: skip
    assert len(seen) >= 3
    assert seen == sorted(seen)
