"""Networks put into the equation they are to solve: units differentiated by Cauchy's integral, at points never seen.

A derivative of tanh at a is k!/(2π) ∮ tanh(a + r e^iθ) e^(-ikθ) dθ / r^k, on a circle that no pole comes near.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from scipy import linalg

from agents import arrays, schema
from agents.arrays import Array
from agents.physics_ml.conservation import ConservationInputs, read_data
from agents.physics_ml.equations import (
    Box,
    Condition,
    Equation,
    read_box,
    read_conditions,
    read_equation,
    read_parameters,
)
from agents.task import Watch
from agents.validate.by_integrals import conservation_of
from agents.validate.findings import Claim, Road

_RADIUS, _TURNS = 0.7, 48
_POINTS = 200
_FRESH = 777
"""Stream of the points: none that training or its own validation has used."""
_HELD_OUT, _TEST = 400, 4
_EXACT = 1e-9


class _Network:
    """u = Σ c tanh(w · z + b), z the point moved from its box to [-1, 1]ᵈ, as a result describes it."""

    def __init__(self, claim: Claim) -> None:
        self.weights, self.biases, self.coefficients, self.low, self.high = (
            claim.numbers(f"network.{name}") for name in ("weights", "biases", "coefficients", "low", "high")
        )
        self.size = float(np.abs(self.coefficients).sum())

    def derivatives(self, points: Array, orders: Sequence[Sequence[int]]) -> list[Array]:
        """Derivatives of u at points (d, n), one for each multi-index."""
        scale = 2.0 / (self.high - self.low)
        inner = ((points.T - self.low) * scale - 1.0) @ self.weights.T + self.biases
        wanted = {sum(order) for order in orders}
        totals = {k: np.zeros(inner.shape) for k in wanted if k}
        totals[0] = np.tanh(inner)
        for turn in range(_TURNS // 2) if wanted > {0} or 0 not in wanted else ():
            angle = 2.0 * np.pi * (turn + 0.5) / _TURNS  # the other half is conjugate
            values = np.tanh(inner + _RADIUS * np.exp(1j * angle))
            for k in totals.keys() - {0}:
                totals[k] += (values * np.exp(-1j * k * angle)).real * (2 * math.factorial(k) / (_TURNS * _RADIUS**k))
        factors = [np.prod((self.weights * scale) ** np.asarray(order), axis=1) for order in orders]
        return [totals[sum(order)] @ (self.coefficients * one) for order, one in zip(orders, factors, strict=True)]


def _residual(network: _Network, equation: Equation, points: Array, free: Array, inside: Array) -> tuple[float, float]:
    """The root mean square of an equation at points, in the size of its terms; and what rounding may add to it."""
    value, slopes = equation.evaluate(points, network.derivatives(points, equation.orders), free)
    sizes = [float(np.sqrt(np.mean(one**2))) for one in network.derivatives(inside, equation.orders)]
    terms = np.sum([np.abs(one) * size for one, size in zip(slopes, sizes, strict=False)], axis=0)
    scale = float(np.sqrt(np.mean(terms**2)))
    size = float(np.sqrt(np.mean(value**2)))
    top = max(float(np.abs(one).max(initial=0.0)) for one in slopes) * network.size * 1e-14
    return (size / scale, top / scale) if scale > 0.0 else (0.0 if size == 0.0 else math.inf, 0.0)


def _satisfied(
    claim: Claim, network: _Network, box: Box, everything: list[tuple[Equation, Mapping[str, float]]], free: Array,
    rtol: float, watch: Watch,
) -> None:  # fmt: skip
    """Equation and conditions at fresh points, and the validation error at those held out."""
    inside = box.points(_HELD_OUT, claim.inner.seed, _TEST)
    worst = blur = 0.0
    for i, (equation, fixed) in enumerate(everything):
        watch(0.2 + 0.6 * i / len(everything), "fresh points")
        points = box.points(_POINTS, claim.inner.seed, _FRESH + i, fixed)
        fresh, _ = _residual(network, equation, points, free, points if not fixed else inside)
        how = "the equation" if not fixed else f"condition {i - 1}"
        claim.add("network", fresh, 3.0 * rtol, f"{how} at {_POINTS} fresh points, in the size of its terms")
        held = box.points(_HELD_OUT, claim.inner.seed, 5000 + 10 * i + _TEST, fixed)
        value, rounding = _residual(network, equation, held, free, inside)
        worst, blur = max(worst, value), max(blur, rounding)
    if claim.seed is not None:  # which points were held out, the seed says
        claim.agree("validation_error", worst, 0.005 * worst + 10.0 * blur, "at the points held out")


def _shown(claim: Claim, network: _Network, box: Box, wanted: Any) -> None:
    """U where it is shown is the network's."""
    if wanted is None:
        axes = [claim.numbers(f"axes.{name}") for name in box.names]
        for name, low, high, axis in zip(box.names, box.low, box.high, axes, strict=True):
            claim.agree(f"axes.{name}", np.linspace(low, high, axis.size), 1e-12 * (high - low), "even steps")
        points = np.stack([one.ravel() for one in np.meshgrid(*axes, indexing="ij")])
    else:
        points = np.stack([arrays.gate(wanted[name], "inputs.predict_at", ndim=1) for name in box.names])
        for name, row in zip(box.names, points, strict=True):
            claim.agree(f"points.{name}", row, 0.0, "as the request has it")
    made = network.derivatives(points, [(0,) * len(box.names)])[0]
    size = float(np.abs(made).max(initial=0.0))
    claim.agree("u", made, _EXACT * size + 1e-14 * network.size, "the network put together again")
    claim.agree("network.low", box.low, 0.0, "the domain's")
    claim.agree("network.high", box.high, 0.0, "the domain's")


def _read(given: Mapping[str, Any], free: Sequence[str]) -> tuple[Box, list[tuple[Equation, Mapping[str, float]]]]:
    box = read_box(given["domain"])
    parameters = read_parameters(given.get("parameters", {}), box)
    equation = read_equation(given["equation"], "inputs.equation", box, parameters, free)
    conditions = msgspec.convert(list(given.get("conditions", [])), list[Condition], strict=False)
    return box, [(equation, {}), *read_conditions(conditions, box, parameters, free)]


def pinn(claim: Claim, watch: Watch) -> None:
    """U is the network's; the network satisfies equation and conditions at points it has never seen."""
    given = claim.inner.inputs
    box, everything = _read(given, ())
    network = _Network(claim)
    _shown(claim, network, box, given.get("predict_at"))
    rtol = float(claim.inner.options.get("rtol", 1e-3))
    _satisfied(claim, network, box, everything, np.empty(0), rtol, watch)


def inverse(claim: Claim, watch: Watch) -> None:
    """As `pinn`; besides the misfit to the data, and the parameters that the network's derivatives tell."""
    given = claim.inner.inputs
    names = list(given["unknown"])
    box, everything = _read(given, names)
    network, free = _Network(claim), claim.named("parameters", names)
    _shown(claim, network, box, None)
    rtol = float(claim.inner.options.get("rtol", 1e-2))
    _satisfied(claim, network, box, everything, free, rtol, watch)
    points = np.stack([arrays.gate(given["data"][name], "inputs.data", ndim=1) for name in box.names])
    values = arrays.gate(given["data"]["u"], "inputs.data.u", ndim=1)
    rest = network.derivatives(points, [(0,) * len(box.names)])[0] - values
    misfit = float(np.sqrt(np.mean(rest**2)))
    fuzz = 1e-6 * misfit + 1e-14 * (network.size + float(np.abs(values).max()))
    claim.agree("misfit", misfit, fuzz, "the network at the data")
    noise = given.get("noise")
    made = misfit * math.sqrt(values.size / (values.size - len(names))) if noise is None else float(noise)
    claim.agree("noise", made, fuzz * 2.0, "the misfit over the degrees of freedom, or as the request has it")
    watch(0.9, "the parameters")
    _told(claim, network, box, everything[0][0], free, names)
    covariance = claim.numbers("covariance")
    for i, name in enumerate(names):
        error = math.sqrt(max(float(covariance[i, i]), 0.0))
        claim.agree(f"standard_errors.{name}", error, 1e-9 * error, "the root of its variance")
    least = float(linalg.eigvalsh(0.5 * (covariance + covariance.T))[0])
    off = max(float(np.abs(covariance - covariance.T).max()), -least)
    claim.add("covariance", off, 1e-9 * float(np.abs(covariance).max()), "symmetric, no eigenvalue below 0")


def _told(claim: Claim, network: _Network, box: Box, equation: Equation, free: Array, names: list[str]) -> None:
    """The step of Gauss and Newton that the equation alone asks of the parameters, with the network's derivatives."""
    points = box.points(4 * _POINTS, claim.inner.seed, _FRESH)
    parts = network.derivatives(points, equation.orders)
    value, _ = equation.evaluate(points, parts, free)
    columns = []
    for i in range(free.size):
        step = np.zeros_like(free)
        step[i] = 1e-5 * max(abs(free[i]), 1e-3)
        up, down = (equation.evaluate(points, parts, free + sign * step)[0] for sign in (1.0, -1.0))
        columns.append((up - down) / (2.0 * step[i]))
    jacobian = np.stack(columns, axis=1)
    lengths = np.linalg.norm(jacobian, axis=0)
    if not (lengths > 0).all():
        return
    step, _, rank, _ = linalg.lstsq(jacobian / lengths, value)
    if rank < free.size:
        return
    moved = np.abs(step / lengths)
    spread = claim.named("standard_errors", names)
    allowed = 2.0 * (claim.error or 0.0) + 3e-3 * np.abs(free) + 2.0 * spread
    how = "what the equation alone asks of them, with the network's derivatives; in what the error allows"
    claim.add("parameters", float((moved / allowed).max()), 1.0, how)


def operator(claim: Claim, watch: Watch) -> None:
    """The network evaluated layer by layer; its errors on the samples held out and on the others."""
    given = claim.inner.inputs
    functions = arrays.gate(given["functions"], "inputs.functions", ndim=2)
    places = arrays.gate(given["places"], "inputs.places", ndim=(1, 2))
    places = places[:, None] if places.ndim == 1 else places
    values = arrays.gate(given["values"], "inputs.values", ndim=2)
    net = {name: claim.numbers(f"network.{name}") for name in (
        "linear", "w1", "b1", "w2", "b2", "v1", "c1", "v2", "c2", "v3", "c3", "functions_offset", "functions_scale",
        "places_low", "places_high", "values_offset", "values_scale",
    )}  # fmt: skip
    watch(0.3, "layer by layer")
    low, high = net["places_low"], net["places_high"]
    at = (places - 0.5 * (low + high)) / np.where(high > low, 0.5 * (high - low), 1.0)
    hidden = np.tanh(np.tanh(at @ net["v1"] + net["c1"]) @ net["v2"] + net["c2"])
    trunk = hidden @ net["v3"] + net["c3"]

    def predicted(some: Array) -> Array:
        f = (some - net["functions_offset"]) / net["functions_scale"]
        branch = f @ net["linear"] + np.tanh(f @ net["w1"] + net["b1"]) @ net["w2"] + net["b2"]
        return np.asarray(net["values_offset"] + net["values_scale"] * np.einsum("nk,pk->np", branch, trunk))

    raw = claim.numbers("held_out")
    held = np.rint(raw).astype(int)
    n = len(functions)
    bad = float((raw != held).sum() + ((held < 0) | (held >= n)).sum() + (n - np.unique(held).size != n - held.size))
    claim.add("held_out", bad, 0.0, "different samples there are")
    if bad:
        return
    used = np.setdiff1d(np.arange(n), held)
    size = float(np.abs(values).max())
    wanted = functions[held] if given.get("predict") is None else arrays.gate(given["predict"], "inputs", ndim=2)
    claim.agree("prediction", predicted(wanted), 1e-9 * size, "the network, layer by layer")
    wrong, trained = predicted(functions[held]) - values[held], predicted(functions[used]) - values[used]
    how = "the network, layer by layer, beside the samples"
    for path, rest, beside in (("held_out_error", wrong, values[held]), ("training_error", trained, values[used])):
        made = float(np.linalg.norm(rest)) / (float(np.linalg.norm(beside)) or 1.0)
        claim.agree(path, made, 1e-6 * made + 1e-11, how)
    largest = float(np.abs(wrong).max())
    claim.agree("held_out_max_error", largest, 1e-6 * largest + 1e-11 * size, how)
    claim.add("prediction", 2.0 * largest, 1.0001 * (claim.error or 0.0) + 1e-11 * size, "the error said is twice that")
    claim.agree("n_held_out", held.size, 0.0, "counted")
    claim.agree("n_trained", used.size, 0.0, "counted")
    claim.agree("places", places, 0.0, "as the request has them")
    spread = functions[used].std(axis=0)
    scales = {
        "functions_offset": functions[used].mean(axis=0), "values_offset": values[used].mean(),
        "functions_scale": np.where(spread > 0, spread, 1.0) * functions.shape[1] ** 0.5,
        "values_scale": values[used].std() or 1.0, "places_low": places.min(axis=0), "places_high": places.max(axis=0),
    }  # fmt: skip
    for name, made in scales.items():
        fuzz = 1e-10 * (float(np.abs(made).max()) + (float(np.abs(functions).max()) if "func" in name else size))
        claim.agree(f"network.{name}", made, fuzz, "of the samples trained on")


def conservation(claim: Claim, watch: Watch) -> None:
    """The integral by splines, and what follows from it."""
    given = schema.read(dict(claim.inner.inputs), ConservationInputs, "inputs")
    watch(0.3, "splines")
    conservation_of(claim, given, read_data(given))


ROADS: Mapping[tuple[str, str], Road] = {
    ("physics_ml", "pinn"): pinn, ("physics_ml", "inverse"): inverse, ("physics_ml", "operator"): operator,
    ("physics_ml", "conservation"): conservation,
}  # fmt: skip
