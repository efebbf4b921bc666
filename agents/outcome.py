"""What a task gives back: an outcome, or a problem that says what is wrong, where, and what would do."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Code = Literal[
    "invalid_message", "too_large", "unknown_agent", "unknown_task", "invalid_input", "invalid_formula",
    "budget_exceeded", "singular", "infeasible", "unbounded", "not_converged", "non_finite", "timed_out",
    "expired", "cancelled", "worker_crashed", "unavailable", "internal",
]  # fmt: skip

RETRYABLE: frozenset[str] = frozenset({"timed_out", "worker_crashed", "unavailable", "internal"})


class Problem(Exception):  # noqa: N818 - it travels as data, like RFC 9457's problem details
    """A request cannot be answered: `code` (contracts, section 3), `field` (a path such as `inputs.a`), `hint`."""

    def __init__(self, code: Code, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.field = field
        self.hint = hint

    @property
    def retryable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.code in RETRYABLE


class Check(msgspec.Struct, frozen=True):
    """One verification that was really made on the outputs."""

    name: str
    passed: bool


class Diagnostics(msgspec.Struct, frozen=True, kw_only=True):
    """How the answer was reached; `error_estimate` is absolute, in the maximum norm over the main output."""

    converged: bool | None = None
    iterations: int | None = None
    evaluations: int | None = None
    error_estimate: float | None = None
    residual: float | None = None
    method: str | None = None
    checks: list[Check] = []


NOTHING_TO_SAY = Diagnostics()


class Outcome(msgspec.Struct, frozen=True):
    """A computed answer (`outputs` may hold NumPy arrays) or, when `problem` is set, why there is none.

    A problem stands beside outputs where these say how far it came, as the steps of a workflow do.
    `keep` is what later requests may refer to by its id, such as a fitted surrogate: it is kept before the answer goes.
    """

    outputs: dict[str, Any] | None
    kernel: str
    compiled: bool
    diagnostics: Diagnostics = NOTHING_TO_SAY
    warnings: list[str] = []
    problem: Problem | None = None
    keep: Mapping[str, bytes] = {}
