"""Fitted equations by integrating them again with SciPy: the fit, its optimality, and its covariance by differences."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import linalg, stats
from scipy.integrate import solve_ivp

from agents import arrays
from agents.arrays import Array
from agents.ode.system import System, read_system
from agents.optimize import boxes
from agents.task import Watch
from agents.validate.by_optimality import differences
from agents.validate.findings import Claim, Road


def ode_parameters(claim: Claim, watch: Watch) -> None:
    """Integrated by SciPy's Radau or DOP853 at the parameters found: fit, sum of squares, optimality, covariance."""
    given = claim.inner.inputs
    columns = {name: arrays.gate(one, f"inputs.data.{name}", ndim=1) for name, one in given["data"].items()}
    times = columns.pop("t")
    start = float(times[0] if given.get("t_start") is None else given["t_start"])
    end = float(times[-1]) if times[-1] > start else start + 1.0
    system = read_system(given["equations"], given["parameters"], given["initial"], [start, end])
    chosen = list(system.parameters if given.get("fit") is None else given["fit"])
    found = claim.named("parameters", chosen)
    sigma = given.get("sigma")
    weights = {
        name: np.broadcast_to(np.asarray(1.0 if sigma is None else sigma[name] if isinstance(sigma, dict) else sigma,
                                         dtype=float), times.shape) for name in columns
    }  # fmt: skip
    states = _integrator(system, chosen, times, (start, end), claim.stiff, watch)

    def residuals(p: Array) -> Array:
        y = states(p)
        return np.concatenate([
            (y[system.names.index(name)] - column) / weights[name] for name, column in columns.items()
        ])  # fmt: skip

    watch(0.3, "another integrator")
    fitted = states(found)
    how = "SciPy's Radau at the parameters" if claim.stiff else "SciPy's DOP853 at the parameters"
    for i, name in enumerate(system.names):
        size = float(np.abs(fitted[i]).max()) + 1e-3 * float(np.abs(fitted).max())
        claim.agree(f"fitted.{name}", fitted[i], 1e-6 * size, how)
    claim.agree("t", times, 0.0, "the times of the data")
    low, high = boxes.read(given.get("bounds", {}), tuple(chosen), "inputs.bounds")
    rest = residuals(found)
    total = float(rest @ rest)
    data = float(sum(((column / weights[name]) ** 2).sum() for name, column in columns.items()))
    claim.agree("residual_sum_of_squares", total, 1e-5 * total + 1e-9 * data * 1e-3, how)
    free = (found > low) & (found < high)
    jacobian = differences(residuals, found)[:, free]
    lengths = np.linalg.norm(jacobian, axis=0)
    step = linalg.lstsq(jacobian / lengths, rest)[0] / lengths
    spread = claim.named("standard_errors", chosen)[free]
    allowed = 2.0 * (claim.error or 0.0) + 1e-5 * (np.abs(found[free]) + spread)
    ratio = np.abs(step) / allowed
    text = f"how far Gauss and Newton's step goes, by differences of {how}; in what the error allows"
    claim.add("parameters", float(ratio.max(initial=0.0)), 1.0, text)
    if total <= 1e-10 * data:  # what is left is rounding, and so are the errors from it
        return
    uncertain(claim, (found, chosen, free), jacobian, total, (rest.size, sigma is not None))


def _integrator(
    system: System, chosen: list[str], times: Array, span: tuple[float, float], stiff: bool, watch: Watch
) -> Callable[[Array], Array]:
    """What gives the states (n, k) at `times` for values of what is fitted."""
    calls = 0

    def states(p: Array) -> Array:
        values, initial = system.values.copy(), np.array(system.initial, dtype=float)
        for name, one in zip(chosen, p, strict=True):
            if name in system.names:
                initial[system.names.index(name)] = one
            else:
                values[system.parameters.index(name)] = one

        def right(t: float, y: Array) -> Array:
            nonlocal calls
            calls += 1
            if calls % 500 == 0:
                watch(0.5, "another integrator")
            made: Array = system.program.evaluate(np.concatenate([[t], y, values])[:, None])[:, 0]
            return made

        points = np.unique(times)
        atol = 1e-12 * max(float(np.abs(initial).max(initial=0.0)), 1e-2)
        method: Any = "Radau" if stiff else "DOP853"
        made = solve_ivp(right, span, initial, method, points, rtol=1e-10, atol=atol)
        if not made.success:
            raise ValueError(made.message)
        return np.asarray(made.y)[:, np.searchsorted(points, times)]

    return states


def uncertain(
    claim: Claim, fit: tuple[Array, list[str], Any], jacobian: Array, total: float, data: tuple[int, bool]
) -> None:
    """Covariance, errors and intervals from a Jacobian by differences."""
    found, chosen, free = fit
    count, absolute = data
    freedom = count - int(free.sum())
    claim.agree("degrees_of_freedom", freedom, 0.0, "observations less what is free")
    variance = 1.0 if absolute else total / freedom if freedom else 0.0
    covariance = np.zeros((len(chosen), len(chosen)))
    lengths = np.linalg.norm(jacobian, axis=0)
    inverse = linalg.pinv(jacobian / lengths) / lengths[:, None]
    covariance[np.ix_(free, free)] = inverse @ inverse.T * variance
    errors = np.sqrt(np.diag(covariance))
    scale = np.outer(errors, errors) + 1e-300
    how = "the Jacobian by differences"
    off = float((np.abs(claim.numbers("covariance") - covariance) / scale).max())
    claim.add("covariance", off, 1e-3, f"{how}, in standard errors")
    quantile = float(stats.norm.ppf(0.975) if absolute else stats.t.ppf(0.975, max(1, freedom)))
    for i, name in enumerate(chosen):
        claim.agree(f"standard_errors.{name}", errors[i], 1e-3 * errors[i], how)
        ends = found[i] + quantile * errors[i] * np.array([-1.0, 1.0])
        claim.agree(f"confidence_intervals.{name}", ends, 3e-3 * errors[i] + 1e-12 * abs(found[i]), how)
    if "sigma_estimate" in claim.outputs.numbers:
        made = math.sqrt(total / freedom)
        claim.agree("sigma_estimate", made, 1e-4 * made, "the residuals over the degrees of freedom")


ROADS: Mapping[tuple[str, str], Road] = {("inverse", "ode_parameters"): ode_parameters}
