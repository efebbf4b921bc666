"""Expansions, in chaos polynomials and in modes, by SciPy's own polynomials, other factors and projections."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import linalg, special
from scipy.interpolate import RBFInterpolator

from agents import arrays, distributions
from agents.arrays import Array
from agents.distributions import Distribution
from agents.surrogate import kernels, model, samples
from agents.surrogate.chaos_model import Chaos
from agents.surrogate.kernel_model import KernelModel
from agents.surrogate.kernel_surrogate import KernelSurrogate
from agents.surrogate.pod_model import Pod
from agents.surrogate.predict import READERS
from agents.task import Watch
from agents.validate import by_kernels
from agents.validate.findings import Claim, Road

_EPS = float(np.finfo(float).eps)
_DEGREE = 60
_LARGE = 1000
_HOW = "SciPy's polynomials"


def _orthonormal(distribution: Distribution, x: Array, degree: int) -> Array:
    """The orthonormal polynomial of one degree under a distribution: (n)."""
    values, n = distribution.values, degree
    t = (x - values.get("loc", 0.0)) / values.get("scale", 1.0)
    if distribution.name in {"norm", "lognorm"}:
        z = t if distribution.name == "norm" else np.log(t) / values["s"]
        return np.asarray(special.eval_hermitenorm(n, z) / math.sqrt(math.factorial(n)))
    if distribution.name in {"gamma", "expon"}:
        a = values.get("a", 1.0) - 1.0
        norm = math.exp(0.5 * (special.gammaln(n + 1) + special.gammaln(a + 1) - special.gammaln(n + a + 1)))
        return np.asarray((-1.0) ** n * norm * special.eval_genlaguerre(n, a, t))
    if distribution.name == "beta":
        a, b = values["b"] - 1.0, values["a"] - 1.0
        z = 2.0 * t - 1.0
        if n == 0:
            return np.ones_like(z)
        log = (
            special.gammaln(n + a + 1) + special.gammaln(n + b + 1) - special.gammaln(n + 1)
            - special.gammaln(n + a + b + 1) - special.betaln(a + 1, b + 1) - math.log(2 * n + a + b + 1)
        )  # fmt: skip
        return np.asarray(special.eval_jacobi(n, a, b, z) / math.exp(0.5 * log))
    z = 2.0 * t - 1.0 if distribution.name == "uniform" else 2.0 * distribution.probability(x) - 1.0
    return np.asarray(math.sqrt(2 * n + 1) * special.eval_legendre(n, z))


def _columns(given: list[Distribution], indices: Any, points: Array) -> Array:
    made = np.ones((len(points), len(indices)))
    for i, one in enumerate(given):
        for degree in np.unique(indices[:, i]):
            if degree > 0:
                made[:, indices[:, i] == degree] *= _orthonormal(one, points[:, i], int(degree))[:, None]
    return made


def polynomial_chaos(claim: Claim, watch: Watch) -> None:
    """Coefficients as least squares of SciPy's polynomials; predictions, moments and indices from them."""
    given = claim.inner.inputs
    found = samples.read(given["x"], given["y"], least=4, most=10**6)
    x, y = found.x, found.y
    names, read = _inputs(given, x)
    indices = np.clip(np.rint(claim.numbers("indices")), 0, _DEGREE).astype(int)
    coefficients = claim.numbers("coefficients").reshape(len(indices), -1)
    watch(0.3, _HOW)
    columns = _columns(read, indices, x)
    size = float(np.abs(y).max()) + float(np.abs(coefficients).max())
    fitted = np.zeros_like(coefficients)
    errors = []
    for j in range(y.shape[1]):
        some = coefficients[:, j] != 0.0
        part = columns[:, some]
        factors: Any = linalg.svd(part, full_matrices=False)
        u, singular, right = factors
        fitted[some, j] = right.T @ ((u.T @ y[:, j]) / singular)
        rest = y[:, j] - part @ fitted[some, j]
        left = rest / np.maximum(1.0 - (u * u).sum(axis=1), 1e-10)
        n, k = len(x), int(some.sum())
        factor = n / (n - k) * (1.0 + float((singular**-2.0).sum())) if n > k else math.inf
        errors.append(math.sqrt(float(np.mean(left**2)) * factor))
    fuzz = 1e-9 * size
    claim.agree("coefficients", fitted, fuzz, f"least squares of {_HOW}, by singular values")
    error = np.array(errors)
    claim.agree("loo_error", error, 1e-5 * float(error.max()) + fuzz, "leverages from singular values")
    deviation = claim.numbers("loo_error").reshape(-1)
    q2 = 1.0 - (deviation / y.std(axis=0)) ** 2
    claim.agree("q2", q2, 1e-9 * (1 + float(np.abs(q2).max())), "its definition")
    for name, value in {"indices": indices, "coefficients": coefficients, "low": x.min(0), "high": x.max(0)}.items():
        if f"surrogate.{name}" in claim.outputs.numbers:
            claim.agree(f"surrogate.{name}", value, 1e-12 * size, "as the samples and the outputs have it")
    watch(0.6, "moments")
    _moments(claim, names, indices, coefficients, deviation)
    points = claim.inner.inputs.get("predict_at")
    if points is not None:
        at = arrays.gate(points, "inputs.predict_at", ndim=(1, 2))
        at = at.reshape(-1, x.shape[1])
        made = _columns(read, indices, at)
        claim.agree("mean", made @ coefficients, 1e-9 * float(np.abs(made).max()) * size, _HOW)
        claim.agree("std", np.broadcast_to(deviation, (len(at), y.shape[1])), fuzz, "the deviation, everywhere")
        claim.agree("predict_at", at, 0.0, "as the request has it")
    raw, degree = claim.numbers("indices"), float(claim.numbers("degree"))
    claim.add("indices", float(np.abs(raw - indices).max()), 0.0, f"whole numbers of 0 to {_DEGREE}")
    over = max(float(indices.sum(axis=1).max()) - degree, abs(degree - round(degree)))
    claim.add("degree", over, 0.0, "a whole number, and no term is of a higher degree")


def _inputs(given: Mapping[str, Any], x: Array) -> tuple[list[str], list[Distribution]]:
    if given.get("distributions") is not None:
        read = distributions.read_all(given["distributions"], "inputs.distributions")
        return list(read), list(read.values())
    bounds = given.get("bounds")
    pairs = (
        {f"x{i}": (float(x[:, i].min()), float(x[:, i].max())) for i in range(x.shape[1])}
        if bounds is None
        else {name: (float(low), float(high)) for name, (low, high) in bounds.items()}
    )
    made = {name: {"distribution": "uniform", "loc": low, "scale": high - low} for name, (low, high) in pairs.items()}
    return list(made), [distributions.read(one, "inputs.bounds") for one in made.values()]


def _moments(claim: Claim, names: list[str], indices: Any, coefficients: Array, deviation: Array) -> None:
    """Mean, deviation and Sobol' indices: squares of coefficients, term by term."""
    m = coefficients.shape[1]
    mean, variance = np.zeros(m), np.zeros(m)
    first, total = ({name: np.zeros(m) for name in names} for _ in range(2))
    for row, values in zip(indices, coefficients, strict=True):
        active = [name for name, degree in zip(names, row, strict=True) if degree]
        if not active:
            mean += values
            continue
        variance += values**2
        for name in active:
            total[name] += values**2
        if len(active) == 1:
            first[active[0]] += values**2
    size = float(np.abs(mean).max() + np.sqrt(variance).max())
    claim.agree("response_mean", mean, 1e-10 * size, "the constant term")
    claim.agree("response_std", np.sqrt(variance), 1e-10 * size, "the sum of the other terms' squares")
    for name in names:
        for path, table in (("first_order", first), ("total_order", total)):
            claim.agree(f"{path}.{name}", table[name] / variance, 1e-9, "its terms' share of the squares")
    std, rest = np.sqrt(variance), 3.0 * deviation
    bound = 2.0 * (2.0 * std * rest + rest**2) / np.maximum(std - rest, 0.0) ** 2
    made = min(float(np.nan_to_num(bound.max(), nan=1.0, posinf=1.0)), 1.0)
    claim.agree("sobol_error_estimate", made, 1e-6 * made + 1e-12, "a rest of three deviations")


def pod(claim: Claim, watch: Watch) -> None:
    """Modes and singular values by the Gram matrix of the snapshots, coefficients by projection."""
    given, how = claim.inner.inputs, claim.inner.options
    rows = (
        arrays.gate(given["y"], "inputs.y", ndim=2)
        if given.get("y") is not None
        else arrays.gate(given["snapshots"], "inputs.snapshots", ndim=2).T
    )
    mean = rows.mean(axis=0) if how.get("center", True) else np.zeros(rows.shape[1])
    moved = rows - mean
    size = float(np.abs(rows).max())
    claim.agree("mean_snapshot", mean, 1e-13 * size, "the mean of the snapshots")
    modes, s = claim.numbers("modes"), claim.numbers("singular_values")
    if min(moved.shape) > _LARGE:
        return
    watch(0.3, "the Gram matrix")
    gram = moved @ moved.T if len(moved) <= moved.shape[1] else moved.T @ moved
    eigen = linalg.eigvalsh(gram)[::-1][: s.size]
    off = float(np.abs(s**2 - np.maximum(eigen, 0.0)).max())
    claim.add("singular_values", off, 1e-11 * len(gram) * float(eigen[0]), "their squares by the Gram matrix")
    top = float(s[0])
    k = modes.shape[1]
    identity = float(np.abs(modes.T @ modes - np.eye(k)).max())
    claim.add("modes", identity, 1e-9, "orthonormal: largest component of their products less 1")
    tied = float(np.abs(moved.T @ (moved @ modes) - modes * s[:k] ** 2).max())
    claim.add("modes", tied, 1e-9 * top**2, "each a singular vector of the snapshots")
    coefficients = claim.numbers("coefficients")
    claim.agree("coefficients", moved @ modes, 1e-9 * top, "the snapshots projected on the modes")
    energy = np.cumsum(np.maximum(eigen, 0.0)) / max(float(np.trace(gram)), 1e-300)
    claim.agree("energy", energy, 1e-10, "shares of the trace of the Gram matrix")
    left = moved - coefficients @ modes.T
    whole = float(np.linalg.norm(moved))
    claim.agree("reconstruction_error", float(np.linalg.norm(left)) / whole, 1e-7, "put together again, relative")
    claim.agree("largest_reconstruction_error", float(np.abs(left).max()), 1e-9 * top, "put together again")
    claim.agree("n_modes", k, 0.0, "counted")
    for name, value in {"modes": modes, "mean": mean, "coefficients.y": coefficients}.items():
        if f"surrogate.{name}" in claim.outputs.numbers:
            claim.agree(f"surrogate.{name}", value, 1e-12 * top, "as the snapshots and the outputs have it")
    if given.get("x") is not None:
        watch(0.7, "another interpolator")
        _interpolated(claim, rows, left, str(how.get("kernel", "cubic")))


def _interpolated(claim: Claim, rows: Array, left: Array, kernel: str) -> None:
    x = samples.read_inputs(claim.inner.inputs["x"])
    modes, coefficients = claim.numbers("modes"), claim.numbers("coefficients")
    k = modes.shape[1]
    found = KernelModel(
        "rbf", kernel, x, coefficients, False, np.ones(x.shape[1]), 1.0, 0.0, 1.0, kernels.LEAST_DEGREE[kernel],
        np.zeros(k), np.ones(k), nugget=False,
    )  # fmt: skip
    solved = by_kernels.solve(found, 0.0)
    if solved is None:
        return
    missed = solved.left_out()[0] @ modes.T + left
    size = float(np.abs(missed).max()) + 1e-3 * float(np.abs(rows).max())
    made = float(np.sqrt(np.mean(missed**2)))
    claim.agree("loo_error", made, (1e-7 + 10 * solved.rounding) * size, "from the inverse of the bordered system")
    if claim.inner.inputs.get("predict_at") is not None:
        at = arrays.gate(claim.inner.inputs["predict_at"], "inputs.predict_at", ndim=(1, 2)).reshape(-1, x.shape[1])
        claim.agree("predict_at", at, 0.0, "as the request has it")
        pod = Pod(modes, claim.numbers("mean_snapshot"), 0.0, 0.0, KernelSurrogate(found))
        _predicted_by_modes(claim, pod, solved, at)


def _predicted_by_modes(claim: Claim, pod: Pod, solved: by_kernels.Solved, at: Array) -> None:
    inner = pod.coefficients.model
    interpolator: Any = RBFInterpolator
    other = interpolator(inner.x, inner.y, kernel=inner.kernel, degree=inner.degree)(at)
    size = float(np.abs(pod.mean).max()) + float(np.abs(inner.y).max())
    fuzz = (1e-9 + 10 * solved.rounding) * size
    claim.agree("mean", pod.mean + other @ pod.modes.T, fuzz, "coefficients by SciPy's RBFInterpolator")
    _, variance = solved.predict(at)
    std = np.sqrt(np.maximum(variance, 0.0))[:, None] * solved.spread
    made = np.sqrt(std**2 @ (pod.modes**2).T)
    allowed = (1e-6 + math.sqrt(solved.rounding)) * max(float(made.max()), float(np.abs(solved.spread).max()))
    claim.agree("std", made, allowed, "by the whole bordered system")


def predict(claim: Claim, watch: Watch) -> None:
    """Predictions of the surrogate that is given, or kept by its id, by the roads of its kind."""
    given = claim.inner.inputs
    value = given.get("surrogate")
    if value is None:
        value = model.unpack(claim.kept[str(given["surrogate_id"])], "inputs.surrogate_id")
    surrogate: Any = model.read(value, "inputs.surrogate", READERS)
    at = arrays.gate(given["at"], "inputs.at", ndim=(1, 2)).reshape(-1, surrogate.dimensions)
    claim.agree("at", at, 0.0, "as the request has it")
    watch(0.3, "by its kind")
    if isinstance(surrogate, Chaos):
        read = [distributions.read(one, "inputs.surrogate.distributions") for one in surrogate.distributions]
        made = _columns(read, np.minimum(surrogate.indices, _DEGREE).astype(int), at)
        size = float(np.abs(made).max() * np.abs(surrogate.coefficients).sum())
        claim.agree("mean", made @ surrogate.coefficients, 1e-10 * size, _HOW)
        claim.agree(
            "std", np.broadcast_to(surrogate.deviation, (len(at), surrogate.outputs)), 0.0, "the deviation, everywhere"
        )  # fmt: skip
        return
    kernel = surrogate.coefficients.model if isinstance(surrogate, Pod) else surrogate.model
    solved = by_kernels.solve(kernel, 0.0)
    if solved is None:
        return
    if isinstance(surrogate, Pod):
        _predicted_by_modes(claim, surrogate, solved, at)
    else:
        by_kernels.predictions(claim, solved, at)


ROADS: Mapping[tuple[str, str], Road] = {
    ("surrogate", "polynomial_chaos"): polynomial_chaos, ("surrogate", "pod"): pod, ("surrogate", "predict"): predict,
}  # fmt: skip
