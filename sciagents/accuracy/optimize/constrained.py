"""Minima under constraints: problems of Hock & Schittkowski with exact or refined solutions.

Source: Test examples for nonlinear programming codes (1981). Solutions that are not rational were found with 40 digits
from the conditions of Karush, Kuhn and Tucker.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sciagents.accuracy.case import Case, Outputs

_CUBE, _SQUARE = 2 ** (-1 / 3), 2**-0.5


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield _case(1, "100*(x2 - x1**2)**2 + (1 - x1)**2", [-2, 1], [], [1, 1], {"x2": [-1.5, None]})
    yield _case(6, "(1 - x1)**2", [-1.2, 1], ["10*(x2 - x1**2) == 0"], [1, 1])
    yield _case(7, "log(1 + x1**2) - x2", [2, 2], ["(1 + x1**2)**2 + x2**2 == 4"], [0, 3**0.5])
    yield _case(
        21, "0.01*x1**2 + x2**2 - 100", [-1, -1], ["10*x1 - x2 >= 10"], [2, 0], {"x1": [2, 50], "x2": [-50, 50]}
    )
    yield _case(26, "(x1 - x2)**2 + (x2 - x3)**4", [-2.6, 2, 2], ["(1 + x2**2)*x1 + x3**4 - 3 == 0"], [1, 1, 1])
    yield _case(28, "(x1 + x2)**2 + (x2 + x3)**2", [-4, 1, 1], ["x1 + 2*x2 + 3*x3 - 1 == 0"], [0.5, -0.5, 0.5])
    yield _case(
        35, "9 - 8*x1 - 6*x2 - 4*x3 + 2*x1**2 + 2*x2**2 + x3**2 + 2*x1*x2 + 2*x1*x3", [0.5, 0.5, 0.5],
        ["x1 + x2 + 2*x3 <= 3"], [4 / 3, 7 / 9, 4 / 9], {f"x{i}": [0, None] for i in (1, 2, 3)},
    )  # fmt: skip
    yield _case(39, "-x1", [2, 2, 2, 2], ["x2 - x1**3 - x3**2 == 0", "x1**2 - x2 - x4**2 == 0"], [1, 1, 0, 0])
    yield _case(
        40, "-x1*x2*x3*x4", [0.8] * 4, ["x1**3 + x2**2 == 1", "x1**2*x4 == x3", "x4**2 == x2"],
        [_CUBE, _SQUARE, 2 ** (-11 / 12), 2**-0.25],
    )  # fmt: skip
    yield _case(
        48, "(x1 - 1)**2 + (x2 - x3)**2 + (x4 - x5)**2", [3, 5, -3, 2, -2],
        ["x1 + x2 + x3 + x4 + x5 == 5", "x3 - 2*(x4 + x5) == -3"], [1] * 5,
    )  # fmt: skip
    yield _case(
        65, "(x1 - x2)**2 + (x1 + x2 - 10)**2/9 + (x3 - 5)**2", [-5, 5, 0], ["x1**2 + x2**2 + x3**2 <= 48"],
        [3.6504617252130362, 3.6504617252130362, 4.620417555320008],
        {"x1": [-4.5, 4.5], "x2": [-4.5, 4.5], "x3": [-5, 5]},
    )  # fmt: skip
    yield _case(
        71, "x1*x4*(x1 + x2 + x3) + x3", [1, 5, 5, 1],
        ["x1*x2*x3*x4 >= 25", "x1**2 + x2**2 + x3**2 + x4**2 == 40"],
        [1, 4.742999637264417, 3.8211499841848737, 1.3794082931726723], {f"x{i}": [1, 5] for i in range(1, 5)},
    )  # fmt: skip
    yield _case(
        76, "x1**2 + 0.5*x2**2 + x3**2 + 0.5*x4**2 - x1*x3 + x3*x4 - x1 - 3*x2 + x3 - x4", [0.5] * 4,
        ["x1 + 2*x2 + x3 + x4 <= 5", "3*x1 + x2 + 2*x3 - x4 <= 4", "x2 + 4*x3 >= 1.5"], [3 / 11, 23 / 11, 0, 6 / 11],
        {f"x{i}": [0, None] for i in range(1, 5)},
    )  # fmt: skip
    yield _case(
        100,
        "(x1 - 10)**2 + 5*(x2 - 12)**2 + x3**4 + 3*(x4 - 11)**2 + 10*x5**6 + 7*x6**2 + x7**4 - 4*x6*x7 - 10*x6 - 8*x7",
        [1, 2, 0, 4, 0, 1, 1],
        ["127 - 2*x1**2 - 3*x2**4 - x3 - 4*x4**2 - 5*x5 >= 0", "282 - 7*x1 - 3*x2 - 10*x3**2 - x4 + x5 >= 0",
         "196 - 23*x1 - x2**2 - 6*x6**2 + 8*x7 >= 0", "-4*x1**2 - x2**2 + 3*x1*x2 - 2*x3**2 - 5*x6 + 11*x7 >= 0"],
        [2.33049937287957, 1.951372372896889, -0.4775413923888716, 4.36572623365581, -0.6244869705268175,
         1.0381310186079584, 1.5942267116118685],
    )  # fmt: skip
    yield _failing("a disk and a half plane apart", "x1", ["x1**2 + x2**2 <= 1", "x1 + x2 >= 3"], "infeasible")
    yield _failing("a wedge that opens downwards", "x1 - x2", ["x1 >= x2/2"], "unbounded")


def _case(
    number: int, objective: str, start: Sequence[float], constraints: Sequence[str], truth: Sequence[float],
    bounds: Mapping[str, Any] | None = None,
) -> Case:  # fmt: skip
    initial = {f"x{i + 1}": value for i, value in enumerate(start)}
    inputs = {
        "objective": objective,
        "initial": initial,
        "constraints": list(constraints),
        "bounds": dict(bounds or {}),
    }
    return Case(
        name=f"HS{number}", agent="optimize", task="minimize", source="Hock & Schittkowski 1981", inputs=inputs,
        pick=_signless if number == 40 else _x, truth=list(truth),
    )  # fmt: skip


def _failing(name: str, objective: str, constraints: list[str], problem: str) -> Case:
    inputs = {"objective": objective, "initial": {"x1": 3, "x2": 1}, "constraints": constraints}
    return Case(name=name, agent="optimize", task="minimize", source="elementary", inputs=inputs, problem=problem)


def _x(outputs: Outputs) -> list[float]:
    return list(outputs["x"].values())


def _signless(outputs: Outputs) -> list[float]:
    """Two solutions differ in the signs of x3 and x4."""
    return [abs(value) for value in outputs["x"].values()]
