"""First-order reliability: the most likely point of an event, and the probability beyond the plane through it."""

import math
from typing import Any

import numpy as np
from scipy import special

from agents.arrays import Array
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import Watch
from agents.uq.limit_state import LimitState
from agents.uq.model import COMPILED, KERNEL, check_finite
from native.formula import Program

_MOST_STEPS = 200
_NORMAL = -0.5 * math.log(2.0 * math.pi)


_STARTS = (0.3, -0.3)
"""Coordinates of the points that the search starts from: at the origin a model may be symmetric."""


def probability(state: LimitState, gradient: Program, watch: Watch) -> Outcome:
    """Find the point nearest to the origin of the standard normal space where the event begins.

    Source: Rackwitz & Fiessler (1978), with the step of the improved HL-RF algorithm (Zhang & Der Kiureghian, 1995),
    from two points; the nearer point found counts.
    """
    begins, _ = _look(state, gradient, np.zeros(state.dimensions))
    found: list[tuple[Array, Array]] = []
    failed: list[Problem] = []
    steps = 0
    for start in _STARTS:
        try:
            u, slope, taken = _search(state, gradient, np.full(state.dimensions, start), watch)
        except Problem as problem:
            if problem.code not in {"singular", "not_converged"}:
                raise
            failed.append(problem)
        else:
            found.append((u, slope))
            steps += taken
    if not found:
        raise failed[0]
    u, slope = min(found, key=lambda one: float(one[0] @ one[0]))
    return _outcome(state, u, slope, begins, steps)


def _search(state: LimitState, gradient: Program, u: Array, watch: Watch) -> tuple[Array, Array, int]:
    """Search from one point; gives the point, the slope there and how many steps it took."""
    y, slope = _look(state, gradient, u)
    for step in range(_MOST_STEPS):
        watch(step / _MOST_STEPS, "design point")
        size = float(slope @ slope)
        if not 0.0 < size < math.inf:
            text = "the model does not change with its inputs where the search came to"
            raise Problem("singular", text, field="inputs.model", hint="method subset, which needs no derivatives")
        aim = (float(slope @ u) - y) / size * slope
        way = aim - u
        if np.linalg.norm(way) <= 1e-9 * (1.0 + np.linalg.norm(u)) and abs(y) <= 1e-9 * math.sqrt(size):
            return u, slope, step
        weight = 2.0 * (float(np.linalg.norm(u)) + 1.0) / math.sqrt(size)
        merit = 0.5 * float(u @ u) + weight * abs(y)
        length = 1.0
        while True:
            new = u + length * way
            y_new, slope_new = _look(state, gradient, new)
            if 0.5 * float(new @ new) + weight * abs(y_new) < merit or length < 1e-4:
                break
            length *= 0.5
        u, y, slope = new, y_new, slope_new
    text = f"no most likely point was found in {_MOST_STEPS} steps"
    raise Problem("not_converged", text, field="inputs.model", hint="method subset, which needs none")


def _look(state: LimitState, gradient: Program, u: Array) -> tuple[float, Array]:
    """Excess at a standard normal point and its gradient there."""
    points = state.points(u[None])
    made = gradient.evaluate(np.concatenate([points, state.model.values[:, None]]))[:, 0]
    finite = state.model.finite
    finite.look(points, np.array([made.sum()]))
    check_finite(finite)
    density = np.array(
        [float(one.log_density(x)[0]) for one, x in zip(state.model.distributions.values(), points, strict=True)]
    )
    slope = made[1:] * np.exp(_NORMAL - 0.5 * u * u - density)
    value = float(made[0]) - state.threshold
    return (-value, -slope) if state.below else (value, slope)


def _outcome(state: LimitState, u: Array, slope: Array, begins: float, steps: int) -> Outcome:
    index = math.copysign(float(np.linalg.norm(u)), -begins)
    outputs: dict[str, Any] = {
        "probability": float(special.ndtr(-index)), "coefficient_of_variation": None, "confidence_interval": None,
        "reliability_index": index, "most_likely_point": dict(state.named(u)),
        "importance": dict(zip(state.model.names, (slope * slope / (slope @ slope)).tolist(), strict=True)),
        "levels": [],
    }  # fmt: skip
    diagnostics = Diagnostics(
        converged=True, iterations=steps, error_estimate=None, method="form",
        checks=[Check("the_event_begins_there", passed=True)],
    )  # fmt: skip
    warnings = ["a first-order approximation: its error is not known; subset tells its own"]
    return Outcome(outputs, KERNEL, COMPILED, diagnostics, warnings)
