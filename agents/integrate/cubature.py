"""The task `integrate.cubature`: integrals over boxes of a few dimensions."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, arrays
from agents.alone import Alone
from agents.arrays import Array
from agents.integrate.box import Box, integrand_over, read_box, read_integrand
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch
from native import cubature
from native.cubature_rules import Rule, gauss_kronrod, genz_malik
from native.formula.program import COMPILED

_KERNEL = "native.formula"
_MOST_VARIABLES = 10
_BOXES_LIMIT = 4096
_PRODUCT_LIMIT = 200_000
"""Most points of a product rule over the whole box."""


class CubatureInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The integral of `integrand`, a formula of the variables in `bounds` and of `parameters`, over a box.

    `bounds` {name: [low, high]}, up to 10 variables; null or "Infinity" for an open end, reversed bounds give the
    negative. `breakpoints` {name: [numbers]} are where the integrand is singular, jumps or has a kink across an axis.
    Outputs: `value` and `error_estimate`, which bounds the error; what is so narrow that no point falls on it is not
    seen. Where the error does not become small enough there is no value, but `not_converged`.
    """

    integrand: str
    bounds: dict[str, Any]
    parameters: dict[str, Any] = {}
    breakpoints: dict[str, list[Any]] = {}


class CubatureOptions(TaskOptions, kw_only=True):
    """The error is to be at most max(`epsabs`, `epsrel` |value|) after at most `max_evaluations`.

    `method` "gauss_kronrod" (products of one-dimensional rules, up to 5 dimensions) or "genz_malik" (2 and more);
    "auto" tries the first on the whole box if it is not too large, and else refines by the one that suits.
    """

    method: Literal["auto", "gauss_kronrod", "genz_malik"] = "auto"
    epsabs: Annotated[float, msgspec.Meta(ge=0, le=1e300)] = 1e-10
    epsrel: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1e-6
    max_evaluations: Annotated[int, msgspec.Meta(ge=1000, le=100_000_000)] = 20_000_000


def prepare(inputs: CubatureInputs, options: CubatureOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate; raises `Problem`."""
    box = read_box(inputs.bounds, _MOST_VARIABLES)
    d = len(box.names)
    program, values = read_integrand(inputs.integrand, box, inputs.parameters)
    if options.epsabs == 0.0 and options.epsrel < 1e-13:
        text = "no result is as accurate as epsabs = 0 with this epsrel asks"
        raise Problem("invalid_input", text, field="options.epsrel", hint="1e-13 or more, or an epsabs above 0")
    if (options.method == "genz_malik" and d < 2) or (options.method == "gauss_kronrod" and d > 5):
        text = f"{options.method} has no rule for {d} variables"
        raise Problem("invalid_input", text, field="options.method", hint="auto chooses one that has")
    low, high = _boxes(box, inputs.breakpoints)
    evaluate = integrand_over(box, program, values)

    def work(watch: Watch, _: object) -> Outcome:
        if box.sign == 0.0:
            diagnostics = Diagnostics(converged=True, evaluations=0, error_estimate=0.0, method=options.method)
            return Outcome({"value": 0.0, "error_estimate": 0.0}, _KERNEL, COMPILED, diagnostics)
        return _outcome(box, *_integrate(lambda points: evaluate(points)[1], low, high, options, watch))

    cost = options.max_evaluations * (20.0 * (len(program.code) + 5) + 20.0 * d)
    return Alone(_KERNEL, work, cost, compiled=COMPILED)


def _boxes(box: Box, breakpoints: Mapping[str, list[Any]]) -> tuple[Array, Array]:
    """Cut the unit cube up at the breakpoints: lower and upper corners (n, d)."""
    cuts = [np.array([0.0, 1.0]) for _ in box.names]
    for name, points in breakpoints.items():
        field = f"inputs.breakpoints.{name[:80]}"
        if name not in box.names:
            hint = f"known: {', '.join(box.names)}"
            raise Problem("invalid_input", f"no variable is called {name[:80]!r}", field=field, hint=hint)
        axis = box.names.index(name)
        if len(points) >= _BOXES_LIMIT:
            raise Problem("invalid_input", f"{len(points)} breakpoints", field=field, hint="fewer of them")
        for i, point in enumerate(points):
            x = arrays.number(point, f"{field}[{i}]")
            if not box.low[axis] <= x <= box.high[axis]:
                hint = f"{box.low[axis]:g} to {box.high[axis]:g}"
                raise Problem("invalid_input", f"{x:g} is not between the bounds", field=f"{field}[{i}]", hint=hint)
            cuts[axis] = np.append(cuts[axis], box.unplace(axis, x) if box.sign else 0.0)
        cuts[axis] = np.unique(cuts[axis])
    count = np.prod([float(one.size - 1) for one in cuts])
    if count > _BOXES_LIMIT:
        text = f"the breakpoints cut the box into {count:.0f}"
        raise Problem("invalid_input", text, field="inputs.breakpoints", hint=f"at most {_BOXES_LIMIT} pieces")
    corners = [np.stack(np.meshgrid(*ends, indexing="ij"), axis=-1).reshape(-1, len(cuts))
               for ends in ([one[:-1] for one in cuts], [one[1:] for one in cuts])]  # fmt: skip
    return np.ascontiguousarray(corners[0]), np.ascontiguousarray(corners[1])


def _integrate(
    evaluate: cubature.Integrand, low: Array, high: Array, how: CubatureOptions, watch: Watch
) -> tuple[cubature.Integral, str]:
    """Integrate; gives the method too."""
    d = low.shape[1]
    tried = 0
    if how.method == "auto" and d > 2:
        first = _product_rule(d, len(low), min(_PRODUCT_LIMIT, how.max_evaluations))
        if first is not None:
            made = cubature.integrate(evaluate, first, low, high, how.epsabs, how.epsrel, 0, watch)
            if made.status == cubature.CONVERGED:
                return made, first.name
            tried = made.evaluations
    fine = how.method == "gauss_kronrod" or (how.method == "auto" and d <= 2)
    rule = gauss_kronrod(d, 7 if d <= 3 else 3) if fine else genz_malik(d)
    limit = max(0, how.max_evaluations - tried)
    made = cubature.integrate(evaluate, rule, low, high, how.epsabs, how.epsrel, limit, watch)
    return made, rule.name


def _product_rule(d: int, boxes: int, most: int) -> Rule | None:
    return next((gauss_kronrod(d, n) for n in (7, 3) if boxes * (2 * n + 1) ** d <= most), None)


def _outcome(box: Box, made: cubature.Integral, method: str) -> Outcome:
    if made.status != cubature.CONVERGED:
        where = ", ".join(f"{x:.6g}" for x in box.place(made.worst[:, None])[0][:, 0])
        not_finite = made.status == cubature.NOT_FINITE
        why = "the integrand is not finite there" if not_finite else f"the error is {made.error:.2g}"
        text = (
            f"no convergence near ({where}) after {made.evaluations} evaluations in {made.regions} regions: {why}; the "
            f"integral may not exist"
        )
        hint = "breakpoints where it is singular or jumps, a larger max_evaluations, looser epsrel, or monte_carlo"
        raise Problem("not_converged", text, field="inputs.integrand", hint=hint)
    diagnostics = Diagnostics(
        converged=True, iterations=made.regions, evaluations=made.evaluations, error_estimate=made.error,
        method=method, checks=[Check("within_tolerance", passed=True)],
    )  # fmt: skip
    text = f"the integrand is 0 at all {made.evaluations} points: breakpoints show where it is not"
    warnings = [text] if made.value == 0.0 and made.error == 0.0 else []
    outputs = {"value": box.sign * made.value, "error_estimate": made.error}
    return Outcome(outputs, _KERNEL, COMPILED, diagnostics, warnings)


TASK = alone.task(
    agent="integrate", name="cubature", summary="Integrate a formula over a box of a few dimensions, also infinite.",
    inputs=CubatureInputs, options=CubatureOptions, methods=("gauss_kronrod", "genz_malik"),
    example={"integrand": "exp(-x*y)*cos(x + z)", "bounds": {"x": [0, 1], "y": [0, 2], "z": [-1, 1]}},
    prepare=prepare,
    repeats="inputs",
)  # fmt: skip
