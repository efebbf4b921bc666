"""The task `profile.request`: a request run by stages, with a clock, a memory tracer and a profiler beside it."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
import numpy as np

from agents import alone, inner
from agents.alone import Alone
from agents.inner import OVERHEAD, Inner, RequestInput
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.profile import stopwatch
from agents.profile.stopwatch import Clock
from agents.task import Part, TaskOptions, Timed, Watch

KERNEL = "agents.profile"


class ProfileInputs(msgspec.Struct, forbid_unknown_fields=True):
    """A `request` to run and measure, where this one runs.

    Outputs: `stages` {decode, prepare, compute, encode} and `total`, seconds, the fastest of `repeats`; `compute_all`
    the seconds of each; `shares` of the computation's time in compiled kernels, in NumPy and SciPy, and in Python
    (under the interpreter's profiler, which lengthens Python's); `kernel_share`, the first of them; `memory`
    {request_bytes, result_bytes, peak_bytes}: the sizes as JSON, and the most that was allocated at once (by tracing;
    other requests that ran here at the time count too); `watched`, how often it looked whether to stop, and
    `longest_unwatched`, the most seconds between two looks; `kernel`, `compiled`, `method`, `evaluations`,
    `iterations`, `status` and `code` of its outcome. Times are null where nothing carries a clock, as outside a worker;
    they differ from run to run. `error_estimate` is null: a time is what was measured, not an estimate of something.
    """

    request: RequestInput


class ProfileOptions(TaskOptions, kw_only=True):
    """`repeats` is how often it is computed for its time."""

    repeats: Annotated[int, msgspec.Meta(ge=1, le=100)] = 3


def prepare(inputs: ProfileInputs, options: ProfileOptions, seed: int) -> Alone:
    """Prepare the request; raises `Problem`."""
    asked = inner.read(inputs.request, seed)
    raw = _encoded({"inputs": asked.inputs, "options": asked.options})

    def work(watch: Watch, kept: Mapping[str, bytes]) -> Outcome:
        return _profile(asked, raw, options.repeats, watch, kept)

    cost = (options.repeats + 4.0) * asked.cost + OVERHEAD
    return Alone(KERNEL, work, cost, asked.needs, compiled=False, finite=False)


class _Looks:
    """Counts how often a computation looks, and how long it does not."""

    def __init__(self, watch: Watch, clock: Clock | None) -> None:
        self._watch, self._clock = watch, clock
        self.count, self.longest = 0, 0.0
        self._last = None if clock is None else clock()

    def __call__(self, fraction: float, stage: str) -> None:
        """Look."""
        self.count += 1
        self.note()
        self._watch(fraction, stage)

    def note(self) -> None:
        """Note that so much time has passed since the last look."""
        if self._clock is not None and self._last is not None:
            now = self._clock()
            self.longest, self._last = max(self.longest, now - self._last), now


def _profile(asked: Inner, raw: bytes, repeats: int, watch: Watch, kept: Mapping[str, bytes]) -> Outcome:
    clock = watch.clock if isinstance(watch, Timed) else None

    def timed(work: Callable[[], Any]) -> tuple[Any, float | None]:
        if clock is None:
            return work(), None
        begun = clock()
        made = work()
        return made, clock() - begun

    looks = _Looks(Part(watch, 0.0, 0.2, "compute"), clock)
    outcome, first = timed(lambda: asked.compute(looks, kept))  # what is loaded or compiled late is paid here
    looks.note()
    rounds: dict[str, list[float | None]] = {"decode": [], "prepare": [], "compute": [], "encode": []}
    encoded = b""
    for i in range(repeats):
        part = Part(watch, 0.2 + 0.4 * i / repeats, 0.2 + 0.4 * (i + 1) / repeats, "compute")
        rounds["decode"].append(timed(lambda: msgspec.json.decode(raw))[1])
        again, spent = timed(asked.changed)
        rounds["prepare"].append(spent)
        rounds["compute"].append(timed(lambda again=again, part=part: again.compute(part, kept))[1])  # type: ignore[misc]
        encoded, spent = timed(lambda: _encoded(outcome.outputs))
        rounds["encode"].append(spent)
    stages = {name: _fastest(found) for name, found in rounds.items()}
    known = [one for one in stages.values() if one is not None]
    part = Part(watch, 0.6, 0.8, "memory")
    _, peak = stopwatch.traced(lambda: asked.changed().compute(part, kept))
    shares = None
    if clock is not None:
        part = Part(watch, 0.8, 1.0, "shares")
        shares = stopwatch.shares(lambda: asked.compute(part, kept), clock)
    problem = outcome.problem
    outputs = {
        "stages": stages, "total": sum(known) if known else None, "first_compute": first,
        "compute_all": [one for one in rounds["compute"] if one is not None], "shares": shares,
        "kernel_share": None if shares is None else shares["kernels"],
        "memory": {"request_bytes": len(raw), "result_bytes": len(encoded), "peak_bytes": peak},
        "watched": looks.count, "longest_unwatched": looks.longest if clock is not None else None,
        "kernel": outcome.kernel, "compiled": outcome.compiled, "method": outcome.diagnostics.method,
        "evaluations": outcome.diagnostics.evaluations, "iterations": outcome.diagnostics.iterations,
        "cost": asked.cost, "status": "succeeded" if problem is None else "failed",
        "code": None if problem is None else problem.code,
    }  # fmt: skip
    diagnostics = Diagnostics(iterations=repeats, method="repeated runs", checks=[Check("measured", clock is not None)])
    told = [] if clock is not None else ["nothing here carries a clock: times are null"]
    return Outcome(outputs, KERNEL, False, diagnostics, told)


def _fastest(found: list[float | None]) -> float | None:
    return min((one for one in found if one is not None), default=None)


def _encoded(value: Any) -> bytes:
    return msgspec.json.encode(value, enc_hook=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return {"re": value.real.tolist(), "im": value.imag.tolist()} if value.dtype.kind == "c" else value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, complex):
        return {"re": value.real, "im": value.imag}
    raise Problem("internal", f"a result cannot hold {type(value).__name__}", field="inputs.request", hint="report it")


TASK = alone.task(
    agent="profile", name="request", summary="Measure where the time and the memory of a request go.",
    inputs=ProfileInputs, options=ProfileOptions, methods=(),
    example={
        "request": {
            "agent": "ode", "task": "ivp",
            "inputs": {"equations": {"x": "-k*x"}, "parameters": {"k": 1}, "initial": {"x": 1}, "t_span": [0, 10]},
        }
    },
    prepare=prepare,
    repeats="never",
)  # fmt: skip
