"""The task `special.polynomial`: orthogonal polynomials, and plain ones by their coefficients."""

from collections.abc import Callable
from typing import Any, Literal

import msgspec
import numpy as np

from agents import alone, arrays
from agents.alone import Alone
from agents.arrays import Array
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.special import families, plain
from agents.special.families import FAMILIES
from agents.task import TaskOptions, Watch

WORK_LIMIT = 20_000_000
"""Most degree × points."""
_CHUNK = 200_000
_DEGREES = {"coefficients": 100, "quadrature": 1000, "roots": 1000}
_POWER_DEGREES = {"evaluate": 10_000, "derivative": 10_000, "roots": 200, "fit": 50}

FamilyName = Literal[
    "power", "legendre", "chebyshev_t", "chebyshev_u", "hermite", "hermite_e", "laguerre", "generalized_laguerre",
    "jacobi", "gegenbauer",
]  # fmt: skip
Operation = Literal["evaluate", "derivative", "quadrature", "coefficients", "roots", "fit"]


class PolynomialInputs(msgspec.Struct, forbid_unknown_fields=True):
    """An `operation` on a polynomial: of an orthogonal `family` and `degree`, or (`power`) by its `coefficients`.

    `hermite` is the physicists' and `hermite_e` the probabilists'; `alpha` is the parameter of generalized_laguerre and
    gegenbauer, `alpha` and `beta` those of jacobi. Coefficients are those of 1, x, x², …

    evaluate, derivative (of this `order`): `values` at `points`. quadrature: `nodes` and `weights` of Gauss's rule for
    the weight function `weight`. coefficients: `coefficients`, each rounded once from its exact value. roots: `roots`,
    complex as {"re", "im"} for `power`. fit: `coefficients` of the polynomial of `degree` through `points` and
    `values` by least squares, and `residual_norm`.

    The error estimate is of values, coefficients, roots, or nodes and weights; it is null for a fit, and for roots so
    close to each other that they cannot be told apart.
    """

    operation: Operation = "evaluate"
    family: FamilyName = "legendre"
    degree: int | None = None
    alpha: float | None = None
    beta: float | None = None
    coefficients: Any = None
    points: Any = None
    values: Any = None
    order: int = 1


class PolynomialOptions(TaskOptions, kw_only=True):
    """Nothing but the form of arrays."""


def prepare(inputs: PolynomialInputs, _options: PolynomialOptions, _seed: int) -> Alone:
    """Validate; raises `Problem`."""
    if inputs.family == "power":
        return _prepare_power(inputs)
    if inputs.operation == "fit":
        raise Problem("invalid_input", "a fit is of plain powers", field="inputs.family", hint='family: "power"')
    _refuse(inputs, {"coefficients", "values"} | (set() if _at_points(inputs) else {"points"}))
    parameters = _parameters(inputs)
    degree = _degree(inputs, _DEGREES.get(inputs.operation, WORK_LIMIT // 100))
    kernel = f"agents.special.{inputs.family}"
    if _at_points(inputs):
        points = _points(inputs.points, degree + 1)
        order = _order(inputs)

        def values(x: Array) -> tuple[Array, Array]:
            return families.derivative(inputs.family, degree, parameters, x, order)

        return _valued(points, values, kernel, "recurrence", degree + 1)
    if inputs.operation == "coefficients":
        return Alone(
            kernel, lambda _watch, _kept: _coefficients(inputs.family, degree, parameters, kernel), 2e6 * degree
        )
    if degree < 1:
        raise Problem("invalid_input", "a constant has no roots", field="inputs.degree", hint="1 or more")
    return Alone(kernel, lambda _watch, _kept: _gauss(inputs, degree, parameters), 2e5 + 1e3 * degree**2)


def _at_points(inputs: PolynomialInputs) -> bool:
    return inputs.operation in {"evaluate", "derivative"}


def _refuse(inputs: PolynomialInputs, names: set[str]) -> None:
    """Refuse what the operation does not look at."""
    for name in sorted(names):
        if getattr(inputs, name) is not None:
            text = f"{inputs.operation} of {inputs.family} takes no {name}"
            raise Problem("invalid_input", text, field=f"inputs.{name}", hint="leave it out")


def _degree(inputs: PolynomialInputs, largest: int) -> int:
    if inputs.degree is None or not 0 <= inputs.degree <= largest:
        text = "the degree is missing" if inputs.degree is None else f"degree {inputs.degree}"
        raise Problem("invalid_input", text, field="inputs.degree", hint=f"0 to {largest}")
    return inputs.degree


def _order(inputs: PolynomialInputs) -> int:
    if inputs.operation == "evaluate":
        return 0
    if not 0 <= inputs.order <= 1000:
        raise Problem("invalid_input", f"order {inputs.order}", field="inputs.order", hint="0 to 1000")
    return inputs.order


def _parameters(inputs: PolynomialInputs) -> tuple[float, ...]:
    lowest = FAMILIES[inputs.family].lowest
    found = []
    for place, name in enumerate(("alpha", "beta")):
        value = getattr(inputs, name)
        if place >= len(lowest):
            if value is not None:
                text = f"{inputs.family} has no parameter {name}"
                raise Problem("invalid_input", text, field=f"inputs.{name}", hint="leave it out")
            continue
        if value is None or not lowest[place] < value <= 1000:
            text = f"{name} is missing" if value is None else f"{name} is {value:g}"
            hint = f"above {lowest[place]:g}, at most 1000"
            raise Problem("invalid_input", text, field=f"inputs.{name}", hint=hint)
        if inputs.family == "gegenbauer" and value == 0.0:
            hint = "the limit is chebyshev_t"
            raise Problem("invalid_input", "all polynomials vanish for alpha = 0", field="inputs.alpha", hint=hint)
        found.append(value)
    return tuple(found)


def _points(value: Any, each: int) -> Array:
    if value is None:
        raise Problem("invalid_input", "'points' is missing", field="inputs.points", hint="a number, or an array")
    points = (
        arrays.gate(value, "inputs.points", ndim=(1, 2, 3))
        if isinstance(value, list | dict)
        else np.array(arrays.number(value, "inputs.points"))
    )
    if points.size * each > WORK_LIMIT or points.size > 1_000_000:
        text, hint = f"{points.size} points of {each} terms", f"points × terms up to {WORK_LIMIT}, points to 1000000"
        raise Problem("budget_exceeded", text, field="inputs.points", hint=hint)
    return points


def _valued(
    points: Array, values: Callable[[Array], tuple[Array, Array]], kernel: str, method: str, terms: int
) -> Alone:
    """The plan of what has a value and a bound at each point."""
    step = max(1, _CHUNK // terms)

    def work(watch: Watch, _kept: object) -> Outcome:
        flat, error = points.reshape(-1), 0.0
        found = np.empty(flat.size)
        for start in range(0, flat.size, step):
            watch(start / flat.size, "evaluate")
            found[start : start + step], bound = values(flat[start : start + step])
            error = max(error, float(bound.max(initial=0.0)))
        made = found.reshape(points.shape) if points.ndim else float(found[0])
        estimate = error if np.isfinite(error) else None
        diagnostics = Diagnostics(evaluations=flat.size, error_estimate=estimate, method=method)
        return Outcome({"values": made}, kernel, compiled=True, diagnostics=diagnostics)

    return Alone(kernel, work, 40.0 * points.size * terms + 3e4 * terms)


def _coefficients(family: str, degree: int, parameters: tuple[float, ...], kernel: str) -> Outcome:
    found = np.array(families.coefficients(family, degree, parameters))
    error = float(families.UNIT * np.abs(found).max())
    diagnostics = Diagnostics(error_estimate=error if np.isfinite(error) else None, method="exact fractions")
    return Outcome({"coefficients": found}, kernel, compiled=True, diagnostics=diagnostics)


def _gauss(inputs: PolynomialInputs, degree: int, parameters: tuple[float, ...]) -> Outcome:
    nodes, weights, error = families.gauss(inputs.family, degree, parameters)
    family = FAMILIES[inputs.family]
    mass = family.mass(*parameters)
    checks = [
        Check("weights are positive", passed=bool((weights >= 0).all())),
        Check("weights add up", passed=bool(abs(weights.sum() - mass) <= 1e-10 * mass)),
    ]
    outputs: dict[str, Any] = {"nodes": nodes, "weights": weights, "weight": family.weight}
    if inputs.operation == "roots":
        outputs = {"roots": nodes}
    diagnostics = Diagnostics(error_estimate=error if np.isfinite(error) else None, method="gauss", checks=checks)
    return Outcome(outputs, f"scipy.special.roots.{inputs.family}", compiled=True, diagnostics=diagnostics)


def _prepare_power(inputs: PolynomialInputs) -> Alone:
    kernel = "agents.special.power"
    _refuse(inputs, {"alpha", "beta"})
    if inputs.operation in {"quadrature", "coefficients"}:
        text = f"{inputs.operation} is of an orthogonal family"
        raise Problem("invalid_input", text, field="inputs.operation", hint="family: legendre, for example")
    if inputs.operation == "fit":
        return _prepare_fit(inputs, kernel)
    _refuse(inputs, {"degree", "values"} | (set() if _at_points(inputs) else {"points"}))
    if inputs.coefficients is None:
        raise Problem("invalid_input", "'coefficients' is missing", field="inputs.coefficients", hint="of 1, x, x², …")
    given = arrays.gate(inputs.coefficients, "inputs.coefficients", ndim=1)
    largest = _POWER_DEGREES[inputs.operation]
    if not 1 <= given.size <= largest + 1:
        hint = f"1 to {largest + 1}"
        raise Problem("invalid_input", f"{given.size} coefficients", field="inputs.coefficients", hint=hint)
    if _at_points(inputs):
        order = _order(inputs)
        return _valued(
            _points(inputs.points, given.size), lambda x: plain.evaluate(given, x, order), kernel, "horner", given.size
        )
    kept = np.trim_zeros(given, "b")
    if kept.size < 2:
        text = "a constant has no roots"
        raise Problem("invalid_input", text, field="inputs.coefficients", hint="one that is not 0 beyond the first")
    return Alone(kernel, lambda _watch, _kept: _roots(kept, kernel), 100.0 * kept.size**3 + 1e5)


def _roots(given: Array, kernel: str) -> Outcome:
    roots, error = plain.roots(given)
    diagnostics = Diagnostics(error_estimate=error, method="companion", checks=[])
    return Outcome({"roots": roots}, kernel, compiled=True, diagnostics=diagnostics)


def _prepare_fit(inputs: PolynomialInputs, kernel: str) -> Alone:
    _refuse(inputs, {"coefficients"})
    degree = _degree(inputs, _POWER_DEGREES["fit"])
    x, y = (
        arrays.gate(value if value is not None else [], f"inputs.{name}", ndim=1)
        for name, value in (("points", inputs.points), ("values", inputs.values))
    )
    if x.size != y.size:
        text = f"{x.size} points and {y.size} values"
        raise Problem("invalid_input", text, field="inputs.values", hint="one value a point")
    if np.unique(x).size <= degree:
        text = f"{np.unique(x).size} different points for degree {degree}"
        raise Problem("invalid_input", text, field="inputs.points", hint=f"{degree + 1} different ones at least")
    if x.size * (degree + 1) > WORK_LIMIT // 4:
        hint = f"points × (degree + 1) up to {WORK_LIMIT // 4}"
        raise Problem("budget_exceeded", f"{x.size} points", field="inputs.points", hint=hint)

    def work(_watch: Watch, _kept: object) -> Outcome:
        found, residual, rank = plain.fit(x, y, degree)
        if rank <= degree:
            text = f"the points do not determine degree {degree}: rank {rank} of {degree + 1}"
            raise Problem("singular", text, field="inputs.degree", hint="a lower degree")
        diagnostics = Diagnostics(residual=residual, method="least squares")
        outputs = {"coefficients": found, "residual_norm": residual}
        return Outcome(outputs, kernel, compiled=True, diagnostics=diagnostics)

    return Alone(kernel, work, 10.0 * x.size * (degree + 1) ** 2 + 1e5)


TASK = alone.task(
    agent="special", name="polynomial",
    summary="Orthogonal polynomials: values, derivatives, roots, Gauss rules, coefficients; plain polynomials too.",
    inputs=PolynomialInputs, options=PolynomialOptions, methods=(),
    example={"operation": "quadrature", "family": "legendre", "degree": 5}, prepare=prepare,
    repeats="inputs",
)  # fmt: skip
