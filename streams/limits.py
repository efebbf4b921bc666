"""How much one request may take: operations, bytes and seconds, as they are estimated before it runs. Pure."""

from typing import Any

import msgspec

from agents.analyze.problem import RATE
from agents.outcome import Problem

_BYTES_OF_INPUT = 8
"""Bytes that a byte of a request comes to while it is computed: as numbers, and a few copies of those."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The budget of a request, and how long it may have waited when it comes to a lane (None: however long)."""

    flops: float = 1e15
    bytes: int = 4 * 1024**3
    seconds: float = 36_000.0
    queue_s: float | None = None

    def check(self, plan: Any, size: int) -> None:
        """Raise `Problem` (`budget_exceeded`) for a plan whose inputs came in `size` bytes that is above a limit."""
        seconds = plan.cost / RATE
        memory = max(getattr(plan, "memory", 0), _BYTES_OF_INPUT * size)
        for estimate, limit, unit, hint in (
            (plan.cost, self.flops, "operations", "fewer points, members or samples, or a looser tolerance"),
            (seconds, self.seconds, "seconds", "fewer points, members or samples, or a looser tolerance"),
            (memory, self.bytes, "bytes", "a smaller problem, or several requests"),
        ):
            if estimate > limit:
                text = f"estimated at {estimate:.3g} {unit}, the limit is {limit:.3g}"
                raise Problem("budget_exceeded", text, field="inputs", hint=hint)

    def waited_too_long(self, queued_at_ms: int, now: float) -> Problem | None:
        """Say so of a request that waits since then."""
        if self.queue_s is None or now - queued_at_ms / 1000 <= self.queue_s:
            return None
        text = f"it waited for {now - queued_at_ms / 1000:.1f} s, the limit is {self.queue_s:g} s"
        return Problem("expired", text, hint="send it again when there is less to do, or with a higher priority")


USUAL = Limits()
