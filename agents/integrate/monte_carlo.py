"""The task `integrate.monte_carlo`: integrals over boxes of many dimensions, by sampling."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, divided, expectation, sample, schema
from agents.alone import Alone
from agents.arrays import Array
from agents.expectation import Expectation
from agents.integrate.box import Box, integrand_over, read_box, read_integrand
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.points import REPLICATES, Points
from agents.sample import Sample, SampleState
from agents.task import TaskOptions, Watch
from native.formula.program import COMPILED

_KERNEL = "native.formula"
_MOST_VARIABLES = 100
_SAMPLES_LIMIT = 10_000_000


class MonteCarloInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The integral of `integrand`, a formula of the variables in `bounds` and of `parameters`, over a box.

    `bounds` {name: [low, high]}, up to 100 variables; null or "Infinity" for an open end, reversed bounds give the
    negative. `sampler` "sobol" (the default) and "halton" take scrambled points of low discrepancy, in sixteen
    independent sets whose means tell the error; `n_samples` is rounded up to a multiple of sixteen. "random" takes
    independent points. Outputs: `value`, `error_estimate`, `standard_error` and `n_samples`. `error_estimate` bounds
    the error with a probability of 99.9 %, as far as a sample can tell: what no point falls on is not seen.
    """

    integrand: str
    bounds: dict[str, Any]
    parameters: dict[str, Any] = {}
    n_samples: Annotated[int, msgspec.Meta(ge=256, le=_SAMPLES_LIMIT)] = 65_536
    sampler: Literal["sobol", "halton", "random"] | None = None


class MonteCarloOptions(TaskOptions, kw_only=True):
    """`method` is another name for the inputs' `sampler`; "auto" is `sobol`."""

    method: Literal["auto", "sobol", "halton", "random"] = "auto"


def prepare(inputs: MonteCarloInputs, options: MonteCarloOptions, seed: int) -> Alone:
    """Validate; raises `Problem`."""
    box = read_box(inputs.bounds, _MOST_VARIABLES)
    program, values = read_integrand(inputs.integrand, box, inputs.parameters)
    sampler = schema.chosen(inputs.sampler, options.method, "sobol", "sampler")
    d = len(box.names)
    points = Points(sampler, seed, d, inputs.n_samples)  # type: ignore[arg-type]
    most = max(256, 2**20 // (d + values.size + program.n_registers))

    cost = points.count * (20.0 * (len(program.code) + 5) + 100.0 * d)
    if box.sign == 0.0:
        return Alone(_KERNEL, lambda _, __: _nothing(sampler), cost, compiled=COMPILED)
    integrand = integrand_over(box, program, values)

    def at(units: Array) -> tuple[Array, Array]:
        return integrand(np.ascontiguousarray(units.T))

    drawn = Sample(points, min(most, 8192), box.names, at)

    def merge(states: Sequence[SampleState], _: Watch) -> Outcome:
        made = sample.together(box.names, states)
        hint = "bounds within the integrand's domain, or where(c, a, b) in the formula"
        made.finite.check("the integrand", "inputs.integrand", hint)
        return _outcome(expectation.expectation(made.parts, made.values), box, points)

    return divided.plan(
        _KERNEL, cost, drawn.blocks, drawn.block, merge, SampleState, compiled=COMPILED, state_bytes=drawn.state_bytes
    )


def _nothing(sampler: str) -> Outcome:
    """The integral over a box without volume."""
    diagnostics = Diagnostics(evaluations=0, error_estimate=0.0, method=sampler)
    outputs = {"value": 0.0, "error_estimate": 0.0, "standard_error": 0.0, "n_samples": 0}
    return Outcome(outputs, _KERNEL, COMPILED, diagnostics)


def _outcome(found: Expectation, box: Box, points: Points) -> Outcome:
    tail = found.tail
    if not tail.has_mean():
        text = (
            f"the error is not bounded after {points.count} samples: the tail's index is {tail.index:.2g} ± "
            f"{tail.error:.1g}, and at 1 or below the integral does not exist"
        )
        hint = "more samples; cubature or quad with breakpoints where the integrand is singular"
        raise Problem("not_converged", text, field="inputs.integrand", hint=hint)
    warnings = []
    if found.all.size == 0.0:
        warnings.append(f"the integrand is 0 at all {points.count} points: narrower bounds show where it is not")
    if not points.balanced:
        warnings.append(f"sobol converges fastest where n_samples is {REPLICATES} times a power of two")
    if not tail.has_variance:
        warnings.append("the variance looks infinite: the error falls slowly with more samples")
    outputs = {
        "value": box.sign * found.mean, "error_estimate": found.bound, "standard_error": found.standard_error,
        "n_samples": points.count,
    }  # fmt: skip
    diagnostics = Diagnostics(
        evaluations=points.count, error_estimate=found.bound, method=points.sampler,
        checks=[Check("mean_exists", passed=True), Check("variance_exists", tail.has_variance)],
    )  # fmt: skip
    return Outcome(outputs, _KERNEL, COMPILED, diagnostics, warnings)


TASK = alone.task(
    agent="integrate", name="monte_carlo", summary="Integrate a formula over a box of many dimensions by sampling.",
    inputs=MonteCarloInputs, options=MonteCarloOptions, methods=("sobol", "halton", "random"),
    example={
        "integrand": "exp(-(x**2 + y**2 + z**2))", "n_samples": 65536,
        "bounds": {"x": [0, 1], "y": [0, 1], "z": [0, 1]},
    },
    prepare=prepare,
)  # fmt: skip
