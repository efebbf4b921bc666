"""The task `inverse.ode_parameters`: parameters and initial values of differential equations from data."""

import math
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from scipy import linalg, optimize, special

from agents import alone, arrays, formulas
from agents.alone import Alone
from agents.arrays import Array
from agents.inverse.bayesian import read_columns
from agents.ode import system as systems
from agents.ode.system import System
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch
from native import ode
from native.formula import FormulaError, Program
from native.formula.sensitivity import compile_sensitivity, initial_sensitivity

FITTED_LIMIT = 50
SIZE_LIMIT = 500
"""Most equations together with their sensitivities."""
_TIGHTER = 0.01
_SAFETY = 2.0
_NEAR = 1e-4
"""Distance from a bound, in parts of it, at which a minimum that lies beyond is taken to lie on it."""
_BAD = 1e8
"""What a residual counts where the equations cannot be integrated, in standard deviations."""
_EPS = float(np.finfo(np.float64).eps)


class OdeParametersInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The parameters for which a system dx/dt = formula fits `data` best, by weighted least squares.

    `parameters` are starts, or values of those that are not fitted; `initial` is the state at `t_start` (the first time
    unless given). `fit` names what is fitted: parameters, and variables for their initial values; all parameters unless
    given. `data` has the times `t`, in order, and a column for each observed variable. `sigma` is the standard
    deviation of the observations, a number or {variable: number or column}; without it all weigh the same and it is
    estimated. `bounds` {name: [low, high]}.
    Outputs: `parameters` {name: fitted value}, `standard_errors` {}, `confidence_intervals` {name: [low, high]} (95 %),
    `covariance` (in the order of `names`), `residual_sum_of_squares` (of residuals over sigma), `sigma_estimate`, `t`,
    `fitted` {variable: values at t}.

    `error_estimate` bounds the distance of `parameters` from the nearest least squares minimum: the rest of the
    iteration, and what integrating a hundred times as tightly changes. It says nothing of the noise in the data, which
    `standard_errors` do. Parameters that the data cannot tell apart are `singular`.
    """

    equations: dict[str, str]
    parameters: dict[str, Any]
    initial: dict[str, Any]
    data: dict[str, Any]
    fit: list[str] | None = None
    sigma: Any = None
    bounds: dict[str, Any] = {}
    t_start: float | None = None


class OdeParametersOptions(TaskOptions, kw_only=True):
    """`method` integrates, with sensitivity equations; `rtol` and `atol` are those of its steps."""

    method: Literal["auto", "dopri5", "rodas4"] = "auto"
    rtol: Annotated[float, msgspec.Meta(ge=1e-11, le=1e-3)] = 1e-8
    atol: Annotated[float, msgspec.Meta(ge=1e-100, le=1e100)] = 1e-10
    max_iterations: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    max_steps: Annotated[int, msgspec.Meta(ge=10, le=1_000_000)] = 20_000


@dataclass(eq=False)
class Fit:
    """One problem: `chosen` are fitted, `observed` are places of variables, `values` (o, n) and `sigma` alike."""

    system: System
    programs: tuple[Program, Program]
    chosen: tuple[str, ...]
    observed: tuple[int, ...]
    times: Array
    values: Array
    sigma: Array
    absolute: bool
    options: OdeParametersOptions
    evaluations: int = 0
    steps: int = 0
    states: Array = field(default_factory=lambda: np.zeros(0))
    problem: Problem | None = None

    def start(self) -> Array:
        """Values to begin with."""
        known = dict(zip(self.system.names, self.system.initial, strict=True))
        known |= dict(zip(self.system.parameters, self.system.values, strict=True))
        return np.array([known[name] for name in self.chosen])

    def evaluate(self, p: Array, tighter: float, watch: Watch) -> tuple[Array, Array] | None:
        """Give residuals (o n) over sigma and their derivatives (o n, q); None where there is no solution."""
        n, q = len(self.system.names), len(self.chosen)
        state = np.concatenate([self.system.initial, initial_sensitivity(self.system.names, self.chosen)])
        values = self.system.values.copy()
        for name, value in zip(self.chosen, p, strict=True):
            if name in self.system.names:
                state[self.system.names.index(name)] = value
            else:
                values[self.system.parameters.index(name)] = value
        how = self.options
        end = max(self.times[-1], self.system.start + 1e-9 * max(1.0, abs(self.system.start)))
        members = ode.Members(
            state[:, None], values[:, None], np.array([self.system.start]), np.array([end]),
            np.array([how.rtol * tighter]), np.array([how.atol * tighter]), np.array([np.inf]),
            np.array([how.max_steps]), self.times[None, :], np.zeros(1, dtype=np.int64),
        )  # fmt: skip
        methods = ode.resolve(how.method, how.rtol * tighter, len(state))
        made = ode.integrate(
            self.programs[0], lambda: self.programs[1], members, methods, lambda _, stage: watch(0.5, stage)
        )
        self.evaluations += int(made.evaluations[0])
        self.problem = systems.failure(members, made, 0)
        found = made.points[0]
        if self.problem is not None or not np.isfinite(found).all():
            return None
        self.states = found[:n]
        observed = list(self.observed)
        rest = ((found[observed] - self.values) / self.sigma).ravel()
        slopes = found[n:].reshape(n, q, -1)[observed].transpose(0, 2, 1) / self.sigma[:, :, None]
        return rest, slopes.reshape(-1, q)


def prepare(inputs: OdeParametersInputs, options: OdeParametersOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate equations, data, and what is fitted; raises `Problem`."""
    columns = read_columns(inputs.data, {})
    if "t" not in columns:
        raise Problem("invalid_input", "'t' is missing", field="inputs.data.t", hint="the times of the observations")
    times = columns.pop("t")
    start = times[0] if inputs.t_start is None else inputs.t_start
    if (np.diff(times) < 0.0).any() or times[0] < start:
        raise Problem("invalid_input", "times out of order", field="inputs.data.t", hint="from t_start on, in order")
    end = float(times[-1]) if times[-1] > start else float(start) + 1.0
    found = systems.read_system(inputs.equations, inputs.parameters, inputs.initial, [float(start), end])
    for name in columns:
        if name not in found.names:
            text, hint = f"{name!r} is no variable", f"variables: {', '.join(found.names)[:500]}"
            raise Problem("invalid_input", text, field=f"inputs.data.{name}", hint=hint)
    if not columns:
        raise Problem("invalid_input", "nothing is observed", field="inputs.data", hint="a column for some variable")
    chosen = _chosen(inputs, found)
    count = len(columns) * times.size
    if count < len(chosen):
        text = f"{count} observations for {len(chosen)} unknowns"
        raise Problem("invalid_input", text, field="inputs.data", hint="at least as many")
    size = len(found.names) * (1 + len(chosen))
    if size > SIZE_LIMIT or size * times.size > arrays.SIZE_LIMIT:
        text = f"{size} equations with their sensitivities, at {times.size} times"
        raise Problem("budget_exceeded", text, field="inputs.fit", hint=f"at most {SIZE_LIMIT}: fit fewer")
    sigma, absolute = _sigma(inputs, columns)
    low, high = _bounds(inputs, chosen)
    texts = tuple(inputs.equations[name] for name in found.names)
    try:
        programs = compile_sensitivity(texts, found.names, found.parameters, chosen)
    except FormulaError as error:
        error.name = "inputs.equations"
        raise formulas.problem_of(error) from None
    observed = tuple(found.names.index(name) for name in columns)
    fit = Fit(found, programs, chosen, observed, times, np.stack(list(columns.values())), sigma, absolute, options)
    at = fit.start()
    for i, name in enumerate(chosen):
        if not low[i] <= at[i] <= high[i]:
            text, place = f"{name} starts at {at[i]:g}", f"inputs.bounds.{name}"
            raise Problem("invalid_input", text, field=place, hint="a start within the bounds")
    cost = 2.5e8 + 20.0 * 1000.0 * 7.0 * (len(programs[0].code) + 10.0 * size)
    return Alone("native.ode", lambda watch, _: _solve(fit, at, low, high, watch), cost, compiled=ode.COMPILED)


def _chosen(inputs: OdeParametersInputs, found: System) -> tuple[str, ...]:
    chosen = tuple(found.parameters if inputs.fit is None else inputs.fit)
    known = (*found.parameters, *found.names)
    for i, name in enumerate(chosen):
        if name not in known or name in chosen[:i]:
            text = f"{name[:80]!r} is named twice" if name in known else f"{name[:80]!r} is not known"
            hint = f"known: {', '.join(known)[:500]}"
            raise Problem("invalid_input", text, field=f"inputs.fit[{i}]", hint=hint)
    if not 0 < len(chosen) <= FITTED_LIMIT:
        text = f"{len(chosen)} unknowns"
        raise Problem("invalid_input", text, field="inputs.fit", hint=f"1 to {FITTED_LIMIT} names")
    return chosen


def _sigma(inputs: OdeParametersInputs, columns: dict[str, Array]) -> tuple[Array, bool]:
    shape = (len(columns), next(iter(columns.values())).size)
    if inputs.sigma is None:
        return np.ones(shape), False
    if not isinstance(inputs.sigma, dict):
        found = np.full(shape, arrays.number(inputs.sigma, "inputs.sigma"))
        field = "inputs.sigma"
    else:
        formulas.check_same(inputs.sigma, columns, "inputs.sigma")
        found = np.empty(shape)
        for i, name in enumerate(columns):
            field, value = f"inputs.sigma.{name}", inputs.sigma[name]
            one = arrays.number(value, field) if isinstance(value, int | float) else arrays.gate(value, field, ndim=1)
            if np.ndim(one) and np.size(one) != shape[1]:
                text = f"{np.size(one)} numbers"
                raise Problem("invalid_input", text, field=field, hint=f"one number, or {shape[1]}")
            found[i] = one
    if not ((found > 1e-100) & (found < 1e100)).all():
        raise Problem("invalid_input", "a standard deviation is not positive", field="inputs.sigma", hint="above 0")
    return found, True


def _bounds(inputs: OdeParametersInputs, chosen: tuple[str, ...]) -> tuple[Array, Array]:
    low, high = np.full(len(chosen), -np.inf), np.full(len(chosen), np.inf)
    for name, value in inputs.bounds.items():
        field = f"inputs.bounds.{name[:80]}"
        if name not in chosen:
            text = f"{name[:80]!r} is not fitted"
            raise Problem("invalid_input", text, field=field, hint=f"fitted: {', '.join(chosen)[:500]}")
        if not isinstance(value, list) or len(value) != 2:
            raise Problem("invalid_input", "not bounds", field=field, hint="[low, high], null for an open end")
        i = chosen.index(name)
        if value[0] is not None:
            low[i] = arrays.number(value[0], f"{field}[0]", infinite=True)
        if value[1] is not None:
            high[i] = arrays.number(value[1], f"{field}[1]", infinite=True)
        if not low[i] < high[i]:
            raise Problem("invalid_input", "low is not below high", field=field, hint="[low, high]")
    return low, high


def _solve(fit: Fit, at: Array, low: Array, high: Array, watch: Watch) -> Outcome:
    first = fit.evaluate(at, 1.0, watch)
    if first is None:
        assert fit.problem is not None
        text = f"at the start: {fit.problem.message}"
        raise Problem(fit.problem.code, text, field="inputs.parameters", hint="other starts, or a looser rtol")
    seen: dict[bytes, tuple[Array, Array]] = {at.tobytes(): first}
    bad = np.full_like(first[0], _BAD)

    def both(p: Array) -> tuple[Array, Array]:
        key = p.tobytes()
        if key not in seen:
            made = fit.evaluate(p, 1.0, watch)
            seen.clear()
            seen[key] = (bad, np.zeros((bad.size, p.size))) if made is None else made
        return seen[key]

    least_squares: Any = optimize.least_squares
    made = least_squares(
        lambda p: both(p)[0], at, jac=lambda p: both(p)[1], bounds=(low, high), x_scale="jac", ftol=1e-14, xtol=1e-12,
        gtol=1e-14, max_nfev=fit.options.max_iterations,
    )  # fmt: skip
    p, slope = np.asarray(made.x), np.asarray(made.grad)
    p = np.where((slope > 0.0) & np.isfinite(low) & (p - low <= _NEAR * np.maximum(1.0, np.abs(low))), low, p)
    p = np.where((slope < 0.0) & np.isfinite(high) & (high - p <= _NEAR * np.maximum(1.0, np.abs(high))), high, p)
    return _outcome(fit, p, int(made.nfev), (low, high), watch)


def _outcome(fit: Fit, p: Array, iterations: int, bounds: tuple[Array, Array], watch: Watch) -> Outcome:
    loose, tight = fit.evaluate(p, 1.0, watch), fit.evaluate(p, _TIGHTER, watch)
    if loose is None or tight is None:
        raise _lost(fit)
    rest, slopes = tight
    free = ~((p <= bounds[0]) | (p >= bounds[1]))
    inverse = _inverse(slopes[:, free], fit)
    step = np.zeros_like(p)
    step[free] = inverse @ rest
    moved = np.zeros_like(p)
    moved[free] = inverse @ (rest - loose[0])
    p = np.clip(p - step, *bounds)
    last = fit.evaluate(p, _TIGHTER, watch)
    if last is None:
        raise _lost(fit)
    again = np.zeros_like(p)
    again[free] = inverse @ last[0]
    rest, slopes = last
    size = np.abs(p) + np.linalg.norm(inverse, axis=1).max(initial=0.0) * float(np.abs(fit.states).max(initial=0.0))
    error = float((_SAFETY * (np.abs(again) + np.abs(moved)) + 100.0 * _EPS * size).max())
    scale = np.maximum(np.abs(p), np.sqrt((inverse**2).sum()) * 1e-6)
    converged = bool((np.abs(again) <= 1e-6 * scale + 1e-12).all())
    if not converged and bool((np.abs(step) > 1e-2 * scale).any()):
        raise Problem(
            "not_converged", f"no least squares minimum after {iterations} evaluations", field="inputs.parameters",
            hint="better starts, bounds, or more max_iterations",
        )  # fmt: skip
    return _report(fit, p, rest, _inverse(slopes[:, free], fit), free, error, iterations, converged=converged)


def _lost(fit: Fit) -> Problem:
    why = "" if fit.problem is None else f": {fit.problem.message}"
    hint = "better starts, or bounds that keep the equations solvable"
    return Problem("not_converged", f"the iteration went where the equations cannot be solved{why}",
                   field="inputs.parameters", hint=hint)  # fmt: skip


def _inverse(slopes: Array, fit: Fit) -> Array:
    """Give the pseudo-inverse; raises `Problem` where two parameters do the same."""
    if not slopes.shape[1]:
        return np.zeros((0, slopes.shape[0]))
    size = np.linalg.norm(slopes, axis=0)
    size = np.where(size > 0.0, size, 1.0)
    values = linalg.svdvals(slopes / size)
    if values[-1] <= 1e-9 * values[0]:
        raise Problem(
            "singular", f"the data cannot tell apart {', '.join(fit.chosen)[:500]}", field="inputs.fit",
            hint="fit fewer, or observe more",
        )  # fmt: skip
    return np.asarray(linalg.pinv(slopes / size) / size[:, None], dtype=np.float64)


def _report(
    fit: Fit, p: Array, rest: Array, inverse: Array, free: Any, error: float, iterations: int, *, converged: bool
) -> Outcome:
    q, count = len(p), rest.size
    freedom = count - int(free.sum())
    total = float(rest @ rest)
    variance = 1.0 if fit.absolute else (total / freedom if freedom else math.nan)
    covariance = np.zeros((q, q))
    covariance[np.ix_(free, free)] = inverse @ inverse.T * (variance if freedom or fit.absolute else 0.0)
    errors = np.sqrt(np.diag(covariance))
    quantile = float(special.ndtri(0.975) if fit.absolute else special.stdtrit(max(1, freedom), 0.975))
    warnings = [f"{name} lies at its bound" for name, inside in zip(fit.chosen, free, strict=True) if not inside]
    if not freedom and not fit.absolute:
        warnings.append("as many observations as unknowns: the noise cannot be estimated, the standard errors are 0")
    if not converged:
        warnings.append("the iteration has not met its criterion")
    outputs: dict[str, Any] = {
        "parameters": {name: float(p[i]) for i, name in enumerate(fit.chosen)},
        "standard_errors": {name: float(errors[i]) for i, name in enumerate(fit.chosen)},
        "confidence_intervals": {
            name: [float(p[i] - quantile * errors[i]), float(p[i] + quantile * errors[i])]
            for i, name in enumerate(fit.chosen)
        },
        "names": list(fit.chosen), "covariance": covariance, "residual_sum_of_squares": total,
        "sigma_estimate": math.sqrt(total / freedom) if freedom else None, "degrees_of_freedom": freedom,
        "t": fit.times, "fitted": {name: fit.states[i] for i, name in enumerate(fit.system.names)},
    }  # fmt: skip
    diagnostics = Diagnostics(
        converged=converged, iterations=iterations, evaluations=fit.evaluations, error_estimate=error,
        residual=math.sqrt(total), method=fit.options.method, checks=[Check("step_vanishes", passed=converged)],
    )  # fmt: skip
    return Outcome(outputs, "native.ode", ode.COMPILED, diagnostics, warnings)


TASK = alone.task(
    agent="inverse", name="ode_parameters", summary="Fit parameters of differential equations to data.",
    inputs=OdeParametersInputs, options=OdeParametersOptions, methods=("auto", "dopri5", "rodas4"),
    example={
        "equations": {"x": "-k*x"}, "parameters": {"k": 1}, "initial": {"x": 2},
        "data": {"t": [0, 0.5, 1, 1.5, 2], "x": [2.01, 1.57, 1.22, 0.94, 0.74]},
    },
    prepare=prepare,
    repeats="inputs",
)  # fmt: skip
