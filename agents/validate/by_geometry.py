"""Designs of experiments by where their points lie: strata, corners, distances and discrepancy, counted anew."""

import itertools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from agents import distributions
from agents.arrays import Array
from agents.task import Watch
from agents.validate.findings import Claim, Road

_CLASSICAL = {"full_factorial", "central_composite", "box_behnken"}
_PAIRS = 5e7


def design(claim: Claim, watch: Watch) -> None:
    """Points and coded points agree; their strata or places, nearest neighbours and discrepancy are what is said."""
    given = claim.inner.inputs
    method = given.get("method") or claim.inner.options.get("method", "auto")
    method = "lhs" if method == "auto" else method
    coded = claim.numbers("coded")
    units, (n, d) = 0.5 * (coded + 1.0), coded.shape
    claim.agree("n_samples", n, 0.0, "counted")
    claim.add("coded", float(np.abs(coded).max(initial=0.0)), 1.0, "from -1 to 1")
    watch(0.2, "where they lie")
    _placed(claim, given, units, classical=method in _CLASSICAL)
    if method == "lhs":
        strata = np.sort(np.floor(units * n), axis=0)
        off = float(np.abs(strata - np.arange(n)[:, None]).max())
        claim.add("coded", off, 0.0, "one point in each of n strata of each variable")
    elif method in {"sobol", "halton"} and n >= 2:
        _even(claim, units, 2 if method == "sobol" else None)
    elif method in _CLASSICAL:
        _classical(claim, method, coded, given)
    if "discrepancy" in claim.outputs.numbers and n * n * d <= _PAIRS:
        watch(0.6, "discrepancy")
        made = _centred_discrepancy(np.clip(units, 0.0, 1.0))
        claim.agree(
            "discrepancy", made, 1e-9 * made + 1e-13 * (13.0 / 12.0) ** d, "its definition, summed up pair by pair"
        )
        distance = float(np.asarray(cKDTree(units).query(units, k=2)[0])[:, 1].min())
        claim.agree("minimum_distance", distance, 1e-12 + 1e-9 * distance, "nearest neighbours in a tree")


def _placed(claim: Claim, given: Mapping[str, Any], units: Array, *, classical: bool) -> None:
    """The samples' probabilities, or their places between the bounds, are the coded points."""
    if given.get("distributions") is not None:
        for j, (name, one) in enumerate(distributions.read_all(given["distributions"], "inputs").items()):
            x = claim.numbers(f"samples.{name}")
            if classical:
                low, high = one.support
                claim.agree(
                    f"samples.{name}", low + (high - low) * units[:, j], 1e-9 * (high - low), "between the ends"
                )
                continue
            lower = one.probability(x)
            slope = np.exp(one.log_density(x)) * np.maximum(np.abs(x), 1e-300)
            off = np.abs(lower - units[:, j]) / (1e-8 + 1e-12 * np.nan_to_num(slope))
            claim.add(
                f"samples.{name}", float(off.max(initial=0.0)), 1.0, "their probabilities, in what rounding allows"
            )
        return
    for j, (name, (low, high)) in enumerate(given["bounds"].items()):
        back = (claim.numbers(f"samples.{name}") - low) / (high - low)
        off = float(np.abs(back - units[:, j]).max(initial=0.0))
        size = 1.0 + max(abs(low), abs(high)) / (high - low)
        claim.add(f"samples.{name}", off, 1e-14 * size, "their places between the bounds, beside the coded ones")


def _even(claim: Claim, units: Array, base: int | None) -> None:
    """As many points in each of the largest intervals as evenness asks: of a (t, s)-sequence, along each variable."""
    n, d = units.shape
    primes = [p for p in range(2, 600) if all(p % q for q in range(2, math.isqrt(p) + 1))]
    worst = 0.0
    for j in range(d):
        b = base or primes[j]
        depth = int(math.log(n) / math.log(b) + 1e-9)
        cells, block = b**depth, (n // b**depth) * b**depth
        counts = np.bincount(np.minimum((units[:block, j] * cells).astype(int), cells - 1), minlength=cells)
        worst = max(worst, float(np.abs(counts - block // cells).max()))
    claim.add("coded", worst, 0.0, "alike many points in each interval of each variable, for whole powers of its base")


def _classical(claim: Claim, method: str, coded: Array, given: Mapping[str, Any]) -> None:
    """The points as a set, from what defines the design."""
    d = coded.shape[1]
    centres = int(given.get("n_centers", 1))
    if method == "full_factorial":
        levels = given.get("levels", 2)
        names = list(given.get("bounds") or given["distributions"])
        counts = [levels[name] for name in names] if isinstance(levels, Mapping) else [levels or 2] * d
        claim.agree("levels", np.array(counts), 0.0, "as the request has them")
        axes = [[0.0] if n == 1 else [-1.0 + 2.0 * k / (n - 1) for k in range(n)] for n in counts]
        wanted = np.array(list(itertools.product(*axes)))
    elif method == "box_behnken":
        rows = [row for row in itertools.product((-1.0, 0.0, 1.0), repeat=d) if sum(map(abs, row)) == 2.0]
        wanted = np.array(rows + [(0.0,) * d] * centres)
    else:
        size = np.abs(coded).max(axis=1)
        active = (np.abs(coded) > 0).sum(axis=1)
        corners = coded[active == d] if d > 1 else coded[:2]
        radius = float(size[active == d].max(initial=0.0)) if d > 1 else float(np.abs(corners).max())
        alpha, count = given.get("alpha", "rotatable"), 2.0**d
        ratio = {
            "faced": 1.0, "rotatable": 2.0 ** (-d / 4.0),
            "orthogonal": (2.0 / (math.sqrt(count * (count + 2 * d + centres)) - count)) ** 0.5,
        }[alpha]  # fmt: skip
        claim.add("coded", abs(radius - ratio), 1e-12, "how far the corners lie out")
        axial = [tuple(s if i == j else 0.0 for i in range(d)) for j in range(d) for s in (-1.0, 1.0)]
        whole = [tuple(ratio * s for s in row) for row in itertools.product((-1.0, 1.0), repeat=d)]
        wanted = np.array(whole + axial + [(0.0,) * d] * centres)
    if wanted.shape != coded.shape:
        claim.add("coded", math.inf, 0.0, "as many points as the design has")
        return
    order, other = np.lexsort(np.round(coded, 9).T), np.lexsort(np.round(wanted, 9).T)
    off = float(np.abs(coded[order] - wanted[other]).max(initial=0.0))
    claim.add("coded", off, 1e-9, "the design's points, as a set")


def _centred_discrepancy(x: Array) -> float:
    """Hickernell's centred L2 discrepancy (A generalized discrepancy and quadrature error bound, 1998)."""
    n, d = x.shape
    away = np.abs(x - 0.5)
    one = float(np.prod(1.0 + 0.5 * away - 0.5 * away**2, axis=1).sum())
    two = 0.0
    for row, far in zip(x, away, strict=True):
        two += float(np.prod(1.0 + 0.5 * far + 0.5 * away - 0.5 * np.abs(row - x), axis=1).sum())
    return float((13.0 / 12.0) ** d - 2.0 / n * one + two / n**2)


ROADS: Mapping[tuple[str, str], Road] = {("uq", "design"): design}
