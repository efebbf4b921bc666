"""The task `surrogate.polynomial_chaos`: sparse expansions in orthonormal polynomials, with Sobol' indices."""

from itertools import combinations
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, arrays, distributions, formulas
from agents.alone import Alone
from agents.arrays import Array
from agents.distributions import Distribution
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.surrogate import model, samples
from agents.surrogate.chaos_model import SAFETY, TERMS_LIMIT, Chaos, terms
from agents.surrogate.orthogonal import axis
from agents.surrogate.samples import Samples
from agents.surrogate.sparse_regression import Order, regress
from agents.task import TaskOptions, Watch

SAMPLES_LIMIT = 20_000
_EXACT = 1e-24
"""Corrected leave-one-out error, in parts of the variance, that no higher degree is tried below."""
_MATRIX_LIMIT = 20_000_000
_OUTPUTS_LIMIT = 20
_ORDERS: dict[str, Order] = {"auto": "lars", "lars": "lars", "omp": "omp", "ols": "ols"}


class PolynomialChaosInputs(msgspec.Struct, forbid_unknown_fields=True):
    """A polynomial chaos expansion of `y` (n) or (n, m ≤ 20) at samples `x` (n, d) or (n) of random inputs.

    `distributions` {name: distribution} say what the columns of x are, in their order; or `bounds` {name: [low, high]}
    for uniform inputs; with neither they are uniform over the samples' range and called x0, x1, … Polynomials:
    Legendre for uniform, Hermite for norm and lognorm, Laguerre for gamma and expon, Jacobi for beta, Legendre of the
    distribution function for any other. Outputs: with `predict_at` (k, d) `mean` and `std` (the leave-one-out
    deviation, the same everywhere), (k) or (k, m); `response_mean`, `response_std`, `first_order` and `total_order`
    {name: Sobol' index}, `sobol_error_estimate`, `indices`, `coefficients`, `degree`, `loo_error` (corrected root mean
    square of the leave-one-out residuals), `q2` (1 minus its square over the variance), `surrogate_id`.

    `error_estimate` with `predict_at` is that of `mean`: three times the largest leave-one-out residual; null where a
    point lies beyond the samples. Without, it is `sobol_error_estimate`: what a rest of three times `loo_error` in the
    mean square can change in an index. Both hold for functions that are as smooth elsewhere as at the samples.
    """

    x: Any
    y: Any
    distributions: dict[str, Any] | None = None
    bounds: dict[str, Any] | None = None
    predict_at: Any = None


class PolynomialChaosOptions(TaskOptions, kw_only=True):
    """Terms are taken up by `lars`, `omp`, or all of them (`ols`); leaving one out decides how many, and the degree.

    The degree grows to `max_degree` while that helps; `q_norm` below 1 leaves out high interactions, and
    `max_interaction` is the most inputs in one term.
    """

    method: Literal["auto", "lars", "omp", "ols"] = "auto"
    max_degree: Annotated[int, msgspec.Meta(ge=1, le=30)] = 12
    q_norm: Annotated[float, msgspec.Meta(ge=0.2, le=1)] = 1.0
    max_interaction: Annotated[int, msgspec.Meta(ge=1, le=10)] = 3
    return_model: bool = False


def prepare(inputs: PolynomialChaosInputs, options: PolynomialChaosOptions, seed: int) -> Alone:  # noqa: ARG001
    """Validate samples, distributions and points; raises `Problem`."""
    found = samples.read(inputs.x, inputs.y, least=4, most=SAMPLES_LIMIT)
    n, d = found.x.shape
    m = found.y.shape[1]
    if m > _OUTPUTS_LIMIT:
        raise Problem("budget_exceeded", f"{m} outputs", field="inputs.y", hint=f"at most {_OUTPUTS_LIMIT}")
    samples.check_varies(found.y)
    names, given = _distributions(inputs, found)
    points = None
    if inputs.predict_at is not None:
        points = samples.read_points(inputs.predict_at, "inputs.predict_at", d, m)
        _check_support(points, names, given, "inputs.predict_at")
    most = min(TERMS_LIMIT, _MATRIX_LIMIT // n)

    def work(watch: Watch, _kept: Any) -> Outcome:
        return _fit(found, points, names, given, options, most, watch)

    steps = m * options.max_degree * float(min(n, most))
    cost = 2e7 + steps * (4e5 + 4.0 * n * min(most, 40 * d))
    return Alone("surrogate.polynomial_chaos", work, cost, compiled=False)


def _distributions(inputs: PolynomialChaosInputs, found: Samples) -> tuple[list[str], list[dict[str, Any]]]:
    d = found.x.shape[1]
    if inputs.distributions is not None and inputs.bounds is not None:
        raise Problem("invalid_input", "both distributions and bounds", field="inputs.bounds", hint="one of them")
    if inputs.distributions is not None:
        read = distributions.read_all(inputs.distributions, "inputs.distributions")
        names, given = list(read), [dict(one) for one in inputs.distributions.values()]
        field = "inputs.distributions"
    elif inputs.bounds is not None:
        formulas.check_names(inputs.bounds, "inputs.bounds", taken={})
        names = list(inputs.bounds)
        given = [_uniform(*_bounds(one, f"inputs.bounds.{name}")) for name, one in inputs.bounds.items()]
        field = "inputs.bounds"
    else:
        low, high = found.x.min(axis=0), found.x.max(axis=0)
        for i in range(d):
            if high[i] - low[i] < 1e-100:
                text = f"column {i} of x is constant"
                raise Problem("invalid_input", text, field="inputs.x", hint="leave it out, or give its distribution")
        return [f"x{i}" for i in range(d)], [_uniform(float(a), float(b)) for a, b in zip(low, high, strict=True)]
    if len(names) != d:
        raise Problem("invalid_input", f"{len(names)} names, {d} columns in x", field=field, hint="one for each column")
    _check_support(found.x, names, given, "inputs.x")
    return names, given


def _bounds(value: Any, field: str) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise Problem("invalid_input", "not bounds", field=field, hint="[low, high]")
    low, high = (arrays.number(one, f"{field}[{i}]") for i, one in enumerate(value))
    if not 1e-100 < high - low < 1e100:
        raise Problem("invalid_input", f"the range is {high - low:g} long", field=field, hint="low below high")
    return low, high


def _uniform(low: float, high: float) -> dict[str, Any]:
    return {"distribution": "uniform", "loc": low, "scale": high - low}


def _check_support(points: Array, names: list[str], given: list[dict[str, Any]], field: str) -> None:
    """Refuse points where an input cannot be, but for rounding; a uniform input may be predicted beyond its range."""
    for i, name in enumerate(names):
        if field == "inputs.predict_at" and given[i]["distribution"] == "uniform":
            continue
        low, high = distributions.read(given[i], f"inputs.distributions.{name}").support
        room = 1e-12 * max(1.0, abs(low), abs(high)) if np.isfinite(high - low) else 0.0
        outside = np.flatnonzero((points[:, i] < low - room) | (points[:, i] > high + room))
        if outside.size:
            text = f"{points[outside[0], i]:g} is not a value that {name} can have"
            raise Problem("invalid_input", text, field=f"{field}[{outside[0]}]", hint=f"{low:g} to {high:g}")


def candidates(d: int, degree: int, q: float, interaction: int, most: int) -> Array | None:
    """Multi-indices (p, d) of q-norm up to the degree, lower degrees first; None where they are more than `most`."""
    found = [np.zeros(d)]
    for size in range(1, min(interaction, d) + 1):
        parts = [part for part in _positive(size, degree) if sum(one**q for one in part) ** (1 / q) <= degree + 1e-9]
        if len(found) + len(parts) > most:
            return None
        for places in combinations(range(d), size):
            if len(found) + len(parts) > most:
                return None
            for part in parts:
                row = np.zeros(d)
                row[list(places)] = part
                found.append(row)
    rows = np.array(found)
    return rows[np.argsort(rows.sum(axis=1), kind="stable")]


def _positive(size: int, total: int) -> list[tuple[int, ...]]:
    """Tuples of so many positive degrees with at most this sum."""
    if size == 1:
        return [(one,) for one in range(1, total + 1)]
    return [(one, *rest) for one in range(1, total) for rest in _positive(size - 1, total - one)]


def _fit(
    found: Samples, points: Array | None, names: list[str], given: list[dict[str, Any]],
    options: PolynomialChaosOptions, most: int, watch: Watch,
) -> Outcome:  # fmt: skip
    read = [distributions.read(one, "inputs.distributions") for one in given]
    best: list[Any] = [None] * found.y.shape[1]
    worse, degree = 0, 0
    order = _ORDERS[options.method]
    spread = found.y.var(axis=0)
    while degree < options.max_degree and worse < 2:
        indices = candidates(len(names), degree + 1, options.q_norm, options.max_interaction, most)
        if indices is None or (order == "ols" and 1.5 * len(indices) > len(found.x)):
            break
        degree += 1
        columns = terms([axis(one) for one in read], indices, found.x)
        if not np.isfinite(columns).all():
            break
        worse += 1
        for j in range(found.y.shape[1]):
            made = regress(columns, found.y[:, j], order, watch, 0.9 * degree / options.max_degree)
            if best[j] is None or made.error < best[j][0].error * (1.0 - 1e-3):
                best[j], worse = (made, indices[made.chosen], degree), 0
        if all(best[j][0].error <= _EXACT * spread[j] for j in range(len(best))):
            break
    if best[0] is None:
        text = f"{len(found.x)} samples are too few, or lie too far out, for any polynomial"
        raise Problem("singular", text, field="inputs.x", hint="more samples")
    return _outcome(found, points, names, given, read, best, options, watch)


def _outcome(
    found: Samples, points: Array | None, names: list[str], given: list[dict[str, Any]], read: list[Distribution],
    best: list[Any], options: PolynomialChaosOptions, watch: Watch,
) -> Outcome:  # fmt: skip
    indices = np.unique(np.concatenate([rows for _, rows, _ in best]), axis=0)
    place = {tuple(row): i for i, row in enumerate(indices)}
    coefficients = np.zeros((len(indices), len(best)))
    for j, (made, rows, _) in enumerate(best):
        coefficients[[place[tuple(row)] for row in rows], j] = made.coefficients
    deviation = np.sqrt(np.array([made.error for made, _, _ in best]))
    residual = np.maximum(np.array([np.abs(made.residuals).max() for made, _, _ in best]), deviation)
    chaos = Chaos(
        given, [axis(one) for one in read], indices, coefficients, residual, deviation, found.x.min(axis=0),
        found.x.max(axis=0), found.flat,
    )  # fmt: skip
    name, data = model.pack("polynomial_chaos", chaos)
    first, total = chaos.sobol()
    mean, std = chaos.moments()
    rest = SAFETY * deviation
    with np.errstate(all="ignore"):
        bound = 2.0 * (2.0 * std * rest + rest**2) / np.maximum(std - rest, 0.0) ** 2
    sobol_error = float(min(np.nan_to_num(bound.max(), nan=1.0, posinf=1.0), 1.0))
    flat = found.flat
    outputs: dict[str, Any] = {
        "response_mean": _plain(mean, flat=flat), "response_std": _plain(std, flat=flat),
        "first_order": {one: _plain(first[i], flat=flat) for i, one in enumerate(names)},
        "total_order": {one: _plain(total[i], flat=flat) for i, one in enumerate(names)},
        "sobol_error_estimate": sobol_error, "indices": indices.astype(np.int64),
        "coefficients": coefficients[:, 0] if flat else coefficients, "degree": max(degree for _, _, degree in best),
        "loo_error": _plain(deviation, flat=flat),
        "q2": _plain(1.0 - (deviation / found.y.std(axis=0)) ** 2, flat=flat), "surrogate_id": name,
    }  # fmt: skip
    warnings: list[str] = []
    error: float | None = sobol_error
    if points is not None:
        predicted = chaos.predict(points, watch)
        outputs |= {"mean": predicted.mean, "std": predicted.std, "predict_at": points}
        error, warnings = predicted.bound, list(predicted.warnings)
    if options.return_model:
        outputs["surrogate"] = model.plain("polynomial_chaos", chaos)
    q2 = 1.0 - (deviation / found.y.std(axis=0)) ** 2
    if q2.min() < 0.9:
        warnings.append(
            f"leaving one out explains only {max(0.0, q2.min()):.0%} of the variance: more samples would do"
        )
    diagnostics = Diagnostics(
        iterations=int(max(degree for _, _, degree in best)), error_estimate=error, method=_ORDERS[options.method],
        checks=[Check("q2_above_0.9", passed=bool(q2.min() >= 0.9))],
    )  # fmt: skip
    return Outcome(outputs, "surrogate.polynomial_chaos", False, diagnostics, warnings, keep={name: data})


def _plain(values: Array, *, flat: bool) -> Any:
    return float(values[0]) if flat else values


_GRID = [0.0, 0.14, 0.29, 0.43, 0.57, 0.71, 0.86, 1.0]

TASK = alone.task(
    agent="surrogate", name="polynomial_chaos", summary="Expand samples of random inputs in orthonormal polynomials.",
    inputs=PolynomialChaosInputs, options=PolynomialChaosOptions, methods=("auto", "lars", "omp", "ols"),
    example={
        "x": _GRID, "y": [round(1 + one + one * one, 4) for one in _GRID], "bounds": {"a": [0, 1]},
        "predict_at": [0.5],
    },
    prepare=prepare,
)  # fmt: skip
