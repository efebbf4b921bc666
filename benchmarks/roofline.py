"""Every kernel beside the two limits of the machine, on one core: memory bandwidth and floating-point operations.

Bandwidth is the STREAM triad (24 bytes an element, arrays beyond the caches), operations a product of matrices by one
thread of BLAS, which is close to the peak of fused multiply-adds. A kernel counts its useful operations and the bytes
that have to move; its share is of the limit that it is closer to. Kernels that are built for any machine of the
architecture, without fused operations so that results are the same everywhere, reach a quarter of such a peak at best.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numba
import numpy as np

import native
from benchmarks.workloads import WORKLOADS

_BLAS = """
import time
import numpy as np
n = 1200
a = np.random.default_rng(1).standard_normal((n, n))
best = 1e9
for _ in range(6):
    started = time.perf_counter()
    a @ a
    best = min(best, time.perf_counter() - started)
print(2 * n**3 / best)
"""


@dataclass(frozen=True)
class Limits:
    """Bytes and operations a second."""

    bandwidth: float
    operations: float


@cache
def limits() -> Limits:
    """Measure the machine: the best of a few rounds."""
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"), "1")
    made = subprocess.run([sys.executable, "-c", _BLAS], env={**os.environ, **one}, capture_output=True, check=True)
    size = 4_000_000
    a, b, c = np.zeros(size), np.ones(size), np.ones(size)
    _triad(a, b, c, 3.0)
    return Limits(24.0 * size / best(lambda: _triad(a, b, c, 3.0), 10), float(made.stdout))


@numba.njit
def _triad(a: np.ndarray, b: np.ndarray, c: np.ndarray, factor: float) -> None:
    for i in range(a.size):
        a[i] = b[i] + factor * c[i]


def best(work: Callable[[], object], rounds: int) -> float:
    """Seconds of the fastest round."""
    found = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        found = min(found, time.perf_counter() - started)
    return found


def measure() -> dict[str, object]:
    """Measure both limits and every kernel; print a line for each."""
    top = limits()
    print(f"triad {top.bandwidth / 1e9:.1f} GB/s, product of matrices {top.operations / 1e9:.1f} GFLOP/s, one core")
    print(f"{'kernel':12} {'time':>9} {'GFLOP/s':>8} {'share':>6} {'GB/s':>7} {'share':>6}  bound by")
    found: dict[str, object] = {"triad_gb_s": top.bandwidth / 1e9, "blas_gflop_s": top.operations / 1e9}
    for name in native.kernel_names():
        make = WORKLOADS.get(name)
        if make is None:
            print(f"{name:12} no workload in benchmarks/workloads.py")
            continue
        work = make()
        seconds = best(work.run, 5)
        flops, moved = work.operations / seconds, work.bytes_moved / seconds
        shares = flops / top.operations, moved / top.bandwidth
        bound = "memory" if shares[1] > shares[0] else "operations"
        print(
            f"{name:12} {seconds * 1e3:6.2f} ms {flops / 1e9:8.2f} {shares[0]:6.1%} {moved / 1e9:7.2f} {shares[1]:6.1%}"
            f"  {bound}: {work.what}"
        )
        found[name] = {"gflop_s": round(flops / 1e9, 2), "gb_s": round(moved / 1e9, 2), "share": round(max(shares), 3)}
    return found
