"""Flapping: an incident that fires and is over in turn is not told each time (Nagios, "Detection and handling of state
flapping": 21 states, the latest change weighs 1.2, the earliest 0.8).

A state is taken at each change, and once a period without one. It is all in the timeline: a restart finds the same.
While an incident flaps its group is not told and it stays open, so that who is called stays called; the timeline and a
message say so.
"""

import itertools
from collections.abc import Iterator, Sequence

from alerting import instants
from streams.contracts import Incident, Transition

STATES = 21
ON, OFF = 0.5, 0.25
BEGINS, ENDS = "flapping", "steady"
"""What the timeline says."""
_LIGHT, _HEAVY = 0.8, 1.2
_FEWEST = 9
"""Changes that can be more than a half, all of them lately."""


def on(incident: Incident) -> bool:
    """Whether an incident flaps, as its timeline has it."""
    return next((one.what == BEGINS for one in reversed(incident.timeline) if one.what in {BEGINS, ENDS}), False)


def verdict(incident: Incident, now: float, period: float) -> bool:
    """Whether it flaps now: above a half of the weighted changes, and from then on until they are under a quarter."""
    if not on(incident) and len(incident.timeline) < _FEWEST:
        return False
    share = changes(states(incident.timeline, now, period))
    return share >= OFF if on(incident) else share > ON


def changes(found: Sequence[bool]) -> float:
    """The weighted share of changes among 21 states, the oldest first."""
    slots = STATES - 1
    weights = [_LIGHT + (_HEAVY - _LIGHT) * slot / (slots - 1) for slot in range(slots)]
    return sum(weight for weight, (a, b) in zip(weights, itertools.pairwise(found), strict=True) if a != b) / slots


def states(timeline: Sequence[Transition], now: float, period: float) -> list[bool]:
    """The last 21 states, the oldest first: whether anything fired."""
    found = [False] * STATES
    since, state = None, False
    for at, firing in [*_firing(timeline), (now, None)]:
        if since is not None:
            found += [state] * min(STATES, int((at - since) // period))
        if firing is not None and firing != state:
            found.append(firing)
            state = firing
        since = at
    return found[-STATES:]


def _firing(timeline: Sequence[Transition]) -> Iterator[tuple[float, bool]]:
    """When something began or ended, and whether anything fires from then on."""
    names: set[str] = set()
    for entry in timeline:
        name = (entry.reason or "").rpartition("[")[2]
        if entry.what == "joined":
            names.add(name)
        elif entry.what == "ended":
            names.discard(name)
        elif entry.what in {"resolved", "resolve"}:
            names.clear()
        else:
            continue
        yield instants.parse(entry.at), bool(names)
