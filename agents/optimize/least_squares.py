"""The task `optimize.least_squares`: a point where the squares of formulas have the least sum."""

from dataclasses import replace
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, formulas
from agents.arrays import Array
from agents.optimize import boxes
from agents.optimize.curve_fit import KERNEL, PARAMETERS_LIMIT, check_end, check_size, check_start, read_data
from agents.optimize.fit import fit
from agents.optimize.functions import differences
from agents.optimize.isolation import radius
from agents.optimize.kkt import Box, polish
from agents.optimize.refine import Point
from agents.optimize.residuals import ListResiduals, ModelResiduals, Pace, Residuals
from agents.optimize.separable import linear_parameters
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch

_FORMULAS_LIMIT = 5000
_SHOWN = 100_000


class LeastSquaresInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The point near `initial` with the least Σ r², r being the `residuals`: formulas of the variables.

    With `data` (columns: name: list of m numbers) `residuals` is one formula of variables and columns, and stands for m
    of them; `observed` names a column that is subtracted. `parameters` are numbers with names; without `initial` they
    are the variables with their starting values, as in `curve_fit`. `bounds`: {name: [low, high]}, null for open.

    Outputs: `x`, `residual_sum_of_squares`, `residuals` (up to 100000), `gradient_norm` (of half the sum; components
    held by a bound left out), `active_bounds`, `jacobian_condition`. Where the residuals do not tell the variables
    apart the answer is `singular`, but where the sum grows in all directions: then `error_estimate` is how far away the
    least can be. It bounds the distance of `x` to the local minimum; that no lower one lies elsewhere is not proved.
    """

    residuals: list[str] | str
    initial: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    bounds: dict[str, Any] = {}
    data: dict[str, Any] | None = None
    observed: str | None = None


class LeastSquaresOptions(TaskOptions, kw_only=True):
    """`auto` takes Levenberg and Marquardt's iteration (`lm`), with bounds `trf`, and other starts where stuck."""

    method: Literal["auto", "lm", "trf"] = "auto"
    max_evaluations: Annotated[int, msgspec.Meta(ge=10, le=100_000)] = 2000


def prepare(inputs: LeastSquaresInputs, options: LeastSquaresOptions, seed: int) -> alone.Alone:
    """Validate a problem of least squares; raises `Problem`."""
    starts, field = (inputs.initial, "inputs.initial") if inputs.initial else (inputs.parameters, "inputs.parameters")
    if not 0 < len(starts) <= PARAMETERS_LIMIT:
        hint = f"1 to {PARAMETERS_LIMIT} variables, each with a starting value"
        raise Problem("invalid_input", f"{len(starts)} variables", field="inputs.initial", hint=hint)
    formulas.check_names(starts, field, taken={})
    start = formulas.numbers(starts, field)
    constants: dict[str, float] = {}
    if inputs.initial:
        taken = dict.fromkeys(start, "a variable already")
        formulas.check_names(inputs.parameters, "inputs.parameters", taken=taken)
        constants = formulas.numbers(inputs.parameters, "inputs.parameters")
    names, n = tuple(start), len(start)
    low, high = boxes.read(inputs.bounds, names, "inputs.bounds")
    if options.method == "lm" and inputs.bounds:
        raise Problem("invalid_input", "lm has no bounds", field="options.method", hint="auto or trf")
    make, m, size, linear = _read_residuals(inputs, names, constants)
    begin = boxes.inside(np.array(list(start.values())), low, high)

    def work(watch: Watch, kept: object) -> Outcome:  # noqa: ARG001
        residuals = make(Pace(watch, 10 * options.max_evaluations, "fit"))
        check_start(residuals.at(begin), field)
        if m < n:
            text = f"{m} residuals cannot tell {n} variables apart"
            raise Problem("singular", text, field="inputs.residuals", hint="more residuals, or fewer variables")
        chosen = linear if options.method == "auto" else []
        point = fit(residuals, begin, low, high, chosen, options.method, options.max_evaluations, seed)
        return _outcome(residuals, point, names, low, high, field)

    cost = 300.0 * (size + m * (6.0 * n * n + 20.0)) + 300.0 * 3e4
    return alone.Alone(KERNEL, work, cost)


def _read_residuals(inputs: LeastSquaresInputs, names: tuple[str, ...], constants: dict[str, float]) -> Any:
    """Return what makes the residuals, their number, the size of their program, and the linear variables."""
    texts = inputs.residuals if isinstance(inputs.residuals, list) else [inputs.residuals]
    if not 0 < len(texts) <= _FORMULAS_LIMIT:
        hint = f"1 to {_FORMULAS_LIMIT} formulas"
        raise Problem("invalid_input", f"{len(texts)} residuals", field="inputs.residuals", hint=hint)
    n = len(names)
    places = {f"inputs.residuals[{i}]" if isinstance(inputs.residuals, list) else "inputs.residuals": text
              for i, text in enumerate(texts)}  # fmt: skip
    if inputs.data is None:
        if inputs.observed is not None:
            raise Problem("invalid_input", "there are no data", field="inputs.observed", hint="a column of data")
        check_size(len(texts), n)
        program = formulas.compiled(places, names, tuple(constants), derivatives="gradient")
        values = np.array(list(constants.values()), dtype=np.float64)
        return lambda pace: ListResiduals(program, values, n, len(texts), pace), len(texts), len(program.code), []
    if len(texts) != 1:
        text = f"{len(texts)} formulas with data"
        raise Problem(
            "invalid_input", text, field="inputs.residuals", hint="one formula, which every row of data is put in"
        )
    variables, columns, observed = read_data(inputs.data, None, inputs.observed)
    taken = dict.fromkeys((*names, *constants), "a variable or parameter already")
    formulas.check_names(variables, "inputs.data", taken=taken)
    m = len(observed)
    check_size(m, n)
    program = formulas.compiled(places, names, (*variables, *constants), derivatives="gradient")
    rest = np.repeat(np.array(list(constants.values()), dtype=np.float64)[:, None], m, axis=1)
    whole = np.concatenate([columns, rest])
    linear = linear_parameters(program, n)
    return lambda pace: ModelResiduals(program, whole, observed, np.ones(m), n, pace), m, m * len(program.code), linear


class _Sum:
    """Half the sum of squares as one function: what `kkt` looks at where the Jacobian is singular."""

    k = 1

    def __init__(self, residuals: Residuals) -> None:
        self.n = residuals.n
        self._residuals = residuals

    def at(self, x: Array, /) -> tuple[Array, Array]:
        values, slopes = self.many(x[None, :])
        return values[0], slopes[0]

    def many(self, points: Array, /) -> tuple[Array, Array]:
        return self._of(*self._residuals.many(points))

    def near(self, points: Array, /) -> tuple[Array, Array]:
        return self._of(*self._residuals.near(points))

    def hessian(self, x: Array, weights: Array, /) -> Array:
        return float(weights[0]) * differences(lambda points: self.many(points)[1][:, 0], x, self.n)

    @staticmethod
    def _of(r: Array, jacobian: Array) -> tuple[Array, Array]:
        values = 0.5 * np.einsum("pm,pm->p", r, r)
        return values[:, None], np.einsum("pm,pmn->pn", r, jacobian)[:, None, :]


def _by_curvature(residuals: Residuals, point: Point) -> Point:
    """Judge a point with a singular Jacobian by the whole Hessian, and by the heights around it."""
    whole, n = _Sum(residuals), residuals.n
    box = Box(np.full(n, -np.inf), np.full(n, np.inf), np.zeros(0, dtype=np.bool_))
    found = polish(whole, point.p, box)
    error = found.error if found.solved else np.full(n, radius(whole, found, box))
    if not np.isfinite(error).all():
        return point
    r, jacobian = residuals.at(found.x)
    return replace(point, p=found.x, r=r, jacobian=jacobian, settled=found.solved, minimum=True, error=error)


def _outcome(
    residuals: Residuals, point: Point, names: tuple[str, ...], low: Array, high: Array, field: str
) -> Outcome:
    held = boxes.active(point.p, low, high, names)
    certified = point.settled and point.minimum
    if not certified and not held:
        point = _by_curvature(residuals, point)
    if not (point.minimum and np.isfinite(point.error).all()):
        check_end(point, names, field)
    error = float(point.error.max(initial=0.0))
    free = np.array([name not in held for name in names])
    gradient = np.abs(point.jacobian.T @ point.r)[free]
    condition = point.geometry.condition
    outputs: dict[str, Any] = {
        "x": dict(zip(names, point.p.tolist(), strict=True)), "residual_sum_of_squares": point.cost,
        "gradient_norm": float(gradient.max(initial=0.0)), "active_bounds": held,
        "jacobian_condition": condition if np.isfinite(condition) else None,
    }  # fmt: skip
    if residuals.m <= _SHOWN:
        outputs["residuals"] = point.r
    warnings = (
        [] if point.settled else ["the Jacobian is singular at the minimum: x has fewer digits than the residuals"]
    )
    diagnostics = Diagnostics(
        converged=True, iterations=point.steps, evaluations=residuals.pace.evaluations, error_estimate=error,
        residual=float(point.cost**0.5), method="trf" if np.isfinite([low, high]).any() else "lm",
        checks=[
            Check("gradient_is_zero", point.settled), Check("jacobian_is_regular", certified),
            Check("minimum_is_isolated", point.minimum),
        ],
    )  # fmt: skip
    return Outcome(outputs, KERNEL, True, diagnostics, warnings)


TASK = alone.task(
    agent="optimize", name="least_squares", summary="Find where the squares of formulas have the least sum.",
    inputs=LeastSquaresInputs, options=LeastSquaresOptions, methods=("lm", "trf"),
    example={"residuals": ["10*(y - x**2)", "1 - x"], "initial": {"x": -1.2, "y": 1}}, prepare=prepare,
)  # fmt: skip
