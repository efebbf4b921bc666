"""Measures what runs here: seconds by the watch's clock, memory by tracemalloc, shares by cProfile."""

import cProfile
import threading
import tracemalloc
from collections.abc import Callable
from types import CodeType
from typing import Any, TypeVar

from native import KERNELS

T = TypeVar("T")
Clock = Callable[[], float]

_tracing = threading.Lock()
"""tracemalloc and, on newer Pythons, the profiler are one for the whole process."""
_LIBRARIES = ("numpy", "scipy")


def traced(work: Callable[[], T]) -> tuple[T, int]:
    """Run `work`; gives what it gives and the most bytes it held at once (other threads' allocations count too)."""
    with _tracing:
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            tracemalloc.reset_peak()
            made = work()
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    return made, max(0, peak - before)


def shares(work: Callable[[], object], clock: Clock) -> dict[str, float] | None:
    """Run `work` under the profiler: the shares of kernels, libraries and the rest; None where another one runs."""
    with _tracing:
        profiler = cProfile.Profile(clock)
        try:
            profiler.enable()
        except ValueError:  # another tool has it
            return None
        try:
            work()
        finally:
            profiler.disable()
    spent = {"kernels": 0.0, "libraries": 0.0, "python": 0.0}
    for entry in profiler.getstats():
        spent[_kind(entry.code)] += max(0.0, entry.inlinetime)
    whole = sum(spent.values())
    return {kind: seconds / whole for kind, seconds in spent.items()} if whole > 0.0 else None


def _kind(code: CodeType | str | Any) -> str:
    """Whose a function is: a file for Python's, a text with the module's name for what is compiled."""
    place = code.co_filename if isinstance(code, CodeType) else str(code)
    if str(KERNELS) in place or "native.kernels." in place:
        return "kernels"
    return "libraries" if any(name in place for name in _LIBRARIES) else "python"
