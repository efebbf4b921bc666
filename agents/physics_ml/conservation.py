"""The task `physics_ml.conservation`: whether given data keep what they should keep."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from scipy.integrate import cumulative_simpson, simpson

from agents import alone, arrays, formulas
from agents.alone import Alone
from agents.arrays import Array
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch
from native.formula import Program

KERNEL = "native.kernels.formula"
_FIELDS = 20
_ROUNDING = 1e-13


class ConservationInputs(msgspec.Struct, forbid_unknown_fields=True):
    """Data over time `t` (n_t) and, for fields, over `axes` {"x": [...]}: `fields` {name: (n_t) or (n_t, n_x, …)}.

    `density` is a formula of the fields, t, the coordinates, `parameters`, and first derivatives written u_x or u_t for
    a field u. Its integral over the axes is what is to be kept: for data without axes it is the formula itself.
    `flux` {"x": formula} is what flows in the direction of x and leaves through the sides; `source` is what is made per
    volume. With `boundary: periodic` the axes have no ends, and no repeated last point.

    Outputs: `t`, `integral` (n_t), `balance` (n_t; the integral less its first value, plus what has left, less what was
    made), `drift` (the largest |balance|), `relative_drift`, `numerical_error` and `conserved`: whether the drift is
    within `rtol` of the largest |integral|, or within the error of the quadrature.

    `error_estimate` bounds the error of `integral` against the data's smooth function: three times the difference to
    every second point. It is null when an axis has fewer than 5 points.
    """

    t: Any
    fields: dict[str, Any]
    density: str
    axes: dict[str, Any] = {}
    flux: dict[str, str] = {}
    source: str | None = None
    parameters: dict[str, Any] = {}
    boundary: Literal["open", "periodic"] = "open"


class ConservationOptions(TaskOptions, kw_only=True):
    """`rtol`: how much of its size the quantity may drift."""

    method: Literal["auto", "simpson"] = "auto"
    rtol: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1e-6


@dataclass(frozen=True, eq=False)
class Data:
    """Fields on their grid: axes (time first), names and values of all that formulas may use."""

    axes: list[Array]
    names: dict[str, Array]
    shape: tuple[int, ...]
    periodic: bool

    def evaluate(self, program: Program, used: list[str], values: list[float], field: str) -> Array:
        """A formula over the grid; raises `Problem` where it is not finite."""
        rows = [np.broadcast_to(self.names[name], self.shape).ravel() for name in used]
        rows += [np.full(rows[0].size, value) for value in values]
        found = program.evaluate(np.stack(rows))[0].reshape(self.shape)
        if not np.isfinite(found).all():
            where = tuple(int(i) for i in np.argwhere(~np.isfinite(found))[0])
            text = f"it is not finite at point {where} of the grid"
            raise Problem("non_finite", text, field=field, hint="look for a division by zero or a logarithm")
        return np.asarray(found)

    def over_space(self, values: Array, every: int = 1) -> Array:
        """Integrals over all axes but time."""
        for axis in range(len(self.axes) - 1, 0, -1):
            values = self.along(values, axis, every)
        return values

    def along(self, values: Array, axis: int, every: int = 1) -> Array:
        """Integrals along one axis: the trapezoidal rule on a periodic one, Simpson's on others."""
        points = self.axes[axis][::every]
        part = np.take(values, range(0, values.shape[axis], every), axis=axis)
        if self.periodic:
            return np.asarray(part.sum(axis=axis) * (points[1] - points[0]))
        return np.asarray(simpson(part, x=points, axis=axis))


def prepare(given: ConservationInputs, how: ConservationOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate data and formulas."""
    data = read_data(given)
    parameters = formulas.numbers(given.parameters, "inputs.parameters")
    formulas.check_names(parameters, "inputs.parameters", taken=dict.fromkeys(data.names, "a name of the data"))
    values = list(parameters.values())
    texts = {"inputs.density": given.density}
    for name, text in given.flux.items():
        if name not in given.axes:
            hint = f"known: {', '.join(given.axes) or 'none, the data have no axes'}"
            raise Problem("invalid_input", f"no axis is called {name[:80]!r}", field="inputs.flux", hint=hint)
        texts[f"inputs.flux.{name}"] = text
    if given.source is not None:
        texts["inputs.source"] = given.source
    used = list(data.names)
    programs = {field: formulas.compiled({field: text}, used, tuple(parameters)) for field, text in texts.items()}

    def work(watch: Watch, _: object) -> Outcome:
        found: dict[str, Array] = {}
        for i, (field, program) in enumerate(programs.items()):
            watch(i / len(programs), "evaluate")
            found[field] = data.evaluate(program, used, values, field)
        return _judge(data, found, list(given.axes), how.rtol)

    operations = float(np.prod(data.shape)) * sum(len(program.code) + 20 for program in programs.values())
    return Alone(KERNEL, work, 4 * operations)


def _judge(data: Data, found: Mapping[str, Array], axes: list[str], rtol: float) -> Outcome:
    density = found["inputs.density"]
    integral = data.over_space(density)
    balance = integral - integral[0]
    gained = np.zeros_like(integral)
    for name, place in ((name, axes.index(name) + 1) for name in axes if f"inputs.flux.{name}" in found):
        if not data.periodic:
            flux = found[f"inputs.flux.{name}"]
            net = np.take(flux, -1, axis=place) - np.take(flux, 0, axis=place)
            rest = Data([axis for i, axis in enumerate(data.axes) if i != place], {}, net.shape, data.periodic)
            gained -= rest.over_space(net)
    if "inputs.source" in found:
        gained += data.over_space(found["inputs.source"])
    balance -= _cumulative(gained, data.axes[0])
    scale = float(np.abs(integral).max())
    coarse = all(len(axis) >= 5 for axis in data.axes[1:])
    error = None
    if coarse:
        halved = data.over_space(density, 2) if _halves(data) else integral
        error = 3.0 * float(np.abs(halved - integral).max()) + _ROUNDING * scale
    every = slice(None, None, 2)
    in_time = _cumulative(gained[every], data.axes[0][every]) - _cumulative(gained, data.axes[0])[every]
    numerical = (error or 0.0) + 3.0 * float(np.abs(in_time).max(initial=0.0))
    drift = float(np.abs(balance).max())
    kept = drift <= max(rtol * scale, numerical)
    warnings = []
    if numerical > rtol * scale and drift > 0:
        warnings.append(f"the data are too coarse to tell a drift below {numerical:.2g}")
    outputs = {
        "t": data.axes[0], "integral": integral, "balance": balance, "drift": drift,
        "relative_drift": drift / scale if scale > 0 else 0.0, "numerical_error": numerical, "conserved": kept,
    }  # fmt: skip
    return Outcome(outputs, KERNEL, True, Diagnostics(
        error_estimate=error, residual=drift, method="simpson", checks=[Check("conserved", passed=kept)],
    ), warnings)  # fmt: skip


def _halves(data: Data) -> bool:
    """Whether every second point spans each axis too; on a periodic one an even number is needed."""
    return all(len(axis) % 2 == (0 if data.periodic else 1) for axis in data.axes[1:]) or not data.periodic


def _cumulative(values: Array, t: Array) -> Array:
    if len(t) < 3:
        return np.concatenate([[0.0], np.cumsum(np.diff(t) * (values[1:] + values[:-1]) / 2)])
    return np.asarray(cumulative_simpson(values, x=t, initial=0.0))


def read_data(given: ConservationInputs) -> Data:
    """Read axes and fields, with the first derivatives that formulas name; raises `Problem`."""
    names = ["t", *given.axes]
    if len(given.axes) > 3:
        raise Problem("invalid_input", f"{len(given.axes)} axes", field="inputs.axes", hint="at most 3")
    formulas.check_names(given.axes, "inputs.axes", taken={"t": "the time"})
    wheres = ["inputs.t", *(f"inputs.axes.{name}" for name in given.axes)]
    axes = [arrays.gate(one, where, ndim=1) for one, where in zip([given.t, *given.axes.values()], wheres, strict=True)]
    for axis, where, least in zip(axes, wheres, [2, 3, 3, 3], strict=False):
        steps = np.diff(axis)
        if len(axis) < least or (steps <= 0).any():
            text = f"{len(axis)} points" if len(axis) < least else "not in ascending order"
            raise Problem("invalid_input", text, field=where, hint=f"{least} points or more, each above the last")
        if given.boundary == "periodic" and where != "inputs.t" and np.ptp(steps) > 1e-9 * steps[0] * len(axis):
            text = "a periodic axis has even steps"
            raise Problem("invalid_input", text, field=where, hint="even steps, without the repeated last point")
    shape = tuple(len(axis) for axis in axes)
    if not 0 < len(given.fields) <= _FIELDS:
        raise Problem("invalid_input", f"{len(given.fields)} fields", field="inputs.fields", hint=f"1 to {_FIELDS}")
    formulas.check_names(given.fields, "inputs.fields", taken=dict.fromkeys(names, "an axis already"))
    known: dict[str, Array] = {}
    for place, (name, axis) in enumerate(zip(names, axes, strict=True)):
        known[name] = axis.reshape([-1 if i == place else 1 for i in range(len(axes))])
    texts = " ".join([given.density, *given.flux.values(), given.source or ""])
    for name, value in given.fields.items():
        where = f"inputs.fields.{name[:80]}"
        found = arrays.gate(value, where, ndim=len(shape))
        if found.shape != shape:
            text = f"shape {list(found.shape)}, the axes say {list(shape)}"
            raise Problem("invalid_input", text, field=where, hint="time first, then the axes in their order")
        known[name] = found
        for place, along in enumerate(names):
            derivative = f"{name}_{along}"
            if re.search(rf"\b{re.escape(derivative)}\b", texts) and derivative not in given.fields:
                known[derivative] = _slope(found, axes[place], place, given.boundary == "periodic" and place > 0, where)
    return Data(axes, known, shape, given.boundary == "periodic")


def _slope(values: Array, axis: Array, place: int, periodic: bool, where: str) -> Array:
    """First derivative along an axis, of second order."""
    if len(axis) < 3:
        raise Problem("invalid_input", "a derivative needs 3 points", field=where, hint="3 points or more")
    if periodic:
        step = axis[1] - axis[0]
        return np.asarray((np.roll(values, -1, place) - np.roll(values, 1, place)) / (2 * step))
    return np.asarray(np.gradient(values, axis, axis=place, edge_order=2))


_T = [0.1 * i for i in range(21)]

TASK = alone.task(
    agent="physics_ml", name="conservation", summary="Check whether data keep an energy, a mass, a charge.",
    inputs=ConservationInputs, options=ConservationOptions, methods=("simpson",),
    example={
        "t": _T, "fields": {"x": [float(np.cos(t)) for t in _T], "v": [float(-np.sin(t)) for t in _T]},
        "density": "0.5*v**2 + 0.5*x**2",
    },
    prepare=prepare,
    repeats="inputs",
)  # fmt: skip
