"""Minima by what has to hold there: gradients in extended precision, subgradients, duality, and nothing lower beside.

Sources: Kim et al., An interior-point method for large-scale l1-regularized least squares (2007), for the dual of l1;
Condat, A direct algorithm for 1-D total variation denoising (2013), for that of total variation along a line.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import linalg, sparse

from agents import arrays, draws, formulas
from agents.arrays import Array
from agents.inverse.matrix import read as read_matrix
from agents.optimize import boxes
from agents.task import Watch
from agents.validate.findings import Claim, Road

_EPS = float(np.finfo(float).eps)
_DIRECTIONS = 48
_STEPS = (1e-2, 1e-3, 1e-5)
_WORK = 3e8
_LARGE = 1_000_000
"""Most numbers of a Jacobian by differences."""


def regularized(claim: Claim, watch: Watch) -> None:
    """Sums by definition; the gradient of Tikhonov's, the dual of l1 and of lines, and nothing lower beside x."""
    given, how = claim.inner.inputs, claim.inner.options
    b = arrays.gate(given["b"], "inputs.b", ndim=1)
    a = (
        sparse.identity(b.size, format="csr")
        if given.get("a") is None
        else read_matrix(given["a"], "inputs.a", rows=10**9, columns=10**9)
    )
    method = next((one for one in (given.get("method"), how.get("method")) if one not in {None, "auto"}), "tikhonov")
    x, alpha = claim.numbers("x"), float(claim.numbers("alpha"))
    if given.get("alpha", "auto") != "auto":
        claim.agree("alpha", float(given["alpha"]), 0.0, "as the request has it")
    shape = tuple(given.get("shape") or x.shape)
    rest = (a @ x - b).astype(np.longdouble)
    residual = float(np.sqrt((rest**2).sum()))
    claim.agree("residual_norm", residual, 1e-9 * residual + 1e-13 * _size(b, a, x), "a x - b, by its definition")
    norm = float(np.sqrt((x.astype(np.longdouble) ** 2).sum()))
    claim.agree("solution_norm", norm, 1e-11 * norm, "by its definition")
    penalty = _penalty(method, x, shape)
    claim.agree("penalty", penalty, 1e-9 * penalty + 1e-13 * float(np.abs(x).sum()), "by its definition")
    objective = residual**2 + alpha * penalty
    fuzz = 1e-9 * objective + 1e-24 * float(b @ b)
    claim.agree("objective", objective, fuzz, "by its definition")
    watch(0.3, "optimality")
    if method == "tikhonov":
        dense = a.toarray() if sparse.issparse(a) else a
        _tikhonov(claim, dense, b, x, alpha)
    else:
        gap = float(claim.outputs.numbers.get("duality_gap", np.array(math.inf)))
        _dual(claim, a, (b, x), alpha, method if math.prod(shape) == max(shape) else "many", objective, gap)
        _no_lower(claim, lambda y: _objective(a, b, y, alpha, method, shape), x, objective, gap, watch)
        if method == "l1":
            kept = int((x != 0.0).sum())
            claim.agree("degrees_of_freedom", kept, 0.0, "entries that are not 0")
        elif method == "tv":
            pieces = _pieces(x.reshape(shape))
            slack = 0.0 if math.prod(shape) == max(shape) else 0.02 * pieces
            claim.agree("degrees_of_freedom", pieces, slack, "pieces over which x is constant")
        if "curve.alpha" in claim.outputs.numbers:
            _rough_curve(claim)
    _chosen(claim, residual)


def _size(b: Array, a: Any, x: Array) -> float:
    return float((np.abs(b).max() + np.abs(a @ x).max()) * b.size**0.5)


def _penalty(method: str, x: Array, shape: tuple[int, ...]) -> float:
    if method == "tikhonov":
        return float((x.astype(np.longdouble) ** 2).sum())
    if method == "l1":
        return float(np.abs(x.astype(np.longdouble)).sum())
    whole = x.reshape(shape)
    return math.fsum(float(np.abs(np.diff(whole, axis=axis)).sum()) for axis in range(whole.ndim))


def _objective(a: Any, b: Array, x: Array, alpha: float, method: str, shape: tuple[int, ...]) -> float:
    rest = a @ x - b
    return float(rest @ rest) + alpha * _penalty(method, x, shape)


def _tikhonov(claim: Claim, a: Array, b: Array, x: Array, alpha: float) -> None:
    """The gradient in extended precision, how far Newton's step goes, and the curve by the Gram matrix."""
    wide = a.astype(np.longdouble)
    gradient = (wide.T @ (wide @ x - b) + alpha * x.astype(np.longdouble)).astype(float)
    gram = a.T @ a
    values, vectors = linalg.eigh(gram)
    top = float(values[-1])
    values = np.maximum(values, 0.0)
    if float(values[0]) + alpha > 1e-12 * top:
        newton = vectors @ ((vectors.T @ gradient) / (values + alpha))
        size = float(np.abs(x).max())
        how = "how far Newton's step from it goes, with the gradient in extended precision"
        claim.add("x", float(np.abs(newton).max()), 2.0 * (claim.error or 0.0) + 1e-11 * size, how)
    else:
        scale = float(linalg.norm(a, 2)) * (float(linalg.norm(b)) + float(linalg.norm(a, 2)) * float(linalg.norm(x)))
        claim.add("x", float(np.abs(gradient).max()), 1e-10 * scale, "the gradient in extended precision")
    kept = values / np.maximum(values + alpha, 1e-300)
    blur = 1e-6 + len(values) * 1e-15 * top / max(alpha, 1e-15 * top)
    claim.agree("degrees_of_freedom", float(kept.sum()), blur * len(values), "by the Gram matrix's eigenvalues")
    if "curve.alpha" not in claim.outputs.numbers:
        return
    grid = claim.numbers("curve.alpha")
    right = vectors.T @ (a.T @ b)
    solutions = vectors @ (right[:, None] / (values[:, None] + grid))
    small = np.flatnonzero(grid <= 1e-7 * top)
    m, n = a.shape
    sure = grid > 1e-9 * top
    if small.size * (m + n) * n * n <= _WORK:  # there squares lose too much: QR of the whole does not
        for k in small:
            whole = np.concatenate([a, math.sqrt(float(grid[k])) * np.eye(n)])
            solutions[:, k] = linalg.lstsq(whole, np.concatenate([b, np.zeros(n)]), lapack_driver="gelsy")[0]
        sure = np.ones_like(sure)
    rest = np.linalg.norm(a @ solutions - b[:, None], axis=0)
    squares = np.zeros(n)
    squares[: min(m, n)] = linalg.svdvals(a) ** 2
    freedom = (squares[:, None] / (squares[:, None] + grid)).sum(axis=0)
    gcv = b.size * (rest / (b.size - freedom)) ** 2
    table = {"residual_norm": rest, "penalty": (solutions**2).sum(axis=0), "gcv": gcv}
    for name, made in table.items():
        found = claim.numbers(f"curve.{name}")
        off = np.abs(found - made)[sure] / (1e-5 * made[sure] + 1e-10 * float(np.abs(b).max()) ** 2 + 1e-300)
        claim.add(f"curve.{name}", float(off.max(initial=0.0)), 1.0, "each by the Gram matrix's eigenvalues")
    steps = np.diff(np.log(grid))
    claim.add("curve.alpha", float(np.ptp(steps)), 1e-6, "even steps of the logarithm")


def _dual(
    claim: Claim, a: Any, pair: tuple[Array, Array], alpha: float, method: str, objective: float, gap: float
) -> None:
    """A point of the dual problem bounds the minimum from below (l1, and total variation along a line)."""
    b, x = pair
    if method == "many":
        return
    rest = 2.0 * (b - a @ x)
    if method == "tv":
        constant = np.asarray(a @ np.ones(a.shape[1]))
        rest = rest - constant * float(constant @ rest) / max(float(constant @ constant), 1e-300)
    pull = np.asarray(a.T @ rest)
    largest = float(np.abs(pull if method == "l1" else np.cumsum(pull)[:-1]).max(initial=0.0))
    factor = min(1.0, alpha / largest) if largest > 0.0 else 1.0
    low = factor * float(rest @ b) - 0.25 * factor**2 * float(rest @ rest)
    allowed = 10.0 * (gap if math.isfinite(gap) else 0.0) + 1e-7 * objective + 1e-13 * float(b @ b)
    claim.add("x", objective - low, allowed, "the objective less that of a point of the dual problem")


def _no_lower(claim: Claim, of: Callable[[Array], float], x: Array, here: float, gap: float, watch: Watch) -> None:
    """The lowest of points beside: single entries, runs of them, the whole, and at random."""
    random = draws.generator(claim.inner.seed, 13)
    size = max(float(np.abs(x).max(initial=0.0)), 1e-12)
    gain, n = 0.0, x.size
    for i in range(_DIRECTIONS):
        watch(0.4 + 0.4 * i / _DIRECTIONS, "looking around")
        direction = np.zeros(n)
        if i < _DIRECTIONS // 2:
            direction[int(i * n / (_DIRECTIONS // 2)) % n] = 1.0
        elif i < 3 * _DIRECTIONS // 4:
            first = int(random.integers(n))
            level = x[first]
            last = first + int(np.argmax(np.append(x[first:] != level, True)))  # the run of equal entries
            direction[first : max(last, first + 1)] = 1.0
        elif i == _DIRECTIONS - 1:
            direction = x / size
        else:
            direction = random.standard_normal(n)
        for step in _STEPS:
            for sign in (1.0, -1.0):
                gain = max(gain, here - of(x + sign * step * size * direction))
    allowed = 2.0 * (gap if math.isfinite(gap) else 0.0) + 1e-8 * here
    claim.add("x", gain, allowed, f"{2 * len(_STEPS) * _DIRECTIONS} points beside it: how much lower the lowest is")


def _pieces(x: Array) -> int:
    """Connected pieces of equal numbers."""
    n = x.size
    places = np.arange(n).reshape(x.shape)
    size = float(np.abs(x).max(initial=0.0))
    pairs = []
    for axis in range(x.ndim):
        low = np.take(places, range(x.shape[axis] - 1), axis=axis).ravel()
        high = np.take(places, range(1, x.shape[axis]), axis=axis).ravel()
        same = np.abs(x.ravel()[low] - x.ravel()[high]) <= 1e-10 * size
        pairs.append(np.stack([low[same], high[same]]))
    low, high = np.concatenate(pairs, axis=1)
    graph = sparse.coo_matrix((np.ones(low.size), (low, high)), shape=(n, n))
    return int(sparse.csgraph.connected_components(graph, directed=False)[0])


def _rough_curve(claim: Claim) -> None:
    """Each point of the curve is the best of all for its own alpha, as far as it was solved; alphas are even steps."""
    alpha, r, penalty = (claim.numbers(f"curve.{name}") for name in ("alpha", "residual_norm", "penalty"))
    value = r**2 + alpha[:, None] * penalty  # of each point (columns) for each alpha (rows)
    own = np.diag(value)
    worst = float(((own - value.min(axis=1)) / np.maximum(own, 1e-300)).max())
    how = "each the best of all for its own alpha, in parts of its objective"
    claim.add("curve.residual_norm, curve.penalty", worst, 2e-3, how)
    steps = np.diff(np.log(alpha))
    whole = steps / steps.min()
    claim.add("curve.alpha", float(np.abs(whole - np.rint(whole)).max()), 1e-6, "even steps of the logarithm")
    freedom = r.size and claim.numbers("curve.gcv")
    count = float(np.size(claim.inner.inputs["b"]))
    left = r * np.sqrt(count / np.maximum(freedom, 1e-300))
    off = float(np.abs(left - np.rint(left)).max())
    claim.add("curve.gcv", off, 1e-6 * count, "whole numbers of equations left over, which it tells with the residual")


def _chosen(claim: Claim, residual: float) -> None:
    """What chose alpha holds: the least of cross-validation, or the residual that was asked for."""
    rule = claim.inner.options.get("selection", "gcv")
    if "curve.alpha" not in claim.outputs.numbers:
        return
    if rule == "gcv":
        grid, score = claim.numbers("curve.alpha"), claim.numbers("curve.gcv")
        best = float(grid[int(np.argmin(score))])
        claim.agree("alpha", best, 1e-12 * best, "where cross-validation is least on the curve")
    elif rule == "discrepancy":
        noise = float(claim.inner.options["noise_norm"])
        claim.add("residual_norm", residual - noise, 1e-6 * noise, "no more than the noise")


def least_squares(claim: Claim, watch: Watch) -> None:
    """The residuals' formulas at x; by a Jacobian of central differences how far Newton's step would go."""
    given = claim.inner.inputs
    starts = given.get("initial") or given["parameters"]
    names = list(starts)
    constants = formulas.numbers(given.get("parameters", {}), "inputs.parameters") if given.get("initial") else {}
    texts = given["residuals"] if isinstance(given["residuals"], list) else [given["residuals"]]
    columns = {name: arrays.gate(one, f"inputs.data.{name}", ndim=1) for name, one in (given.get("data") or {}).items()}
    observed = columns.pop(given["observed"]) if given.get("observed") is not None else np.zeros(1)
    rows = next((one.size for one in columns.values()), observed.size)
    program = formulas.compiled(
        {f"inputs.residuals[{i}]": text for i, text in enumerate(texts)}, tuple(names), (*columns, *constants)
    )  # fmt: skip
    x = claim.named("x", names)
    low, high = boxes.read(given.get("bounds", {}), tuple(names), "inputs.bounds")

    def at(point: Array) -> Array:
        fixed = [np.full(rows, one) for one in (*point,)] + list(columns.values())
        fixed += [np.full(rows, one) for one in constants.values()]
        made: Array = (program.evaluate(np.stack(fixed)) - observed).ravel()
        return made

    _minimum(claim, at, x, names, (low, high), "x", watch)
    free = (x > low) & (x < high)
    held = {name: "low" if one == a else "high" for name, one, a, b in zip(names, x, low, high, strict=True)
            if one in (a, b)}  # fmt: skip
    said = {name: claim.outputs.words.get(f"active_bounds.{name}") for name in names}
    wrong = sum(said[name] != held.get(name) for name in names)
    claim.add("active_bounds", float(wrong), 0.0, "which variables lie on a bound")
    if x.size * rows * len(texts) <= _LARGE:
        jacobian = differences(at, x)
        rest = at(x)
        slope = np.abs(jacobian.T @ rest)[free]
        scale = float(np.linalg.norm(jacobian)) * float(np.linalg.norm(rest))
        claim.agree("gradient_norm", float(slope.max(initial=0.0)), 1e-6 * scale + 1e-8, "by central differences")
        lengths = np.linalg.norm(jacobian, axis=0)
        if "jacobian_condition" in claim.outputs.numbers and free.any() and (lengths[free] > 0).all():
            made = float(np.linalg.cond((jacobian / lengths)[:, free]))
            if made < 1e6:
                claim.agree("jacobian_condition", made, 1e-4 * made, "of a Jacobian by central differences")


def settled(of: Callable[[Array], Array], x: Array) -> Array | None:
    """The Jacobian by differences whose columns a fourth of the step leaves as they are; None where it does not."""
    made, finer = differences(of, x), differences(of, x, 0.25)
    lengths = np.linalg.norm(made, axis=0)
    return made if (np.linalg.norm(made - finer, axis=0) <= 1e-5 * lengths).all() and (lengths > 0).all() else None


def differences(of: Callable[[Array], Array], x: Array, part: float = 1.0) -> Array:
    """The Jacobian by differences of fourth order, with a `part` of the usual steps."""
    columns = []
    for i in range(x.size):
        step = np.zeros_like(x)
        step[i] = part * 1e-3 * max(abs(x[i]), 1e-7)
        near = of(x + step) - of(x - step)
        far = of(x + 2 * step) - of(x - 2 * step)
        columns.append((8.0 * near - far) / (12.0 * step[i]))
    return np.stack(columns, axis=1)


def _minimum(
    claim: Claim, at: Callable[[Array], Array], x: Array, names: list[str], bounds: tuple[Array, Array], path: str,
    watch: Watch,
) -> None:  # fmt: skip
    """Sum and residuals recomputed, no lower sum beside, and Gauss and Newton's step where the Jacobian allows it."""
    rest = at(x)
    total = float((rest.astype(np.longdouble) ** 2).sum())
    beyond = max(0.0, float((bounds[0] - x).max()), float((x - bounds[1]).max()))
    claim.add(path, beyond, 0.0, "within the bounds")
    size = max(total, 1e-13 * float((at(x * (1.0 + 1e-6)) ** 2).sum()), 1e-30)
    claim.agree("residual_sum_of_squares", total, 1e-7 * size, "the formulas at it, summed in extended precision")
    if "residuals" in claim.outputs.numbers:
        largest = float(np.abs(rest).max()) + 1e-3 * float(np.abs(x).max())
        claim.agree("residuals", rest, 1e-9 * largest, "the formulas")
    if x.size * rest.size > _LARGE:
        return
    watch(0.4, "differences")
    free = (x > bounds[0]) & (x < bounds[1])
    jacobian = differences(at, x)[:, free]
    if not free.any() or not np.isfinite(jacobian).all():
        return
    lengths = np.linalg.norm(jacobian, axis=0)
    if (lengths > 0).all() and np.linalg.cond(jacobian / lengths) < 1e7:
        step = np.zeros_like(x)
        step[free] = linalg.lstsq(jacobian / lengths, rest)[0] / lengths
        moved = np.abs(step)
        allowed = 4.0 * (claim.error or 0.0) + 1e-6 * np.maximum(np.abs(x), 1e-6)
        worst = int(np.argmax(moved / allowed))
        how = f"how far Gauss and Newton's step goes, the worst in {names[worst]}; in what the error allows"
        claim.add(path, float((moved / allowed).max()), 1.0, how)
    watch(0.7, "looking around")
    directions = draws.generator(claim.inner.seed, 12).standard_normal((_DIRECTIONS, x.size))
    gain = 0.0
    for direction in directions:
        for step_size in (1e-3, 1e-6):
            beside = np.clip(x + step_size * np.maximum(np.abs(x), 1e-9) * direction, *bounds)
            lower = total - float((at(beside) ** 2).sum())
            gain = max(gain, lower if math.isfinite(lower) else 0.0)
    claim.add(path, gain, 1e-8 * size, f"{2 * _DIRECTIONS} points beside it: how much lower the lowest sum is")


ROADS: Mapping[tuple[str, str], Road] = {
    ("inverse", "regularized"): regularized, ("optimize", "least_squares"): least_squares,
}  # fmt: skip
