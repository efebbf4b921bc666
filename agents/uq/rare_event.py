"""The task `uq.rare_event`: the probability that a model exceeds what it hardly ever exceeds."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from agents import alone, divided, schema
from agents.alone import Alone
from agents.outcome import Outcome, Problem
from agents.task import TaskOptions, Watch
from agents.uq import design_point, model, subset
from agents.uq.limit_state import LimitState
from agents.uq.model import COMPILED, KERNEL
from agents.uq.plain_sampling import Counted, CountState
from agents.uq.subset import Run

_N_SUBSET, _N_PLAIN = 16_000, 200_000
_FEWEST = 1600


class RareEventInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The probability that `model`, a formula of the variables in `distributions`, is above `threshold`.

    With `direction` "below" the event is model <= threshold (a limit state: threshold 0). `distributions` are
    independent, named as in `scipy.stats`; `parameters` are fixed. Outputs: `probability`, `coefficient_of_variation`
    (standard error over probability), `confidence_interval` [low, high] at `confidence_level`, `reliability_index`
    (the normal quantile of 1 - probability) and `most_likely_point` {name: value}, the likeliest one seen of the event.
    `method` "subset" (the default) is subset simulation with `n_samples` samples a level, in sixteen independent runs
    whose estimates tell the error; `levels` are the first run's thresholds and probabilities. "monte_carlo" counts
    among `n_samples` samples. "form" linearises at the most likely point: an approximation, with `importance` {name:
    share}, and the only one whose `error_estimate` is null; it has no coefficient of variation and no interval.
    `error_estimate` bounds the error of `probability` with a probability of 99.9 %.
    """

    model: str
    distributions: dict[str, Any]
    parameters: dict[str, Any] = {}
    threshold: float = 0.0
    direction: Literal["above", "below"] = "above"
    n_samples: Annotated[int, msgspec.Meta(ge=_FEWEST, le=model.SAMPLES_LIMIT)] | None = None
    method: Literal["subset", "monte_carlo", "form"] | None = None
    confidence_level: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.95


class RareEventOptions(TaskOptions, kw_only=True):
    """`method` is the inputs' `method`; "auto" is `subset`."""

    method: Literal["auto", "subset", "monte_carlo", "form"] = "auto"


def prepare(inputs: RareEventInputs, options: RareEventOptions, seed: int) -> Alone:
    """Validate; raises `Problem`."""
    read = model.read(inputs.model, inputs.distributions, inputs.parameters)
    method = schema.chosen(inputs.method, options.method, "subset", "method")
    if method == "form":
        gradient = model.gradient(inputs.model, read, tuple(inputs.parameters))
        if inputs.n_samples is not None:
            text = "form takes no samples"
            raise Problem("invalid_input", text, field="inputs.n_samples", hint="leave it out, or method subset")
    count = inputs.n_samples or (_N_PLAIN if method == "monte_carlo" else _N_SUBSET)
    state = LimitState(read, inputs.threshold, inputs.direction == "below")

    each = 2.0 * read.cost + 100.0
    if method == "form":

        def work(watch: Watch, _: object) -> Outcome:
            return design_point.probability(state, gradient, watch)

        return Alone(KERNEL, work, 200.0 * each, compiled=COMPILED)
    if method == "monte_carlo":
        counted = Counted(state, count, seed, inputs.confidence_level)
        return divided.plan(
            KERNEL, count * each, -(-count // counted.size), counted.block, counted.merge, CountState,
            compiled=COMPILED, state_bytes=1000,
        )  # fmt: skip

    def run(number: int, watch: Watch) -> Run:
        return subset.run(state, -(-count // subset.RUNS), seed, number, watch)

    def merge(runs: Sequence[Run], _: Watch) -> Outcome:
        return subset.outcome(state, runs, inputs.confidence_level)

    cost = 15.0 * count * each
    return divided.plan(KERNEL, cost, subset.RUNS, run, merge, Run, compiled=COMPILED, state_bytes=10_000)


TASK = alone.task(
    agent="uq", name="rare_event", summary="Estimate the probability of a rare event: subset simulation, FORM.",
    inputs=RareEventInputs, options=RareEventOptions, methods=("subset", "monte_carlo", "form"),
    example={
        "model": "x + y", "threshold": 6.0,
        "distributions": {"x": {"distribution": "norm"}, "y": {"distribution": "norm"}},
    },
    prepare=prepare,
)  # fmt: skip
