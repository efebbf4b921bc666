"""DeepONet: a branch network of the input function, a trunk network of the place, and their product."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from agents import draws
from agents.arrays import Array

_DECAY = 1e-9
_MEMORY = 20


@dataclass(frozen=True, eq=False)
class DeepONet:
    """G(f)(y) ≈ Σ bₖ(f) tₖ(y), with b(f) = f A + tanh(f B + b) C + c and t(y) two hidden layers of tanh.

    Source: Lu et al., Learning nonlinear operators via DeepONet (2021); the linear part of the branch makes linear
    operators exact.
    """

    layers: tuple[Array, ...]

    def evaluate(self, functions: Array, places: Array) -> Array:
        """Values (n, k) for `functions` (n, m) at `places` (k, d)."""
        return _forward(self.layers, functions, places)[0]


def train(
    functions: Array, places: Array, values: Array, width: int, modes: int, iterations: int, seed: int,
    watch: Callable[[float], None],
) -> tuple[DeepONet, int]:  # fmt: skip
    """Fit to `values` (n, k) by L-BFGS on the mean square; gives the network and the iterations made."""
    m, d = functions.shape[1], places.shape[1]
    shapes = [(m, modes), (m, width), (1, width), (width, modes), (1, modes), (d, width), (1, width), (width, width),
              (1, width), (width, modes), (1, modes)]  # fmt: skip
    numbers = draws.generator(seed)
    start = np.concatenate([
        (numbers.standard_normal(shape) / np.sqrt(shape[0] if shape[0] > 1 else 4.0)).ravel() for shape in shapes
    ])  # fmt: skip
    cuts = np.cumsum([a * b for a, b in shapes])[:-1]

    def layers_of(state: Array) -> tuple[Array, ...]:
        return tuple(part.reshape(shape) for part, shape in zip(np.split(state, cuts), shapes, strict=True))

    def loss(state: Array) -> tuple[float, Array]:
        layers = layers_of(state)
        found, hidden = _forward(layers, functions, places)
        wrong = found - values
        gradients = _backward(layers, functions, places, hidden, 2.0 * wrong / wrong.size)
        value = float(np.mean(wrong**2)) + _DECAY * float(state @ state)
        return value, np.concatenate([one.ravel() for one in gradients]) + 2.0 * _DECAY * state

    made = 0

    def after(_: object) -> None:
        nonlocal made
        made += 1
        watch(min(made / iterations, 1.0))

    options = {"maxiter": iterations, "maxfun": 4 * iterations, "maxcor": _MEMORY, "ftol": 1e-15, "gtol": 1e-10}
    found = minimize(loss, start, jac=True, method="L-BFGS-B", callback=after, options=options)  # type: ignore[call-overload]
    return DeepONet(layers_of(found.x)), made


def _forward(layers: tuple[Array, ...], functions: Array, places: Array) -> tuple[Array, tuple[Array, ...]]:
    linear, w1, b1, w2, b2, v1, c1, v2, c2, v3, c3 = layers
    inner = np.tanh(functions @ w1 + b1)
    branch = functions @ linear + inner @ w2 + b2
    first = np.tanh(places @ v1 + c1)
    second = np.tanh(first @ v2 + c2)
    trunk = second @ v3 + c3
    return branch @ trunk.T, (inner, branch, first, second, trunk)


def _backward(
    layers: tuple[Array, ...], functions: Array, places: Array, hidden: tuple[Array, ...], wrong: Array
) -> tuple[Array, ...]:
    w2, v2, v3 = layers[3], layers[7], layers[9]
    inner, branch, first, second, trunk = hidden
    of_branch, of_trunk = wrong @ trunk, wrong.T @ branch
    of_inner = (of_branch @ w2.T) * (1.0 - inner**2)
    of_second = (of_trunk @ v3.T) * (1.0 - second**2)
    of_first = (of_second @ v2.T) * (1.0 - first**2)

    def sums(one: Array) -> Array:
        return np.asarray(one.sum(axis=0, keepdims=True))

    return (
        functions.T @ of_branch, functions.T @ of_inner, sums(of_inner), inner.T @ of_branch, sums(of_branch),
        places.T @ of_first, sums(of_first), first.T @ of_second, sums(of_second), second.T @ of_trunk, sums(of_trunk),
    )  # fmt: skip
