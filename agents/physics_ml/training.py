"""Training: the steepness of the units is chosen by residuals held out, and a second network tells the error."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.arrays import Array
from agents.outcome import Problem
from agents.physics_ml.collocation import Fit, Rows, fit
from agents.physics_ml.equations import Box, Equation
from agents.physics_ml.network import Features
from agents.task import Part, Watch

KERNEL = "lapack.dgelsy"
_WORTH_IT = 0.3
"""More units are tried while they bring the validation error down to this share."""
DATA_WEIGHTS = (1.0, 0.1, 0.01, 1e-3)
"""Weights of data beside the equation, one after the other: small ones at once would leave too narrow a valley."""
_STEEPNESS = (1.0, 2.0, 4.0, 8.0, 16.0)
_EASIER = 0.6
"""The first network's share of the units: the difference to the second is mostly the error of the first."""
_UNITS = ((100, 300, 900), (300, 600, 1200), (600, 1200), (800, 1400))
"""Units that are tried one after the other, by the number of coordinates."""
_CONDITIONS_WEIGHT = 10.0
_HELD_OUT = 400
_POINTS, _BOUNDARY, _DATA, _TEST = range(1, 5)
"""Streams of the seed."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What is to hold: the equation inside the box, conditions on planes of it, and u at points of data."""

    box: Box
    equation: Equation
    conditions: Sequence[tuple[Equation, dict[str, float]]]
    data: Rows | None
    free: Array


@dataclass(frozen=True, eq=False)
class Trained:
    """The network, the one that it was compared with, and the residuals held out, relative to their terms."""

    network: Fit
    other: Fit
    validation_error: float
    steepness: float


def train(setting: Setting, counts: Sequence[int], rtol: float, seed: int, watch: Watch) -> Trained:
    """Train networks of the first of `counts` units that brings the validation error down to `rtol`, or of the last."""
    before = np.inf
    candidates: Sequence[float] = _STEEPNESS
    for i, count in enumerate(counts):
        made = _train(setting, count, candidates, seed, Part(watch, i / len(counts), (i + 1) / len(counts)))
        if made.validation_error <= rtol or made.validation_error > _WORTH_IT * before:
            break
        before, candidates = made.validation_error, (made.steepness, 2.0 * made.steepness)
    return made


def _train(setting: Setting, count: int, candidates: Sequence[float], seed: int, watch: Watch) -> Trained:
    fewer = max(8, int(_EASIER * count))
    trials: list[tuple[float, float, Fit]] = []
    failure: Problem | None = None
    whole = len(candidates) + 1
    for i, steepness in enumerate(candidates):
        try:
            made = _fit(setting, fewer, steepness, seed, 0, Part(watch, i / whole, (i + 1) / whole))
        except Problem as problem:
            if problem.code not in {"not_converged", "non_finite"}:
                raise
            failure = failure or problem
            continue
        trials.append((_validate(setting, made, seed), steepness, made))
        if len(trials) > 2 and trials[-1][0] > 10 * min(trial[0] for trial in trials):
            break  # steeper units only get worse
    if not trials:
        assert failure is not None
        raise failure
    _, steepness, other = min(trials, key=lambda trial: trial[0])
    network = _fit(setting, count, steepness, seed, 1, Part(watch, (whole - 1) / whole, 1.0))
    return Trained(network, other, _validate(setting, network, seed), steepness)


def sizes(given: int | None, box: Box) -> tuple[int, ...]:
    """How many units are tried: those given, or more and more of them."""
    return (given,) if given else _UNITS[len(box.names) - 1]


def cost_of(counts: Sequence[int]) -> float:
    """Operations of the least-squares problems, some Gauss–Newton steps each."""
    return 3e8 + sum(7 * 5 * 4 * 4.0 * count**3 for count in counts)


def difference(trained: Trained, points: Array) -> float:
    """The largest difference of u between the two networks at points (d, n)."""
    none = (0,) * points.shape[0]
    return float(
        np.abs(trained.network.derivative(points, none) - trained.other.derivative(points, none)).max(initial=0)
    )


def _fit(setting: Setting, count: int, steepness: float, seed: int, network: int, watch: Watch) -> Fit:
    box = setting.box
    features = Features.draw(box.low, box.high, count, steepness, seed, 100 + network)
    inside = box.points(2 * count if len(box.names) == 1 else 3 * count, seed, 10 * network + _POINTS)
    rows = [_weighted(Rows(setting.equation, inside, 1.0), features, setting.free, 1.0)]
    for i, (equation, fixed) in enumerate(setting.conditions):
        free_coordinates = len(box.names) - len(fixed)
        size = 1 if free_coordinates == 0 else min(count, 100 if free_coordinates == 1 else 300)
        points = box.points(size, seed, 1000 * (network + 1) + 10 * i + _BOUNDARY, fixed)
        rows.append(_weighted(Rows(equation, points, 1.0), features, setting.free, _CONDITIONS_WEIGHT))
    stage = f"train, {count} units"
    if setting.data is None:
        return fit(features, rows, setting.free, lambda fraction: watch(fraction, stage))
    free, start = setting.free, np.zeros(count)
    for i, weight in enumerate(DATA_WEIGHTS):
        look = Part(watch, i / len(DATA_WEIGHTS), (i + 1) / len(DATA_WEIGHTS))
        data = Rows(setting.data.equation, setting.data.points, setting.data.weight * weight)
        made = fit(features, [*rows, data], free, lambda fraction, look=look: look(fraction, stage), start)  # type: ignore[misc]
        free, start = made.free, made.coefficients
    return made


def _weighted(rows: Rows, features: Features, free: Array, weight: float) -> Rows:
    """Give the rows the root-mean-square size 1 at u = 1, so that no equation drowns another."""
    n = rows.points.shape[1]
    parts = features.evaluate(rows.points, rows.equation.orders)
    ones = [np.full(n, float(sum(order) == 0)) for order in rows.equation.orders]
    value, slopes = rows.equation.evaluate(rows.points, ones, free)
    sizes = [np.sqrt(np.mean((slope[:, None] * part) ** 2)) for slope, part in zip(slopes, parts, strict=False)]
    size = max([float(one) for one in sizes if np.isfinite(one)] or [0.0])
    if size == 0.0:
        size = float(np.abs(value[np.isfinite(value)]).max(initial=0.0)) or 1.0
    return Rows(rows.equation, rows.points, weight / (size * np.sqrt(n)))


def _validate(setting: Setting, made: Fit, seed: int) -> float:
    """The largest root-mean-square residual of an equation at points held out, relative to the size of its terms."""
    everything = [(setting.equation, {}), *setting.conditions]
    inside = setting.box.points(_HELD_OUT, seed, _TEST)
    sizes = {
        order: float(np.sqrt(np.mean(made.derivative(inside, order) ** 2)))
        for order in {order for equation, _ in everything for order in equation.orders}
    }
    errors = []
    for i, (equation, fixed) in enumerate(everything):
        points = setting.box.points(_HELD_OUT, seed, 5000 + 10 * i + _TEST, fixed)
        value, size = made.residuals(equation, points, sizes)
        scale = float(np.sqrt(np.mean(size**2)))
        error = float(np.sqrt(np.mean(value**2)))
        errors.append(error / scale if scale > 0 else 0.0 if error == 0 else np.inf)
    return max(errors) if np.isfinite(errors).all() else np.inf
