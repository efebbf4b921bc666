"""Moré, Garbow & Hillstrom's 35 problems: sums of squares with published minima.

Source: Testing unconstrained optimization software, ACM TOMS 7 (1981). Residuals are formulas of x1, x2, …; `minimum`
is the published sum of squares; `solution` is exact or of 16 digits, found from the formulas with 50 digits. Problem 11
is with the correction |y - x2| of its misprint.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sciagents.accuracy import strd
from sciagents.accuracy.case import Case, Outputs

_BARD = (0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39)
_GAUSS = (0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989)
_OSBORNE_2 = (
    1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679, 0.608, 0.655, 0.616, 0.606,
    0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644, 0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423,
    0.395, 0.375, 0.372, 0.391, 0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668,
    0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581, 0.428, 0.292, 0.162, 0.098,
    0.054,
)  # fmt: skip


@dataclass(frozen=True)
class Problem:
    """One problem; without a `solution` the residuals do not determine x."""

    name: str
    residuals: Sequence[str]
    start: Sequence[float]
    minimum: float
    solution: Sequence[float] | None

    @property
    def initial(self) -> dict[str, float]:
        """The start by name."""
        return {f"x{i + 1}": value for i, value in enumerate(self.start)}


def problems() -> Iterator[Problem]:
    """Iterate over the problems, in the order of the paper."""
    yield from _small()
    yield from _with_data()
    yield from _of_any_size()


def _small() -> Iterator[Problem]:
    yield Problem("1 Rosenbrock", ["10*(x2 - x1**2)", "1 - x1"], [-1.2, 1], 0.0, [1, 1])
    yield Problem(
        "2 Freudenstein and Roth", ["-13 + x1 + ((5 - x2)*x2 - 2)*x2", "-29 + x1 + ((x2 + 1)*x2 - 14)*x2"],
        [0.5, -2], 48.98425, SOLUTIONS["2"],
    )  # fmt: skip
    yield Problem(
        "3 Powell badly scaled", ["10**4*x1*x2 - 1", "exp(-x1) + exp(-x2) - 1.0001"], [0, 1], 0.0, SOLUTIONS["3"]
    )
    yield Problem("4 Brown badly scaled", ["x1 - 10**6", "x2 - 2*10**(-6)", "x1*x2 - 2"], [1, 1], 0.0, [1e6, 2e-6])
    yield Problem(
        "5 Beale", [f"{y} - x1*(1 - x2**{i})" for i, y in enumerate((1.5, 2.25, 2.625), 1)], [1, 1], 0.0, [3, 0.5]
    )
    yield Problem(
        "6 Jennrich and Sampson", [f"{2 + 2 * i} - (exp({i}*x1) + exp({i}*x2))" for i in range(1, 11)], [0.3, 0.4],
        124.362182, SOLUTIONS["6"],
    )  # fmt: skip
    angle = "where(x1 > 0, atan(x2/x1), atan(x2/x1) + pi)/(2*pi)"
    yield Problem(
        "7 Helical valley", [f"10*(x3 - 10*{angle})", "10*(sqrt(x1**2 + x2**2) - 1)", "x3"], [-1, 0, 0], 0.0, [1, 0, 0]
    )
    yield Problem(
        "11 Gulf research",
        [f"exp(-abs(25 + (-50*log({i}/100))**(2/3) - x2)**x3/x1) - {i}/100" for i in range(1, 100)], [5, 2.5, 0.15],
        0.0, [50, 25, 1.5],
    )  # fmt: skip
    yield Problem(
        "12 Box", [f"exp(-{i}/10*x1) - exp(-{i}/10*x2) - x3*(exp(-{i}/10) - exp(-{i}))" for i in range(1, 11)],
        [0, 10, 20], 0.0, [1, 10, 1],
    )  # fmt: skip
    yield Problem(
        "13 Powell singular", ["x1 + 10*x2", "sqrt(5)*(x3 - x4)", "(x2 - 2*x3)**2", "sqrt(10)*(x1 - x4)**2"],
        [3, -1, 0, 1], 0.0, [0, 0, 0, 0],
    )  # fmt: skip
    yield Problem(
        "14 Wood",
        ["10*(x2 - x1**2)", "1 - x1", "sqrt(90)*(x4 - x3**2)", "1 - x3", "sqrt(10)*(x2 + x4 - 2)",
         "(x2 - x4)/sqrt(10)"],
        [-3, -1, -3, -1], 0.0, [1, 1, 1, 1],
    )  # fmt: skip
    yield Problem(
        "16 Brown and Dennis",
        [f"(x1 + {i}/5*x2 - exp({i}/5))**2 + (x3 + x4*sin({i}/5) - cos({i}/5))**2" for i in range(1, 21)],
        [25, 5, -5, -1], 85822.2016, SOLUTIONS["16"],
    )  # fmt: skip
    yield Problem(
        "18 Biggs EXP6",
        [f"x3*exp(-{i}/10*x1) - x4*exp(-{i}/10*x2) + x6*exp(-{i}/10*x5)"
         f" - (exp(-{i}/10) - 5*exp(-{i}) + 3*exp(-0.4*{i}))"
         for i in range(1, 14)], [1, 2, 1, 1, 1, 1], 0.0, SOLUTIONS["18"],
    )  # fmt: skip


def _with_data() -> Iterator[Problem]:
    rows = enumerate(_BARD, 1)
    yield Problem(
        "8 Bard", [f"{y} - (x1 + {u}/({16 - u}*x2 + {min(u, 16 - u)}*x3))" for u, y in rows], [1, 1, 1], 8.21487e-3,
        SOLUTIONS["8"],
    )  # fmt: skip
    observed = enumerate((*_GAUSS, *_GAUSS[-2::-1]), 1)
    yield Problem(
        "9 Gaussian", [f"x1*exp(-x2*({8 - i}/2 - x3)**2/2) - {y}" for i, y in observed], [0.4, 1, 0], 1.12793e-8,
        SOLUTIONS["9"],
    )  # fmt: skip
    data = strd.load("MGH10")["data"]
    yield Problem(
        "10 Meyer", [f"x1*exp(x2/({t} + x3)) - {y}" for t, y in zip(data["x"], data["y"], strict=True)],
        [0.02, 4000, 250], 87.94585, _refined("MGH10"),
    )  # fmt: skip
    data = strd.load("MGH09")["data"]
    yield Problem(
        "15 Kowalik and Osborne",
        [f"{y} - x1*({u}**2 + {u}*x2)/({u}**2 + {u}*x3 + x4)" for u, y in zip(data["x"], data["y"], strict=True)],
        [0.25, 0.39, 0.415, 0.39], 3.07505e-4, _refined("MGH09"),
    )  # fmt: skip
    data = strd.load("MGH17")["data"]
    yield Problem(
        "17 Osborne 1",
        [f"{y} - (x1 + x2*exp(-{t}*x4) + x3*exp(-{t}*x5))" for t, y in zip(data["x"], data["y"], strict=True)],
        [0.5, 1.5, -1, 0.01, 0.02], 5.46489e-5, _refined("MGH17"),
    )  # fmt: skip
    yield Problem(
        "19 Osborne 2",
        [f"{y} - (x1*exp(-{i}/10*x5) + x2*exp(-({i}/10 - x9)**2*x6) + x3*exp(-({i}/10 - x10)**2*x7)"
         f" + x4*exp(-({i}/10 - x11)**2*x8))" for i, y in enumerate(_OSBORNE_2)],
        [1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5], 4.01377e-2, SOLUTIONS["19"],
    )  # fmt: skip


def _refined(name: str) -> list[float]:
    return list(strd.load(name)["refined"]["parameters"].values())


def _of_any_size() -> Iterator[Problem]:
    yield Problem("20 Watson, 6 variables", _watson(6), [0.0] * 6, 2.28767e-3, SOLUTIONS["20"])
    yield Problem("20 Watson, 9 variables", _watson(9), [0.0] * 9, 1.39976e-6, SOLUTIONS["20/9"])
    pairs = [text for i in range(1, 10, 2) for text in (f"10*(x{i + 1} - x{i}**2)", f"1 - x{i}")]
    yield Problem("21 extended Rosenbrock, 10 variables", pairs, [-1.2, 1] * 5, 0.0, [1] * 10)
    fours = [text for i in range(1, 9, 4) for text in (
        f"x{i} + 10*x{i + 1}", f"sqrt(5)*(x{i + 2} - x{i + 3})", f"(x{i + 1} - 2*x{i + 2})**2",
        f"sqrt(10)*(x{i} - x{i + 3})**2")]  # fmt: skip
    yield Problem("22 extended Powell singular, 8 variables", fours, [3, -1, 0, 1] * 2, 0.0, [0] * 8)
    root = "sqrt(1e-5)"
    squares = " + ".join(f"x{i}**2" for i in range(1, 5))
    first = [f"{root}*(x{i} - 1)" for i in range(1, 5)]
    yield Problem("23 penalty I", [*first, f"{squares} - 1/4"], [1, 2, 3, 4], 2.24997e-5, SOLUTIONS["23"])
    yield Problem("24 penalty II", _penalty_2(4), [0.5] * 4, 9.37629e-6, SOLUTIONS["24"])
    weighted = "(" + " + ".join(f"{i}*(x{i} - 1)" for i in range(1, 9)) + ")"
    yield Problem(
        "25 variably dimensioned, 8 variables", [*(f"x{i} - 1" for i in range(1, 9)), weighted, f"{weighted}**2"],
        [1 - i / 8 for i in range(1, 9)], 0.0, [1] * 8,
    )  # fmt: skip
    cosines = " - ".join(f"cos(x{i})" for i in range(1, 6))
    yield Problem(
        "26 trigonometric, 5 variables", [f"5 - {cosines} + {i}*(1 - cos(x{i})) - sin(x{i})" for i in range(1, 6)],
        [0.2] * 5, 0.0, SOLUTIONS["26"],
    )  # fmt: skip
    total, product = " + ".join(f"x{i}" for i in range(1, 6)), "*".join(f"x{i}" for i in range(1, 6))
    yield Problem(
        "27 Brown almost-linear, 5 variables", [*(f"x{i} + {total} - 6" for i in range(1, 5)), f"{product} - 1"],
        [0.5] * 5, 0.0, SOLUTIONS["27"],
    )  # fmt: skip
    yield Problem(
        "28 discrete boundary value, 8 variables", _boundary_value(8), [i / 9 * (i / 9 - 1) for i in range(1, 9)], 0.0,
        SOLUTIONS["28"],
    )  # fmt: skip
    yield Problem(
        "29 discrete integral equation, 8 variables", _integral_equation(8), [i / 9 * (i / 9 - 1) for i in range(1, 9)],
        0.0, SOLUTIONS["28"],
    )  # fmt: skip
    yield Problem("30 Broyden tridiagonal, 8 variables", _tridiagonal(8), [-1] * 8, 0.0, SOLUTIONS["30"])
    yield Problem("31 Broyden banded, 8 variables", _banded(8), [-1] * 8, 0.0, SOLUTIONS["31"])
    mean = "2/10*(" + " + ".join(f"x{i}" for i in range(1, 6)) + ") + 1"
    yield Problem(
        "32 linear, full rank", [*(f"x{i} - ({mean})" for i in range(1, 6)), *[f"-({mean})"] * 5], [1] * 5, 5.0,
        [-1] * 5,
    )  # fmt: skip
    weights = " + ".join(f"{i}*x{i}" for i in range(1, 6))
    yield Problem("33 linear, rank 1", [f"{i}*({weights}) - 1" for i in range(1, 11)], [1] * 5, 45 / 21, None)
    inner = " + ".join(f"{i}*x{i}" for i in range(2, 5))
    rows = ["-1", *(f"{i - 1}*({inner}) - 1" for i in range(2, 10)), "-1"]
    yield Problem("34 linear, rank 1, columns of zeros", rows, [1] * 5, (100 + 30 - 6) / 34, None)
    for n in (7, 9):
        start = [i / (n + 1) for i in range(1, n + 1)]
        yield Problem(f"35 Chebyquad, {n} variables", _chebyquad(n), start, 0.0, SOLUTIONS[f"35/{n}"])


def _watson(n: int) -> list[str]:
    rows = []
    for i in range(1, 30):
        slope = " + ".join(f"{j - 1}*x{j}*({i}/29)**{j - 2}" for j in range(2, n + 1))
        value = " + ".join(f"x{j}*({i}/29)**{j - 1}" for j in range(1, n + 1))
        rows.append(f"{slope} - ({value})**2 - 1")
    return [*rows, "x1", "x2 - x1**2 - 1"]


def _penalty_2(n: int) -> list[str]:
    a = "sqrt(1e-5)"
    first = ["x1 - 0.2"]
    first += [f"{a}*(exp(x{i}/10) + exp(x{i - 1}/10) - (exp({i}/10) + exp({i - 1}/10)))" for i in range(2, n + 1)]
    first += [f"{a}*(exp(x{i}/10) - exp(-1/10))" for i in range(2, n + 1)]
    return [*first, " + ".join(f"{n - j + 1}*x{j}**2" for j in range(1, n + 1)) + " - 1"]


def _boundary_value(n: int) -> list[str]:
    def x(i: int) -> str:
        return f"x{i}" if 1 <= i <= n else "0"

    h = n + 1
    return [f"2*x{i} - {x(i - 1)} - {x(i + 1)} + (x{i} + {i}/{h} + 1)**3/{2 * h * h}" for i in range(1, h)]


def _integral_equation(n: int) -> list[str]:
    h = n + 1
    rows = []
    for i in range(1, n + 1):
        low = " + ".join(f"{j}/{h}*(x{j} + {j}/{h} + 1)**3" for j in range(1, i + 1))
        high = " + ".join(f"(1 - {j}/{h})*(x{j} + {j}/{h} + 1)**3" for j in range(i + 1, n + 1)) or "0"
        rows.append(f"x{i} + ((1 - {i}/{h})*({low}) + {i}/{h}*({high}))/{2 * h}")
    return rows


def _tridiagonal(n: int) -> list[str]:
    def x(i: int) -> str:
        return f"x{i}" if 1 <= i <= n else "0"

    return [f"(3 - 2*x{i})*x{i} - {x(i - 1)} - 2*{x(i + 1)} + 1" for i in range(1, n + 1)]


def _banded(n: int) -> list[str]:
    rows = []
    for i in range(1, n + 1):
        near = [j for j in range(max(1, i - 5), min(n, i + 1) + 1) if j != i]
        rows.append(f"x{i}*(2 + 5*x{i}**2) + 1 - (" + " + ".join(f"x{j}*(1 + x{j})" for j in near) + ")")
    return rows


def _chebyquad(n: int) -> list[str]:
    """The shifted Chebyshev polynomials' means over the points, less their integrals; as cos(k acos(2x - 1))."""
    rows = []
    for k in range(1, n + 1):
        terms = " + ".join(f"({_chebyshev(k, f'(2*x{j} - 1)')})" for j in range(1, n + 1))
        integral = f" + 1/{k * k - 1}" if k % 2 == 0 else ""
        rows.append(f"({terms})/{n}{integral}")
    return rows


def _chebyshev(k: int, x: str) -> str:
    """T_k by powers, Horner's way."""
    before, last = [1], [0, 1]
    for _ in range(k - 1):
        before, last = last, [(0 if i == 0 else 2 * last[i - 1]) - (before[i] if i < len(before) else 0)
                              for i in range(len(last) + 1)]  # fmt: skip
    text = str(last[-1])
    for coefficient in last[-2::-1]:
        text = f"({text})*{x} + {coefficient}" if coefficient else f"({text})*{x}"
    return text


SOLUTIONS: dict[str, list[float]] = {
    "2": [11.412778986902094, -0.8968052532744765],
    "3": [1.0981593296998175e-05, 9.106146739866524],
    "6": [0.2578252136703641, 0.2578252136703641],
    "8": [0.08241055974978893, 1.1330360920297216, 2.343695178642537],
    "9": [0.39895613783875666, 1.0000190844878056, 0.0],
    "16": [-11.594439904762165, 13.203630051207204, -0.40343948817685954, 0.2367787744557363],
    "18": [4.0, 10.0, 3.0, 5.0, 1.0, 1.0],
    "19": [
        1.3099771546273005, 0.4315537946029889, 0.633661698960724, 0.5994305347859163, 0.7541832263280113,
        0.9042885798596336, 1.3658118352370285, 4.8236988172271555, 2.3986848661317546, 4.568874597667672,
        5.6753414705806415,
    ],
    "20": [
        -0.015725086401458456, 1.0124348693691099, -0.2329916259567377, 1.2604300877996084, -1.5137289227222797,
        0.9929964324311346,
    ],
    "20/9": [
        -1.5307036521394342e-05, 0.9997897039319483, 0.014763963693556958, 0.14634232829936222, 1.0008211030047092,
        -2.617731140519015, 4.104403164478857, -3.1436122785564424, 1.0526264080101668,
    ],
    "23": [0.2500074995875379, 0.2500074995875379, 0.2500074995875379, 0.2500074995875379],
    "24": [0.1999993333503804, 0.19131670099277245, 0.48010148533262315, 0.5188454043902005],
    "26": [0.10454850688520703, 0.11156249728066213, 0.12120260702025626, 0.3533943645717458, 0.190489900410833],
    "27": [-0.5790430884941158, -0.5790430884941158, -0.5790430884941158, -0.5790430884941158, 8.89521544247058],
    "28": [
        -0.05206181499642866, -0.0967914433219404, -0.13272190890043206, -0.15796939485175013, -0.17007404480245816,
        -0.16576194459049773, -0.14057879155073583, -0.08830686222190336,
    ],
    "30": [
        -0.5704698369645521, -0.6811405903331907, -0.7004284708169576, -0.7006724537898226, -0.6917363327761061,
        -0.6657674263517837, -0.5960292391307002, -0.4164109994188798,
    ],
    "31": [
        -0.4283028635872153, -0.4765964243527396, -0.5196524641351996, -0.5580992994024565, -0.5925070737956318,
        -0.6244769343131015, -0.624087738142075, -0.5899852409470535,
    ],
    "35/7": [
        0.05806914962097548, 0.2351716123574216, 0.3380440947400462, 0.5, 0.6619559052599538, 0.7648283876425784,
        0.9419308503790245,
    ],
    "35/9": [
        0.044205346135782767, 0.19949067230988096, 0.23561910847106, 0.416046907892598, 0.5, 0.583953092107402,
        0.76438089152894, 0.8005093276901191, 0.9557946538642172,
    ],
}  # fmt: skip


def cases() -> Iterator[Case]:
    """Iterate over the cases: each as least squares; roots also as equations, small ones also as a minimum."""
    for one in problems():
        squares = {"residuals": list(one.residuals), "initial": one.initial}
        if one.solution is None:
            yield Case(
                name=one.name, agent="optimize", task="least_squares", source=_SOURCE, inputs=squares,
                problem="singular",
            )  # fmt: skip
            continue
        yield _case(one, "least_squares", squares)
        if one.minimum == 0.0 and len(one.residuals) == len(one.start):
            root = replace(one, solution=_ROOTS.get(one.name.split()[0], one.solution))
            yield _case(root, "root", {"equations": list(one.residuals), "initial": one.initial})
        if one.name.split()[0] in _MINIMIZED:
            total = " + ".join(f"({residual})**2" for residual in one.residuals)
            yield _case(one, "minimize", {"objective": total, "initial": one.initial})


_SOURCE = "Moré, Garbow & Hillstrom 1981"
_ROOTS = {
    "26": [0.0617549189234923, 0.06393992541842797, 0.06648669739226702, 0.06953055812954323, 0.32148909434561196],
    "27": [1.0] * 5,
}
"""Where as equations another solution is nearer to the start."""
_MINIMIZED = {"1", "2", "5", "6", "7", "8", "12", "13", "14", "15", "16", "21", "25", "28", "30", "31", "32"}


def _case(one: Problem, task: str, inputs: Mapping[str, Any]) -> Case:
    return Case(
        name=one.name,
        agent="optimize",
        task=task,
        source=_SOURCE,
        inputs=inputs,
        pick=_exp6 if one.name == "18 Biggs EXP6" else _x,
        truth=list(one.solution or []),
    )


def _x(outputs: Outputs) -> list[float]:
    return list(outputs["x"].values())


def _exp6(outputs: Outputs) -> list[float]:
    """Of two equal minima, one another with two terms exchanged, the one with the larger x1.

    At the start the two terms are alike: to which minimum it goes the rounding decides, which is that of the machine.
    """
    x1, x2, x3, x4, x5, x6 = _x(outputs)
    return [x1, x2, x3, x4, x5, x6] if x1 > x5 else [x5, x2, x6, x4, x1, x3]
