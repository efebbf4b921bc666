"""The plan of a round, from its seed: what is hurt when, for how long. Pure; `rounds` does it."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

OF_WORKERS = (
    "worker killed", "worker's child killed", "worker terminated", "worker frozen", "worker's child frozen",
    "worker's supervisor frozen", "worker cut off", "clock stepped",
)  # fmt: skip
OF_API = ("api killed",)
_CLOCKS = ("clock stepped", "alerting's clock stepped")
OF_ALERTING = ("alerting killed", "alerting terminated", "alerting frozen", "alerting cut off", _CLOCKS[1])
OF_STORES = ("redis killed", "redis frozen", "postgres killed")
OF_BROKERS = ("broker stopped", "broker killed", "broker's disk full")
_STEPS_S = (-600.0, -30.0, -2.0, 2.0, 30.0, 600.0)
_A_ROUND = 10
LONGEST = 0.4
"""How long a fault lasts at most, as a share of its round."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is done to which one, `at_s` seconds into the round; it is made good `lasts_s` later.

    `target` counts from 0 among those of its kind; `step_s` is how far a clock is stepped.
    """

    at_s: float
    kind: str
    target: int
    lasts_s: float
    step_s: float = 0.0

    @property
    def until_s(self) -> float:
        """When it is made good."""
        return self.at_s + self.lasts_s

    @property
    def victim(self) -> tuple[str, int]:
        """What suffers it: of the brokers, any."""
        if self.kind in OF_BROKERS:
            return "brokers", 0
        if self.kind in OF_WORKERS:
            return "worker", self.target
        return ("alerting", self.target) if self.kind in OF_ALERTING else (self.kind.partition(" ")[0], 0)

    def __str__(self) -> str:
        step = f" by {self.step_s:+g} s" if self.step_s else ""
        return f"{self.at_s:.1f}–{self.until_s:.1f} s {self.kind}{step} ({self.target + 1})"


def plan(seed: int, kinds: Sequence[str], there: Mapping[str, int], duration_s: float) -> list[Fault]:
    """Draw the faults of a round in the order of their times; `there` says how many there are to choose from.

    One thing suffers one fault at a time, several suffer at once. Of the brokers one is hurt at a time, the next once
    it had time to catch up: with two of three away nothing can be written, which is no fault of what is tested.
    """
    chance = random.Random(f"faults {seed}")
    found: list[Fault] = []
    free_at: dict[tuple[str, int], float] = {}
    now = 0.0
    while (now := now + chance.expovariate(_A_ROUND / duration_s)) < duration_s * 0.8:
        kind = chance.choice(kinds)
        lasts = chance.uniform(0.1, LONGEST) * duration_s
        of_broker = kind in OF_BROKERS
        among = (
            "brokers" if of_broker else "workers" if kind in OF_WORKERS else "alerting" if kind in OF_ALERTING else ""
        )
        target = chance.randrange(there.get(among, 1))
        step = chance.choice(_STEPS_S) if kind in _CLOCKS else 0.0
        fault = Fault(now, kind, target, lasts, step)
        if now >= free_at.get(fault.victim, 0.0):
            found.append(fault)
            free_at[fault.victim] = fault.until_s + (duration_s * 0.3 if of_broker else 0.0)
    if not found:
        kind = chance.choice([kind for kind in kinds if kind in OF_WORKERS] or kinds)
        found.append(Fault(duration_s * 0.3, kind, 0, 1.0))
    return found
