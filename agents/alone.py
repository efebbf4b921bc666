"""Requests that are computed by themselves: a validated piece of work, and how its failures become outcomes."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import numpy as np

from agents import arrays, schema
from agents.outcome import Check, Outcome, Problem
from agents.task import Repeats, Task, Watch

Work = Callable[[Watch, Mapping[str, bytes]], Outcome]
"""Computes; takes the watch and what was asked for by `Alone.needs`. A `Problem` it raises is the request's failure."""

_STOPPED = {"timed_out", "cancelled"}
_WHOLE = {str, int, bool, type(None)}
_NUMBERS = (float, complex, np.floating)
_FINITE = Check("finite", passed=True)

Inputs = TypeVar("Inputs", bound=msgspec.Struct)
Options = TypeVar("Options", bound=msgspec.Struct)


@dataclass(frozen=True, eq=False, slots=True)
class Alone:
    """A plan that shares no call with others.

    `kernel` says what computes; `cost` is the estimate in floating-point operations; `needs` are the ids of what was
    kept by earlier requests. With `finite` an output that is not finite is a failure. `memory` is how many bytes it
    holds at once, where that does not follow from the request's size.
    """

    kernel: str
    work: Work
    cost: float
    needs: tuple[str, ...] = ()
    compiled: bool = True
    finite: bool = True
    memory: int = 0

    @property
    def group(self) -> "Alone":
        """Its own."""
        return self


def task(
    *, agent: str, name: str, summary: str, inputs: type[Inputs], options: type[Options], methods: tuple[str, ...],
    example: Mapping[str, Any], prepare: Callable[[Inputs, Options, int], Alone], repeats: Repeats = "seed",
) -> Task:  # fmt: skip
    """Make a task whose requests are computed one by one; `prepare` takes inputs and options as they are declared."""
    usual: list[Options] = []

    def read(given: Mapping[str, Any], how: Mapping[str, Any], seed: int) -> Alone:
        if how or not usual:
            wanted = schema.read(how, options, "options")
            if not how:
                usual.append(wanted)
        else:
            wanted = usual[0]
        return prepare(schema.read(given, inputs, "inputs"), wanted, seed)

    return Task(agent, name, summary, inputs, options, methods, example, read, compute, repeats=repeats)


def compute(plans: Sequence[Alone], watch: Watch) -> list[Outcome]:
    """Compute each plan, without anything kept."""
    return [run(plan, watch, {}) for plan in plans]


def run(plan: Alone, watch: Watch, kept: Mapping[str, bytes]) -> Outcome:
    """Compute one plan; raises what the watch raises to stop it, and nothing else that is foreseen."""
    try:
        with np.errstate(all="ignore"):
            outcome = plan.work(watch, kept)
    except Problem as problem:
        if problem.code in _STOPPED:
            raise
        return _failed(plan, problem)
    except MemoryError:
        return _failed(plan, Problem("budget_exceeded", "not enough memory", field="inputs", hint="a smaller problem"))
    except OverflowError:  # what NumPy gives as inf, Python's own floats raise
        return _failed(plan, Problem("non_finite", "a number overflows", field="inputs", hint="scale the problem"))
    return outcome if outcome.problem is not None else _judged(plan, outcome)


def _judged(plan: Alone, outcome: Outcome) -> Outcome:
    """An answer whose numbers and whose error's bound are finite, or the failure that it is."""
    if not math.isfinite(outcome.diagnostics.error_estimate or 0.0):
        text = "the bound of the error overflows"
        return _failed(plan, Problem("non_finite", text, field="inputs", hint="scale the problem"))
    if not plan.finite:
        return outcome
    place = _not_finite(outcome.outputs, "outputs")
    if place is not None:
        return _failed(plan, Problem("non_finite", f"{place} is not finite", field="inputs", hint="scale the problem"))
    diagnostics = msgspec.structs.replace(outcome.diagnostics, checks=[_FINITE, *outcome.diagnostics.checks])
    return msgspec.structs.replace(outcome, diagnostics=diagnostics)


def _failed(plan: Alone, problem: Problem) -> Outcome:
    return Outcome(None, plan.kernel, plan.compiled, problem=problem)


def _not_finite(value: Any, place: str) -> str | None:
    """Find the first number that is not finite; gives its place."""
    kind = type(value)
    if kind in _WHOLE or (kind is float and math.isfinite(value)):
        return None
    if isinstance(value, np.ndarray):
        return None if value.dtype.kind not in "fc" or arrays.finite(value) else place
    if isinstance(value, _NUMBERS):
        return None if np.isfinite(value) else place
    if isinstance(value, Mapping):
        for name, item in value.items():
            found = _not_finite(item, "")
            if found is not None:
                return f"{place}.{name}{found}"
    elif isinstance(value, (list, tuple)):
        for i, item in enumerate(value):
            found = _not_finite(item, "")
            if found is not None:
                return f"{place}[{i}]{found}"
    return None
