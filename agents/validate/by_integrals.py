"""Conserved quantities by another quadrature: the integral of the cubic spline through the data."""

from typing import Any

import numpy as np
from scipy.interpolate import CubicSpline

from agents import formulas
from agents.arrays import Array
from agents.physics_ml.conservation import ConservationInputs, Data
from agents.validate.findings import Claim

_ROUNDING = 1e-12


def conservation_of(claim: Claim, given: ConservationInputs, data: Data) -> None:
    """Integral, balance, drift and verdict of data, from the formulas at each point."""
    parameters = formulas.numbers(given.parameters, "inputs.parameters")
    used, constants = list(data.names), list(parameters.values())

    def values(text: str, field: str) -> Array:
        program = formulas.compiled({field: text}, used, tuple(parameters))
        return data.evaluate(program, used, constants, field)

    density = values(given.density, "inputs.density")
    integral = _over(density, data, 1)
    halves = data.periodic or all(axis.size % 2 and axis.size >= 9 for axis in data.axes[1:])
    own = float(np.abs(_over(density, data, 2) - integral).max()) if halves else 0.01 * float(np.abs(integral).max())
    found, balance, t = (claim.numbers(name) for name in ("integral", "balance", "t"))
    scale = float(np.abs(found).max())
    claim.agree("t", data.axes[0], 0.0, "as the request has it")
    allowed = _ROUNDING * float(np.abs(density).max()) * max(1.0, _volume(data))
    if density.ndim > 1 and not data.periodic:
        allowed += 2.0 * (claim.error or 0.0) + own
    claim.agree("integral", integral, allowed, "of the cubic spline through the density")
    gained = np.zeros_like(integral)
    for i, name in enumerate(given.axes):
        if name in given.flux and not data.periodic:
            flux = values(given.flux[name], f"inputs.flux.{name}")
            net = np.take(flux, -1, axis=i + 1) - np.take(flux, 0, axis=i + 1)
            rest = [axis for k, axis in enumerate(data.axes) if k != i + 1]
            for axis in range(net.ndim - 1, 0, -1):
                net = _along(net, rest[axis], axis, periodic=False)
            gained -= net
    if given.source is not None:
        made = values(given.source, "inputs.source")
        gained += _over(made, data, 1)
    numerical = float(claim.numbers("numerical_error"))
    flows = bool(gained.any())
    moved = CubicSpline(t, gained).antiderivative()(t) if flows and t.size > 2 else np.zeros_like(t)
    slack = 2.0 * numerical + 1e-9 * float(np.abs(moved).max()) + allowed if flows else 0.0
    if not flows or t.size > 2:
        own = found - found[0] - moved
        claim.agree("balance", own, slack + 1e-13 * scale, "the integral less its first value and what was gained")
    drift = float(np.abs(balance).max())
    claim.agree("drift", drift, 1e-13 * drift, "the largest of the balance")
    relative = drift / scale if scale > 0 else 0.0
    claim.agree("relative_drift", relative, 1e-12 * relative, "in the size of the integral")
    claim.add("numerical_error", (claim.error or 0.0) - numerical, 1e-12 * scale, "not below that of the integral")
    rtol = float(claim.inner.options.get("rtol", 1e-6))
    kept = drift <= max(rtol * scale, numerical)
    claim.add("conserved", float(kept != claim.outputs.words.get("conserved")), 0.0, "the drift beside what it may be")


def _over(values: Array, data: Data, every: int) -> Array:
    """Integrals over all axes but time, of every so many points."""
    for axis in range(values.ndim - 1, 0, -1):
        some = range(0, values.shape[axis], every)
        values = _along(np.take(values, some, axis=axis), data.axes[axis][::every], axis, periodic=data.periodic)
    return values


def _volume(data: Data) -> float:
    return float(np.prod([float(np.ptp(axis)) for axis in data.axes[1:]]))


def _along(values: Array, points: Array, axis: int, *, periodic: bool) -> Array:
    """The integral along one axis: of a spline that is periodic, or has no end conditions of its own."""
    if periodic:
        step = float(points[1] - points[0])
        points = np.append(points, points[-1] + step)
        values = np.concatenate([values, np.take(values, [0], axis=axis)], axis=axis)
    spline: Any = CubicSpline(points, values, axis=axis, bc_type="periodic" if periodic else "not-a-knot")
    return np.asarray(spline.integrate(float(points[0]), float(points[-1])))
