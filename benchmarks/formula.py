"""The formula machine beside NumPy, operation by operation, over the same blocks of 128 points.

Each line is one instruction in a chain of twenty: nanoseconds an element of the machine, of NumPy's ufunc with a place
to write to, and of NumPy as one would write it. Then a whole formula with and without its gradient.
"""

import numpy as np
from scipy import special

from benchmarks.roofline import best, limits
from native.formula import compile_program
from native.formula.graph import OPCODES
from native.formula.program import LANES
from native.kernels import formula as kernel

_CHAIN, _BLOCKS = 20, 64
_GROUPS: dict[str, dict[str, object]] = {
    "arithmetic": {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative},
    "comparison": {"lt": np.less, "eq": np.equal, "min": np.minimum, "max": np.maximum, "abs": np.abs,
                   "floor": np.floor},
    "roots": {"sqrt": np.sqrt, "cbrt": np.cbrt, "pow": np.power, "mod": np.mod},
    "exponential": {"exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "log2": np.log2,
                    "log10": np.log10},
    "trigonometric": {"sin": np.sin, "cos": np.cos, "tan": np.tan, "asin": np.arcsin, "acos": np.arccos,
                      "atan": np.arctan, "atan2": np.arctan2},
    "hyperbolic": {"sinh": np.sinh, "cosh": np.cosh, "tanh": np.tanh},
    "special": {"erf": special.erf, "erfc": special.erfc, "gamma": special.gamma, "lgamma": special.gammaln,
                "digamma": special.digamma},
}  # fmt: skip
_FORMULA = "sin(x)*exp(-y*y/2) + x*y/(1 + x*x) + sqrt(x*x + y*y)*log(1 + y*y)"


def _machine(op: str, points: np.ndarray) -> float:
    code = np.array([[OPCODES[op], 2, 0, 1, 1]] * _CHAIN, dtype=np.int32)
    outputs, nothing = np.array([2]), np.empty(0)

    def run() -> None:
        kernel.evaluate(code, nothing, 3, outputs, points, LANES)

    return best(run, 7) / _CHAIN / points.shape[1] * 1e9


def _ufunc(call: object, points: np.ndarray) -> float:
    """The same blocks, one call of NumPy each: what a program of ufuncs would take."""
    blocks = [points[: call.nin, i : i + LANES].copy() for i in range(0, points.shape[1], LANES)]
    out = np.empty(LANES, dtype=call(*blocks[0][:, 0]).dtype)

    def run() -> None:
        for block in blocks:
            for _ in range(_CHAIN):
                call(*block, out=out)

    return best(run, 5) / _CHAIN / points.shape[1] * 1e9


def measure() -> dict[str, object]:
    """Measure every group, then the formula; print and give the figures."""
    points = np.random.default_rng(1).uniform(0.1, 0.9, (2, LANES * _BLOCKS))
    found: dict[str, object] = {}
    print(f"{'operation':10} {'machine':>9} {'NumPy':>9}   nanoseconds an element, blocks of {LANES}")
    for group, operations in _GROUPS.items():
        for op, call in operations.items():
            ours, theirs = _machine(op, points), _ufunc(call, points)
            print(f"{op:10} {ours:9.3f} {theirs:9.3f}   {theirs / ours:4.1f} times as fast   {group}")
            found[op] = {"machine_ns": round(ours, 3), "numpy_ns": round(theirs, 3)}
    arithmetic = 1.0 / float(np.mean([found[op]["machine_ns"] for op in ("add", "sub", "mul")]))
    top = limits()
    print(f"sums and products: {arithmetic:.2f} GFLOP/s, {arithmetic * 1e9 / top.operations:.1%} of BLAS on one core;")
    moved = 24.0 * arithmetic
    print(f"each moves 24 bytes in the first-level cache: {moved:.0f} GB/s, {moved * 1e9 / top.bandwidth:.1f} triads")
    found["formula"] = _whole()
    return found


def _whole() -> dict[str, float]:
    """A formula alone, with its gradient, and as NumPy would have it."""
    x, y = points = np.random.default_rng(2).uniform(0.1, 0.9, (2, 100_000))
    alone = compile_program([_FORMULA], ["x", "y"])
    slopes = compile_program([_FORMULA], ["x", "y"], derivatives="gradient")

    def numpy() -> object:
        return np.sin(x) * np.exp(-y * y / 2) + x * y / (1 + x * x) + np.sqrt(x * x + y * y) * np.log(1 + y * y)

    times = {
        "machine_ns": best(lambda: alone.evaluate(points), 7), "gradient_ns": best(lambda: slopes.evaluate(points), 7),
        "numpy_ns": best(numpy, 7),
    }  # fmt: skip
    made = {name: round(seconds / x.size * 1e9, 2) for name, seconds in times.items()}
    print(
        f"{_FORMULA}: {made['machine_ns']} ns a point, with its gradient {made['gradient_ns']} ns "
        f"({len(slopes.code)} instructions for {len(alone.code)}); NumPy without it {made['numpy_ns']} ns"
    )
    return made
