"""Ordinary differential equations: closed forms and published values."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from sciagents.accuracy import ode_problems
from sciagents.accuracy.case import Case


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield from ode_problems.cases()
    yield from _bvp()
    yield from _stability()


def _variable(name: str) -> Any:
    return lambda outputs: np.asarray(outputs["y"][name])


def _bvp() -> Iterator[Case]:
    x = np.linspace(0, 1, 21)
    yield Case(
        name="y'' = -y", agent="ode", task="bvp", source="sin x / sin 1",
        inputs={"equations": {"y": "v", "v": "-y"}, "boundary": ["y(0)", "y(1) - 1"], "x_span": [0, 1], "n_points": 21},
        pick=_variable("y"), truth=np.sin(x) / math.sin(1),
    )  # fmt: skip
    for eps in (0.1, 1e-3):
        yield Case(
            name=f"boundary layer, ε = {eps:g}", agent="ode", task="bvp", source="ε² y'' = y, closed form",
            inputs={
                "equations": {"y": "v/eps", "v": "y/eps"}, "parameters": {"eps": eps}, "n_points": 21,
                "boundary": ["y(0) == 1", "y(1)"], "x_span": [0, 1],
            },
            options={"tol": 1e-8}, pick=_variable("y"),
            truth=np.exp(-x / eps) * -np.expm1(-2 * (1 - x) / eps) / -math.expm1(-2 / eps),
        )  # fmt: skip
    # y = -2 ln(cosh((x - 1/2) θ / 2) / cosh(θ / 4)), θ = sqrt(2) cosh(θ / 4): the lower branch
    theta = 1.5171645990507543
    yield Case(
        name="Bratu's problem, λ = 1, lower branch", agent="ode", task="bvp",
        source="closed form, with θ = √2 cosh(θ/4) solved by mpmath",
        inputs={
            "equations": {"y": "v", "v": "-exp(y)"}, "boundary": ["y(0)", "y(1)"], "x_span": [0, 1], "n_points": 21,
        },
        pick=_variable("y"), truth=-2 * np.log(np.cosh((x - 0.5) * theta / 2) / math.cosh(theta / 4)),
    )  # fmt: skip
    yield Case(
        name="eigenvalue of y'' = -k² y near 6", agent="ode", task="bvp", source="2π; the condition y'(0) = k",
        inputs={
            "equations": {"y": "v", "v": "-k**2*y"}, "boundary": ["y(0)", "y(1)", "v(0) - k"], "x_span": [0, 1],
            "parameters": {"k": 6}, "unknown_parameters": ["k"], "guess": {"y": "sin(6*x)", "v": "6*cos(6*x)"},
        },
        pick=lambda outputs: outputs["parameters"]["k"], truth=2 * math.pi,
    )  # fmt: skip
    for name, right in (("without a solution", 1), ("with a line of solutions", 0)):
        yield Case(
            name=f"y'' = -π² y, {name}", agent="ode", task="bvp", source="Fredholm's alternative",
            inputs={
                "equations": {"y": "v", "v": "-pi**2*y"}, "boundary": ["y(0)", f"y(1) - {right}"], "x_span": [0, 1],
            },
            problem="singular",
        )  # fmt: skip
    yield Case(
        name="Bratu's problem, λ = 4", agent="ode", task="bvp", source="no solution beyond λ = 3.5138",
        inputs={"equations": {"y": "v", "v": "-4*exp(y)"}, "boundary": ["y(0)", "y(1)"], "x_span": [0, 1]},
        problem="not_converged",
    )  # fmt: skip


def _points(*names: str) -> Any:
    return lambda outputs: [[one[name] for name in names] for one in outputs["equilibria"]]


def _stability() -> Iterator[Case]:
    wing = math.sqrt(8 / 3 * 27)
    yield Case(
        name="Lorenz's three", agent="ode", task="stability", source="±√(β (ρ - 1)), ρ - 1; 0",
        inputs={
            "equations": {"x": "10*(y - x)", "y": "x*(28 - z) - y", "z": "x*y - 8/3*z"},
            "guess": {"x": [-20, 20], "y": [-20, 20], "z": [0, 50]},
        },
        pick=_points("x", "y", "z"), truth=[[-wing, -wing, 27.0], [0.0, 0.0, 0.0], [wing, wing, 27.0]],
    )  # fmt: skip
    yield Case(
        name="zeros of sin", agent="ode", task="stability", source="multiples of π",
        inputs={"equations": {"x": "sin(x)"}, "guess": {"x": [-10, 10]}},
        pick=_points("x"), truth=[[k * math.pi] for k in range(-3, 4)],
    )  # fmt: skip
    for name, text in (("double", "(x - 1.3)**2"), ("written out", "x**2 - 2.6*x + 1.69"), ("cubic", "(1.3 - x)**3"),
                       ("quartic", "(x - 1.3)**4"), ("of multiplicity 10", "(x - 1.3)**10"),
                       ("cubic, written out", "x**3 - 3.9*x**2 + 5.07*x - 2.197")):  # fmt: skip
        yield Case(
            name=f"a degenerate one, {name}", agent="ode", task="stability", source="by construction",
            inputs={"equations": {"x": text}, "guess": {"x": [0, 3]}}, pick=_points("x"), truth=[[1.3]],
        )  # fmt: skip
    yield Case(
        name="x' = 1 + x²", agent="ode", task="stability", source="no real zero",
        inputs={"equations": {"x": "1 + x*x"}, "guess": {"x": [-3, 3]}}, problem="not_converged",
    )  # fmt: skip
