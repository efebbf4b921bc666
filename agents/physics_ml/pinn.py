"""The task `physics_ml.pinn`: a network that satisfies a differential equation and its conditions."""

from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, arrays
from agents.alone import Alone
from agents.arrays import Array
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.physics_ml import training
from agents.physics_ml.equations import Box, Condition, read_box, read_conditions, read_equation, read_parameters
from agents.physics_ml.training import Setting, Trained
from agents.task import TaskOptions, Watch

_GRID = (101, 41, 15, 9)
"""Points along each axis of the prediction, by the number of coordinates."""
_SAFETY = 3.0
_DISAGREE = 0.1


class PinnInputs(msgspec.Struct, forbid_unknown_fields=True):
    """An equation of u over a domain, such as `u_t - D*u_xx` (to be zero) or `u_t == D*u_xx`.

    Names: u, its derivatives u_x, u_xx, u_xt, … up to order 4, the coordinates of `domain` {"x": [0, 1], "t": [0, 2]}
    (one to four, a letter each) and `parameters`. Each of `conditions` is an equation where some coordinates are fixed:
    {"at": {"x": 0}, "equation": "u - sin(t)"}. `predict_at` {"x": [...], "t": [...]} are points, as many in each list;
    without it u is given on a grid.

    The network has one hidden layer of tanh units that are drawn at random by the seed; its output layer solves the
    equation and the conditions at collocation points in the sense of least squares, by Gauss–Newton where they are
    not linear. Outputs: `u` and `axes` (or `u` at `points`), `network` (`weights`, `biases`, `coefficients`, `low`,
    `high`: u = Σ c tanh(w · z + b), z the point moved to [-1, 1]ᵈ) and `validation_error`, the root-mean-square
    residual at points held out, relative to the equation's terms.

    `error_estimate` bounds the error of `u`: three times the largest difference to a second, smaller network.
    """

    equation: str
    domain: dict[str, Any]
    conditions: list[Condition]
    parameters: dict[str, Any] = {}
    predict_at: dict[str, Any] | None = None


class PinnOptions(TaskOptions, kw_only=True):
    """`n_features` units; when it is not given, more and more (from 100 in one dimension, 300 in two).

    The request fails when the validation error is above `rtol`, or when the networks differ by more than a tenth of u.
    """

    method: Literal["auto", "random_features"] = "auto"
    n_features: Annotated[int, msgspec.Meta(ge=10, le=2000)] | None = None
    rtol: Annotated[float, msgspec.Meta(gt=0, le=0.1)] = 1e-3


def prepare(given: PinnInputs, how: PinnOptions, seed: int) -> Alone:
    """Validate an equation and its conditions."""
    box = read_box(given.domain)
    parameters = read_parameters(given.parameters, box)
    equation = read_equation(given.equation, "inputs.equation", box, parameters)
    conditions = read_conditions(given.conditions, box, parameters)
    for place, name in enumerate(box.names):
        order = max(one[place] for one in equation.orders)
        held = sum(name in fixed for _, fixed in conditions)
        if held < order:
            text = f"the equation is of order {order} in {name}, and {held} conditions fix {name}: u is not determined"
            hint = f'{order} conditions such as {{"at": {{"{name}": {box.low[place]:g}}}, "equation": "u - 1"}}'
            raise Problem("invalid_input", text, field="inputs.conditions", hint=hint)
    points = None if given.predict_at is None else read_points(given.predict_at, box)
    counts = training.sizes(how.n_features, box)
    setting = Setting(box, equation, conditions, None, np.empty(0))

    def work(watch: Watch, _: object) -> Outcome:
        trained = training.train(setting, counts, how.rtol, seed, watch)
        outputs, error = predict(trained, box, points)
        check(trained, error, outputs["u"], how.rtol)
        return Outcome(outputs, training.KERNEL, True, diagnostics(trained, error))

    return Alone(training.KERNEL, work, training.cost_of(counts))


def read_points(given: dict[str, Any], box: Box, field: str = "inputs.predict_at") -> Array:
    """Read points (d, n) of the domain, a list for each coordinate."""
    for name in given:
        if name not in box.names:
            text = f"no coordinate is called {name[:80]!r}"
            raise Problem("invalid_input", text, field=f"{field}.{name[:80]}", hint=f"known: {', '.join(box.names)}")
    rows: list[Array] = []
    for name, low, high in zip(box.names, box.low, box.high, strict=True):
        where = f"{field}.{name}"
        if name not in given:
            raise Problem("invalid_input", f"{name!r} is missing", field=where, hint="a list for each coordinate")
        row = arrays.gate(given[name], where, ndim=1)
        if rows and len(row) != len(rows[0]):
            text = f"{len(row)} numbers, {box.names[0]} has {len(rows[0])}"
            raise Problem("invalid_input", text, field=where, hint="a number for each point")
        if ((row < low) | (row > high)).any():
            raise Problem("invalid_input", "outside the domain", field=where, hint=f"{low:g} to {high:g}")
        rows.append(row)
    if not 0 < len(rows[0]) <= 1_000_000:
        raise Problem("invalid_input", f"{len(rows[0])} points", field=field, hint="1 to 1,000,000 points")
    return np.stack(rows)


def predict(trained: Trained, box: Box, points: Array | None) -> tuple[dict[str, Any], float]:
    """Give u with what a plot needs, and the bound of its error."""
    d = len(box.names)
    shown: dict[str, Any]
    if points is None:
        axes, points = box.grid([_GRID[d - 1]] * d)
        shown, shape = {"axes": axes}, tuple(len(axis) for axis in axes.values())
    else:
        shown, shape = {"points": dict(zip(box.names, points, strict=True))}, points.shape[1:]
    network = trained.network
    u = network.derivative(points, (0,) * d)
    error = _SAFETY * training.difference(trained, points) + 1e-14 * float(np.abs(u).max())
    features = network.features
    described = {
        "activation": "tanh", "weights": features.weights, "biases": features.biases,
        "coefficients": network.coefficients, "low": features.low, "high": features.high,
    }  # fmt: skip
    return {
        "u": u.reshape(shape), **shown, "network": described, "validation_error": trained.validation_error,
    }, error  # fmt: skip


def check(trained: Trained, error: float, u: Array, rtol: float) -> None:
    """Raise `Problem` unless the equation holds where it was not asked to, and both networks agree."""
    if not trained.validation_error <= rtol:
        text = f"the residual held out is {trained.validation_error:.2g} of the equation's terms"
        hint = "more features, a smaller domain, or a looser rtol"
        raise Problem("not_converged", text, field="options.rtol", hint=hint)
    if error > _DISAGREE * _SAFETY * float(np.abs(u).max()) + 1e-9:
        text = f"two networks differ by {error / _SAFETY:.2g}: the conditions may not determine u"
        raise Problem(
            "not_converged", text, field="inputs.conditions", hint="a condition for each side, or more features"
        )


def diagnostics(trained: Trained, error: float) -> Diagnostics:
    """Say how the network was found."""
    return Diagnostics(
        converged=True, iterations=trained.network.iterations, error_estimate=error, residual=trained.network.residual,
        method="random_features",
        checks=[Check("residual held out within rtol", passed=True), Check("two networks agree", passed=True)],
    )  # fmt: skip


TASK = alone.task(
    agent="physics_ml", name="pinn", summary="Solve a differential equation with a network, by collocation.",
    inputs=PinnInputs, options=PinnOptions, methods=("random_features",),
    example={
        "equation": "u_xx == -pi**2*sin(pi*x)", "domain": {"x": [0, 1]},
        "conditions": [{"at": {"x": 0}, "equation": "u"}, {"at": {"x": 1}, "equation": "u"}],
    },
    prepare=prepare,
)  # fmt: skip
