"""What goes wrong, split by who can mend it: `fault` is "caller", "ours" or "passing".

    SciAgentsError
    ├── ComputeError        a request was answered without outputs; its code says whose fault it is
    ├── UsageError          what was asked for cannot be done as it was asked: the caller's
    ├── NotFoundError       nothing of that name or id is there
    └── BrokerError         Kafka does not answer, or did not take a message: passing
        └── NoAnswerError   nothing came in the time allowed: is the process that answers running?

`ConfigError` (of `alerting.documents`) stands beside them: a settings file or variable is wrong, with file and line.
"""

from typing import Literal

from agents.outcome import RETRYABLE, Problem
from streams.contracts import Result

Fault = Literal["caller", "ours", "passing"]
_FAULTS: dict[str, Fault] = {
    "internal": "ours", "worker_crashed": "ours", "unavailable": "passing", "timed_out": "passing",
}  # fmt: skip


class SciAgentsError(Exception):
    """Anything that this package raises on purpose; `fault` says who can mend it, `hint` how."""

    fault: Fault = "caller"

    def __init__(self, message: str, *, field: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.hint = hint

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return f"{where}{self.message} ({self.hint})" if self.hint else f"{where}{self.message}"


class ComputeError(SciAgentsError):
    """A request has no outputs: `code` (contracts, section 3), `message`, `field`, `hint`, `retryable`.

    `result` is the whole answer, with warnings, diagnostics and provenance; None when the request was never sent.
    """

    def __init__(
        self, code: str, message: str, *, field: str | None = None, hint: str | None = None,
        retryable: bool | None = None, result: Result | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message, field=field, hint=hint)
        self.code = code
        self.retryable = code in RETRYABLE if retryable is None else retryable
        self.result = result
        self.fault = _FAULTS.get(code, "caller")

    def __str__(self) -> str:
        return f"{self.code}: {super().__str__()}"

    def __reduce__(self) -> tuple[object, ...]:
        return _compute_error, (self.code, self.message, self.field, self.hint, self.retryable, self.result)

    @classmethod
    def of(cls, problem: Problem) -> "ComputeError":
        """Write a problem that was found before anything was sent as an error."""
        return cls(problem.code, problem.message, field=problem.field, hint=problem.hint)

    @classmethod
    def of_result(cls, result: Result) -> "ComputeError":
        """Write a result without outputs as an error."""
        error = result.error
        if error is None:
            return cls("internal", f"{result.status} without an error", result=result)
        return cls(
            error.code, error.message, field=error.field, hint=error.hint, retryable=error.retryable, result=result
        )


def _compute_error(
    code: str, message: str, field: str | None, hint: str | None, retryable: bool, result: Result | None
) -> ComputeError:
    """Make one from positions, as unpickling in another process wants it."""
    return ComputeError(code, message, field=field, hint=hint, retryable=retryable, result=result)


class UsageError(SciAgentsError):
    """What was asked for cannot be done as it was asked."""


class NotFoundError(SciAgentsError):
    """Nothing of that name or id is there."""


class BrokerError(SciAgentsError):
    """Kafka does not answer, or did not take a message."""

    fault: Fault = "passing"


class NoAnswerError(BrokerError):
    """Nothing came in the time allowed."""
