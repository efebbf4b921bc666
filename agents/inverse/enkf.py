"""The task `inverse.enkf`: the ensemble Kalman filter with perturbed observations."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import numpy as np
from scipy import linalg, special

from agents import alone
from agents.alone import Alone
from agents.arrays import Array
from agents.draws import generator
from agents.inverse import dynamics, gaussian
from agents.inverse.dynamics import Clock, Dynamics, Operator
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch

_NUMBERS_LIMIT = 1_000_000
_ERRORS = 4.0
_CHUNK = 2_000_000


class EnkfInputs(msgspec.Struct, forbid_unknown_fields=True):
    """An ensemble Kalman filter (Evensen, 1994; Burgers, van Leeuwen & Evensen, 1998).

    `initial` is the mean state at `t_start`, numbers or {name: number}, with `initial_covariance` (a number, a diagonal
    or a matrix). The state goes on by `equations` {name: dx/dt as a formula of the states, t and parameters}, by
    classical Runge–Kutta steps of at most `dt` (a tenth of the longest gap unless given); by `transition` {name: next
    state}; or by `matrix`; one step from whole number to whole number. `process_covariance` is added as noise between
    observations. `observations` (k, m) at `times` (t_start + 1, 2, … unless given) are of `observation_operator`: null
    for all states, a matrix (m, n), or a list of formulas; their noise has `observation_covariance`.
    Outputs: `t`, `names`, `mean` and `std` (k, n) after each observation, `forecast_mean` and `forecast_std` before,
    `innovations` (k, m), `innovation_consistency` (mean of dᵀ S⁻¹ d / m: 1 where the covariances are right) with the
    range in which it lies with 95 % probability, `final_ensemble_covariance` (n, n).

    `error_estimate` is the sampling error of `mean` against the exact Kalman filter, for a linear model without
    inflation and localisation: 4 √((1 + m) / ensemble size) times the largest forecast standard deviation. What
    nonlinearity adds is not in it.
    """

    initial: Any
    initial_covariance: Any
    observations: Any
    observation_covariance: Any
    equations: dict[str, str] | None = None
    transition: dict[str, str] | None = None
    matrix: Any = None
    parameters: dict[str, Any] = {}
    process_covariance: Any = None
    observation_operator: Any = None
    times: Any = None
    t_start: float = 0.0
    dt: Annotated[float, msgspec.Meta(gt=0, le=1e50)] | None = None


class EnkfOptions(TaskOptions, kw_only=True):
    """`inflation` multiplies the forecast's spread; `localization` is the half-width, in places, of Gaspari and Cohn's.

    It needs an operator each of whose rows sees one state.
    """

    method: Literal["auto", "perturbed_observations"] = "auto"
    n_ensemble: Annotated[int, msgspec.Meta(ge=4, le=20_000)] = 200
    inflation: Annotated[float, msgspec.Meta(ge=1, le=10)] = 1.0
    localization: Annotated[float, msgspec.Meta(gt=0, le=1e6)] | None = None


@dataclass(frozen=True, eq=False)
class Filter:
    """Everything that is given, read."""

    initial: Array
    names: tuple[str, ...]
    spread: Array
    dynamics: Dynamics
    operator: Operator
    observations: Array
    noise: Array
    process: Array | None
    clock: Clock
    taper: tuple[Array, Array] | None
    options: EnkfOptions


def prepare(inputs: EnkfInputs, options: EnkfOptions, seed: int) -> Alone:
    """Validate model, observations and covariances; raises `Problem`."""
    texts = inputs.equations if inputs.equations is not None else inputs.transition
    known = None if texts is None else tuple(texts)
    initial, names = dynamics.read_state(inputs.initial, known, "inputs.initial")
    moves = dynamics.read_dynamics(inputs.equations, inputs.transition, inputs.matrix, names, inputs.parameters)
    if moves is None:
        text = "how the state goes on is not said"
        raise Problem("invalid_input", text, field="inputs.equations", hint="equations, transition or matrix")
    operator = dynamics.read_operator(inputs.observation_operator, names, inputs.parameters)
    observations = dynamics.read_observations(inputs.observations, operator.size)
    n, m, k, size = len(names), operator.size, len(observations), options.n_ensemble
    if n * k > _NUMBERS_LIMIT or n * size > 10 * _NUMBERS_LIMIT or m * size > 10 * _NUMBERS_LIMIT:
        text = f"{n} states, {k} observations, {size} members"
        raise Problem("budget_exceeded", text, field="inputs.observations", hint="fewer states or observations")
    spread = gaussian.factor(inputs.initial_covariance, n, "inputs.initial_covariance")
    noise = gaussian.factor(inputs.observation_covariance, m, "inputs.observation_covariance")
    process = None
    if inputs.process_covariance is not None and inputs.process_covariance != 0:
        process = gaussian.factor(inputs.process_covariance, n, "inputs.process_covariance")
    clock = dynamics.read_clock(inputs.times, k, inputs.t_start, inputs.dt, continuous=inputs.equations is not None)
    taper = None if options.localization is None else _taper(operator, n, options.localization)
    found = Filter(initial, names, spread, moves, operator, observations, noise, process, clock, taper, options)
    cost = 1e6 + size * (clock.begins.size * (moves.cost + 5e4 / size + 50.0 * n) + k * (4.0 * n * m + m * m + 1e3))
    cost += k * float(m) ** 3
    return Alone("native.formula", lambda watch, _: _filter(found, seed, watch), cost)


def gaspari_cohn(distance: Array) -> Array:
    """Gaspari and Cohn's (1999) correlation function of distance over half-width: 0 from 2 on."""
    r = np.abs(distance)
    near = 1.0 - 5.0 / 3.0 * r**2 + 5.0 / 8.0 * r**3 + 0.5 * r**4 - 0.25 * r**5
    safe = np.where(r > 0.0, r, 1.0)
    far = 4.0 - 5.0 * r + 5.0 / 3.0 * r**2 + 5.0 / 8.0 * r**3 - 0.5 * r**4 + r**5 / 12.0 - 2.0 / (3.0 * safe)
    return np.where(r <= 1.0, near, np.where(r < 2.0, np.maximum(far, 0.0), 0.0))


def _taper(operator: Operator, n: int, width: float) -> tuple[Array, Array]:
    matrix = operator.matrix
    if matrix is None or ((matrix != 0.0).sum(axis=1) != 1).any():
        text = "localisation needs to know where each observation is"
        hint = "an operator each of whose rows sees one state"
        raise Problem("invalid_input", text, field="options.localization", hint=hint)
    place = np.abs(matrix).argmax(axis=1)
    states = np.arange(n)
    return (
        gaspari_cohn((states[:, None] - place[None, :]) / width),
        gaspari_cohn((place[:, None] - place[None, :]) / width),
    )


def _filter(f: Filter, seed: int, watch: Watch) -> Outcome:
    random = generator(seed, 3)
    n, size = len(f.names), f.options.n_ensemble
    ensemble = f.initial[:, None] + f.spread @ _centred(random, n, size)
    rows: list[tuple[Array, ...]] = []
    step = 0
    consistency = 0.0
    for i, seen in enumerate(f.observations):
        for _ in range(f.clock.counts[i]):
            watch(i / len(f.observations), "forecast")
            ensemble = f.dynamics.step(ensemble, float(f.clock.begins[step]), float(f.clock.lengths[step]))
            step += 1
        if f.process is not None and f.clock.counts[i]:
            ensemble = ensemble + f.process @ _centred(random, n, size)
        watch(i / len(f.observations), "analyse")
        before = ensemble
        _check_finite(ensemble, float(f.clock.times[i]))
        ensemble, innovation, distance = _analyse(f, ensemble, seen, float(f.clock.times[i]), random)
        consistency += distance / len(f.observations)
        rows.append((
            ensemble.mean(axis=1), ensemble.std(axis=1, ddof=1), before.mean(axis=1), before.std(axis=1, ddof=1),
            innovation,
        ))  # fmt: skip
    mean, std, forecast, spread, innovations = (np.stack(one) for one in zip(*rows, strict=True))
    return _outcome(f, ensemble, (mean, std, forecast, spread, innovations), consistency)


def _centred(random: np.random.Generator, rows: int, size: int) -> Array:
    """Normal numbers whose mean over the members is 0: the sample's own mean would be an error of the first order."""
    drawn = random.standard_normal((rows, size))
    made: Array = drawn - drawn.mean(axis=1, keepdims=True)
    return made


def _check_finite(ensemble: Array, t: float) -> None:
    if not np.isfinite(ensemble).all() or float(np.abs(ensemble).max()) > 1e100:
        raise Problem(
            "non_finite", f"a member of the ensemble is not finite at t = {t:g}", field="inputs.initial",
            hint="a shorter dt, a smaller initial covariance, or a range where the model is finite",
        )  # fmt: skip


def _analyse(
    f: Filter, ensemble: Array, seen: Array, t: float, random: np.random.Generator
) -> tuple[Array, Array, float]:
    size = f.options.n_ensemble
    middle = ensemble.mean(axis=1, keepdims=True)
    ensemble = middle + f.options.inflation * (ensemble - middle)
    observed = f.operator.evaluate(ensemble, t)
    _check_finite(observed, t)
    expected = observed.mean(axis=1)
    apart, moved = (observed - expected[:, None]) / np.sqrt(size - 1.0), (ensemble - middle) / np.sqrt(size - 1.0)
    cross, own = moved @ apart.T, apart @ apart.T
    if f.taper is not None:
        cross, own = cross * f.taper[0], own * f.taper[1]
    innovation = seen - expected
    total = linalg.cho_factor(own + f.noise @ f.noise.T, lower=True, check_finite=False)
    distance = float(innovation @ linalg.cho_solve(total, innovation)) / len(seen)
    perturbed = seen[:, None] + f.noise @ _centred(random, len(seen), size) - observed
    return ensemble + cross @ linalg.cho_solve(total, perturbed), innovation, distance


def _outcome(f: Filter, ensemble: Array, series: tuple[Array, ...], consistency: float) -> Outcome:
    mean, std, forecast, spread, innovations = series
    size, m = f.options.n_ensemble, f.operator.size
    half = innovations.size / 2
    low, high = (float(special.gammaincinv(half, one)) / half for one in (0.025, 0.975))  # quantiles of χ² / n
    outputs = {
        "t": f.clock.times, "names": list(f.names), "mean": mean, "std": std, "forecast_mean": forecast,
        "forecast_std": spread, "innovations": innovations, "innovation_consistency": consistency,
        "innovation_consistency_interval": [low, high], "final_ensemble_covariance": np.atleast_2d(np.cov(ensemble)),
    }  # fmt: skip
    error = _ERRORS * float(np.sqrt((1.0 + m) / size)) * float(spread.max()) * f.options.inflation
    warnings = []
    if size <= len(f.names) and f.options.localization is None:
        warnings.append(f"{size} members for {len(f.names)} states: localisation keeps false correlations away")
    if not low / 1.5 <= consistency <= 1.5 * high:
        text = f"the innovations are {consistency:.3g} times as large, squared, as the covariances say"
        warnings.append(f"{text}: those, or the model, are not right")
    checks = [Check("innovations_consistent", passed=low <= consistency <= high)]
    diagnostics = Diagnostics(
        iterations=len(f.observations), evaluations=size * len(f.clock.begins), error_estimate=error,
        method="perturbed_observations", checks=checks,
    )  # fmt: skip
    return Outcome(outputs, "native.formula", True, diagnostics, warnings)


TASK = alone.task(
    agent="inverse", name="enkf", summary="Follow a state through observations by an ensemble Kalman filter.",
    inputs=EnkfInputs, options=EnkfOptions, methods=("auto", "perturbed_observations"),
    example={
        "equations": {"x": "v", "v": "-x"}, "initial": {"x": 1, "v": 0}, "initial_covariance": 0.1,
        "observations": [0.85, 0.53, 0.1], "times": [0.5, 1, 1.5], "observation_operator": [[1, 0]],
        "observation_covariance": 0.01, "process_covariance": 0.001,
    },
    prepare=prepare,
)  # fmt: skip
