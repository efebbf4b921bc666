"""Statistics of samples by other estimators: moments' own formulas, the jackknife, other draws and other estimators.

Sources: Efron & Tibshirani, An Introduction to the Bootstrap (1993), chapters 11 and 14; Saltelli et al., Variance
based sensitivity analysis of model output (2010), table 2.
"""

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special, stats

from agents import arrays, draws
from agents.arrays import Array
from agents.task import Watch
from agents.uq import model
from agents.uq.model import Model
from agents.uq.sensitivity import N_MORRIS, N_SOBOL
from agents.validate.findings import Claim, Road

_RESAMPLES = 4000
_STREAM = 2**45
_MOST = 4e6
"""Most values that are resampled, and most evaluations of a model."""
_JACKKNIFE = 1500
"""Most values of which each is left out once."""
_SURE = 5.0
"""Standard errors that two estimates may be apart, of both together."""


def _exact(name: str, quantile: float) -> Callable[[Array], float]:
    """The statistic of one sample, by SciPy and by sums that do not round."""

    def moment(x: Array, k: int) -> float:
        middle = math.fsum(x) / x.size
        return math.fsum((one - middle) ** k for one in x) / x.size

    return {
        "mean": lambda x: math.fsum(x) / x.size, "variance": lambda x: moment(x, 2) * x.size / (x.size - 1),
        "std": lambda x: math.sqrt(moment(x, 2) * x.size / (x.size - 1)),
        "skewness": lambda x: moment(x, 3) / moment(x, 2) ** 1.5 if moment(x, 2) > 0 else 0.0,
        "kurtosis": lambda x: moment(x, 4) / moment(x, 2) ** 2 - 3.0 if moment(x, 2) > 0 else 0.0,
        "median": lambda x: _quantile(x, 0.5), "quantile": lambda x: _quantile(x, quantile),
    }[name]  # fmt: skip


def _quantile(x: Array, q: float) -> float:
    ordered = np.sort(x)
    at = q * (x.size - 1)
    low = int(at)
    high = min(low + 1, x.size - 1)
    return float(ordered[low] + (at - low) * (ordered[high] - ordered[low]))


def confidence(claim: Claim, watch: Watch) -> None:
    """The statistic by exact sums; the bootstrap's error, bias and interval by resamples of another generator."""
    given = claim.inner.inputs
    data = arrays.gate(given["data"], "inputs.data", ndim=1)
    name, quantile = given.get("statistic", "mean"), float(given.get("quantile") or 0.0)
    of = _exact(name, quantile)
    value = of(data)
    size = float(np.abs(data).max()) ** (2 if name == "variance" else 1)
    claim.agree("estimate", value, 1e-11 * (abs(value) + size * (name not in {"skewness", "kurtosis"})), "exact sums")
    n = int(given.get("n_resamples", 9999))
    claim.agree("n_resamples", n, 0.0, "as the request has it")
    _histogram(claim, n)
    watch(0.3, "other resamples")
    count = int(max(200, min(_RESAMPLES, _MOST / data.size)))
    random = np.random.default_rng([claim.inner.seed, _STREAM])  # PCG64, where the task draws by Philox
    rows = max(1, int(1e6 / data.size))
    made = np.concatenate([
        _statistics(name, quantile, random.choice(data, size=(min(rows, count - first), data.size)))
        for first in range(0, count, rows)
    ])  # fmt: skip
    watch(0.6, "other resamples")
    error, bias = float(made.std(ddof=1)), float(made.mean() - value)
    kurtosis = float(np.mean((made - made.mean()) ** 4) / max(float(made.var()) ** 2, 1e-300))
    both = math.sqrt(1.0 / count + 1.0 / n)
    spread = _SURE * error * both * math.sqrt(max(kurtosis - 1.0, 2.0)) * 0.5
    claim.agree("standard_error", error, spread + 1e-13 * size, f"{count} resamples of another generator")
    claim.agree("bias", bias, _SURE * error * both + 1e-13 * size, f"{count} resamples of another generator")
    _interval(claim, given, data, value, np.sort(made), error)


def _statistics(name: str, quantile: float, samples: Array) -> Array:
    table: dict[str, Callable[[], Any]] = {
        "mean": lambda: samples.mean(axis=1), "variance": lambda: samples.var(axis=1, ddof=1),
        "std": lambda: samples.std(axis=1, ddof=1), "skewness": lambda: stats.skew(samples, axis=1),
        "kurtosis": lambda: stats.kurtosis(samples, axis=1), "median": lambda: np.median(samples, axis=1),
        "quantile": lambda: np.quantile(samples, quantile, axis=1),
    }  # fmt: skip
    made: Array = np.nan_to_num(np.asarray(table[name]()))
    return made


def _histogram(claim: Claim, n: int) -> None:
    counts, edges = claim.numbers("histogram.counts"), claim.numbers("histogram.edges")
    claim.add("histogram.counts", abs(float(counts.sum()) - n), 0.0, "together they are the resamples")
    steps = np.diff(edges)
    even = float(np.ptp(steps)) / max(float(np.abs(edges).max()), 1e-300)
    claim.add("histogram.edges", even if (steps >= 0).all() else math.inf, 1e-12, "even steps, rising")
    middle = float((counts * 0.5 * (edges[1:] + edges[:-1])).sum() / max(counts.sum(), 1))
    width = float(steps.max(initial=0.0))
    mean = float(claim.numbers("estimate")) + float(claim.numbers("bias"))
    how = "their mean by the histogram's bins, beside estimate and bias"
    claim.add("histogram.counts", abs(middle - mean), 0.5 * width + 1e-12 * abs(mean), how)


def _interval(claim: Claim, given: Mapping[str, Any], data: Array, value: float, made: Array, error: float) -> None:
    """The interval from the other resamples, acceleration by a jackknife that leaves each value really out."""
    level = float(given.get("confidence_level", 0.95))
    levels = [0.5 - 0.5 * level, 0.5 + 0.5 * level]
    method = given.get("method") or claim.inner.options.get("method", "auto")
    if method in {"bca", "auto"}:
        if data.size > _JACKKNIFE:
            return
        n = data.size
        rest = np.broadcast_to(data, (n, n))[~np.eye(n, dtype=bool)].reshape(n, n - 1)
        left = _statistics(given.get("statistic", "mean"), float(given.get("quantile") or 0.0), rest)
        away = left.mean() - left
        squares = float((away**2).sum())
        below = (float((made < value).sum()) + 0.5 * float((made == value).sum())) / made.size
        if not squares > 0.0 or not 0.0 < below < 1.0:
            return
        acceleration, bias = float((away**3).sum()) / (6.0 * squares**1.5), float(special.ndtri(below))
        z = [bias + float(special.ndtri(one)) for one in levels]
        levels = [float(special.ndtr(bias + one / (1.0 - acceleration * one))) for one in z]
    ends = [float(np.quantile(made, one)) for one in levels]
    if method == "basic":
        ends = [2.0 * value - ends[1], 2.0 * value - ends[0]]
    tail = 0.5 * (1.0 - level)
    width = _SURE * math.sqrt(tail * (1.0 - tail) / made.size) + 3.0 / made.size
    low, high = (np.quantile(made, [max(0.0, one - 2 * width), min(1.0, one + 2 * width)]) for one in levels)
    blur = max(float(np.ptp(low)), float(np.ptp(high))) + 0.05 * error
    how = f"{made.size} resamples of another generator"
    claim.agree("interval", np.array(ends), (claim.error or 0.0) + blur, how)


def sensitivity(claim: Claim, watch: Watch) -> None:
    """Indices by other estimators from independent random points, with the errors of their own."""
    given = claim.inner.inputs
    read = model.read(given["model"], given["distributions"], given.get("parameters", {}))
    method = given.get("method") or claim.inner.options.get("method", "auto")
    if method == "morris":
        _effects(claim, read, int(given.get("levels", 4)), watch)
    else:
        _indices(claim, read, watch)
    count = given.get("n_samples") or (N_MORRIS if method == "morris" else N_SOBOL)
    claim.agree("n_samples", count, 0.0, "as the request has it")
    for name in read.names:
        for kind in ("first_order", "total_order", "mu_star"):
            if f"{kind}.{name}" in claim.outputs.numbers:
                low, high = claim.numbers(f"{kind}_confidence.{name}")
                middle = float(claim.numbers(f"{kind}.{name}"))
                off = abs(0.5 * (low + high) - middle)
                how = "the interval lies about the estimate"
                claim.add(f"{kind}_confidence.{name}", off if low <= high else math.inf, 1e-9 * (1 + abs(middle)), how)


def _count(claim: Claim, each: int) -> int:
    return int(max(64, min(2.0 * float(claim.numbers("n_samples")), _MOST / each)))


def _indices(claim: Claim, read: Model, watch: Watch) -> None:
    """First order by Jansen's estimator, total order by Homma and Saltelli's; errors by the terms' own variance."""
    d = len(read.names)
    n = _count(claim, d + 2)
    a = draws.uniforms(claim.inner.seed, 0, n, d, _STREAM)
    b = draws.uniforms(claim.inner.seed, 0, n, d, _STREAM + 1)
    points_a, points_b = read.points(a), read.points(b)
    f_a, f_b = read.evaluate(points_a), read.evaluate(points_b)
    both = np.concatenate([f_a, f_b])
    mean, variance = float(both.mean()), float(both.var())
    error = float(both.std()) / math.sqrt(both.size)
    claimed_error = float(both.std()) / math.sqrt(2.0 * float(claim.numbers("n_samples")))
    claim.agree("mean", mean, _SURE * (error + claimed_error), "independent random points")
    fourth = float(((both - mean) ** 2).std())
    allowed = _SURE * fourth * (1 / math.sqrt(both.size) + 1 / math.sqrt(2.0 * float(claim.numbers("n_samples"))))
    claim.agree("variance", variance, allowed, "independent random points")
    firsts: list[tuple[float, float]] = []
    for i, name in enumerate(read.names):
        watch(0.3 + 0.5 * i / d, "other estimators")
        mixed = points_a.copy()
        mixed[i] = points_b[i]
        f_ab = read.evaluate(mixed)
        first = 1.0 - 0.5 * (f_b - f_ab) ** 2 / variance
        total = 1.0 - ((f_a - mean) * (f_ab - mean)) / variance
        for kind, terms in (("first_order", first), ("total_order", total)):
            spread = math.hypot(float(terms.std()) / math.sqrt(n), fourth / variance / math.sqrt(both.size))
            how = f"{'Jansen' if kind == 'first_order' else 'Homma and Saltelli'}'s estimator from {n} random points"
            claim.agree(f"{kind}.{name}", float(terms.mean()), _SURE * spread + (claim.error or 0.0), how)
            if kind == "first_order":
                firsts.append((float(terms.mean()), spread))
    if d * d * n > _MOST:
        return
    for i, j in itertools.combinations(range(d), 2):
        path = f"second_order.{read.names[i]}.{read.names[j]}"
        if path in claim.outputs.numbers:
            watch(0.9, "other estimators")
            mixed = points_a.copy()
            mixed[[i, j]] = points_b[[i, j]]
            terms = 1.0 - 0.5 * (f_b - read.evaluate(mixed)) ** 2 / variance
            spread = math.hypot(float(terms.std()) / math.sqrt(n), firsts[i][1], firsts[j][1])
            low, high = claim.numbers(path.replace("second_order", "second_order_confidence", 1))
            value = float(terms.mean()) - firsts[i][0] - firsts[j][0]
            how = f"Jansen's estimator of the pair from {n} random points, less those of each"
            claim.agree(path, value, _SURE * spread + (high - low), how)
            off = abs(0.5 * (low + high) - float(claim.numbers(path)))
            claim.add(path.replace("r.", "r_confidence.", 1), off, 1e-9, "the interval lies about the estimate")


def _effects(claim: Claim, read: Model, levels: int, watch: Watch) -> None:
    """Elementary effects from points of the grid drawn each by itself, not along trajectories."""
    d = len(read.names)
    n = _count(claim, 2 * d)
    bounded = all(np.isfinite(one.support).all() for one in read.distributions.values())
    step = levels / (2.0 * (levels - 1)) if bounded else 0.5
    steps = np.arange(levels) / (levels - 1) if bounded else (np.arange(levels) + 0.5) / levels
    for i, name in enumerate(read.names):
        watch(0.3 + 0.6 * i / d, "other points")
        places = np.floor(draws.uniforms(claim.inner.seed, 0, n, d, _STREAM + i) * levels).astype(int)
        low = places[:, i] % (levels // 2)
        units = steps[np.minimum(places, levels - 1)]
        start, end = units.copy(), units.copy()
        start[:, i], end[:, i] = steps[low], steps[low + levels // 2]
        effects = (read.evaluate(read.points(end)) - read.evaluate(read.points(start))) / step
        count = float(claim.numbers("n_samples"))
        both = math.sqrt(1.0 / n + 1.0 / count)
        how = f"{n} steps on the grid, each by itself"
        sizes = np.abs(effects)
        deviation = float(effects.std(ddof=1))
        claim.agree(f"mu.{name}", float(effects.mean()), _SURE * deviation * both + 1e-12, how)
        allowed = _SURE * float(sizes.std(ddof=1)) * both + 1e-12 * float(sizes.max())
        claim.agree(f"mu_star.{name}", float(sizes.mean()), allowed, how)
        fourth = float(((effects - effects.mean()) ** 2).std())
        allowed = _SURE * fourth / max(2.0 * deviation, 1e-300) * both + 1e-9 * float(sizes.max())
        claim.agree(f"sigma.{name}", deviation, allowed, how)


ROADS: Mapping[tuple[str, str], Road] = {("uq", "confidence"): confidence, ("uq", "sensitivity"): sensitivity}
