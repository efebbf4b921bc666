"""Matrices whose solutions, spectra, factors and exponentials are known."""

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np

from sciagents.accuracy.case import Case, Outputs

Rows = list[list[float]]


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield from chain(_solve(), _solve_sparse(), _least_squares(), _eigen(), _svd(), _factorize(), _analyze(), _expm())


def _exactly(a: Rows, b: list[float]) -> list[float]:
    """Solve a least-squares problem, or a system, of the doubles given, in rational numbers."""
    given = [[Fraction(value) for value in row] for row in a]
    n = len(given[0])
    columns = list(zip(*given, strict=True))
    rows = [
        [sum((x * y for x, y in zip(one, other, strict=True)), Fraction()) for other in columns]
        + [sum((x * Fraction(y) for x, y in zip(one, b, strict=True)), Fraction())]
        for one in columns
    ]
    for i in range(n):
        pivot = next(k for k in range(i, n) if rows[k][i])
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [value / rows[i][i] for value in rows[i]]
        for k in range(n):
            if k != i and rows[k][i]:
                rows[k] = [x - rows[k][i] * y for x, y in zip(rows[k], rows[i], strict=True)]
    return [float(row[-1]) for row in rows]


def _hilbert(n: int) -> Rows:
    return [[1 / (i + j + 1) for j in range(n)] for i in range(n)]


def _kahan(n: int, angle: float = 1.2) -> Rows:
    c, s = math.cos(angle), math.sin(angle)
    return [[s**i * (1.0 if i == j else -c if j > i else 0.0) for j in range(n)] for i in range(n)]


def _vandermonde(points: list[float], n: int) -> Rows:
    return [[x**k for k in range(n)] for x in points]


def _frank(n: int) -> Rows:
    return [[float(n - max(i, j)) if j >= i - 1 else 0.0 for j in range(n)] for i in range(n)]


def _wilkinson(n: int) -> Rows:
    half = n // 2
    return [[float(abs(i - half)) if i == j else float(abs(i - j) == 1) for j in range(n)] for i in range(n)]


def _second_difference(n: int) -> Rows:
    return [[2.0 if i == j else -1.0 if abs(i - j) == 1 else 0.0 for j in range(n)] for i in range(n)]


def _poisson(n: int) -> dict[str, Any]:
    """The five-point Laplacian on n × n points, coo; the entry of each diagonal is given as two twos, which add up."""
    row, col, data = [], [], []
    for i in range(n):
        for j in range(n):
            k = i * n + j
            row += [k, k]
            col += [k, k]
            data += [2.0, 2.0]
            for x, y in ((i - 1, j), (i + 1, j), (i, j - 1), (i, j + 1)):
                if 0 <= x < n and 0 <= y < n:
                    row.append(k)
                    col.append(x * n + y)
                    data.append(-1.0)
    return {"format": "coo", "row": row, "col": col, "data": data, "shape": [n * n, n * n]}


def _poisson_eigenvalues(n: int) -> Any:
    one = 2.0 - 2.0 * np.cos(np.arange(1, n + 1) * np.pi / (n + 1))
    return np.sort((one[:, None] + one).ravel())


def _x(outputs: Outputs) -> Any:
    return outputs["x"]


def _values(outputs: Outputs) -> Any:
    return outputs["eigenvalues"]


def _system(name: str, source: str, a: Rows, b: list[float], **more: Any) -> Case:
    return Case(
        name=name, agent="linalg", task="solve", source=source, inputs={"a": a, "b": b}, pick=_x, truth=_exactly(a, b),
        **more,
    )  # fmt: skip


def _solve() -> Iterator[Case]:
    for n in (4, 8, 12):
        ones = [1.0] * n
        yield _system(f"Hilbert's matrix, n = {n}", "rational arithmetic on the same doubles", _hilbert(n), ones)
    for n in (13, 20):
        yield Case(
            name=f"Hilbert's matrix, n = {n}", agent="linalg", task="solve", source="condition above 1e18",
            inputs={"a": _hilbert(n), "b": [1.0] * n}, problem="singular",
        )  # fmt: skip
    yield _system("Kahan's matrix, n = 20", "rational arithmetic", _kahan(20), [1.0] * 20)
    points = [k / 10 for k in range(1, 11)]
    yield _system("Vandermonde's matrix, n = 10", "rational arithmetic", _vandermonde(points, 10), points)
    yield _system("Frank's matrix, n = 12", "rational arithmetic", _frank(12), [1.0] * 12)
    n = 40
    middle = [float((i + 1) * (n - i)) / 2 for i in range(n)]
    yield Case(
        name="second differences, n = 40", agent="linalg", task="solve", source="x_i = i (n + 1 - i)/2",
        inputs={"a": _second_difference(n), "b": [1.0] * n}, pick=_x, truth=middle,
    )  # fmt: skip
    nearly = [[1.0, 1.0], [1.0, 1.0 + 2.0**-40]]
    yield _system("nearly singular, 2^-40", "rational arithmetic", nearly, [2.0, 2.0])
    yield Case(
        name="rank one", agent="linalg", task="solve", source="no solution",
        inputs={"a": [[1, 2], [2, 4]], "b": [1, 1]}, problem="singular",
    )  # fmt: skip
    small = [_frank(5), _second_difference(5), _hilbert(5)]
    yield Case(
        name="a batch: Frank, second differences, Hilbert", agent="linalg", task="solve", source="rational arithmetic",
        inputs={"a": small, "b": [[1.0] * 5] * 3}, pick=_x, truth=[_exactly(one, [1.0] * 5) for one in small],
    )  # fmt: skip


def _solve_sparse() -> Iterator[Case]:
    n = 30
    wave = np.sin(np.arange(1, n + 1) * np.pi / (n + 1))
    mode = np.outer(wave, wave).ravel()
    b = (_poisson_eigenvalues(n)[0] * mode).tolist()
    ways: list[dict[str, str]] = [
        {}, {"method": "cg"}, {"method": "minres", "preconditioner": "ssor"}, {"method": "gmres"},
        {"method": "bicgstab", "preconditioner": "ilu"},
    ]  # fmt: skip
    for options in ways:
        yield Case(
            name=f"Poisson, 900 unknowns, {' '.join(options.values()) or 'auto'}", agent="linalg", task="solve",
            source="eigenvector sin(iπ/31) sin(jπ/31)", inputs={"a": _poisson(n), "b": b}, options=options, pick=_x,
            truth=mode,
        )  # fmt: skip


LONGLEY = [
    (60323, 83.0, 234289, 2356, 1590, 107608, 1947), (61122, 88.5, 259426, 2325, 1456, 108632, 1948),
    (60171, 88.2, 258054, 3682, 1616, 109773, 1949), (61187, 89.5, 284599, 3351, 1650, 110929, 1950),
    (63221, 96.2, 328975, 2099, 3099, 112075, 1951), (63639, 98.1, 346999, 1932, 3594, 113270, 1952),
    (64989, 99.0, 365385, 1870, 3547, 115094, 1953), (63761, 100.0, 363112, 3578, 3350, 116219, 1954),
    (66019, 101.2, 397469, 2904, 3048, 117388, 1955), (67857, 104.6, 419180, 2822, 2857, 118734, 1956),
    (68169, 108.4, 442769, 2936, 2798, 120445, 1957), (66513, 110.8, 444546, 4681, 2637, 121950, 1958),
    (68655, 112.6, 482704, 3813, 2552, 123366, 1959), (69564, 114.2, 502601, 3931, 2514, 125368, 1960),
    (69331, 115.7, 518173, 4806, 2572, 127852, 1961), (70551, 116.9, 554894, 4007, 2827, 130081, 1962),
]  # fmt: skip
"""Longley's data (1967), as in NIST's Statistical Reference Datasets."""
LONGLEY_CERTIFIED = [
    -3482258.63459582, 15.0618722713733, -0.358191792925910e-01, -2.02022980381683, -1.03322686717359,
    -0.511041056535807e-01, 1829.15146461355,
]  # fmt: skip


def _fit(name: str, source: str, a: Rows, b: list[float], truth: Any = None, **options: Any) -> Case:
    return Case(
        name=name, agent="linalg", task="least_squares", source=source, inputs={"a": a, "b": b}, options=options,
        pick=_x, truth=_exactly(a, b) if truth is None else truth,
    )  # fmt: skip


def _least_squares() -> Iterator[Case]:
    a = [[1.0, *map(float, row[1:])] for row in LONGLEY]
    y = [float(row[0]) for row in LONGLEY]
    yield _fit("Longley's data", "NIST StRD, certified", a, y, LONGLEY_CERTIFIED)
    yield _fit("Longley's data, to the last digit", "rational arithmetic", a, y)
    for e in (1e-3, 1e-8):
        rows = [[1.0, 1.0, 1.0], *[[e if i == j else 0.0 for j in range(3)] for i in range(3)]]
        yield _fit(f"Läuchli's matrix, ε = {e:g}", "rational arithmetic", rows, [1.0, 2.0, 3.0, 4.0])
    points = [k / 20 for k in range(21)]
    yield _fit(
        "a polynomial of degree 8", "rational arithmetic", _vandermonde(points, 9), [math.exp(x) for x in points]
    )
    yield _fit("rank 1 of 2", "pinv of u vᵀ", [[1, 2], [2, 4], [3, 6]], [1.0, 2.0, 3.5], [15.5 / 70, 31 / 70])
    yield _fit("fewer equations than unknowns", "b/‖a‖² a", [[1, 2, 3]], [14.0], [1.0, 2.0, 3.0])


WILKINSON_21 = [
    -1.1254415221199843, 0.25380581709667815, 0.9475343675292933, 1.7893213526950813, 2.130209219362506,
    2.961058884185727, 3.0430992925788236, 3.996048201383625, 4.004354023440857, 4.999782477742902,
    5.000244425001913, 6.000217522257098, 6.000234031584167, 7.003951798616375, 7.003952209528675,
    8.038941115814273, 8.038941122829023, 9.210678647304919, 9.210678647361332, 10.746194182903322,
    10.746194182903393,
]  # fmt: skip
"""Eigenvalues of W21+ (Wilkinson, The algebraic eigenvalue problem, 1965), by mpmath with 40 digits."""
FRANK_12 = [
    0.031028060644010015, 0.049507429185278305, 0.08122765924040504, 0.14364651976922047, 0.2847497205584782,
    0.6435053190048554, 1.553988709132107, 3.5118559485807572, 6.9615330855671225, 12.311077400868527,
    20.19898864587708, 32.228891501572164,
]  # fmt: skip
"""Eigenvalues of Frank's matrix of 12 rows, by mpmath with 40 digits."""


def _spectrum(name: str, source: str, a: Any, truth: Any, **options: Any) -> Case:
    return Case(
        name=name, agent="linalg", task="eigen", source=source, inputs={"a": a}, options=options, pick=_values,
        truth=truth,
    )  # fmt: skip


def _eigen() -> Iterator[Case]:
    yield _spectrum("Wilkinson's W21+", "mpmath, 40 digits", _wilkinson(21), WILKINSON_21)
    yield _spectrum("Frank's matrix, n = 12", "mpmath, 40 digits", _frank(12), FRANK_12)
    n = 50
    known = 2.0 - 2.0 * np.cos(np.arange(1, n + 1) * np.pi / (n + 1))
    yield _spectrum("second differences, n = 50", "2 - 2 cos(kπ/51)", _second_difference(n), known)
    yield _spectrum("second differences, values alone", "2 - 2 cos(kπ/51)", _second_difference(n), known, vectors=False)
    yield _spectrum("a rotation", "±i", [[0, 1], [-1, 0]], [-1j, 1j])
    shear = [[2.0, 1.0, 0.0], [0.0, 2.0, 1.0], [0.0, 0.0, 2.0]]
    yield _spectrum("a Jordan block", "its diagonal", shear, [2.0, 2.0, 2.0])
    hermitian = {"re": [[2, 0], [0, 2]], "im": [[0, -1], [1, 0]]}
    yield _spectrum("Hermitian", "2 ± 1", hermitian, [1.0, 3.0])
    lowest, all_ = _poisson_eigenvalues(25)[:1], _poisson_eigenvalues(25)
    yield _spectrum("Poisson, 625 unknowns, the lowest", "4 - 4 cos(π/26)", _poisson(25), lowest, k=1, which="SA")
    yield _spectrum("Poisson, the largest", "4 + 4 cos(π/26)", _poisson(25), all_[-1:], k=1, which="LA")
    near = np.sort(all_[np.argsort(np.abs(all_ - 3.33))[:3]])
    yield _spectrum("Poisson, three next to 3.33", "4 - 2 cos - 2 cos", _poisson(25), near, k=3, sigma=3.33)


def _singular(name: str, source: str, a: Any, truth: Any, **options: Any) -> Case:
    return Case(
        name=name, agent="linalg", task="svd", source=source, inputs={"a": a}, options=options,
        pick=lambda outputs: outputs["s"], truth=truth,
    )  # fmt: skip


def _svd() -> Iterator[Case]:
    n = 30
    known = 2.0 * np.cos(np.arange(1, n + 1) * np.pi / (2 * n + 1))
    step = [[1.0 if i == j else -1.0 if j == i - 1 else 0.0 for j in range(n)] for i in range(n)]
    yield _singular("first differences, n = 30", "2 cos(kπ/61)", step, known)
    yield _singular("first differences, values alone", "2 cos(kπ/61)", step, known, vectors=False)
    golden = [(math.sqrt(5) + 1) / 2, (math.sqrt(5) - 1) / 2]
    yield _singular("a shear", "the golden ratio", [[1, 1], [0, 1]], golden)
    yield _singular("rank one, 3×2", "‖u‖ ‖v‖", [[1, 2], [2, 4], [3, 6]], [math.sqrt(70), 0.0])
    largest = _poisson_eigenvalues(25)[-1:]
    yield _singular("Poisson, 625 unknowns, the largest", "4 + 4 cos(π/26)", _poisson(25), largest, k=1)


def _product(*names: str) -> Any:
    def pick(outputs: Outputs) -> Any:
        found = np.asarray(outputs[names[0].rstrip("*")])
        for name in names[1:]:
            factor = np.asarray(outputs[name.rstrip("*")])
            found = found @ (factor.conj().T if name.endswith("*") else factor)
        return found

    return pick


def _factorize() -> Iterator[Case]:
    rows = {
        "lu": ("Frank's matrix, n = 12", _frank(12), ("p", "l", "u")),
        "qr": ("Vandermonde's matrix, 12×6", _vandermonde([k / 4 for k in range(12)], 6), ("q", "r")),
        "cholesky": ("Hilbert's matrix, n = 12", _hilbert(12), ("l", "l*")),
        "ldl": ("Wilkinson's W21+", _wilkinson(21), ("l", "d", "l*")),
        "schur": ("Frank's matrix, n = 12", _frank(12), ("z", "t", "z*")),
    }
    for method, (name, a, factors) in rows.items():
        yield Case(
            name=f"{method}: {name}", agent="linalg", task="factorize", source="the product is the matrix",
            inputs={"a": a}, options={"method": method}, pick=_product(*factors), truth=a,
        )  # fmt: skip
    yield Case(
        name="cholesky: not positive definite", agent="linalg", task="factorize", source="leading minor of order 2 < 0",
        inputs={"a": [[1, 2], [2, 1]]}, options={"method": "cholesky"}, problem="singular",
    )  # fmt: skip


def _about(name: str, source: str, a: Any, truth: list[float], *path: str) -> Case:
    def pick(outputs: Outputs) -> Any:
        found: Any = outputs
        for key in path:
            found = found[key]
        return [found]

    return Case(name=name, agent="linalg", task="analyze", source=source, inputs={"a": a}, pick=pick, truth=truth)


def _analyze() -> Iterator[Case]:
    products = [math.prod(math.factorial(k) for k in range(n)) for n in (6, 12)]
    det = products[0] ** 4 / products[1]
    yield _about("Hilbert's matrix, n = 6: determinant", "Π k!⁴/Π k! (Cauchy)", _hilbert(6), [det], "determinant")
    yield _about("second differences, n = 50: determinant", "n + 1", _second_difference(50), [51.0], "determinant")
    yield _about("Frank's matrix, n = 12: determinant", "1", _frank(12), [1.0], "determinant")
    yield _about("rank two of three: determinant", "0", [[1, 2, 3], [4, 5, 6], [7, 8, 9]], [0.0], "determinant")
    largest = 2 + 2 * math.cos(math.pi / 51)
    yield _about(
        "second differences, n = 50: 2-norm", "2 + 2 cos(π/51)", _second_difference(50), [largest], "norms", "2"
    )


def _exponential(name: str, source: str, a: Any, truth: Any, **more: float) -> Case:
    return Case(
        name=name, agent="linalg", task="expm", source=source, inputs={"a": a, **more},
        pick=lambda outputs: outputs["expm"], truth=truth,
    )  # fmt: skip


def _expm() -> Iterator[Case]:
    c, s = math.cos(1.0), math.sin(1.0)
    yield _exponential("a rotation", "cos, sin", [[0, 1], [-1, 0]], [[c, s], [-s, c]])
    nilpotent = [[0, 6, 0, 0], [0, 0, 6, 0], [0, 0, 0, 6], [0, 0, 0, 0]]
    yield _exponential("nilpotent", "I + A + A²/2 + A³/6", nilpotent,
                       [[1, 6, 18, 36], [0, 1, 6, 18], [0, 0, 1, 6], [0, 0, 0, 1]])  # fmt: skip
    low, high = math.exp(-1), math.exp(-17)
    moler = [[-2 * low + 3 * high, 1.5 * low - 1.5 * high], [-4 * low + 4 * high, 3 * low - 2 * high]]
    yield _exponential("Moler & Van Loan (1978), ‖A‖ = 95", "exp(-1), exp(-17)", [[-49, 24], [-64, 31]], moler)
    shear = [[math.e, 1e6 * math.e], [0, math.e]]
    yield _exponential("a long shear", "e (1, 1e6; 0, 1)", [[1, 1e6], [0, 1]], shear)
    yield _exponential("stiff decay", "diagonal", [[-1, 0], [0, -1e4]], [[math.exp(-0.5), 0], [0, 0.0]], t=0.5)
    phase = {"re": [[0, 0], [0, 0]], "im": [[0, 1], [1, 0]]}
    yield _exponential("complex: exp(i σx)", "cos 1, i sin 1", phase, [[c, 1j * s], [1j * s, c]])
    yield Case(
        name="an overflow", agent="linalg", task="expm", source="e^1000", inputs={"a": [[1000.0]]},
        problem="non_finite",
    )  # fmt: skip
