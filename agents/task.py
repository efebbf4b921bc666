"""A task: one row of the catalogue, from a request's inputs to outcomes."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import msgspec

from agents.outcome import Outcome


class TaskOptions(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What the options of every task have: `arrays` forces the form of arrays in the result."""

    arrays: Literal["list", "base64"] | None = None


class Watch(Protocol):
    """Looked at between chunks of a long computation."""

    def __call__(self, fraction: float, stage: str) -> None:
        """Report progress (0 to 1); raises `Problem` (`timed_out`, `cancelled`) when the work is to stop."""


@runtime_checkable
class Timed(Protocol):
    """A watch that carries a clock: where there is one, a task may measure; decisions still read none."""

    def clock(self) -> float:
        """Return seconds, of which only differences mean something."""


class Part:
    """A watch over a part of a work: its fractions lie between `low` and `high` of the whole.

    A part that has a `stage` tells it when it begins, and puts it before the stages inside.
    """

    def __init__(self, watch: Watch, low: float, high: float, stage: str = "") -> None:
        self._watch = watch
        self._low = low
        self._high = high
        self._before = f"{stage}: " if stage else ""
        if stage:
            watch(low, stage)

    def __call__(self, fraction: float, stage: str) -> None:
        """Look at the whole's watch."""
        inside = min(1.0, max(0.0, fraction))
        self._watch(self._low + (self._high - self._low) * inside, f"{self._before}{stage}")


class Plan(Protocol):
    """Validated inputs, ready to run; plans with one `group` run as one native call."""

    @property
    def group(self) -> Hashable:
        """Kernel and shape class."""

    @property
    def cost(self) -> float:
        """Estimated floating-point operations, for admission and grouping."""


@dataclass(frozen=True)
class Quick:
    """The short way of small, frequent requests: JSON inputs decoded and checked in one step, without options.

    `decoder` takes the bytes of `inputs` to a struct of the strictest types, so that every number in it is finite;
    `plan` gives None for what is to go the ordinary way, and nothing that is long, or runs in pieces, or needs
    artifacts. Both ways give the same answers; a `msgspec.ValidationError` sends a request the ordinary way too, which
    finds the words for what is wrong with it.
    """

    decoder: msgspec.json.Decoder[Any]
    plan: Callable[[Any], Plan | None]


Repeats = Literal["inputs", "seed", "never"]
"""What an answer repeats by: equal inputs give equal bytes, equal inputs and seed do, or nothing: it is measured."""


@dataclass(frozen=True)
class Task:
    """What the catalogue knows of one task.

    `prepare(inputs, options, seed)` validates and raises `Problem` (the request is *rejected*); `plan` calls it, with
    the seed only where answers repeat by it, so that the others cannot depend on it.
    `compute(plans, watch)` takes plans of one group and returns one outcome per plan, in order. It never raises but
    what `watch` raises: a failure of one plan is that plan's outcome.
    """

    agent: str
    name: str
    summary: str
    inputs: type[msgspec.Struct]
    options: type[msgspec.Struct]
    methods: tuple[str, ...]
    example: Mapping[str, Any]
    prepare: Callable[[Mapping[str, Any], Mapping[str, Any], int], Plan]
    compute: Callable[[Sequence[Any], Watch], list[Outcome]]
    quick: Quick | None = None
    repeats: Repeats = "seed"

    def plan(self, inputs: Mapping[str, Any], options: Mapping[str, Any], seed: int) -> Plan:
        """Validate a request; raises `Problem`."""
        return self.prepare(inputs, options, 0 if self.repeats == "inputs" else seed)
