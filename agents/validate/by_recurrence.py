"""Polynomials in extended precision: by recurrences and differential equations that their task does not use.

A classical orthogonal polynomial y of degree n solves s y″ + t y′ + λ y = 0, s being of degree 2, t of degree 1 and
λ = -n t₁ - n (n - 1) s₂ (Abramowitz & Stegun, table 22.6): that ties each of its coefficients to the next ones.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from agents import arrays
from agents.special.families import FAMILIES
from agents.task import Watch
from agents.validate.findings import Claim, Road
from agents.validate.values import Numbers

_WORK = 4e7
"""Most steps of a recurrence, all points together."""
_ROUNDING = 1e-13


def polynomial(claim: Claim, watch: Watch) -> None:
    """Values by the recurrence in extended precision; coefficients, rules and fits by their equations."""
    given = claim.inner.inputs
    operation, family = given.get("operation", "evaluate"), given.get("family", "legendre")
    watch(0.3, "extended precision")
    if family == "power":
        _POWERS[operation](claim, given)
        return
    parameters = [float(given[name]) for name in ("alpha", "beta") if given.get(name) is not None]
    degree = int(given["degree"])
    if operation in {"evaluate", "derivative"}:
        _values(claim, given, family, degree, parameters, watch)
    elif operation == "coefficients":
        _coefficients(claim, family, degree, parameters)
    else:
        _rule(claim, family, degree, parameters, weighted=operation == "quadrature")


def _steps(family: str, degree: int, parameters: Sequence[float]) -> list[tuple[Any, Any, Any]]:
    wide = [np.longdouble(one) for one in parameters]
    return [FAMILIES[family].step(k, wide) for k in range(degree)]


def _run(steps: Sequence[tuple[Any, Any, Any]], x: Numbers, order: int) -> Numbers:
    """The last degree's polynomial and its derivatives up to `order` at x (k): (order + 1, k)."""
    here, before = np.zeros((order + 1, x.size), x.dtype), np.zeros((order + 1, x.size), x.dtype)
    here[0] = 1.0
    times = np.arange(1, order + 1)[:, None]
    for a, b, c in steps:
        above = (a * x + b) * here - c * before
        above[1:] += a * times * here[:-1]
        here, before = above, here
    return here


def _points(given: Mapping[str, Any]) -> Numbers:
    points = given["points"]
    if isinstance(points, list | Mapping):
        return arrays.gate(points, "inputs.points", ndim=(1, 2, 3)).reshape(-1)
    return np.array([arrays.number(points, "inputs.points")])


def _values(
    claim: Claim, given: Mapping[str, Any], family: str, degree: int, parameters: Sequence[float], watch: Watch
) -> None:
    x = _points(given).astype(np.longdouble)
    order = int(given.get("order", 1)) if given.get("operation") == "derivative" else 0
    if degree * x.size * (order + 1) > _WORK or not x.size:
        return
    watch(0.5, "extended precision")
    made = _run(_steps(family, degree, parameters), x, order)[order]
    size = float(np.abs(made).max())
    how = f"derivative {order} by the recurrence and its derivatives in extended precision"
    claim.agree("values", made.astype(float), (claim.error or 0.0) + 4e-16 * size, how)


def _equation(family: str, p: Sequence[float]) -> tuple[tuple[float, float, float], tuple[float, float]]:
    """S and t of the differential equation, their coefficients of 1, x, x²."""
    a = p[0] if len(p) else 0.0
    flat = (1.0, 0.0, -1.0)
    return {
        "legendre": (flat, (0.0, -2.0)), "chebyshev_t": (flat, (0.0, -1.0)), "chebyshev_u": (flat, (0.0, -3.0)),
        "gegenbauer": (flat, (0.0, -2.0 * a - 1.0)), "hermite": ((1.0, 0.0, 0.0), (0.0, -2.0)),
        "hermite_e": ((1.0, 0.0, 0.0), (0.0, -1.0)), "laguerre": ((0.0, 1.0, 0.0), (1.0, -1.0)),
        "generalized_laguerre": ((0.0, 1.0, 0.0), (a + 1.0, -1.0)),
        "jacobi": (flat, ((p[1] if len(p) > 1 else 0.0) - a, -(a + (p[1] if len(p) > 1 else 0.0) + 2.0))),
    }[family]  # fmt: skip


def _coefficients(claim: Claim, family: str, degree: int, parameters: Sequence[float]) -> None:
    found = claim.numbers("coefficients").astype(np.longdouble)
    (s0, s1, s2), (t0, t1) = _equation(family, parameters)
    k = np.arange(degree + 1, dtype=np.longdouble)
    after = np.concatenate([found, np.zeros(2, found.dtype)])
    eigen = -degree * t1 - degree * (degree - 1.0) * s2
    terms = np.stack([
        (eigen + t1 * k + s2 * k * (k - 1)) * found, (t0 * (k + 1) + s1 * (k + 1) * k) * after[1:-1],
        s0 * (k + 2) * (k + 1) * after[2:],
    ])  # fmt: skip
    size = np.maximum(np.abs(terms).max(axis=0), abs(eigen) * np.abs(found))  # of the highest the first term cancels
    off = np.abs(terms.sum(axis=0)) / np.where(size > 0, size, 1.0)
    claim.add("coefficients", float(off.max()), 1e-13, "the differential equation, in the size of its terms")
    leading = math.prod((one[0] for one in _steps(family, degree, parameters)), start=np.longdouble(1.0))
    how = "the highest one by the recurrence in extended precision, relative"
    claim.add("coefficients", float(abs(found[-1] / leading - 1.0)), 1e-14 * (degree + 1), how)


def _rule(claim: Claim, family: str, degree: int, parameters: Sequence[float], *, weighted: bool) -> None:
    """Nodes: the polynomial's zeros, by Newton's step; weights: the sums of squares that Christoffel gave."""
    nodes = claim.numbers("nodes" if weighted else "roots").astype(np.longdouble)
    name = "nodes" if weighted else "roots"
    steps = _steps(family, degree, parameters)
    norms, squares = np.longdouble(1.0), np.ones_like(nodes)
    here, before = np.ones_like(nodes), np.zeros_like(nodes)
    slope, slope_before = np.zeros_like(nodes), np.zeros_like(nodes)
    for k, (a, b, c) in enumerate(steps):
        if k:  # orthonormal, so that nothing overflows
            norms = np.sqrt(c / (a * steps[k - 1][0]))
        following = np.sqrt(steps[k + 1][2] / (steps[k + 1][0] * a)) if k + 1 < degree else np.longdouble(1.0)
        moved = nodes + b / a
        above = (moved * here - norms * before * (k > 0)) / following
        slope, slope_before = (here + moved * slope - norms * slope_before * (k > 0)) / following, slope
        here, before = above, here
        if k + 1 < degree:
            squares += here * here
    newton = float(np.abs(here / slope).max())
    size = float(np.abs(nodes).max())
    claim.add(name, newton, (claim.error or 0.0) + 1e-13 * size, "how far Newton's step from each goes, extended")
    gap = float(-np.diff(nodes).min(initial=np.inf)) if degree > 1 else -1.0
    claim.add(name, gap, 0.0, "they rise: none comes twice (the least distance, negated)")
    if weighted:
        made = (FAMILIES[family].mass(*parameters) / squares).astype(float)
        how = "Christoffel's numbers at the nodes, in extended precision"
        claim.agree("weights", made, (claim.error or 0.0) + 1e-11 * float(made.max()), how)


def _horner(coefficients: Numbers, x: Numbers) -> Numbers:
    made = np.zeros(x.shape, np.result_type(coefficients, x))
    for one in coefficients[::-1]:
        made = made * x + one
    return made


def _derived(coefficients: Numbers, order: int) -> Numbers:
    k = np.arange(coefficients.size, dtype=np.longdouble)
    factor = np.ones_like(k)
    for i in range(order):
        factor = factor * (k - i)
    made: Numbers = (coefficients * factor)[order:] if order < coefficients.size else np.zeros(1, np.longdouble)
    return made


def _power_values(claim: Claim, given: Mapping[str, Any]) -> None:
    coefficients = arrays.gate(given["coefficients"], "inputs.coefficients", ndim=1).astype(np.longdouble)
    order = int(given.get("order", 1)) if given.get("operation") == "derivative" else 0
    x = _points(given).astype(np.longdouble)
    if x.size * coefficients.size > _WORK:
        return
    made = _horner(_derived(coefficients, order), x)
    size = float(np.abs(made).max(initial=0.0))
    claim.agree("values", made.astype(float), (claim.error or 0.0) + 4e-16 * size, "Horner's rule, extended")


def _power_roots(claim: Claim, given: Mapping[str, Any]) -> None:
    """Each root by Newton's step, and their sum: minus the second coefficient over the first (Viète)."""
    coefficients = np.trim_zeros(arrays.gate(given["coefficients"], "inputs.coefficients", ndim=1), "b")
    roots = claim.numbers("roots").astype(np.clongdouble)
    wide = coefficients.astype(np.longdouble)
    value, slope = _horner(wide, roots), _horner(_derived(wide, 1), roots)
    size = _horner(np.abs(wide), np.abs(roots))
    far = np.abs(roots).max(initial=0.0)
    off = float((np.abs(value) / np.where(size > 0, size, 1.0)).max())
    claim.add("roots", off, 1e-11, "the polynomial at each, in the size of its terms, extended")
    if claim.error is not None:
        newton = float((np.abs(value) / np.abs(slope)).max())
        claim.add("roots", newton, 2.0 * claim.error + _ROUNDING * float(far), "how far Newton's step goes, extended")
    total = abs(roots.sum() + wide[-2] / wide[-1])
    allowed = roots.size * ((claim.error or 1e-8 * float(far)) + _ROUNDING * float(far))
    claim.add("roots", float(total), allowed, "their sum, which two coefficients tell (Viète)")


def _power_fit(claim: Claim, given: Mapping[str, Any]) -> None:
    """The residual is orthogonal to all powers, in the size of both."""
    x, y = (arrays.gate(given[name], f"inputs.{name}", ndim=1).astype(np.longdouble) for name in ("points", "values"))
    found = claim.numbers("coefficients").astype(np.longdouble)
    rest = y - _horner(found, x)
    middle, half = 0.5 * (x.max() + x.min()), max(0.5 * (x.max() - x.min()), np.longdouble(1e-300))
    columns = np.polynomial.chebyshev.chebvander(((x - middle) / half).astype(float), found.size - 1)
    rounding = 1e-14 * float(_horner(np.abs(found), np.abs(x)).max())
    size = float(np.linalg.norm(y.astype(float))) + 1e-300
    off = float(np.abs(columns.T @ rest.astype(float)).max())
    how = "the residual against Chebyshev polynomials: least squares leave none of them"
    claim.add("coefficients", off, 1e-10 * size * x.size**0.5 + rounding * x.size, how)
    norm = float(np.linalg.norm(rest.astype(float)))
    claim.agree("residual_norm", norm, 1e-9 * norm + 1e-12 * size + rounding * x.size, "the coefficients put in")


_POWERS = {
    "evaluate": _power_values, "derivative": _power_values, "roots": _power_roots, "fit": _power_fit,
}  # fmt: skip

ROADS: Mapping[tuple[str, str], Road] = {("special", "polynomial"): polynomial}
