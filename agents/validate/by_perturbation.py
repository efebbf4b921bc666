"""Optima by looking around them: the objective recomputed there, and at points a little away."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from agents import arrays, draws, formulas
from agents.arrays import Array
from agents.task import Watch
from agents.validate.by_optimality import settled
from agents.validate.by_simulation import uncertain
from agents.validate.findings import Claim, Road
from agents.validate.values import Numbers

_DIRECTIONS = 64
_STEPS = (1e-2, 1e-4)
_COMPARISON = re.compile(r"(>=|<=|==)")
_SLACK = 1e-6


def minimize(claim: Claim, watch: Watch) -> None:
    """The objective at x is the one claimed, x is feasible, and no feasible point beside it is lower."""
    given = claim.inner.inputs
    names = list(given.get("initial") or given["bounds"])
    parameters = formulas.numbers(given.get("parameters", {}), "inputs.parameters")
    x = claim.named("x", names)
    sign = -1.0 if given.get("maximize") else 1.0
    low, high = _box(names, given.get("bounds", {}))
    parts = [_COMPARISON.split(text, maxsplit=1) for text in given.get("constraints", [])]
    texts = {"inputs.objective": given["objective"]}
    texts |= {f"inputs.constraints[{i}]": f"({part[0]}) - ({part[2]})" for i, part in enumerate(parts)}
    program = formulas.compiled(texts, tuple(names), tuple(parameters))
    kinds = [part[1] for part in parts]

    def values(points: Array) -> tuple[Array, Array]:
        """Objective and violation at the columns of `points`."""
        inputs = np.vstack([points, *(np.full(points.shape[1], one) for one in parameters.values())])
        made = program.evaluate(inputs)
        signed: dict[str, Callable[[Array], Array]] = {">=": lambda g: -g, "<=": lambda g: g, "==": np.abs}
        worst = np.zeros(points.shape[1])
        for kind, row in zip(kinds, made[1:], strict=True):
            worst = np.maximum(worst, signed[kind](row))
        return sign * made[0], worst

    watch(0.3, "looking around")
    here, violation = values(x[:, None])
    size = 1.0 + abs(float(here[0]))
    claimed = sign * float(claim.numbers("objective"))
    claim.add("objective", abs(float(here[0]) - claimed), 1e-12 * size, "the objective's formula at x")
    outside = max(0.0, float((low - x).max(initial=0)), float((x - high).max(initial=0)), float(violation[0]))
    claim.add("x", outside, _SLACK * (1.0 + float(np.abs(x).max(initial=0))), "bounds and constraints at x")
    i = 0
    while f"minima[{i}].objective" in claim.outputs.numbers:
        there, _ = values(claim.named(f"minima[{i}].x", names)[:, None])
        off = abs(sign * float(there[0]) - float(claim.numbers(f"minima[{i}].objective")))
        claim.add(f"minima[{i}]", off, 1e-9 * (1.0 + abs(float(there[0]))), "the objective's formula there")
        i += 1
    directions = draws.generator(claim.inner.seed, 11).standard_normal((len(names), _DIRECTIONS))
    directions /= np.abs(directions).max(axis=0, keepdims=True)
    scale = np.maximum(np.abs(x), 1.0)[:, None]
    points = np.hstack(
        [np.clip(x[:, None] + step * scale * directions, low[:, None], high[:, None]) for step in _STEPS]
    )
    around, worst = values(points)
    feasible = (worst <= float(violation[0])) & np.isfinite(around)
    gain = float(np.max(here[0] - around[feasible], initial=0.0))
    how = f"{int(feasible.sum())} feasible points at distances of 1e-2 and 1e-4: how much lower the lowest is"
    claim.add("x", gain, 1e-9 * size, how)


def _box(names: list[str], bounds: Mapping[str, Any]) -> tuple[Array, Array]:
    def end(name: str, i: int) -> float:
        value = bounds[name][i] if name in bounds else None
        infinite = (-np.inf, np.inf)[i]
        return infinite if value is None else arrays.number(value, f"inputs.bounds.{name}", infinite=True)

    return np.array([end(name, 0) for name in names]), np.array([end(name, 1) for name in names])


def root(claim: Claim, watch: Watch) -> None:
    """The equations at x; with their Jacobian from differences, how far a Newton step would go."""
    given = claim.inner.inputs
    names = list(given["initial"])
    parameters = formulas.numbers(given.get("parameters", {}), "inputs.parameters")
    sides = [text.split("==") for text in given["equations"]]
    texts = {f"inputs.equations[{i}]": f"({s[0]}) - ({s[1]})" if len(s) == 2 else s[0] for i, s in enumerate(sides)}
    program = formulas.compiled(texts, tuple(names), tuple(parameters))
    x = claim.named("x", names)
    watch(0.3, "looking around")
    values = program.evaluate(np.concatenate([x, list(parameters.values())])[:, None])[:, 0]
    size = 1e-9 * (1.0 + float(np.abs(x).max(initial=0.0)))
    claim.agree("residuals", values, size, "the equations' formulas at x")
    found = claim.numbers("residuals")
    largest = float(np.abs(found).max(initial=0.0))
    claim.agree("residual_norm", largest, 1e-12 * largest, "the largest of the residuals")
    step = 1e-6 * np.maximum(np.abs(x), 1e-3)
    points = np.hstack([x[:, None], x[:, None] + np.diag(step), x[:, None] - np.diag(step)])
    made = program.evaluate(np.vstack([points, *(np.full(points.shape[1], one) for one in parameters.values())]))
    n = len(names)
    jacobian = (made[:, 1 : n + 1] - made[:, n + 1 :]) / (2 * step)
    if claim.error is None or not np.isfinite(jacobian).all() or np.linalg.cond(jacobian) > 1e10:
        return
    newton = float(np.abs(np.linalg.solve(jacobian, made[:, 0])).max(initial=0))
    size = float(np.abs(x).max(initial=0))
    how = "how far Newton's step goes, with a Jacobian from central differences"
    claim.add("x", newton, 1.5 * claim.error + 1e-11 * size, how)


def curve_fit(claim: Claim, watch: Watch) -> None:
    """The sum of squares is the one claimed, and no parameters beside these give a lower one."""
    given = claim.inner.inputs
    names = list(given["parameters"])
    columns = {name: arrays.gate(values, f"inputs.data.{name}", ndim=1) for name, values in given["data"].items()}
    observed = columns[given["observed"]]
    variables = given.get("variables") or [name for name in columns if name != given["observed"] != given.get("sigma")]
    variables = [name for name in variables if name != given.get("sigma")]
    program = formulas.compiled({"inputs.model": given["model"]}, tuple(variables), tuple(names))
    sigma = _sigma(given.get("sigma"), columns, observed)
    best = claim.named("parameters", names)
    low, high = _box(names, given.get("bounds", {}))

    def squares(values: Numbers) -> float:
        inputs = np.vstack([*(columns[name] for name in variables), *(np.full(observed.size, v) for v in values)])
        return float((((program.evaluate(inputs)[0] - observed) / sigma) ** 2).sum())

    here = squares(best)
    claimed = float(claim.numbers("residual_sum_of_squares"))
    size = max(here, 1e-12 * float(((observed / sigma) ** 2).sum()), 1e-300)
    claim.add(
        "residual_sum_of_squares",
        abs(here - claimed),
        1e-7 * size,
        "the model's formula at the parameters and the data",
    )
    directions = draws.generator(claim.inner.seed, 12).standard_normal((_DIRECTIONS, len(names)))
    gain = 0.0
    for i, direction in enumerate(directions):
        watch(0.4 + 0.5 * i / _DIRECTIONS, "looking around")
        for step in (1e-3, 1e-6):
            beside = np.clip(best + step * np.maximum(np.abs(best), 1e-12) * direction, low, high)
            if np.isfinite(value := squares(beside)):
                gain = max(gain, here - value)
    _uncertainty(claim, (program, variables, columns, observed, sigma), best, (low, high), here)
    how = f"{2 * _DIRECTIONS} parameters beside these: how much lower the lowest sum of squares is"
    claim.add("parameters", gain, 1e-8 * size, how)


def _uncertainty(claim: Claim, fit: Any, best: Array, bounds: tuple[Array, Array], here: float) -> None:
    """What is fitted, left over and told of the errors, with a Jacobian by differences."""
    program, variables, columns, observed, sigma = fit
    names = list(claim.inner.inputs["parameters"])

    def fitted(values: Array) -> Array:
        inputs = np.vstack([*(columns[name] for name in variables), *(np.full(observed.size, v) for v in values)])
        made: Array = program.evaluate(inputs)[0]
        return made

    model, size = fitted(best), float(np.abs(observed).max())
    if "fitted" in claim.outputs.numbers:
        claim.agree("fitted", model, 1e-9 * size, "the model's formula at the parameters")
        claim.agree("residuals", observed - model, 1e-9 * size, "the model's formula at the parameters")
    weights = 1.0 / sigma**2
    spread = observed - float(weights @ observed) / float(weights.sum())
    total = float(weights @ spread**2)
    if "r_squared" in claim.outputs.numbers:
        claim.agree("r_squared", 1.0 - here / total, 1e-9 + 1e-6 * here / total, "the sums of squares")
    free = (best > bounds[0]) & (best < bounds[1])
    known = bool(claim.inner.options.get("absolute_sigma")) and claim.inner.inputs.get("sigma") is not None
    if "covariance" in claim.outputs.numbers:
        whole = settled(lambda p: (fitted(p) - observed) / sigma, best)
        if whole is None:
            return
        jacobian = whole[:, free]
        lengths = np.linalg.norm(jacobian, axis=0)
        if (
            (lengths > 0).all()
            and np.linalg.cond(jacobian / lengths) < 1e5
            and here > 1e-10 * float(weights @ observed**2)
        ):
            uncertain(claim, (best, names, free), jacobian, here, (observed.size, known))


def _sigma(value: Any, columns: Mapping[str, Array], observed: Array) -> Array:
    if value is None:
        return np.ones(observed.size)
    if isinstance(value, str):
        return columns[value]
    if isinstance(value, list | Mapping):
        return arrays.gate(value, "inputs.sigma", ndim=1)
    return np.full(observed.size, float(value))


def stability(claim: Claim, watch: Watch) -> None:
    """The equations are zero at each equilibrium: with a Jacobian from differences, how far a Newton step would go."""
    given = claim.inner.inputs
    names = list(given["equations"])
    parameters = formulas.numbers(given.get("parameters", {}), "inputs.parameters")
    texts = {f"inputs.equations.{name}": text for name, text in given["equations"].items()}
    program = formulas.compiled(texts, ("t", *names), tuple(parameters))
    i, worst, size = 0, 0.0, 0.0
    while f"equilibria[{i}].{names[0]}" in claim.outputs.numbers:
        watch(0.3, "looking around")
        x = claim.named(f"equilibria[{i}]", names)
        step = 1e-6 * np.maximum(np.abs(x), 1e-3)
        points = np.hstack([x[:, None], x[:, None] + np.diag(step), x[:, None] - np.diag(step)])
        rows = [
            np.zeros((1, points.shape[1])),
            points,
            *(np.full((1, points.shape[1]), v) for v in parameters.values()),
        ]
        made = program.evaluate(np.vstack(rows))
        n, i = len(names), i + 1
        jacobian = (made[:, 1 : n + 1] - made[:, n + 1 :]) / (2 * step)
        if not np.isfinite(jacobian).all():
            continue
        _eigenvalues(claim, i - 1, jacobian)
        if np.linalg.cond(jacobian) < 1e10:
            worst = max(worst, float(np.abs(np.linalg.solve(jacobian, made[:, 0])).max()))
            size = max(size, float(np.abs(x).max()))
    if i and claim.error is not None:
        text = "how far Newton's step goes from the worst of them, with Jacobians from central differences"
        claim.add("equilibria", worst, 1.5 * claim.error + 1e-11 * (1 + size), text)


def _eigenvalues(claim: Claim, place: int, jacobian: Array) -> None:
    """Those of a Jacobian by differences, paired with the nearest that are claimed."""
    found: list[complex] = []
    while (path := f"eigenvalues[{place}][{len(found)}]") in claim.outputs.numbers:
        found.append(complex(claim.numbers(path)))
    if len(found) != len(jacobian):
        return
    left, worst = np.linalg.eigvals(jacobian).tolist(), 0.0
    for one in found:
        nearest = min(left, key=lambda other, one=one: abs(other - one))  # type: ignore[misc]
        left.remove(nearest)
        worst = max(worst, abs(nearest - one))
    size = float(np.abs(jacobian).max())
    how = f"of equilibrium {place}, from a Jacobian of central differences"
    claim.add("eigenvalues", worst, 1e-4 * size, how)


ROADS: Mapping[tuple[str, str], Road] = {
    ("optimize", "minimize"): minimize, ("optimize", "global"): minimize, ("optimize", "root"): root,
    ("optimize", "curve_fit"): curve_fit, ("ode", "stability"): stability,
}  # fmt: skip
