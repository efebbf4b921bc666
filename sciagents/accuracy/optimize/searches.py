"""Lowest minima among many: Rastrigin, Ackley, Branin, Hartmann, the six-hump camel, Shekel.

Source: Dixon & Szegö, Towards global optimisation 2 (1978); Ackley (1987), Rastrigin (1974). Minimisers that are not
exact were found from the formulas with 40 digits.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from sciagents.accuracy.case import Case, Outputs

_ALPHA = ("1", "1.2", "3", "3.2")
_A3 = (("3", "10", "30"), ("0.1", "10", "35")) * 2
_P3 = (
    ("0.3689", "0.1170", "0.2673"), ("0.4699", "0.4387", "0.7470"), ("0.1091", "0.8732", "0.5547"),
    ("0.0381", "0.5743", "0.8828"),
)  # fmt: skip
_A6 = (
    ("10", "3", "17", "3.5", "1.7", "8"), ("0.05", "10", "17", "0.1", "8", "14"), ("3", "3.5", "1.7", "10", "17", "8"),
    ("17", "8", "0.05", "10", "0.1", "14"),
)  # fmt: skip
_P6 = (
    ("0.1312", "0.1696", "0.5569", "0.0124", "0.8283", "0.5886"),
    ("0.2329", "0.4135", "0.8307", "0.3736", "0.1004", "0.9991"),
    ("0.2348", "0.1451", "0.3522", "0.2883", "0.3047", "0.6650"),
    ("0.4047", "0.8828", "0.8732", "0.5743", "0.1091", "0.0381"),
)
_SHEKEL = (
    ("4", "4", "4", "4"), ("1", "1", "1", "1"), ("8", "8", "8", "8"), ("6", "6", "6", "6"), ("3", "7", "3", "7"),
    ("2", "9", "2", "9"), ("5", "5", "3", "3"), ("8", "1", "8", "1"), ("6", "2", "6", "2"), ("7", "3.6", "7", "3.6"),
)  # fmt: skip
_BETA = ("0.1", "0.2", "0.2", "0.4", "0.4", "0.6", "0.3", "0.7", "0.5", "0.5")
_BRANIN = ((-math.pi, 12.275), (math.pi, 2.275), (3 * math.pi, 2.475))


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    for n in (2, 5):
        terms = " + ".join(f"x{i}**2 - 10*cos(2*pi*x{i})" for i in range(n))
        yield _case(f"Rastrigin, {n} variables", f"{10 * n} + {terms}", _box(n, -5.12, 5.12), [0.0] * n)
    squares = " + ".join(f"x{i}**2" for i in range(3))
    waves = " + ".join(f"cos(2*pi*x{i})" for i in range(3))
    ackley = f"-20*exp(-0.2*sqrt(({squares})/3)) - exp(({waves})/3) + 20 + e"
    yield _case("Ackley, 3 variables", ackley, _box(3, -30, 32), [0.0] * 3)
    branin = "(x1 - 5.1*x0**2/(4*pi**2) + 5*x0/pi - 6)**2 + 10*(1 - 1/(8*pi))*cos(x0) + 10"
    yield Case(
        name="Branin, three minima", agent="optimize", task="global", source="Dixon & Szegö 1978",
        inputs={"objective": branin, "bounds": {"x0": [-5, 10], "x1": [0, 15]}}, pick=_from_nearest, truth=[0.0, 0.0],
    )  # fmt: skip
    hartmann_3 = [0.11458887665506896, 0.55564889461693, 0.8525469846866774]
    yield _case("Hartmann, 3 variables", _hartmann(_A3, _P3), _box(3, 0, 1), hartmann_3)
    hartmann_6 = [0.20168951100670543, 0.15001069182345797, 0.476873974221897, 0.2753324304940561, 0.31165161660011326,
                  0.6573005340656203]  # fmt: skip
    yield _case("Hartmann, 6 variables", _hartmann(_A6, _P6), _box(6, 0, 1), hartmann_6)
    yield Case(
        name="six-hump camel", agent="optimize", task="global", source="Dixon & Szegö 1978",
        inputs={"objective": "(4 - 2.1*x0**2 + x0**4/3)*x0**2 + x0*x1 + (-4 + 4*x1**2)*x1**2",
                "bounds": {"x0": [-3, 3], "x1": [-2, 2]}},
        pick=lambda outputs: [abs(value) for value in outputs["x"].values()],
        truth=[0.08984201310031806, 0.7126564030207396],
    )  # fmt: skip
    rows = zip(_SHEKEL, _BETA, strict=True)
    wells = ("1/(" + " + ".join(f"(x{j} - {c})**2" for j, c in enumerate(row)) + f" + {beta})" for row, beta in rows)
    shekel = [4.000746531592046, 4.000592934138532, 3.9996633980403224, 3.9995098005868077]
    yield _case("Shekel, 10 wells", "-(" + " + ".join(wells) + ")", _box(4, 0, 10), shekel)


def _case(name: str, objective: str, bounds: Mapping[str, Any], truth: list[float]) -> Case:
    return Case(
        name=name, agent="optimize", task="global", source="Dixon & Szegö 1978" if truth[0] else "exact",
        inputs={"objective": objective, "bounds": bounds}, pick=_x, truth=truth,
    )  # fmt: skip


def _box(n: int, low: float, high: float) -> dict[str, list[float]]:
    return {f"x{i}": [low, high] for i in range(n)}


def _x(outputs: Outputs) -> list[float]:
    return list(outputs["x"].values())


def _hartmann(a: Any, p: Any) -> str:
    wells = []
    for alpha, weights, centres in zip(_ALPHA, a, p, strict=True):
        terms = (f"{w}*(x{j} - {c})**2" for j, (w, c) in enumerate(zip(weights, centres, strict=True)))
        wells.append(f"{alpha}*exp(-({' + '.join(terms)}))")
    return f"-({' + '.join(wells)})"


def _from_nearest(outputs: Outputs) -> list[float]:
    x, y = outputs["x"].values()
    nearest = min(_BRANIN, key=lambda one: abs(x - one[0]) + abs(y - one[1]))
    return [x - nearest[0], y - nearest[1]]
