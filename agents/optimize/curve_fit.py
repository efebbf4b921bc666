"""The task `optimize.curve_fit`: parameters of a model from data, with their standard errors."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from scipy import special

from agents import alone, arrays, formulas
from agents.arrays import Array
from agents.optimize import boxes
from agents.optimize.fit import fit
from agents.optimize.newton import around
from agents.optimize.refine import Geometry, Point
from agents.optimize.residuals import EPS, ModelResiduals, Pace, constants_of, turned
from agents.optimize.separable import linear_parameters
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch
from native import levmar
from native.formula import Program

PARAMETERS_LIMIT = 200
VALUES_LIMIT = 20_000_000
"""Most numbers in a Jacobian."""
_SHOWN = 100_000
KERNEL = "native.formula.evaluate + lapack"
_SPREAD = 20


class CurveFitInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The parameters of `model` for which Σ ((model - observed)/sigma)² is smallest.

    `model` is a formula of `parameters`, named with their starting values, and of `variables`, which are columns of
    `data` (name: list of m numbers), as is `observed`; without `variables` they are all other columns. `sigma` are the
    standard deviations of the observations: a number, m numbers or a column's name; `bounds` may hold parameters:
    {name: [low, high]}, null for an open end.

    Outputs: `parameters`, `standard_errors`, `confidence_intervals` (95 %, by Student's t), `covariance` in the order
    of `names`, `residual_sum_of_squares`, `degrees_of_freedom`, `r_squared`, `active` bounds, and for up to 100000 rows
    `fitted` and `residuals` (observed - fitted). Errors are null where there are as many parameters as rows, and for
    parameters held by a bound. `error_estimate` bounds the distance of `parameters` to the minimum's, rounding of the
    data included; that no lower minimum lies elsewhere is not proved.
    """

    model: str
    parameters: dict[str, Any]
    data: dict[str, Any]
    observed: str
    variables: list[str] | None = None
    sigma: Any = None
    bounds: dict[str, Any] = {}


class CurveFitOptions(TaskOptions, kw_only=True):
    """`absolute_sigma`: sigma is the noise itself, not only its shape: the covariance is not scaled by the residuals.

    `auto` tries Levenberg and Marquardt's iteration (`lm`) first, then variable projection and other starting values;
    with bounds it is `trf`. `max_evaluations` is the most evaluations of the model in each.
    """

    method: Literal["auto", "lm", "variable_projection", "trf"] = "auto"
    absolute_sigma: bool = False
    max_evaluations: Annotated[int, msgspec.Meta(ge=10, le=100_000)] = 2000


@dataclass(frozen=True, eq=False)
class _Fit:
    """One validated fit."""

    names: tuple[str, ...]
    program: Program
    columns: Array
    observed: Array
    sigma: Array
    start: Array
    low: Array
    high: Array
    options: CurveFitOptions
    weighted: bool
    seed: int
    bounded: bool


def prepare(inputs: CurveFitInputs, options: CurveFitOptions, seed: int) -> alone.Alone:
    """Validate a fit; raises `Problem`."""
    variables, columns, observed = read_data(inputs.data, inputs.variables, inputs.observed)
    start, program = read_model(inputs.model, "inputs.model", inputs.parameters, "inputs.parameters", variables)
    names = tuple(start)
    m, n = len(observed), len(names)
    check_size(m, n)
    sigma = _read_sigma(inputs, m)
    low, high = boxes.read(inputs.bounds, names, "inputs.bounds")
    begin = np.array(list(start.values()))
    if inputs.bounds:
        begin = boxes.inside(begin, low, high)
    if options.method in {"lm", "variable_projection"} and inputs.bounds:
        text = f"{options.method} has no bounds"
        raise Problem("invalid_input", text, field="options.method", hint="auto or trf")
    bounded = bool(inputs.bounds) and bool(np.isfinite([low, high]).any())
    one = _Fit(names, program, columns, observed, sigma, begin, low, high, options, inputs.sigma is not None, seed,
               bounded)  # fmt: skip
    cost = 300.0 * m * (len(program.code) + 6.0 * n * n + 20.0)
    return alone.Alone(KERNEL, lambda watch, kept: _compute(one, watch), cost)  # noqa: ARG005


def read_data(
    data: Mapping[str, Any], variables: list[str] | None, observed: str | None
) -> tuple[tuple[str, ...], Array, Array]:
    """Read columns of one length; gives the variables' names, their columns (d, m), and the observed one."""
    if observed is not None and observed not in data:
        hint = f"columns: {', '.join(list(data)[:50])}"
        raise Problem("invalid_input", "no column of data has this name", field="inputs.observed", hint=hint)
    chosen = [name for name in data if name != observed] if variables is None else variables
    for i, name in enumerate(chosen):
        where = f"inputs.variables[{i}]" if variables is not None else f"inputs.data.{name[:80]}"
        if name not in data:
            hint = f"columns: {', '.join(list(data)[:50])}"
            raise Problem("invalid_input", f"no column of data is called {name[:80]!r}", field=where, hint=hint)
        if name in chosen[:i]:
            raise Problem("invalid_input", f"{name[:80]!r} is there twice", field=where, hint="each variable once")
        formulas.check_variable(name, where)
    if not data:
        raise Problem("invalid_input", "there are no data", field="inputs.data", hint="a list of numbers a column")
    read = {name: arrays.gate(values, f"inputs.data.{name[:80]}", ndim=1) for name, values in data.items()}
    m = len(read[observed]) if observed is not None else len(next(iter(read.values())))
    for name, column in read.items():
        if len(column) != m or m == 0:
            text = f"{len(column)} numbers, the first column has {m}" if m else "no numbers"
            raise Problem("invalid_input", text, field=f"inputs.data.{name[:80]}", hint="columns of one length, not 0")
    columns = np.array([read[name] for name in chosen]).reshape(len(chosen), m)
    return tuple(chosen), columns, read[observed] if observed is not None else np.zeros(m)


def read_model(
    model: str, field: str, parameters: Mapping[str, Any], where: str, variables: tuple[str, ...]
) -> tuple[dict[str, float], Program]:
    """Read starting values and compile the model with its derivatives by the parameters."""
    taken = dict.fromkeys(variables, "a variable already")
    if not 0 < len(parameters) <= PARAMETERS_LIMIT:
        hint = f"1 to {PARAMETERS_LIMIT}, each with a starting value"
        raise Problem("invalid_input", f"{len(parameters)} are searched for", field=where, hint=hint)
    formulas.check_names(parameters, where, taken=taken)
    start = formulas.numbers(parameters, where)
    return start, formulas.compiled({field: model}, tuple(start), variables, jacobian=True)


def check_size(m: int, n: int) -> None:
    """Refuse what would not fit into memory."""
    if m * (n + 1) > VALUES_LIMIT:
        text = f"{m} residuals of {n} parameters are too many"
        hint = f"at most {VALUES_LIMIT} numbers in the Jacobian"
        raise Problem("budget_exceeded", text, field="inputs", hint=hint)


def _read_sigma(inputs: CurveFitInputs, m: int) -> Array:
    sigma = inputs.sigma
    if sigma is None:
        return np.ones(m)
    if isinstance(sigma, str) and sigma in inputs.data:
        found = arrays.gate(inputs.data[sigma], f"inputs.data.{sigma[:80]}", ndim=1)
    elif isinstance(sigma, list | Mapping):
        found = arrays.gate(sigma, "inputs.sigma", ndim=1)
    elif isinstance(sigma, str):
        hint = "a number, a list of numbers, or the name of a column of data"
        raise Problem("invalid_input", "no column of data has this name", field="inputs.sigma", hint=hint)
    else:
        found = np.full(m, arrays.number(sigma, "inputs.sigma"))
    if len(found) != m:
        raise Problem("invalid_input", f"{len(found)} numbers for {m} rows", field="inputs.sigma", hint=f"{m} numbers")
    if not (found > 0).all():
        raise Problem("invalid_input", "not positive", field="inputs.sigma", hint="standard deviations above 0")
    if not np.isfinite(1.0 / found).all():
        raise Problem("invalid_input", "too small", field="inputs.sigma", hint="scale the data")
    return found


def _compute(one: _Fit, watch: Watch) -> Outcome:
    m, n = len(one.observed), len(one.names)
    if m < n:
        text = f"{m} rows cannot tell {n} parameters apart"
        raise Problem("singular", text, field="inputs.data", hint="more data, or fewer parameters")
    how = one.options
    quick = _at_once(one)
    if quick is not None:
        return _outcome(one, *quick, levmar.KERNEL)
    pace = Pace(watch, 10 * how.max_evaluations, "fit")
    residuals = ModelResiduals(one.program, one.columns, one.observed, 1.0 / one.sigma, n, pace)
    check_start(residuals.at(one.start), "inputs.parameters")
    linear = [] if how.method == "lm" else linear_parameters(one.program, n)
    point = fit(residuals, one.start, one.low, one.high, linear, how.method, how.max_evaluations, one.seed)
    check_end(point, one.names, "inputs.parameters")
    return _outcome(one, point, pace.evaluations, KERNEL)


def _at_once(one: _Fit) -> tuple[Point, int] | None:
    """Fit few rows in one call; None where that finds no regular minimum."""
    m, n, how = len(one.observed), len(one.names), one.options
    if how.method not in {"auto", "lm"} or one.bounded or not levmar.fits(one.program, n, m):
        return None
    weights = 1.0 / one.sigma
    scaled = one.observed * weights
    size = float(scaled @ scaled) ** 0.5
    changed = levmar.TURNS - 1
    data = turned(np.concatenate([one.columns, one.observed[None]]), changed)
    found = levmar.fit(one.program, constants_of(one.program, changed), one.start, data, weights, around(n), size,
                       how.max_evaluations)  # fmt: skip
    if not found.settled:
        return None
    geometry = Geometry(found.u, found.back, found.condition, np.zeros(n))
    point = Point(found.p, found.r, found.jacobian, geometry, True, True, found.error, found.steps)
    return point, found.evaluations


def check_start(values: tuple[Array, Array], field: str) -> None:
    """Refuse a start where the residuals are no numbers."""
    bad = ~np.isfinite(values[0])
    if bad.any():
        text = f"residual {int(np.argmax(bad))} is not finite at the starting values"
        raise Problem("non_finite", text, field=field, hint="other starting values")
    if not np.isfinite(values[1]).all():
        text = "a derivative of the residuals is not finite at the starting values"
        raise Problem("non_finite", text, field=field, hint="other starting values")


def check_end(point: Point, names: tuple[str, ...], field: str) -> None:
    """Refuse what is no minimum; raises `singular` or `not_converged`."""
    if point.settled and point.minimum:
        return
    if point.singular:
        alike = [name for name, part in zip(names, np.abs(point.geometry.null), strict=False) if part > 0.05]
        text = f"the data cannot tell apart or determine {', '.join(alike[:10]) or 'the parameters'}"
        hint = "fix one of them, write the model with fewer parameters, or add data that depend on each"
        raise Problem("singular", text, field=field, hint=hint)
    text = f"no minimum was found; the least sum of squares seen is {point.cost:.9g}"
    raise Problem("not_converged", text, field=field, hint="other starting values, or a larger max_evaluations")


def _outcome(one: _Fit, point: Point, evaluations: int, kernel: str) -> Outcome:
    m, n = len(one.observed), len(one.names)
    held = boxes.active(point.p, one.low, one.high, one.names) if one.bounded else {}
    free = [i for i, name in enumerate(one.names) if name not in held]
    dof = m - len(free)
    rss = point.cost
    known = one.options.absolute_sigma and one.weighted
    variance = 1.0 if known else rss / dof if dof > 0 else None
    parameters = dict(zip(one.names, point.p.tolist(), strict=True))
    errors: dict[str, float | None] = dict.fromkeys(one.names)
    intervals: dict[str, list[float] | None] = dict.fromkeys(one.names)
    covariance: Any = None
    if variance is not None:
        whole = _covariance(point.geometry, variance) if free else np.zeros((n, n))
        if len(free) < n:
            whole, part = np.zeros((n, n)), whole
            whole[np.ix_(free, free)] = part
        covariance = whole
        quantile = float(special.ndtri(0.975) if known else special.stdtrit(dof, 0.975))
        for i in free:
            error = float(whole[i, i] ** 0.5)
            errors[one.names[i]] = error
            intervals[one.names[i]] = [float(point.p[i] - quantile * error), float(point.p[i] + quantile * error)]
    weights = 1.0 / one.sigma**2
    spread = one.observed - float(weights @ one.observed) / float(weights.sum())
    total = float(weights @ (spread * spread))
    outputs: dict[str, Any] = {
        "parameters": parameters, "standard_errors": errors, "confidence_intervals": intervals,
        "names": list(one.names), "covariance": covariance, "residual_sum_of_squares": rss, "degrees_of_freedom": dof,
        "r_squared": 1.0 - rss / total if total > 0 else None, "active": held,
    }  # fmt: skip
    if m <= _SHOWN:
        outputs["fitted"] = one.observed + point.r * one.sigma
        outputs["residuals"] = -point.r * one.sigma
    diagnostics = Diagnostics(
        converged=True, iterations=point.steps, evaluations=evaluations, error_estimate=float(point.error.max()),
        residual=float(rss**0.5), method="trf" if one.bounded else "lm",
        checks=[Check("gradient_is_zero", point.settled), Check("hessian_is_positive_definite", point.minimum)],
    )  # fmt: skip
    return Outcome(outputs, kernel, True, diagnostics, _warnings(one, point, variance))


def _covariance(geometry: Geometry, variance: float) -> Array:
    return variance * (geometry.back @ geometry.back.T)


def _warnings(one: _Fit, point: Point, variance: float | None) -> list[str]:
    found = []
    if variance is None:
        found.append("as many parameters as rows: the data leave no standard errors")
    scaled = one.observed / one.sigma
    rounding = EPS * float(scaled @ scaled) ** 0.5
    norm = point.cost**0.5
    if rounding * 1e6 > norm and variance is not None:
        digits = max(0, int(np.log10(norm / rounding))) if norm > 0 else 0
        found.append(f"the residuals are small as rounding: sum of squares and errors have about {digits} digits")
    if point.geometry.condition > 1e8:
        found.append(f"the parameters are nearly dependent: the Jacobian's condition is {point.geometry.condition:.1e}")
    return found


TASK = alone.task(
    agent="optimize", name="curve_fit", summary="Fit a model's parameters to data, with standard errors.",
    inputs=CurveFitInputs, options=CurveFitOptions, methods=("lm", "variable_projection", "trf"),
    example={
        "model": "a*exp(-b*t)", "parameters": {"a": 1, "b": 1},
        "data": {"t": [0, 1, 2, 3, 4], "y": [2.05, 1.2, 0.75, 0.44, 0.28]}, "observed": "y",
    },
    prepare=prepare,
)  # fmt: skip
