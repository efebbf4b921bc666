"""Kernel surrogates by the whole bordered system, solved with pivots, and kernels in their textbook form.

The task factorizes by Cholesky on the null space of the polynomials; here [[K, P], [Pᵀ, 0]] is inverted as it stands,
Matérn's kernels come from Bessel functions, and radial basis functions from SciPy's own interpolator.
Source: Wackernagel, Multivariate Geostatistics (2003), chapter 11; Rasmussen & Williams (2006), section 5.4.2.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from scipy import linalg, special
from scipy.interpolate import RBFInterpolator
from scipy.spatial.distance import cdist

from agents import arrays
from agents.arrays import Array
from agents.surrogate import kernels, samples
from agents.surrogate.kernel_model import KernelModel
from agents.task import Watch
from agents.validate.findings import Claim, Road

_LARGE = 1200
_EPS = float(np.finfo(float).eps)
_FLOOR = 2e-5
"""Parts of the amplitude below which the noise is what keeps rounding away."""
_BLIND = 1e14
"""Condition of the system, in the 1-norm, from which on rounding leaves nothing to compare."""


def _matern(order: float) -> Callable[[Array, float], Array]:
    def correlation(r: Array, _: float) -> Array:
        z = np.sqrt(2.0 * order) * np.where(r > 0.0, r, 1.0)
        made = 2.0 ** (1.0 - order) / special.gamma(order) * z**order * special.kv(order, z)
        return np.where(r > 0.0, made, 1.0)

    return correlation


_KERNELS: Mapping[tuple[str, str], Callable[[Array, float], Array]] = {
    ("gaussian_process", "rbf"): lambda r, _: np.exp(-0.5 * r**2),
    ("gaussian_process", "matern12"): _matern(0.5), ("gaussian_process", "matern32"): _matern(1.5),
    ("gaussian_process", "matern52"): _matern(2.5),
    ("gaussian_process", "rational_quadratic"): lambda r, alpha: (1.0 + r**2 / (2.0 * alpha)) ** -alpha,
    ("kriging", "spherical"): lambda r, _: np.where(r < 1.0, (1.0 - r) ** 2 * (1.0 + 0.5 * r), 0.0),
    ("kriging", "exponential"): _matern(0.5), ("kriging", "gaussian"): lambda r, _: np.exp(-(r**2)),
    ("kriging", "matern"): lambda r, _: _matern(1.5)(r, 0.0),
    ("rbf", "linear"): lambda r, _: -r, ("rbf", "cubic"): lambda r, _: r**3, ("rbf", "quintic"): lambda r, _: -(r**5),
    ("rbf", "thin_plate_spline"): lambda r, _: np.where(r > 0, r**2 * np.log(np.where(r > 0, r, 1.0)), 0.0),
    ("rbf", "multiquadric"): lambda r, _: -np.hypot(1.0, r),
    ("rbf", "inverse_multiquadric"): lambda r, _: 1.0 / np.hypot(1.0, r),
    ("rbf", "inverse_quadratic"): lambda r, _: 1.0 / (1.0 + r**2), ("rbf", "gaussian"): lambda r, _: np.exp(-(r**2)),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Solved:
    """A model with the inverse of its bordered system, the weights, and the relative error that rounding may leave."""

    model: KernelModel
    inverse: Array
    weights: Array
    centred: Array
    rounding: float
    logarithm: float
    spread: Array

    def predict(self, points: Array) -> tuple[Array, Array]:
        """Mean (k, m) and variance in units of the kernel (k)."""
        near = np.concatenate([_covariance(self.model, points, self.model.x), _terms(self.model, points)], axis=1)
        own = self.model.amplitude**2 * float(_correlation(self.model, np.zeros(1))[0])
        own += self.model.noise if self.model.nugget else 0.0
        variance = own - np.einsum("ij,jk,ik->i", near, self.inverse, near)
        return self.model.offset + self.model.scale * (near @ self.weights), variance

    def left_out(self) -> tuple[Array, Array]:
        """What leaving each sample out misses, and its standard deviation: (n, m) each."""
        n = len(self.model.x)
        precision = np.diag(self.inverse)[:n, None]
        return self.weights[:n] / precision * self.model.scale, self.spread / np.sqrt(precision)


def _correlation(model: KernelModel, r: Array) -> Array:
    return _KERNELS[model.kind, model.kernel](r, model.alpha)


def _covariance(model: KernelModel, points: Array, x: Array) -> Array:
    r = cdist(points / model.length_scales, x / model.length_scales)
    made = model.amplitude**2 * _correlation(model, r)
    return np.where(r == 0.0, made + model.noise, made) if model.nugget else made


def _terms(model: KernelModel, points: Array) -> Array:
    low, high = model.x.min(axis=0), model.x.max(axis=0)
    moved = (points - 0.5 * (low + high)) / np.where(high > low, 0.5 * (high - low), 1.0)
    columns = [
        np.prod(moved[:, list(chosen)], axis=1)
        for degree in range(model.degree + 1)
        for chosen in combinations_with_replacement(range(points.shape[1]), degree)
    ]
    return np.stack(columns, axis=1) if columns else np.zeros((len(points), 0))


def solve(model: KernelModel, jitter: float) -> Solved | None:
    """Invert the bordered system; None where its condition leaves nothing to compare."""
    n = len(model.x)
    gram = _covariance(model, model.x, model.x)
    gram[np.diag_indices(n)] += jitter + (0.0 if model.nugget else model.noise)
    terms = _terms(model, model.x)
    q = terms.shape[1]
    whole = np.block([[gram, terms], [terms.T, np.zeros((q, q))]])
    if n > _LARGE:
        return None
    try:
        inverse = linalg.inv(whole)
    except linalg.LinAlgError:
        return None
    condition = float(linalg.norm(whole, 1) * linalg.norm(inverse, 1))
    if not condition < _BLIND:
        return None
    centred = (model.y - model.offset) / model.scale
    weights = linalg.solve(whole, np.concatenate([centred, np.zeros((q, centred.shape[1]))]))
    logarithm = float(np.log(np.abs(linalg.eigvalsh(gram))).sum()) if not q else math.nan
    spread = model.scale
    if model.kind == "rbf":
        spread = np.sqrt(np.maximum(np.einsum("ij,ij->j", weights[:n], centred), 0.0) / max(1, n - q)) * model.scale
    return Solved(model, inverse, weights, centred, 1e-12 + 4.0 * _EPS * condition, logarithm, spread)


def _read(claim: Claim) -> tuple[Array, Array, bool]:
    given = claim.inner.inputs
    found = samples.read(given["x"], given["y"], least=2, most=10**6)
    return found.x, found.y, found.flat


def _points(claim: Claim, path: str, dimensions: int) -> Array | None:
    value = claim.inner.inputs.get(path)
    if value is None:
        return None
    found = arrays.gate(value, f"inputs.{path}", ndim=(1, 2))
    if found.ndim == 1:
        found = found[:, None] if dimensions == 1 else found[None, :]
    claim.agree(path, found, 0.0, "as the request has it")
    return found


def predictions(claim: Claim, solved: Solved, points: Array) -> None:
    """Compare mean and standard deviation at the points."""
    mean, variance = solved.predict(points)
    y = solved.model.y
    size = float(np.abs(y - solved.model.offset).max()) + 1e-3 * float(np.abs(y).max())
    how = "by the whole bordered system, solved with pivots"
    claim.agree("mean", mean, solved.rounding * size, how)
    std = claim.numbers("std").reshape(mean.shape)
    own = solved.model.amplitude**2 + (solved.model.noise if solved.model.nugget else 0.0)
    own = max(own, float(np.abs(variance).max()))
    off = np.abs((std / np.where(solved.spread > 0, solved.spread, 1.0)) ** 2 - np.maximum(variance, 0.0)[:, None])
    allowed = 1e-6 * np.maximum(variance, 0.0)[:, None] + solved.rounding * own
    allowed = allowed + (1e-9 * size / np.where(solved.spread > 0, solved.spread, 1e-300)) ** 2
    claim.add("std", float((off / allowed).max(initial=0.0)), 1.0, f"squared, {how}; in what rounding allows")


def returned(claim: Claim, kernel: KernelModel) -> None:
    """Compare the surrogate that is given back with the outputs and the samples."""
    for name in ("x", "y", "length_scales", "amplitude", "noise", "alpha", "degree", "offset", "scale"):
        if f"surrogate.{name}" in claim.outputs.numbers:
            value = np.asarray(getattr(kernel, name), dtype=float)
            allowed = 1e-9 * float(np.abs(value).max(initial=0.0))
            claim.agree(f"surrogate.{name}", value, allowed, "as the samples and the outputs have it")


def left_out(claim: Claim, solved: Solved) -> None:
    """Compare what leaving one out misses; some samples are really left out."""
    missed, deviations = solved.left_out()
    size = float(np.abs(missed).max())
    how = "from the inverse of the bordered system"
    allowed = (1e-7 + solved.rounding) * size + solved.rounding * float(np.abs(solved.model.y).max())
    claim.agree("loo_residuals", missed, allowed, how)
    claim.agree("loo_error", float(np.sqrt(np.mean(missed**2))), allowed, how)
    if size <= 1e-9 * float(np.abs(solved.model.y).max()):
        return  # the polynomial alone goes through the samples: what is left is rounding
    factor = max(4.0, 1.5 * float(np.abs(missed / np.maximum(deviations, 1e-300)).max()))
    claim.agree("confidence_factor", factor, (1e-6 + 10 * solved.rounding) * factor, how)
    found = claim.numbers("loo_residuals").reshape(missed.shape)
    n = len(solved.model.x)
    worst = 0.0
    for i in np.unique(np.linspace(0, n - 1, min(n, 3)).astype(int)):
        rest = np.arange(n) != i
        part = solve(_part(solved.model, rest), float(claim.numbers("jitter")))
        if part is not None:
            mean, _ = part.predict(solved.model.x[[i]])
            worst = max(worst, float(np.abs(solved.model.y[i] - mean[0] - found[i]).max()))
    claim.add("loo_residuals", worst, 10.0 * allowed, "three samples left out, the rest fitted again")


def _part(model: KernelModel, rest: Any) -> KernelModel:
    return KernelModel(
        model.kind, model.kernel, model.x[rest], model.y[rest], model.flat, model.length_scales, model.amplitude,
        model.noise, model.alpha, model.degree, model.offset, model.scale, model.nugget,
    )  # fmt: skip


def gaussian_process(claim: Claim, watch: Watch) -> None:
    """Predictions, likelihood and what leaving one out misses, for what was found; and nothing likelier beside it."""
    x, y, flat = _read(claim)
    offset, scale = y.mean(axis=0), y.std(axis=0)
    scale = np.where(scale < 1e-90, 1.0, scale)
    amplitude, noise = (float((claim.numbers(one).reshape(-1) / scale)[0]) for one in ("amplitude", "noise"))
    alpha = float(claim.outputs.numbers.get("alpha", np.ones(())))
    scales = np.broadcast_to(claim.numbers("length_scales"), (x.shape[1],))

    def with_these(factors: Array) -> KernelModel:
        return KernelModel(
            "gaussian_process", str(claim.outputs.words["kernel"]), x, y, flat, scales * factors[1],
            amplitude * factors[0], (noise * factors[2]) ** 2, alpha * factors[3], -1, offset, scale, nugget=False,
        )  # fmt: skip

    watch(0.3, "the bordered system")
    here_model = with_these(np.ones(4))
    returned(claim, here_model)
    solved = solve(here_model, float(claim.numbers("jitter")))
    points = _points(claim, "predict_at", x.shape[1])
    for name in ("amplitude", "noise"):
        whole = claim.numbers(name).reshape(-1) / scale
        claim.add(name, float(np.ptp(whole)), 1e-9 * float(whole.max()), "alike for all outputs, in their units")
    if solved is None:
        return
    if points is not None:
        predictions(claim, solved, points)
    left_out(claim, solved)
    here = _evidence(solved)
    size = float(np.abs(solved.centred).max()) ** 2 * len(x)
    how = "of amplitude, length_scales and noise, by eigenvalues and the inverse"
    fuzz = 1e-7 * (1.0 + abs(here)) + solved.rounding * size * y.shape[1]
    claim.agree("log_marginal_likelihood", here, fuzz, how)
    watch(0.7, "beside the hyperparameters")
    held = claim.inner.inputs.get("hyperparameters", {})
    for name, value in held.items():
        made = np.broadcast_to(np.asarray(value, dtype=float), claim.numbers(name).shape)
        if name in {"length_scales", "alpha"} or flat:
            claim.agree(name, made, 1e-6 * float(np.abs(made).max()) + 1e-9 * amplitude, "as the request has it")
    gain = 0.0
    names = ("amplitude", "length_scales", "noise", "alpha")
    for i, name in enumerate(names):
        if name in held or (name == "alpha" and "alpha" not in claim.outputs.numbers):
            continue
        limits = {"amplitude": (1e-3, 1e3), "noise": (_FLOOR, 3.0), "alpha": (1e-2, 1e3)}.get(name, (0.0, math.inf))
        value = {"amplitude": amplitude, "noise": noise / max(amplitude, 1e-300), "alpha": alpha}.get(name, 1.0)
        for factor in (0.95, 1.05):
            factors = np.ones(4)
            factors[i] = factor
            if name == "amplitude" and noise < _FLOOR * amplitude:
                factors[2] = factor  # the least noise is a part of the amplitude
            if not limits[0] < value * factor < limits[1] or not _inside(scales * factors[1], x):
                continue
            beside = solve(with_these(factors), float(claim.numbers("jitter")))
            if beside is not None:
                gain = max(gain, _evidence(beside) - here)
    text = "how much higher it is with a hyperparameter 5 % more or less"
    claim.add("log_marginal_likelihood", gain, 1e-3 * (1.0 + abs(here)) + fuzz, text)


def _inside(scales: Array, x: Array) -> bool:
    """Whether the length scales lie within what the search may take."""
    span = np.ptp(x, axis=0)
    span = np.where(span > 0.0, span, 1.0)
    return bool(((scales > 1e-3 * span.max()) & (scales < 1e2 * span.min())).all())


def _evidence(solved: Solved) -> float:
    n, m = solved.centred.shape
    fit = float(np.einsum("ij,ij->", solved.centred, solved.weights[:n]))
    own = -0.5 * fit - 0.5 * m * (solved.logarithm + n * math.log(2.0 * math.pi))
    return float(own - n * np.log(solved.model.scale).sum())


def kriging(claim: Claim, watch: Watch) -> None:
    """With the variogram found: predictions and leaving one out; and the empirical one counted again, pair by pair."""
    x, y, flat = _read(claim)
    given = claim.inner.inputs.get("variogram") is not None
    one = np.ones(y.shape[1])
    scale, offset = (one, 0.0 * one) if given else (y.std(axis=0), y.mean(axis=0))
    unit = float(scale[0]) ** 2 if flat else 1.0
    nugget, sill = (float(claim.numbers(f"variogram.{name}")) / unit for name in ("nugget", "partial_sill"))
    kernel, range_ = str(claim.outputs.words["kernel"]), float(claim.numbers("variogram.range"))
    model = KernelModel(
        "kriging", kernel, x, y, flat, np.full(x.shape[1], range_), sill**0.5, nugget, 1.0, 0, offset, scale,
        nugget=True,
    )  # fmt: skip
    for name, value in (claim.inner.inputs.get("variogram") or {}).items():
        claim.agree(f"variogram.{name}", float(value), 1e-12 * abs(float(value)), "as the request has it")
    watch(0.3, "the bordered system")
    points = _points(claim, "predict_at", x.shape[1])
    returned(claim, model)
    solved = solve(model, float(claim.numbers("jitter")))
    if solved is not None:
        if points is not None:
            predictions(claim, solved, points)
        left_out(claim, solved)
    if "empirical_variogram.lags" in claim.outputs.numbers and len(x) <= _LARGE:
        watch(0.7, "pairs")
        _pairs(claim, x, (y - offset) / scale / len(scale) ** 0.5, unit)
        lags = claim.numbers("empirical_variogram.lags")
        made = unit * (nugget + sill * (1.0 - _correlation(model, lags / range_)))
        how = "the variogram's formula at the lags"
        claim.agree("empirical_variogram.fitted", made, 1e-9 * float(np.abs(made).max()), how)


def _pairs(claim: Claim, x: Array, y: Array, unit: float) -> None:
    """Half the squared differences of all pairs, bin by bin."""
    i, j = np.triu_indices(len(x), 1)
    distance = np.linalg.norm(x[i] - x[j], axis=1)
    half = 0.5 * ((y[i] - y[j]) ** 2).sum(axis=1)
    bins = int(claim.inner.options.get("n_bins", 15))
    width = 0.5 * float(distance.max()) * (1.0 + 1e-12) / bins
    place = np.floor(distance / width).astype(int)
    some = [place == k for k in range(bins) if (place == k).any()]
    table = np.array([[distance[one].mean(), unit * half[one].mean(), one.sum()] for one in some])
    for column, name in enumerate(("lags", "gamma", "counts")):
        found = claim.numbers(f"empirical_variogram.{name}")
        if len(table) == found.size:  # a pair on an edge may fall to either side
            how = "all pairs, bin by bin"
            claim.agree(f"empirical_variogram.{name}", table[:, column], 1e-9 * float(table[:, column].max()), how)


def rbf(claim: Claim, watch: Watch) -> None:
    """Means by SciPy's interpolator, deviations and leaving one out by the bordered system."""
    x, y, flat = _read(claim)
    kernel, epsilon = str(claim.outputs.words["kernel"]), float(claim.numbers("epsilon"))
    degree = min(5, max(-1, int(claim.numbers("degree"))))
    smoothing = float(claim.inner.inputs.get("smoothing", 0.0))
    least = max(0, kernels.LEAST_DEGREE.get(kernel, 0))
    asked = claim.inner.inputs.get("degree")
    claim.agree("degree", least if asked is None else asked, 0.0, "as the request has it, or the least for this kernel")
    if claim.inner.inputs.get("epsilon") is not None:
        claim.agree("epsilon", float(claim.inner.inputs["epsilon"]), 0.0, "as the request has it")
    elif kernel in {"linear", "thin_plate_spline", "cubic", "quintic"}:
        claim.agree("epsilon", 1.0, 0.0, "this kernel has no scale")
    watch(0.3, "another interpolator")
    points = _points(claim, "predict_at", x.shape[1])
    model = KernelModel(
        "rbf", kernel, x, y, flat, np.full(x.shape[1], 1.0 / epsilon), 1.0, smoothing, 1.0, degree,
        np.zeros(y.shape[1]), np.ones(y.shape[1]), nugget=False,
    )  # fmt: skip
    jitter = float(claim.numbers("jitter"))
    returned(claim, model)
    solved = solve(model, jitter)
    if solved is None:
        return
    if points is not None:
        predictions(claim, solved, points)
        if jitter == 0.0:
            interpolator: Any = RBFInterpolator
            other = interpolator(x, y, kernel=kernel, epsilon=epsilon, smoothing=smoothing, degree=degree)(points)
            allowed = (1e-9 + 10 * solved.rounding) * float(np.abs(y).max())
            claim.agree("mean", other, allowed, "by SciPy's RBFInterpolator")
    left_out(claim, solved)


ROADS: Mapping[tuple[str, str], Road] = {
    ("surrogate", "gaussian_process"): gaussian_process, ("surrogate", "kriging"): kriging, ("surrogate", "rbf"): rbf,
}  # fmt: skip
