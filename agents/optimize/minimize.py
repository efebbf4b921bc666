"""The task `optimize.minimize`: a local minimum of a formula, with bounds and constraints."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, draws, formulas
from agents.optimize import boxes, constraints
from agents.optimize.augmented import Augmented
from agents.optimize.descent import Descent
from agents.optimize.functions import Functions, Smooth
from agents.optimize.isolation import radius
from agents.optimize.kkt import Box, Stationary
from agents.optimize.residuals import Pace
from agents.optimize.structure import is_smooth
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch

VARIABLES_LIMIT = 2000
VALUES_LIMIT = 500_000
_LOOKED_AT = 256
KERNEL = "native.formula.evaluate + scipy.optimize"


class MinimizeInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The minimum of `objective`, a formula of the variables that `initial` names, near those values.

    `parameters` are numbers with names; `bounds` {name: [low, high]}, null for an open end; `constraints` are one
    comparison each, "x*y >= 25", "x + y == 1" or with <=. `maximize` asks for the largest value.

    Outputs: `x`, `objective`, `gradient_norm` (of the Lagrangian, the largest component), `multipliers` in the order of
    the constraints and `bound_multipliers` by name: what a unit of tightening costs, never negative, 0 where a
    constraint is not active; for an equation how fast the minimised objective grows with its right side. `constraints`
    are left minus right, `active` says which of them hold as equations, `active_bounds` which variables are at one.
    `error_estimate` bounds the distance of `x` to the local minimum, in the maximum norm; it is null, with a warning,
    where the minimum is not one point. That no lower minimum lies elsewhere is not proved: `optimize.global` searches.
    """

    objective: str
    initial: dict[str, Any]
    parameters: dict[str, Any] = {}
    bounds: dict[str, Any] = {}
    constraints: list[str] = []
    maximize: bool = False


class MinimizeOptions(TaskOptions, kw_only=True):
    """`auto` takes L-BFGS-B, with constraints SLSQP, and another where that does not end in a minimum.

    `newton` and `newton_cg` are without bounds and constraints, `l_bfgs_b` without constraints.
    """

    method: Literal["auto", "l_bfgs_b", "newton", "newton_cg", "slsqp", "trust_constr"] = "auto"
    max_iterations: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000


def prepare(inputs: MinimizeInputs, options: MinimizeOptions, seed: int) -> alone.Alone:
    """Validate a minimisation; raises `Problem`."""
    start, functions, box, signs = read(inputs)
    if inputs.constraints and options.method in {"l_bfgs_b", "newton", "newton_cg"}:
        hint = "auto, slsqp or trust_constr"
        raise Problem("invalid_input", f"{options.method} has no constraints", field="options.method", hint=hint)
    if inputs.bounds and options.method in {"newton", "newton_cg"}:
        hint = "auto, l_bfgs_b, slsqp or trust_constr"
        raise Problem("invalid_input", f"{options.method} has no bounds", field="options.method", hint=hint)

    def work(watch: Watch, kept: object) -> Outcome:  # noqa: ARG001
        functions.begin(Pace(watch, 20 * options.max_iterations, "minimize"))
        x = box.clip(start)
        check_start(functions, x)
        descent = Descent(functions, x, box, options.method, options.max_iterations, seed)
        return outcome(descent, descent.minimum(), inputs, signs)

    return alone.Alone(KERNEL, work, cost_of(functions, options.max_iterations))


def cost_of(functions: Functions, iterations: int) -> float:
    """Estimate operations: a small problem without constraints is a matter of milliseconds, others may take long."""
    n = functions.n
    cost = 2.0 * iterations * (6e4 + 8.0 * len(functions.program.code) + 20.0 * n * n) + 100.0 * n**3
    return cost if functions.k == 1 else max(cost, 3e8)


def read(inputs: Any) -> tuple[Any, Functions, Box, Any]:
    """Read objective, constraints, starts and bounds."""
    if not 0 < len(inputs.initial) <= VARIABLES_LIMIT:
        hint = f"1 to {VARIABLES_LIMIT} variables, each with a starting value"
        raise Problem("invalid_input", f"{len(inputs.initial)} variables", field="inputs.initial", hint=hint)
    formulas.check_names(inputs.initial, "inputs.initial", taken={})
    taken = dict.fromkeys(inputs.initial, "a variable already")
    formulas.check_names(inputs.parameters, "inputs.parameters", taken=taken)
    start = formulas.numbers(inputs.initial, "inputs.initial")
    parameters = formulas.numbers(inputs.parameters, "inputs.parameters")
    names = tuple(start)
    low, high = boxes.read(inputs.bounds, names, "inputs.bounds")
    limits = constraints.read(inputs.constraints, "inputs.constraints")
    if (1 + len(limits)) * len(names) > VALUES_LIMIT:
        text = f"{len(limits)} constraints of {len(names)} variables are too many"
        raise Problem("budget_exceeded", text, field="inputs.constraints", hint="a linear_program takes matrices")
    texts = {"inputs.objective": inputs.objective}
    texts |= {f"inputs.constraints[{i}]": one.formula for i, one in enumerate(limits)}
    signs = np.array([-1.0 if inputs.maximize else 1.0, *(one.sign for one in limits)])
    functions = Functions(texts, names, parameters, signs)
    box = Box(low, high, np.array([one.equality for one in limits], dtype=np.bool_))
    return np.array(list(start.values())), functions, box, signs


def check_start(functions: Functions, x: Any) -> None:
    """Refuse a start where a formula is no number."""
    values, slopes = functions.at(x)
    for i, (value, slope) in enumerate(zip(values, slopes, strict=True)):
        if not (np.isfinite(value) and np.isfinite(slope).all()):
            what = "the objective" if i == 0 else f"constraint {i - 1}"
            text = f"{what} or its derivative is not finite at the start"
            raise Problem("non_finite", text, field="inputs.initial", hint="another start")


def outcome(descent: Descent, point: Stationary, inputs: Any, signs: Any) -> Outcome:
    """Say what was found; raises `not_converged` when it is no minimum."""
    functions, box = descent.functions, descent.box
    error = float(point.error.max(initial=0.0)) if point.minimum else np.inf
    estimate: float | None = error
    warnings: list[str] = []
    settled, isolated = point.settled, point.minimum
    if not point.minimum and point.flat and point.feasible:
        reach = radius(_without_constraints(descent, point), point, box)
        estimate = reach if np.isfinite(reach) else None
        isolated = bool(np.isfinite(reach))
        settled = settled or isolated
    elif point.flat:
        estimate = None
    if not (settled and point.feasible and (isolated or point.flat)):
        raise _not_converged(point)
    if not is_smooth(functions.program, functions.n) and not _lowest_nearby(descent, point, error):
        raise _not_converged(point)
    if estimate is None:
        warnings.append("the minimum is not one point, or cannot be told from its neighbours by rounding")
    names = functions.names
    values = point.values * signs
    active = [i for i, one in enumerate(point.multipliers) if one != 0.0 or box.equality[i]]
    outputs = {
        "x": dict(zip(names, point.x.tolist(), strict=True)), "objective": float(values[0]),
        "gradient_norm": point.gradient_norm, "multipliers": point.multipliers.tolist(),
        "bound_multipliers": {n: abs(float(v)) for n, v in zip(names, point.bound_multipliers, strict=True) if v != 0},
        "constraints": (point.values[1:] * signs[1:]).tolist(), "active": active,
        "active_bounds": boxes.active(point.x, box.low, box.high, names),
    }  # fmt: skip
    pace = functions.pace
    diagnostics = Diagnostics(
        converged=True, iterations=point.steps, evaluations=pace.evaluations if pace else 0, error_estimate=estimate,
        residual=point.gradient_norm, method=descent.used,
        checks=[
            Check("gradient_of_the_lagrangian_is_zero", point.settled), Check("constraints_hold", point.feasible),
            Check("hessian_is_positive_definite", point.minimum), Check("minimum_is_isolated", isolated),
        ],
    )  # fmt: skip
    del inputs
    return Outcome(outputs, KERNEL, True, diagnostics, warnings)


def _without_constraints(descent: Descent, point: Stationary) -> Smooth:
    if not descent.constrained:
        return descent.functions
    active = descent.box.equality | (point.multipliers > 0)
    return Augmented(descent.functions, point.x, point.multipliers, active)


def _lowest_nearby(descent: Descent, point: Stationary, error: float) -> bool:
    """Whether a few hundred feasible points nearby are all as high: at steps and kinks derivatives say too little."""
    size = max(1.0, float(np.abs(point.x).max()))
    u = 2.0 * draws.uniforms(descent.seed, 0, _LOOKED_AT, len(point.x), stream=2) - 1.0
    reach = size * np.repeat([1e-10, 1e-8, 1e-6, 1e-4], _LOOKED_AT // 4) + (error if np.isfinite(error) else 0.0)
    points = np.array([descent.box.clip(one) for one in point.x + reach[:, None] * u])
    values = descent.functions.many(points)[0]
    slack = np.where(descent.box.equality, -np.abs(values[:, 1:]), values[:, 1:])
    allowed = (slack >= 0.0).all(axis=1)
    return bool((values[allowed, 0] >= point.values[0] - 1e-12 * max(1.0, abs(float(point.values[0])))).all())


def _not_converged(point: Stationary) -> Problem:
    if not point.feasible:
        text = (
            f"no point was found where the constraints hold and the objective is least; violation {point.violation:.3g}"
        )
    elif not point.minimum and not point.flat:
        text = f"where the gradient vanishes it is a saddle or a kink; gradient {point.gradient_norm:.3g}"
    else:
        text = f"no minimum was found: the gradient is still {point.gradient_norm:.3g}, or falls only towards infinity"
    hint = "another start, bounds, or a larger max_iterations; a kink (abs, max) is better written with constraints"
    return Problem("not_converged", text, field="inputs.initial", hint=hint)


TASK = alone.task(
    agent="optimize", name="minimize", summary="Find a local minimum of a formula, with bounds and constraints.",
    inputs=MinimizeInputs, options=MinimizeOptions,
    methods=("l_bfgs_b", "newton", "newton_cg", "slsqp", "trust_constr"),
    example={"objective": "(1 - x)**2 + 100*(y - x**2)**2", "initial": {"x": -1.2, "y": 1}},
    prepare=prepare,
)  # fmt: skip
