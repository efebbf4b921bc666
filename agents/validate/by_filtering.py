"""States from observations by other means: the exact Kalman filter, differences of the cost, covariances inverted."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import linalg, stats

from agents import arrays
from agents.arrays import Array
from agents.inverse import dynamics
from agents.inverse.dynamics import Clock, Dynamics, Operator
from agents.task import Watch
from agents.validate.findings import Claim, Road

_LINEAR = 1e-9
"""In the size of the values, what a map that is linear may be off by."""
_LARGE = 200


Whole = tuple[Array, Dynamics | None, Operator, Array, Clock | None]


def _covariance(value: Any, n: int) -> Array:
    found = (
        np.full(n, arrays.number(value, "inputs"))
        if isinstance(value, int | float)
        else arrays.gate(value, "inputs", ndim=(1, 2))
    )
    return np.diag(found) if found.ndim == 1 else 0.5 * (found + found.T)


def _read(claim: Claim, state: str) -> Whole:
    """State, dynamics, operator, observations and clock."""
    given = claim.inner.inputs
    parameters = given.get("parameters", {})
    texts = given.get("equations") if given.get("equations") is not None else given.get("transition")
    x, names = dynamics.read_state(given[state], None if texts is None else tuple(texts), f"inputs.{state}")
    moves = dynamics.read_dynamics(
        given.get("equations"), given.get("transition"), given.get("matrix"), names, parameters
    )
    operator = dynamics.read_operator(given.get("observation_operator"), names, parameters)
    seen = dynamics.read_observations(given["observations"], operator.size)
    clock = None
    if moves is not None:
        clock = dynamics.read_clock(
            given.get("times"), len(seen), float(given.get("t_start", 0.0)), given.get("dt"),
            continuous=given.get("equations") is not None,
        )  # fmt: skip
    return x, moves, operator, seen, clock


def _affine(of: Any, x: Array, spread: Array) -> tuple[Array, Array] | None:
    """A map at x as value and matrix, if it is affine over a few standard deviations; None if it is not."""
    n = x.size
    step = np.maximum(spread, 1e-8 * np.maximum(np.abs(x), 1.0))
    points = np.concatenate([x[:, None], x[:, None] + np.diag(step), x[:, None] - np.diag(2.0 * step)], axis=1)
    far = x[:, None] + step[:, None] * np.cos(np.arange(1, n + 1)[:, None] * np.arange(1, 4)) * 3.0
    made = of(np.concatenate([points, far], axis=1))
    value, matrix = made[:, 0], (made[:, 1 : n + 1] - made[:, [0]]) / step
    wanted = value[:, None] + matrix @ (np.concatenate([points[:, n + 1 :], far], axis=1) - x[:, None])
    off = np.abs(made[:, n + 1 :] - wanted).max(initial=0.0)
    return (value, matrix) if off <= _LINEAR * max(float(np.abs(made).max()), 1e-300) else None


def enkf(claim: Claim, watch: Watch) -> None:
    """Where all is linear the exact Kalman filter; what one filter says of itself in any case."""
    how = claim.inner.options
    x, moves, operator, seen, clock = _read(claim, "initial")
    if moves is None or clock is None or x.size > _LARGE:
        return
    claim.agree("t", clock.times, 1e-12 * float(np.abs(clock.times).max(initial=0.0)), "the request's times")
    forecast, std = claim.numbers("forecast_mean"), claim.numbers("forecast_std")
    _consistent(claim, operator, seen, forecast)
    _carried(claim, x, moves, clock, watch)
    plain = float(how.get("inflation", 1.0)) == 1.0 and how.get("localization") is None
    exact = _kalman(claim, (x, moves, operator, seen, clock), watch) if plain else None
    if exact is None:
        return
    size = int(how.get("n_ensemble", 200))
    error = claim.error or 0.0
    for path, value in zip(("mean", "std", "forecast_mean", "forecast_std", "innovations"), exact[:5], strict=True):
        # a deviation is known from the members to 1/√(2 (n - 1)); that of what was gained by Kalman's gain to more
        scale = float(np.max(exact[3]))
        share = {"std": 5.0, "forecast_std": 5.0}.get(path, 0.0) * scale * np.sqrt((1.0 + operator.size) / size)
        seen_scale = float(np.abs(exact[6]).max()) if path == "innovations" else 1.0
        claim.agree(path, value, seen_scale * error + share, "the exact Kalman filter")
    deviations = np.sqrt(np.diag(exact[5]))
    off = np.abs(claim.numbers("final_ensemble_covariance") - exact[5]) / np.outer(deviations, deviations)
    allowed = 6.0 * np.sqrt((1.0 + operator.size) / size) * float(np.max(std / np.maximum(exact[1].min(), 1e-300)))
    claim.add("final_ensemble_covariance", float(off.max()), allowed, "the exact Kalman filter's, in deviations")


def _carried(claim: Claim, x: Array, moves: Dynamics, clock: Clock, watch: Watch) -> None:
    """Where the dynamics are affine, the forecast's mean is the last analysis' mean carried on: no noise is in it."""
    forecast, mean, std = claim.numbers("forecast_mean"), claim.numbers("mean"), claim.numbers("forecast_std")
    step, worst, size = 0, 0.0, float(np.abs(x).max()) + float(np.abs(forecast).max())
    for i in range(len(forecast)):
        for _ in range(clock.counts[i]):
            watch(0.3, "carry the mean on")
            t, h = float(clock.begins[step]), float(clock.lengths[step])
            made = _affine(lambda points, t=t, h=h: moves.step(points, t, h), x, std[i])
            if made is None:
                return
            x = made[0]
            step += 1
        worst = max(worst, float(np.abs(forecast[i] - x).max()))
        x = mean[i]
    claim.add("forecast_mean", worst, 1e-9 * size, "each mean carried on to the next observation, where all is affine")


def _consistent(claim: Claim, operator: Operator, seen: Array, forecast: Array) -> None:
    """Innovations, deviations and intervals that follow from other outputs."""
    if operator.matrix is not None:
        made = seen - forecast @ operator.matrix.T
        size = float(np.abs(seen).max(initial=0.0)) + float(np.abs(forecast).max(initial=0.0))
        claim.agree("innovations", made, 1e-10 * size, "observations less what the forecast's mean would show")
    last = np.sqrt(np.diag(claim.numbers("final_ensemble_covariance")))
    size = float(last.max(initial=0.0))
    claim.add(
        "final_ensemble_covariance", float(np.abs(last - claim.numbers("std")[-1]).max()), 1e-9 * size,
        "the roots of its diagonal, beside the last std",
    )  # fmt: skip
    whole = claim.numbers("final_ensemble_covariance")
    least = float(linalg.eigvalsh(0.5 * (whole + whole.T))[0]) if len(whole) <= _LARGE else 0.0
    off = max(float(np.abs(whole - whole.T).max()), -least)
    claim.add("final_ensemble_covariance", off, 1e-9 * size**2, "symmetric, no eigenvalue below 0")
    count = seen.size
    ends = [stats.gamma.ppf(one, 0.5 * count, scale=2.0 / count) for one in (0.025, 0.975)]
    claim.agree("innovation_consistency_interval", np.array(ends), 1e-9, "quantiles of a gamma distribution")
    noise = _covariance(claim.inner.inputs["observation_covariance"], operator.size)
    if operator.matrix is not None and claim.inner.options.get("localization") is None:
        # the forecast's covariance is not told, but its diagonal is: that bounds each observation's own variance
        d, std = (
            claim.numbers("innovations"),
            claim.numbers("forecast_std") * float(claim.inner.options.get("inflation", 1.0)),
        )
        if operator.size == 1 and (operator.matrix != 0).sum() == 1:
            spread = std @ np.abs(operator.matrix).T
            value = float(np.mean(d**2 / (spread**2 + noise[0, 0])))
            how = "innovations over their variance, from the forecast's deviations"
            claim.agree("innovation_consistency", value, 1e-9 * (1.0 + value), how)
            gain = spread[:, 0] ** 2 / (spread[:, 0] ** 2 + noise[0, 0])
            seen_means = (claim.numbers("mean") - forecast) @ operator.matrix.T
            off = float(np.abs(seen_means[:, 0] - gain * d[:, 0]).max())
            size = float(np.abs(forecast).max()) + float(np.abs(d).max())
            claim.add("mean", off, 1e-9 * size, "what is seen of it moves by Kalman's gain times the innovation")


def _kalman(claim: Claim, whole: tuple[Array, Dynamics, Operator, Array, Clock], watch: Watch) -> Any:
    """The filter with covariances; None where a map is not linear."""
    x, moves, operator, seen, clock = whole
    n = x.size
    given = claim.inner.inputs
    p = _covariance(given["initial_covariance"], n)
    noise = _covariance(given["observation_covariance"], operator.size)
    process = given.get("process_covariance")
    q = np.zeros((n, n)) if process is None or process == 0 else _covariance(process, n)
    rows: list[tuple[Array, ...]] = []
    step = 0
    slopes: Any = np.zeros((operator.size, n))
    for i, y in enumerate(seen):
        for _ in range(clock.counts[i]):
            watch(0.5, "the exact filter")
            t, h = float(clock.begins[step]), float(clock.lengths[step])
            made = _affine(lambda points, t=t, h=h: moves.step(points, t, h), x, np.sqrt(np.diag(p)))
            if made is None:
                return None
            x, p = made[0], made[1] @ p @ made[1].T
            step += 1
        if clock.counts[i]:
            p = p + q
        t = float(clock.times[i])
        shown = _affine(lambda points, t=t: operator.evaluate(points, t), x, np.sqrt(np.diag(p)))
        if shown is None:
            return None
        forecast, spread = x, np.sqrt(np.diag(p))
        value, slopes = shown
        gain = p @ slopes.T @ linalg.inv(slopes @ p @ slopes.T + noise)
        innovation = y - value
        x = x + gain @ innovation
        rest = np.eye(n) - gain @ slopes
        p = rest @ p @ rest.T + gain @ noise @ gain.T  # Joseph's form
        rows.append((x, np.sqrt(np.diag(p)), forecast, spread, innovation))
    return (*(np.stack(one) for one in zip(*rows, strict=True)), p, slopes)


def variational(claim: Claim, watch: Watch) -> None:
    """The cost with inverted covariances, and by differences of the model how far Gauss and Newton's step would go."""
    given = claim.inner.inputs
    whole = _read(claim, "background")
    background, _, operator, seen, clock = whole
    n = background.size
    if n > _LARGE:
        return
    prior = _covariance(given["background_covariance"], n)
    noise = _covariance(given["observation_covariance"], operator.size)
    inverse, weight = linalg.inv(prior), linalg.inv(noise)
    x = claim.numbers("estimate")
    start = float(given.get("t_start", 0.0))
    size = float(np.abs(x).max()) + float(np.abs(background).max()) + 1e-300

    step = np.cbrt(np.finfo(float).eps) * np.maximum(np.abs(x), np.sqrt(np.diag(prior)))
    points = np.concatenate(
        [x[:, None], background[:, None], x[:, None] + np.diag(step), x[:, None] - np.diag(step)], 1
    )
    shown, states = _run(points, whole, start, watch)
    rest, first = seen - shown[:, :, 0], seen - shown[:, :, 1]
    scale = float(np.abs(seen).max(initial=0.0)) + float(np.abs(shown[:, :, :2]).max(initial=0.0)) + 1e-300
    claim.agree("residuals", rest, 1e-9 * scale, "the model run from the estimate")
    claim.agree("innovations", first, 1e-9 * scale, "the model run from the background")
    claim.agree("increment", x - background, 1e-9 * size, "the estimate less the background")
    if "trajectory" in claim.outputs.numbers:
        moved = np.stack([one[:, 0] for one in states])
        claim.agree("trajectory", moved, 1e-9 * (float(np.abs(moved).max()) + size), "the model run from the estimate")
        assert clock is not None
        claim.agree("t", clock.times, 1e-12 * float(np.abs(clock.times).max()), "the request's times")
    away = x - background
    halves = 0.5 * float(away @ inverse @ away), 0.5 * float(np.einsum("ki,ij,kj->", rest, weight, rest))
    total = sum(halves)
    how = "with the covariances inverted"
    fuzz = 1e-8 * (total + 0.5 * float(np.einsum("ki,ij,kj->", first, weight, first))) + 1e-300
    for path, value in zip(("background_misfit", "observation_misfit", "cost"), (*halves, total), strict=True):
        claim.agree(path, value, fuzz, how)
    slopes = (shown[:, :, 2 : 2 + n] - shown[:, :, 2 + n :]) / (2.0 * step)
    hessian = inverse + np.einsum("kia,ij,kjb->ab", slopes, weight, slopes)
    gradient = inverse @ away - np.einsum("kia,ij,kj->a", slopes, weight, rest)
    covariance = linalg.inv(hessian)
    newton = float(np.abs(covariance @ gradient).max())
    deviations = np.sqrt(np.diag(covariance))
    text = "how far Gauss and Newton's step goes, with a Jacobian from central differences"
    claim.add("estimate", newton, 2.0 * (claim.error or 0.0) + 1e-6 * float(deviations.max()) + 1e-12 * size, text)
    top = float(np.abs(covariance).max())
    claim.agree("covariance", covariance, 1e-5 * top, "the Hessian by central differences, inverted")
    claim.agree("std", deviations, 1e-5 * float(deviations.max()), "the Hessian by central differences, inverted")


def _run(points: Array, whole: Whole, start: float, watch: Watch) -> tuple[Array, list[Array]]:
    """What would be seen (k, m, points) of states (n, points), and the states then."""
    _, moves, operator, seen, clock = whole
    shown, states, step = [], [], 0
    for i in range(len(seen)):
        watch(0.5, "the model")
        t = start if clock is None else float(clock.times[i])
        if clock is not None and moves is not None:
            for _ in range(clock.counts[i]):
                points = moves.step(points, float(clock.begins[step]), float(clock.lengths[step]))
                step += 1
        shown.append(operator.evaluate(points, t))
        states.append(points)
    return np.stack(shown), states


ROADS: Mapping[tuple[str, str], Road] = {("inverse", "enkf"): enkf, ("inverse", "variational"): variational}
