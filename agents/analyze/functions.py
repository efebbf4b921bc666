"""Formulas of several variables: exact gradients, Hessians from their differences, and the Jacobians of residuals."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from agents import arrays, draws, formulas
from agents.analyze.measured import Measured, sparsity_of
from agents.arrays import Array
from agents.inner import Inner
from agents.task import Watch
from native.formula import Program

_LARGEST = 300
_PROBES = 4
_SAMPLES = 1024


def minimum(asked: Inner, kept: Mapping[str, bytes], watch: Watch) -> Measured:  # noqa: ARG001
    """Measure an objective around its start: curvature, condition of the Hessian, whether it is quadratic."""
    given = asked.inputs
    start = _start(given)
    parameters = formulas.numbers(given.get("parameters", {}), "inputs.parameters")
    program = formulas.compiled(
        {"inputs.objective": given["objective"]}, tuple(start), tuple(parameters), jacobian=True
    )
    n, x = len(start), np.array(list(start.values()))
    sign = -1.0 if given.get("maximize") else 1.0
    kind = f"{'constrained' if given.get('constraints') else 'bounded' if given.get('bounds') else 'free'} minimum"
    properties: dict[str, Any] = {"variables": n, "constraints": len(given.get("constraints", []))}
    if n > _LARGEST:
        return Measured(f"{kind} of {n} variables", properties, unknowns=n)
    spread = np.maximum(np.abs(x), 1.0)
    shifts = draws.generator(asked.seed, 21).uniform(-1, 1, (_PROBES, n)) * spread
    hessians = []
    for i, point in enumerate([x, *(x + shifts)]):
        watch(0.2 + 0.1 * i, "curvature")
        hessians.append(sign * _hessian(program, point, list(parameters.values())))
    finite = [one for one in hessians if np.isfinite(one).all()]
    if not finite:
        return Measured(f"{kind} of {n} variables: not finite at its start", properties, unknowns=n)
    scale = max(float(np.abs(one).max(initial=0.0)) for one in finite)
    flat = scale <= 1e-7
    quadratic = all(np.abs(one - finite[0]).max(initial=0.0) <= 1e-5 * max(scale, 1e-300) for one in finite)
    curvatures = [np.linalg.eigvalsh(one) for one in finite]
    lowest = min(float(one[0]) for one in curvatures)
    convex = lowest >= -1e-6 * scale
    sizes = np.abs(curvatures[0])
    condition = float(sizes.max() / sizes.min()) if sizes.min() > 1e-14 * max(sizes.max(), 1e-300) else None
    word = "linear" if flat else "quadratic" if quadratic else "nonlinear"
    properties |= {"linear": flat, "quadratic": bool(quadratic and not flat), "convex_where_looked": bool(convex)}
    return Measured(
        f"{kind} of {n} variables: {word}, {'convex' if convex else 'not convex'} at {len(finite)} points",
        {**properties, "lowest_curvature": lowest}, unknowns=n, order="iterations × (n² + operations)",
        conditioning=None if flat else {"condition": condition, "how": "Hessian at the start"},
        sparsity=sparsity_of(np.abs(finite[0]) > 1e-9 * max(scale, 1e-300)),
    )  # fmt: skip


def _start(given: Mapping[str, Any]) -> dict[str, float]:
    if "initial" in given:
        return formulas.numbers(given["initial"], "inputs.initial")
    return {name: 0.5 * (float(low) + float(high)) for name, (low, high) in given["bounds"].items()}


def _hessian(program: Program, x: Array, parameters: list[float]) -> Array:
    n = x.size
    step = 6e-6 * np.maximum(np.abs(x), 1.0)
    points = np.hstack([x[:, None] + np.diag(step), x[:, None] - np.diag(step)])
    made = program.evaluate(np.vstack([points, *(np.full(2 * n, one) for one in parameters)]))[1 : n + 1]
    half = (made[:, :n] - made[:, n:]) / (2 * step)
    return np.asarray(0.5 * (half + half.T))


def equations(asked: Inner, kept: Mapping[str, bytes], watch: Watch) -> Measured:  # noqa: ARG001
    """Measure a system of equations at its start: the condition of its Jacobian."""
    given = asked.inputs
    start = formulas.numbers(given["initial"], "inputs.initial")
    parameters = formulas.numbers(given.get("parameters", {}), "inputs.parameters")
    sides = [text.split("==") for text in given["equations"]]
    texts = {f"inputs.equations[{i}]": f"({s[0]}) - ({s[1]})" if len(s) == 2 else s[0] for i, s in enumerate(sides)}
    program = formulas.compiled(texts, tuple(start), tuple(parameters), jacobian=True)
    watch(0.5, "Jacobian")
    m, n = len(texts), len(start)
    made = program.evaluate(np.array([*start.values(), *parameters.values()])[:, None])[:, 0]
    return _of_jacobian(f"{m} equations of {n} variables", made[m:].reshape(m, n), {"equations": m, "variables": n})


def fit(asked: Inner, kept: Mapping[str, bytes], watch: Watch) -> Measured:  # noqa: ARG001
    """Measure a model's Jacobian over the data, at the starting parameters."""
    given = asked.inputs
    start = formulas.numbers(given["parameters"], "inputs.parameters")
    columns = {name: arrays.gate(values, f"inputs.data.{name}", ndim=1) for name, values in given["data"].items()}
    variables = given.get("variables") or [one for one in columns if one not in {given["observed"], given.get("sigma")}]
    program = formulas.compiled({"inputs.model": given["model"]}, tuple(start), tuple(variables), jacobian=True)
    rows = len(columns[given["observed"]])
    watch(0.5, "Jacobian")
    values = [np.full(rows, one) for one in start.values()] + [columns[name] for name in variables]
    made = program.evaluate(np.vstack(values))
    text = f"fit of {len(start)} parameters to {rows} observations"
    properties = {"parameters": len(start), "observations": rows}
    return _of_jacobian(text, made[1 : len(start) + 1].T, properties)


def _of_jacobian(kind: str, jacobian: Array, properties: dict[str, Any]) -> Measured:
    n = jacobian.shape[1]
    if not np.isfinite(jacobian).all():
        return Measured(f"{kind}: not finite at the start", properties, unknowns=n)
    s = np.linalg.svd(jacobian / np.maximum(np.linalg.norm(jacobian, axis=0), 1e-300), compute_uv=False)
    condition = float(s[0] / s[-1]) if s[-1] > 1e-16 * s[0] else None
    told = "" if condition is not None and condition < 1e10 else ": singular at the start"
    return Measured(
        f"{kind}{told}", properties, unknowns=n, order="iterations × m n²",
        conditioning={"condition": condition, "how": "Jacobian at the start, its columns scaled"},
        sparsity=sparsity_of(jacobian != 0.0),
    )  # fmt: skip


def integral(asked: Inner, kept: Mapping[str, bytes], watch: Watch) -> Measured:  # noqa: ARG001
    """Measure an integrand at scattered points: where it is not finite, how often it changes sign, its size."""
    given = asked.inputs
    bounds = given["bounds"] if isinstance(given["bounds"], Mapping) else {given.get("variable", "x"): given["bounds"]}
    parameters = formulas.numbers(given.get("parameters", {}), "inputs.parameters")
    program = formulas.compiled({"inputs.integrand": given["integrand"]}, tuple(bounds), tuple(parameters))
    uniform = draws.uniforms(asked.seed, 0, _SAMPLES, len(bounds), stream=22)
    order = np.sort(uniform[:, 0]) if len(bounds) == 1 else uniform[:, 0]
    infinite, rows = 0, []
    for j, pair in enumerate(bounds.values()):
        ends = [(-np.inf, np.inf)[i] if one is None else arrays.number(one, "inputs.bounds", infinite=True)
                for i, one in enumerate(pair)]  # fmt: skip
        u = order if j == 0 else uniform[:, j]
        infinite += int(np.isinf(ends).any())
        rows.append(_scattered(u, *ends))
    watch(0.5, "integrand")
    with np.errstate(all="ignore"):
        values = program.evaluate(np.vstack([*rows, *(np.full(_SAMPLES, one) for one in parameters.values())]))[0]
    finite = values[np.isfinite(values)]
    size = np.abs(finite)
    properties = {
        "dimensions": len(bounds), "infinite_ranges": infinite, "points": _SAMPLES,
        "not_finite": int(values.size - finite.size), "largest": float(size.max(initial=0.0)),
        "sign_changes": int((np.diff(np.sign(finite)) != 0).sum()) if len(bounds) == 1 else None,
        "zero_share": float((size == 0).mean()) if size.size else None,
    }  # fmt: skip
    kind = f"integral over {len(bounds)} dimension{'s' if len(bounds) > 1 else ''}, {infinite} of infinite range"
    return Measured(kind, properties, unknowns=len(bounds), order="evaluations × operations")


def _scattered(u: Array, low: float, high: float) -> Array:
    """Points of a range, also of an infinite one, by an algebraic map."""
    if np.isfinite(low) and np.isfinite(high):
        return low + (high - low) * u
    if np.isfinite(low):
        return low + u / (1 - u)
    return high - (1 - u) / u if np.isfinite(high) else (2 * u - 1) / (u * (1 - u))


Measure = Callable[[Inner, Mapping[str, bytes], Watch], Measured]
