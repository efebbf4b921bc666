"""The task `integrate.quad`: integrals of formulas of one variable."""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np

from agents import arrays, formulas, schema
from agents.arrays import Array
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import Task, TaskOptions, Watch
from native import extrapolation, quadrature
from native.formula import Program

_BREAKPOINTS_LIMIT = 1000
_FINITE = [Check("finite", passed=True)]
_PANELS_LIMIT = 100_000


class QuadInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The integral of `integrand`, a formula of `variable` and `parameters`, over `bounds`.

    `bounds` are [low, high]: numbers, "Infinity", "-Infinity", or null for an open end; in the other order the integral
    is the negative.
    `breakpoints` lie between them: where the integrand is singular, jumps, or has a narrow peak. Outputs: `value` and
    `error_estimate`, which bounds the error; what is so narrow that no point falls on it is not seen.
    """

    integrand: str
    bounds: Any
    variable: str = "x"
    breakpoints: list[Any] = []
    parameters: dict[str, Any] = {}


class QuadOptions(TaskOptions, kw_only=True):
    """The error is to be at most max(`epsabs`, `epsrel` |value|); `limit` is the most panels the range is cut into."""

    method: Literal["auto", "gauss_kronrod"] = "auto"
    epsabs: float = 1e-10
    epsrel: float = 1e-8
    limit: int = 2000


_PLAIN = QuadOptions()


@dataclass(slots=True)
class QuadPlan:
    """One integral; `sign` is -1 when the bounds are reversed, 0 when they are equal."""

    program: Program
    inputs: Array
    edges: list[float]
    sign: float
    options: QuadOptions
    group: Hashable
    cost: float


def prepare_quad(inputs: Mapping[str, Any], options: Mapping[str, Any], seed: int) -> QuadPlan:  # noqa: ARG001
    """Validate an integral; raises `Problem`."""
    how = _PLAIN
    if options:
        how = schema.read(options, QuadOptions, "options")
        _check_options(how)
    given = schema.read(inputs, QuadInputs, "inputs")
    formulas.check_variable(given.variable, "inputs.variable")
    taken = {given.variable: "the variable already"}
    formulas.check_names(given.parameters, "inputs.parameters", taken=taken)
    values = formulas.numbers(given.parameters, "inputs.parameters")
    program = formulas.compiled({"inputs.integrand": given.integrand}, (given.variable,), tuple(values))
    low, high = _read_bounds(given.bounds)
    edges = sorted({low, high, *_read_breakpoints(given.breakpoints, min(low, high), max(low, high))})
    if len(edges) > how.limit:
        text = f"{len(edges)} breakpoints and bounds for {how.limit} panels"
        raise Problem("invalid_input", text, field="options.limit", hint="allow more panels than breakpoints")
    sign = math.copysign(1.0, high - low) if high != low else 0.0
    cost = 21.0 * 20 * len(edges) * (len(program.code) + 5)
    return QuadPlan(program, np.array([0.0, *values.values()]), edges, sign, how, "quad", cost)


def _check_options(options: QuadOptions) -> None:
    for name, low, high in (("epsabs", 0.0, 1e300), ("epsrel", 0.0, 1.0), ("limit", 10, _PANELS_LIMIT)):
        value = getattr(options, name)
        if not low <= value <= high:
            field, hint = f"options.{name}", f"{low:g} to {high:g}"
            raise Problem("invalid_input", f"{name} is {value:g}", field=field, hint=hint)
    if options.epsabs == 0.0 and options.epsrel < 5e-14:
        text = "no result is as accurate as epsabs = 0 with this epsrel asks"
        raise Problem("invalid_input", text, field="options.epsrel", hint="5e-14 or more, or an epsabs above 0")


def _read_bounds(bounds: Any) -> tuple[float, float]:
    if not isinstance(bounds, list) or len(bounds) != 2:
        raise Problem("invalid_input", "not bounds", field="inputs.bounds", hint='[low, high], also "Infinity"')
    low, high = (
        arrays.number(open_end if one is None else one, f"inputs.bounds[{i}]", infinite=True)
        for i, (one, open_end) in enumerate(zip(bounds, ("-Infinity", "Infinity"), strict=True))
    )
    if math.isinf(high - low) and not (math.isinf(low) or math.isinf(high)):
        raise Problem("invalid_input", "the range is too long", field="inputs.bounds", hint="use infinite bounds")
    return low, high


def _read_breakpoints(values: list[Any], low: float, high: float) -> list[float]:
    if len(values) > _BREAKPOINTS_LIMIT:
        text = f"{len(values)} breakpoints"
        raise Problem("invalid_input", text, field="inputs.breakpoints", hint=f"at most {_BREAKPOINTS_LIMIT}")
    points = [arrays.number(value, f"inputs.breakpoints[{i}]") for i, value in enumerate(values)]
    for i, point in enumerate(points):
        if not low <= point <= high:
            text, hint = f"{point:g} is not between the bounds", f"{low:g} to {high:g}"
            raise Problem("invalid_input", text, field=f"inputs.breakpoints[{i}]", hint=hint)
    return points


def compute_quad(plans: Sequence[QuadPlan], watch: Watch) -> list[Outcome]:
    """Integrate, one native call each: microseconds for a smooth integrand."""
    return [_compute(plan, watch) for plan in plans]


def _compute(plan: QuadPlan, watch: Watch) -> Outcome:
    if plan.sign == 0.0:
        return _outcome(0.0, 0.0, 0, 0)
    how = plan.options
    parts = (plan.program, 0, plan.inputs, plan.edges, how.epsabs, how.epsrel, how.limit, watch)
    made, method = quadrature.integrate(*parts), "gauss_kronrod"
    if made.status == quadrature.TOO_NARROW:  # beside an end or breakpoint; the rest may follow a law
        again = extrapolation.integrate(*parts)
        if again.status == quadrature.CONVERGED:
            made, method = again, "gauss_kronrod, extrapolated"
    if made.status == quadrature.CONVERGED:
        unseen = made.value == 0.0 and made.error == 0.0 and len(plan.program.code) > 0
        return _outcome(plan.sign * made.value, made.error, made.panels, made.evaluations, method, unseen=unseen)
    why = "the integrand is not finite there" if math.isinf(made.error) else f"the error is {made.error:.2g}"
    text = f"no convergence near {made.worst:.9g} after {made.panels} panels: {why}; the integral may not exist"
    hint = "a breakpoint where it is singular, a larger limit, or looser epsabs and epsrel"
    problem = Problem("not_converged", text, field="inputs.integrand", hint=hint)
    return Outcome(None, quadrature.KERNEL, quadrature.COMPILED, problem=problem)


def _outcome(
    value: float, error: float, panels: int, evaluations: int, method: str = "gauss_kronrod", *, unseen: bool = False
) -> Outcome:
    diagnostics = Diagnostics(
        converged=True, iterations=panels, evaluations=evaluations, error_estimate=error, method=method, checks=_FINITE
    )
    outputs = {"value": value, "error_estimate": error}
    text = f"the integrand is 0 at all {evaluations} points: breakpoints show where it is not"
    return Outcome(outputs, quadrature.KERNEL, quadrature.COMPILED, diagnostics, [text] if unseen else [])


TASK = Task(
    agent="integrate", name="quad", summary="Integrate a formula of one variable, also over infinite ranges.",
    inputs=QuadInputs, options=QuadOptions, methods=("gauss_kronrod",),
    example={"integrand": "exp(-x**2)", "variable": "x", "bounds": ["-Infinity", "Infinity"]},
    prepare=prepare_quad, compute=compute_quad,
    repeats="inputs",
)  # fmt: skip
