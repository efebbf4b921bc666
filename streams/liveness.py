"""Whether a worker lives, judged by its progress and not by its being up: slow is not stuck."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Status = Literal["healthy", "degraded", "unhealthy"]


@dataclass(frozen=True, slots=True)
class Pulse:
    """What an intake shows of itself; times are those of one monotonic clock, in seconds."""

    started: bool
    brokers_up: int | None
    """None before anything is known."""
    looked_at: float
    """When its thread last went round."""
    waiting_since: float | None
    """Since when a partition with something to do has not gone on; None when all have, or have nothing to do."""
    unread_since: float | None = None
    """Since when nobody reads a partition that this process has to see to."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`live`: a restart would not help; `ready`: it takes work."""

    live: bool
    ready: bool
    reason: str

    @property
    def status(self) -> Status:
        """The same in one word."""
        return "unhealthy" if not self.live else "healthy" if self.ready else "degraded"


def judge(
    pulses: Sequence[Pulse], now: float, patience_s: float, *, loop_at: float, busy_until: float | None = None
) -> Verdict:
    """Judge a process by its intakes, by the event loop's last turn, and by the latest deadline of what runs in it.

    Not live is what a restart may mend: a thread that hangs; a partition that nobody reads for `patience_s`; or offsets
    that do not move for as long while there is something to do, the broker is there and nothing runs within its time.
    """
    hung = now - min([loop_at, *(pulse.looked_at for pulse in pulses if pulse.started)])
    if hung > patience_s:
        return Verdict(live=False, ready=False, reason=f"a thread hangs since {hung:.0f} s")
    if not pulses or not all(pulse.started for pulse in pulses):
        return Verdict(live=True, ready=False, reason="starting")
    if not all(pulse.brokers_up for pulse in pulses):
        return Verdict(live=True, ready=False, reason="no broker answers: waiting for one")
    unread = max((now - pulse.unread_since for pulse in pulses if pulse.unread_since is not None), default=0.0)
    waited = max((now - pulse.waiting_since for pulse in pulses if pulse.waiting_since is not None), default=0.0)
    if unread > patience_s:
        reason = f"nobody reads a partition of its group for {unread:.0f} s"
    elif waited <= patience_s:
        return Verdict(live=True, ready=True, reason="requests are answered" if waited else "nothing to do")
    elif busy_until is not None and busy_until > now:
        return Verdict(live=True, ready=True, reason=f"slow: what runs has {busy_until - now:.0f} s left")
    else:
        reason = f"nothing runs, and no offset has moved for {waited:.0f} s"
    return Verdict(live=False, ready=False, reason=f"stuck: {reason}")
