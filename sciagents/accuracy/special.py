"""Special functions, transforms and polynomials with known values; 30 digits are by mpmath."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from sciagents.accuracy.case import Case, Outputs


def _values(outputs: Outputs) -> Any:
    return outputs["values"]


def _function(name: str, function: str, arguments: list[Any], truth: Any, source: str = "mpmath, 30 digits") -> Case:
    return Case(
        name=name, agent="special", task="evaluate", source=source,
        inputs={"function": function, "arguments": arguments}, pick=_values, truth=truth,
    )  # fmt: skip


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield from _functions()
    yield from _transforms()
    yield from _polynomials()


def _functions() -> Iterator[Case]:
    yield _function(
        "Airy's functions at -25.5",
        "airy",
        [-25.5],
        [
            -0.2440724618191213293240266,
            -0.2995506114761489625442193,
            0.05884547444148723679103142,
            -1.231940244676479676809631,
        ],
    )
    yield _function("J of order 100 at 10000", "jv", [100, 10000], -0.00797651631139337416802144)
    yield _function("J of order 150, far below its turning point", "jv", [150, 60], 1.476345586668065243298471e-44)
    yield _function("K of order 50.5 at 0.75", "kv", [50.5, 0.75], 6.944826194194444253094403e84)
    yield _function("K(m) for m = 1 - 1e-200", "ellipkm1", [1e-200], 231.6448036605244590295835)
    yield _function(
        "the upper tail of the incomplete gamma function", "gammaincc", [10.5, 250], 1.476478784177487343189606e-92
    )
    yield _function("the lower tail", "gammainc", [1000, 700], 1.015858334533321637457912e-26)
    yield _function("the tail of the normal distribution", "ndtr", [-30], 4.906713927148187059533809e-198)
    yield _function("its logarithm, far out", "log_ndtr", [-1000], -500007.8266948121843098062)
    yield _function("the zeta function on the other side", "zetac", [-15.5], -0.5037287800879423921304646)
    yield _function(
        "Jacobi's elliptic functions",
        "ellipj",
        [1.25, 0.75],
        [
            0.8780214745055230318349417,
            0.4786212388801265562148904,
            0.6494680267190682701616777,
            1.071712592252405240700872,
        ],
    )
    yield _function("Carlson's R_J", "elliprj", [2, 3, 4, 5], 0.1429757966715675383323388)
    yield _function(
        "Dawson's integral",
        "dawsn",
        [[0.25, 5, 1000]],
        [0.2398391635628982123649799, 0.102134074424276835438551, 0.0005000002500003750009375033],
    )
    yield _function(
        "the regularised incomplete beta function", "betainc", [200, 300, 0.25], 1.016953106527660276464336e-13
    )
    yield _function("Kummer's function", "hyp1f1", [2.5, 1.5, -8], -0.001453671387577551301559353)
    yield _function("Struve's function", "struve", [0.5, 30], 0.1232028334801128512477681)
    yield Case(
        name="the gamma function at a pole", agent="special", task="evaluate", source="a pole has no value",
        inputs={"function": "gamma", "arguments": [[1.5, -2.0]]}, problem="non_finite",
    )  # fmt: skip


def _transform(name: str, kind: str, x: Any, truth: Any, source: str, **options: Any) -> Case:
    return Case(
        name=name, agent="special", task="transform", source=source, inputs={"x": x, "transform": kind},
        options=options, pick=_values, truth=truth,
    )  # fmt: skip


def _transforms() -> Iterator[Case]:
    n = 1000
    wave = [math.cos(2 * math.pi * ((7 * i) % n) / n) for i in range(n)]
    peaks = np.zeros(n)
    peaks[[7, n - 7]] = n / 2
    yield _transform("a cosine of 7 periods in 1000 samples", "fft", wave, peaks, "two lines of height n/2")
    ramp = np.arange(1021.0)
    half = -0.5 * 1021 * (1 - 1j / np.tan(np.pi * np.arange(1, 511) / 1021))
    truth = np.concatenate([[ramp.sum()], half, half[::-1].conj()])
    yield _transform("a ramp of a prime length, 1021", "fft", ramp.tolist(), truth, "geometric sum, cot(πk/n)")
    yield _transform("back from the lines", "irfft", [0.0, *[0.0] * 6, n / 2, *[0.0] * 493], wave, "the inverse")
    constant = np.zeros(64)
    constant[0] = 8.0
    yield _transform("the cosine transform of a constant", "dct", [1.0] * 64, constant, "√64", norm="ortho")
    sine = [math.sin(2 * math.pi * 5 * i / 256) for i in range(256)]
    analytic = np.array(sine) - 1j * np.array([math.cos(2 * math.pi * 5 * i / 256) for i in range(256)])
    yield _transform("the analytic signal of a sine", "hilbert", sine, analytic, "sin - i cos")
    grid = np.outer([1.0, -1.0] * 4, [1.0] * 8)
    lines = np.zeros((8, 8))
    lines[4, 0] = 64.0
    yield _transform("stripes", "fft2", grid.tolist(), lines, "one line")


def _polynomial(name: str, source: str, pick: str, truth: Any, **inputs: Any) -> Case:
    return Case(
        name=name, agent="special", task="polynomial", source=source, inputs=inputs, pick=lambda out: out[pick],
        truth=truth,
    )  # fmt: skip


def _polynomials() -> Iterator[Case]:
    x = 0.3
    yield _polynomial(
        "Chebyshev's T₅₀₀ at 0.3", "cos(500 arccos x)", "values", math.cos(500 * math.acos(x)), family="chebyshev_t",
        degree=500, points=x,
    )  # fmt: skip
    yield _polynomial(
        "Legendre's P₂₀₀ near the end", "mpmath, 30 digits", "values", -0.08228633696193599164124193,
        family="legendre", degree=200, points=0.999,
    )  # fmt: skip
    yield _polynomial(
        "the slope of a Jacobi polynomial, degree 30", "mpmath, 30 digits", "values", 13.38378629305237362730503,
        operation="derivative", family="jacobi", degree=30, alpha=0.5, beta=-0.25, points=0.75,
    )  # fmt: skip
    nodes = [math.cos(math.pi * (2 * i - 1) / 40) for i in range(20, 0, -1)]
    yield _polynomial(
        "nodes of Gauss and Chebyshev, degree 20", "cos(π(2i-1)/2n)", "nodes", nodes, operation="quadrature",
        family="chebyshev_t", degree=20,
    )  # fmt: skip
    yield _polynomial(
        "weights of Gauss and Legendre, degree 5", "Abramowitz & Stegun, table 25.4", "weights",
        [(322 - 13 * math.sqrt(70)) / 900, (322 + 13 * math.sqrt(70)) / 900, 128 / 225,
         (322 + 13 * math.sqrt(70)) / 900, (322 - 13 * math.sqrt(70)) / 900],
        operation="quadrature", family="legendre", degree=5,
    )  # fmt: skip
    yield _polynomial(
        "the coefficients of H₁₀", "Abramowitz & Stegun, table 22.12", "coefficients",
        [-30240, 0, 302400, 0, -403200, 0, 161280, 0, -23040, 0, 1024], operation="coefficients", family="hermite",
        degree=10,
    )  # fmt: skip
    wilkinson = [float(c) for c in np.polynomial.polynomial.polyfromroots(range(1, 11))]
    yield _polynomial(
        "Wilkinson's polynomial of degree 10", "its roots are 1 to 10", "roots", np.arange(1.0, 11.0),
        operation="roots", family="power", coefficients=wilkinson,
    )  # fmt: skip
