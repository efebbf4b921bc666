"""The kernels: each file is valid Python and is compiled by Pythran at build time.

Comes in: C-contiguous native arrays that have passed the admission gate. Goes out: arrays and status codes.
Imports NumPy alone.
"""

from pathlib import Path

from numpy._core._multiarray_umath import __cpu_features__ as _processor  # type: ignore[import-not-found]

_WIDE = Path(__file__).with_name("avx2")
# a kernel that was also built for wider vectors is taken from there; it gives the same bits, for nothing is fused
if _processor.get("AVX2") and _WIDE.is_dir():
    __path__.insert(0, str(_WIDE))
