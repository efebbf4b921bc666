"""Trajectories and integrals by other integrators: SciPy's eighth-order one, and double exponential quadrature."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from agents import arrays, formulas
from agents.distributions import Distribution
from agents.ode.ensemble import count_of, read_samples
from agents.ode.members import values_of
from agents.ode.system import System, read_system
from agents.task import Watch
from agents.validate.findings import Claim, Road
from native.formula import Program

_LEVELS = 9
_CALLS = 60_000
"""Most evaluations of a right side for one solution: about two seconds."""
_POINTS = 2000
"""Most evaluations of a right side between two looks at the watch."""


def ivp(claim: Claim, watch: Watch) -> None:
    """DOP853, or Radau where the solution was stiff, at two tolerances: their difference bounds the second's error."""
    given = claim.inner.inputs
    system = read_system(given["equations"], given.get("parameters", {}), given["initial"], given["t_span"])
    times = claim.numbers("t")
    found = claim.named("y", list(system.names))
    if not times.size:
        return
    if given.get("events") is None:  # a terminal one ends the list
        wanted = given.get("t_eval")
        points = np.linspace(system.start, system.end, times.size) if wanted is None else wanted
        claim.agree("t", np.array(points, dtype=float), 1e-12 * float(np.abs(times).max()), "the request's times")
    stiff = claim.stiff
    rtols = (1e-7, 1e-9) if stiff else (1e-9, 1e-11)  # Radau's order is 5: tighter would take minutes
    first, second = (_integrated(system, system.initial, times, stiff, rtol, watch) for rtol in rtols)
    if first is None or second is None:
        return
    drift = 2.0 * float(np.abs(first - second).max(initial=0)) + 1e-11 * float(np.abs(second).max(initial=0))
    name = "Radau" if stiff else "DOP853"
    how = f"integrated by SciPy's {name} at rtol {rtols[1]:g}; its own error is at most {drift:.2g}"
    difference = float(np.abs(second - found).max(initial=0))
    claim.add("y", difference, (claim.error or 0.0) + drift, how)


def _integrated(system: System, initial: Any, times: Any, stiff: bool, rtol: float, watch: Watch) -> Any:
    """The states (n, k) at `times`; None when SciPy does not get there."""
    jacobian = system.jacobian() if stiff else None
    calls = 0
    n = len(system.names)

    def at(t: float, y: Any) -> Any:
        return np.concatenate([[t], y, system.values])[:, None]

    def right(t: float, y: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls % _POINTS == 0:
            watch(0.5, "another integrator")
        if calls > _CALLS:
            raise OverflowError("too many steps")
        return system.program.evaluate(at(t, y))[:, 0]

    more: dict[str, Any] = {}
    if jacobian is not None:
        more["jac"] = lambda t, y: jacobian.evaluate(at(t, y)).reshape(n, n + 1)[:, 1:]
    scale = float(np.abs(initial).max(initial=0.0))
    span = (system.start, float(times[-1]))
    if span[0] == span[1]:
        return np.repeat(np.asarray(initial)[:, None], times.size, axis=1)
    try:
        with np.errstate(all="ignore"):
            made = solve_ivp(
                right, span, initial, "Radau" if stiff else "DOP853", times, rtol=rtol,
                atol=max(1e-14, rtol * 1e-2 * scale), **more,
            )  # fmt: skip
    except OverflowError:
        return None
    return made.y if made.success and made.y.shape[1] == times.size else None


def ensemble(claim: Claim, watch: Watch) -> None:
    """The first, the middle and the last member by another integrator; their local errors are what `rtol` allows."""
    given = claim.inner.inputs
    if given.get("output", "final") != "final" or not any(path.startswith("final.") for path in claim.outputs.numbers):
        return
    _statistics(claim, list(given["equations"]))
    samples = read_samples(given["samples"])
    count = count_of(samples, given.get("n_members"))
    if claim.seed is None and any(isinstance(one, Distribution) for one in samples.values()):
        return  # which members were drawn is not known
    seed = claim.inner.seed if claim.seed is None else claim.seed
    rtol = float(claim.inner.options.get("rtol", 1e-6))
    for i in sorted({0, count // 2, count - 1}):
        own = {name: float(values[0]) for name, values in values_of(samples, seed, i, 1).items()}
        names = given["equations"]
        initial = {**given["initial"], **{name: value for name, value in own.items() if name in names}}
        parameters = {**given.get("parameters", {}), **{k: v for k, v in own.items() if k not in names}}
        system = read_system(names, parameters, initial, given["t_span"])
        found = np.array([claim.numbers(f"final.{name}")[i] for name in system.names])
        if not np.isfinite(found).all():
            continue
        times = np.array([system.end])
        made = [_integrated(system, system.initial, times, False, one, watch) for one in (rtol, 1e-11)]
        if made[0] is None or made[1] is None:
            continue
        size = float(np.abs(made[1]).max(initial=0))
        tolerance = 1e3 * (float(np.abs(made[0] - made[1]).max()) + rtol * max(size, 1e-3))
        how = "integrated by SciPy's DOP853; a thousand times what the tolerances of a step allow"
        claim.add(f"final[{i}]", float(np.abs(made[1][:, 0] - found).max()), tolerance, how)


def _statistics(claim: Claim, names: list[str]) -> None:
    """Statistics of the members at the end, by sums that do not round and by sorting."""
    for name in names:
        final = claim.numbers(f"final.{name}").ravel()
        x = np.sort(final[np.isfinite(final)])
        size = float(np.abs(x).max(initial=0.0))
        mean = math.fsum(x) / max(x.size, 1)
        how = "from the members at the end"
        claim.agree(f"mean.{name}", mean, 1e-12 * size, how)
        if x.size > 1:
            std = math.sqrt(math.fsum((one - mean) ** 2 for one in x) / (x.size - 1))
            claim.agree(f"std.{name}", std, 1e-9 * std + 1e-12 * size, how)
        if float(claim.numbers("quantile_rank_error")) == 0.0:
            for path in [
                one for one in claim.outputs.numbers if one.startswith("quantiles.") and one.endswith(f".{name}")
            ]:
                at = float(path.removeprefix("quantiles.").removesuffix(f".{name}")) * (x.size - 1)
                low = int(at)
                value = x[low] + (at - low) * (x[min(low + 1, x.size - 1)] - x[low])
                claim.agree(path, value, 1e-12 * size, how)
        claim.agree("n_members", final.size, 0.0, "counted")
        claim.agree("n_failed", int((~np.isfinite(final)).sum()), 0.0, "counted")


def quad(claim: Claim, watch: Watch) -> None:
    """Tanh-sinh quadrature between the breakpoints (Takahasi & Mori 1974), halving its step until it settles."""
    given = claim.inner.inputs
    parameters = formulas.numbers(given.get("parameters", {}), "inputs.parameters")
    name = given.get("variable", "x")
    program = formulas.compiled({"inputs.integrand": given["integrand"]}, (name,), tuple(parameters))
    low, high = (_end(end, -1 + 2 * i) for i, end in enumerate(given["bounds"]))
    sign = -1.0 if high < low else 1.0
    low, high = min(low, high), max(low, high)
    inside = sorted({float(one) for one in given.get("breakpoints", []) if low < float(one) < high})
    if low == high:
        total, error = 0.0, 0.0
    else:
        edges = [low, *inside, high] if inside or not (math.isinf(low) and math.isinf(high)) else [low, 0.0, high]
        parts = [_double_exponential(program, list(parameters.values()), *pair, watch) for pair in pairwise(edges)]
        total, error = sign * sum(part[0] for part in parts), sum(part[1] for part in parts)
    value = float(claim.numbers("value"))
    if not math.isfinite(total) or error > 1e-4 * max(abs(total), abs(value), 1e-300):
        return  # the other rule does not settle here: it has nothing to say
    how = f"tanh-sinh quadrature; its own error is about {error:.2g}"
    claim.add("value", abs(value - total), (claim.error or 0.0) + 100 * error + 1e-14 * abs(total), how)


def _end(value: Any, direction: int) -> float:
    return direction * math.inf if value is None else arrays.number(value, "inputs.bounds", infinite=True)


def _double_exponential(
    program: Program, parameters: list[float], low: float, high: float, watch: Watch
) -> tuple[float, float]:
    """One interval, one end of which may be infinite; gives the integral and the last change."""
    before, value, change = math.nan, math.nan, math.inf
    for level in range(2, _LEVELS):
        watch(0.5, "another rule")
        step = 2.0**-level
        u = np.arange(-4.0 if math.isfinite(low + high) else -6.8, 4.0 if math.isfinite(low + high) else 4.6, step)
        x, weight = _mapped(u, low, high)
        inputs = np.vstack([x, *(np.full(x.size, one) for one in parameters)])
        with np.errstate(all="ignore"):
            terms = program.evaluate(inputs)[0] * weight
        if not np.isfinite(terms[weight > 0]).all():
            terms = np.where(np.isfinite(terms), terms, 0.0)
        before, value = value, step * math.fsum(terms[weight > 0])
        last, change = change, abs(value - before)
        if change <= 1e-14 * abs(value) or (change > 0.5 * last and level > 5):
            break
    return value, change + 1e-15 * abs(value)


def _mapped(u: Any, low: float, high: float) -> tuple[Any, Any]:
    with np.errstate(all="ignore"):
        s = 0.5 * np.pi * np.sinh(u)
        if math.isfinite(low) and math.isfinite(high):
            half = 0.5 * (high - low)
            q = 1.0 / (1.0 + np.exp(2.0 * np.abs(s)))  # the distance to the nearer end, in the length
            x = np.where(s < 0, low + 2 * half * q, high - 2 * half * q)
            weight = half * 0.5 * np.pi * np.cosh(u) / np.cosh(s) ** 2
            return x, np.where((x > low) & (x < high), weight, 0.0)
        distance = np.exp(s)
        weight = 0.5 * np.pi * np.cosh(u) * distance
        x = low + distance if math.isfinite(low) else high - distance
        return x, np.where(np.isfinite(distance) & (distance > 0) & np.isfinite(weight), weight, 0.0)


ROADS: Mapping[tuple[str, str], Road] = {
    ("ode", "ivp"): ivp, ("ode", "ensemble"): ensemble, ("integrate", "quad"): quad,
}  # fmt: skip
