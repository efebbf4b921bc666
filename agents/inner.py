"""A request inside a request: what `analyze`, `select`, `validate` and `profile` are asked about."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import msgspec
import numpy as np

from agents import alone
from agents.alone import Alone
from agents.outcome import Outcome, Problem
from agents.task import Task, Watch

ABOUT_OTHERS = {"analyze", "select", "validate", "profile"}
OVERHEAD = 3e8
"""What is added to the cost of what is about another request: always the long lane."""


class RequestInput(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """A request: `agent`, `task`, `inputs`, `options` and `seed` count, what else a request may have is ignored."""

    agent: str
    task: str
    inputs: dict[str, Any]
    options: dict[str, Any] = {}
    seed: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)] | None = None
    id: str | None = None
    timeout_s: float | None = None
    expires_at: str | None = None
    priority: str = "normal"
    cache: bool = True
    labels: dict[str, str] = {}


@dataclass(frozen=True, eq=False)
class Inner:
    """A request that has been prepared."""

    task: Task
    inputs: Mapping[str, Any]
    options: Mapping[str, Any]
    seed: int
    plan: Any

    @property
    def name(self) -> str:
        """Agent and task."""
        return f"{self.task.agent}.{self.task.name}"

    @property
    def cost(self) -> float:
        """Its estimate in floating-point operations."""
        return float(self.plan.cost)

    @property
    def needs(self) -> tuple[str, ...]:
        """The artifacts it needs."""
        return self.plan.needs if isinstance(self.plan, Alone) else ()

    def changed(
        self, *, inputs: Mapping[str, Any] | None = None, options: Mapping[str, Any] | None = None,
        seed: int | None = None,
    ) -> "Inner":  # fmt: skip
        """Prepare it with other values in some places; raises `Problem`."""
        given, how = {**self.inputs, **(inputs or {})}, {**self.options, **(options or {})}
        chosen = self.seed if seed is None else seed
        return replace(self, inputs=given, options=how, seed=chosen, plan=self.task.plan(given, how, chosen))

    def compute(self, watch: Watch, kept: Mapping[str, bytes]) -> Outcome:
        """Compute it here."""
        if isinstance(self.plan, Alone):
            return alone.run(self.plan, watch, kept)
        with np.errstate(all="ignore"):
            (outcome,) = self.task.compute([self.plan], watch)
        return outcome


def read(given: RequestInput, seed: int, field: str = "inputs.request") -> Inner:
    """Find the task and prepare the request; raises `Problem` whose field lies below `field`."""
    from agents import catalogue  # noqa: PLC0415 - the catalogue has those in it that ask

    if given.agent in ABOUT_OTHERS:
        text = f"{given.agent} is about other requests itself"
        raise Problem("invalid_input", text, field=f"{field}.agent", hint="give the request that it is about")
    chosen = seed if given.seed is None else given.seed
    try:
        task = catalogue.find(given.agent, given.task)
        plan = task.plan(given.inputs, given.options, chosen)
    except Problem as problem:
        below = f"{field}.{problem.field}" if problem.field else field
        hint = problem.hint or "the request must be valid by itself"
        raise Problem(problem.code, problem.message, field=below, hint=hint) from None
    return Inner(task, given.inputs, given.options, chosen, plan)
