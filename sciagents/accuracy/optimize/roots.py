"""Roots and minima in closed form, and what has none."""

import math
from collections.abc import Iterator
from typing import Any

from sciagents.accuracy.case import Case


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield _case("√2", "root", {"equations": ["x**2 - 2"], "initial": {"x": 1}}, [math.sqrt(2)])
    yield _case(
        "cos x = x", "root", {"equations": ["cos(x) - x"], "initial": {"x": 10}}, [0.7390851332151606416553120876738734]
    )
    yield _case("a double root", "root", {"equations": ["(x - 0.3)**2"], "initial": {"x": 2}}, [0.3])
    yield _case(
        "x² + y² = 4, x y = 1", "root",
        {"equations": ["x**2 + y**2 == 4", "x*y == 1"], "initial": {"x": 2, "y": 0.5}},
        [math.sqrt(2 + math.sqrt(3)), math.sqrt(2 - math.sqrt(3))],
    )  # fmt: skip
    yield _failing("x² = -1", "root", {"equations": ["x**2 + 1"], "initial": {"x": 2}}, "not_converged")
    yield _failing("exp(-x) = 0", "root", {"equations": ["exp(-x)"], "initial": {"x": 2}}, "not_converged")
    yield _case("x log x", "minimize", {"objective": "x*log(x)", "initial": {"x": 3}}, [math.exp(-1)])
    yield _case("a kink", "minimize", {"objective": "abs(x - 0.3)", "initial": {"x": 3}}, [0.3])
    yield _case("(x - 0.3)⁴", "minimize", {"objective": "(x - 0.3)**4", "initial": {"x": 3}}, [0.3])
    yield _case(
        "the minimum of log Γ", "minimize", {"objective": "lgamma(x)", "initial": {"x": 3}}, [1.461632144968362341]
    )
    yield _failing("a slope", "minimize", {"objective": "x", "initial": {"x": 1}}, "unbounded")
    yield _failing("exp(-x)", "minimize", {"objective": "exp(-x)", "initial": {"x": 1}}, "not_converged")


def _case(name: str, task: str, inputs: dict[str, Any], truth: list[float]) -> Case:
    return Case(
        name=name, agent="optimize", task=task, source="exact", inputs=inputs,
        pick=lambda outputs: list(outputs["x"].values()), truth=truth,
    )  # fmt: skip


def _failing(name: str, task: str, inputs: dict[str, Any], problem: str) -> Case:
    return Case(name=name, agent="optimize", task=task, source="elementary", inputs=inputs, problem=problem)
