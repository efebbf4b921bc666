"""The task `physics_ml.inverse`: parameters of a differential equation from observations of its solution."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, arrays
from agents.alone import Alone
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.physics_ml import training
from agents.physics_ml.collocation import Fit, Observed, Rows
from agents.physics_ml.equations import Condition, read_box, read_conditions, read_equation, read_parameters
from agents.physics_ml.pinn import predict, read_points
from agents.physics_ml.training import Setting
from agents.task import TaskOptions, Watch

_SAFETY = 3.0
_DEVIATIONS = 4.0


class InverseInputs(msgspec.Struct, forbid_unknown_fields=True):
    """An equation as in `pinn`, `unknown` parameters {name: start}, and `data` {"x": [...], "t": [...], "u": [...]}.

    `noise` is the standard deviation of the values of u; without it, it is estimated. Conditions may be left out where
    the data tell. Outputs: `parameters`, `standard_errors`, `covariance`, `noise`, `misfit` (root mean square of u less
    the data), and `u`, `axes`, `network`, `validation_error` as in `pinn`.

    `error_estimate` bounds the error of the parameters: four of the largest standard error (99.99 % where noise is
    normal), and three times the largest difference to those of a second, smaller network.
    """

    equation: str
    domain: dict[str, Any]
    unknown: dict[str, Any]
    data: dict[str, Any]
    conditions: list[Condition] = []
    parameters: dict[str, Any] = {}
    noise: Annotated[float, msgspec.Meta(ge=0, le=1e100)] | None = None


class InverseOptions(TaskOptions, kw_only=True):
    """`n_features` units; when it is not given, more and more. The request fails above a validation error of `rtol`."""

    method: Literal["auto", "random_features"] = "auto"
    n_features: Annotated[int, msgspec.Meta(ge=10, le=2000)] | None = None
    rtol: Annotated[float, msgspec.Meta(gt=0, le=0.1)] = 1e-2


def prepare(given: InverseInputs, how: InverseOptions, seed: int) -> Alone:
    """Validate an equation, what is unknown in it, and the data."""
    box = read_box(given.domain)
    parameters = read_parameters(given.parameters, box)
    starts = read_parameters(given.unknown, box, "inputs.unknown")
    if not 0 < len(starts) <= 20:
        text = f"{len(starts)} unknown parameters"
        raise Problem("invalid_input", text, field="inputs.unknown", hint='1 to 20, such as {"D": 1}')
    for name in starts:
        if name in parameters:
            text = f"{name!r} is known and unknown"
            raise Problem("invalid_input", text, field=f"inputs.unknown.{name}", hint="give it in one place")
    free = tuple(starts)
    equation = read_equation(given.equation, "inputs.equation", box, parameters, free)
    conditions = read_conditions(given.conditions, box, parameters, free)
    if "u" not in given.data:
        raise Problem("invalid_input", "'u' is missing", field="inputs.data.u", hint="the values observed")
    points = read_points({name: one for name, one in given.data.items() if name != "u"}, box, "inputs.data")
    values = arrays.gate(given.data["u"], "inputs.data.u", ndim=1)
    if len(values) != points.shape[1] or len(values) <= len(free):
        text = f"{len(values)} values at {points.shape[1]} points"
        hint = f"a value for each point, and more than {len(free)}"
        raise Problem("invalid_input", text, field="inputs.data.u", hint=hint)
    if len(values) > 100_000:
        raise Problem("budget_exceeded", f"{len(values)} values", field="inputs.data.u", hint="at most 100,000")
    size = float(np.sqrt(np.mean(values**2))) or 1.0
    weight = 1.0 / (size * np.sqrt(len(values)))
    rows = Rows(Observed(values, ((0,) * len(box.names),)), points, weight)
    setting = Setting(box, equation, conditions, rows, np.array(list(starts.values())))
    counts = training.sizes(how.n_features, box)

    def work(watch: Watch, _: object) -> Outcome:
        trained = training.train(setting, counts, how.rtol, seed, watch)
        shown, _error = predict(trained, box, None)
        network = trained.network
        if not trained.validation_error <= how.rtol:
            text = f"the residual held out is {trained.validation_error:.2g} of the equation's terms"
            hint = "other starts, more features, or a looser rtol"
            raise Problem("not_converged", text, field="inputs.unknown", hint=hint)
        _check_determined(free, network)
        if not network.settled:
            text = "the parameters do not settle"
            raise Problem("not_converged", text, field="inputs.unknown", hint="other starts, or more data")
        misfit = float(np.sqrt(np.mean(_misfits(network, rows) ** 2)))
        noise = misfit * np.sqrt(len(values) / (len(values) - len(free))) if given.noise is None else given.noise
        covariance = network.covariance * (training.DATA_WEIGHTS[-1] * weight * noise) ** 2
        errors = np.sqrt(np.diagonal(covariance))
        apart = float(np.abs(network.free - trained.other.free).max())
        bound = _SAFETY * apart + _DEVIATIONS * float(errors.max()) + 1e-14 * float(np.abs(network.free).max())
        outputs = {
            "parameters": dict(zip(free, network.free.tolist(), strict=True)),
            "standard_errors": dict(zip(free, errors.tolist(), strict=True)), "covariance": covariance,
            "noise": float(noise), "misfit": misfit, **shown,
        }  # fmt: skip
        return Outcome(outputs, training.KERNEL, True, Diagnostics(
            converged=True, iterations=network.iterations, error_estimate=bound, residual=misfit,
            method="random_features", checks=[Check("residual held out within rtol", passed=True)],
        ))  # fmt: skip

    return Alone(training.KERNEL, work, training.cost_of(counts))


def _misfits(network: Fit, rows: Rows) -> np.ndarray[Any, np.dtype[np.float64]]:
    order = rows.equation.orders[0]
    value, _ = rows.equation.evaluate(rows.points, [network.derivative(rows.points, order)], network.free)
    return value


def _check_determined(free: tuple[str, ...], network: Fit) -> None:
    """Raise `Problem` when the data say nothing about a parameter: `pinv` has cut its direction off."""
    size = np.sqrt(np.diagonal(network.covariance)) + 1e-300
    rank = np.linalg.matrix_rank(network.covariance / np.outer(size, size), hermitian=True, tol=1e-9)
    if rank < len(free):
        text = f"the data do not tell {' and '.join(free)} apart"
        hint = "observations where the solution depends on them, or fewer unknowns"
        raise Problem("singular", text, field="inputs.unknown", hint=hint)


_TIMES = [0.1 * i for i in range(1, 21)]

TASK = alone.task(
    agent="physics_ml", name="inverse", summary="Find parameters of a differential equation from observed values.",
    inputs=InverseInputs, options=InverseOptions, methods=("random_features",),
    example={
        "equation": "u_t == -k*u", "domain": {"t": [0, 2]}, "unknown": {"k": 1},
        "data": {"t": _TIMES, "u": [float(np.exp(-0.7 * t)) for t in _TIMES]},
    },
    prepare=prepare,
)  # fmt: skip
