"""Linear and integer programs with exact solutions."""

from collections.abc import Iterator
from typing import Any

from sciagents.accuracy.case import Case, Outputs


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    n = 8
    rows = [[2.0 ** (i - j + 1) if j < i else float(j == i) for j in range(n)] for i in range(n)]
    yield _case(
        "Klee and Minty's cube, 8 variables", "linear_program", "Klee & Minty 1972",
        {"c": [2.0 ** (n - 1 - j) for j in range(n)], "a_ub": rows, "b_ub": [5.0 ** (i + 1) for i in range(n)],
         "maximize": True}, [0.0] * (n - 1) + [5.0**n],
    )  # fmt: skip
    yield _case(
        "Beale's degenerate program", "linear_program", "Beale 1955",
        {"objective": "-0.75*a + 150*b - 0.02*c + 6*d",
         "constraints": ["0.25*a - 60*b - 0.04*c + 9*d <= 0", "0.5*a - 90*b - 0.02*c + 3*d <= 0", "c <= 1"],
         "bounds": {name: [0, None] for name in "abcd"}}, [0.04, 0, 1, 0],
    )  # fmt: skip
    costs = {"sn": 0.225, "sc": 0.153, "st": 0.162, "dn": 0.225, "dc": 0.162, "dt": 0.126}
    yield Case(
        name="Dantzig's transport", agent="optimize", task="linear_program", source="Dantzig 1963, 3.3",
        inputs={"objective": " + ".join(f"{cost}*{name}" for name, cost in costs.items()),
                "constraints": ["sn + sc + st <= 350", "dn + dc + dt <= 600", "sn + dn >= 325", "sc + dc >= 300",
                                "st + dt >= 275"],
                "bounds": {name: [0, None] for name in costs}},
        # from where New York is served makes no difference
        pick=lambda outputs: [outputs["x"]["sc"], outputs["x"]["dt"], outputs["x"]["sn"] + outputs["x"]["dn"]],
        truth=[300.0, 275.0, 325.0],
    )  # fmt: skip
    yield _case(
        "thirds and sevenths", "linear_program", "exact",
        {"objective": "x + y", "constraints": ["3*x + y >= 2", "x + 5*y >= 3"]}, [0.5, 0.5],
    )  # fmt: skip
    yield _failing("two sides", "linear_program", {"objective": "x", "constraints": ["x >= 3", "x <= 2"]}, "infeasible")
    yield _failing("a wedge", "linear_program", {"objective": "x", "constraints": ["x - y <= 3"]}, "unbounded")
    yield _failing("a product", "linear_program", {"objective": "x*y", "constraints": ["x <= 2"]}, "invalid_formula")
    yield _case(
        "a knapsack", "integer_program", "all 64 choices tried",
        {"objective": "10*a + 12*b + 18*c + 31*d + 7*f + 15*g",
         "constraints": ["11*a + 15*b + 20*c + 35*d + 10*f + 33*g <= 47"],
         "bounds": {name: [0, 1] for name in "abcdfg"}, "maximize": True}, [1, 0, 0, 1, 0, 0],
    )  # fmt: skip
    cost = [9, 2, 7, 8, 6, 4, 3, 7, 5, 8, 1, 8, 7, 6, 9, 4]
    equal = [[float(k // 4 == i) for k in range(16)] for i in range(4)]
    equal += [[float(k % 4 == i) for k in range(16)] for i in range(4)]
    chosen = [0.0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]
    yield _case(
        "an assignment of four", "integer_program", "all 24 orders tried",
        {"c": cost, "a_eq": equal, "b_eq": [1] * 8, "bounds": [0, 1]}, chosen,
    )  # fmt: skip
    yield _case(
        "one integer, one fraction", "integer_program", "exact",
        {"c": [-1, -1], "a_ub": [[2, 1], [1, 3]], "b_ub": [4.5, 4.6], "integrality": [1, 0]}, [2, 0.5],
    )  # fmt: skip
    yield _failing("a half", "integer_program", {"objective": "x", "constraints": ["2*x == 1"]}, "infeasible")


def _case(name: str, task: str, source: str, inputs: dict[str, Any], truth: list[float]) -> Case:
    return Case(name=name, agent="optimize", task=task, source=source, inputs=inputs, pick=_x, truth=truth)


def _failing(name: str, task: str, inputs: dict[str, Any], problem: str) -> Case:
    return Case(name=name, agent="optimize", task=task, source="elementary", inputs=inputs, problem=problem)


def _x(outputs: Outputs) -> list[float]:
    x = outputs["x"]
    return list(x.values()) if isinstance(x, dict) else list(x)
