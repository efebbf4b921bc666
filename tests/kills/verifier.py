"""Was everybody told what they had to be, once and in time? A pure function of what arrived and what the topics say.

Checked, for each alert of the story:

- *once*: nothing is told twice on a channel, but for what was under way at a break, as when a process was killed; that
  is told again, under the same key, and not after the topic had it as delivered; an alert of the story is one incident;
- *pairs*: who was told that it fires is told that it is over, and nobody is told the end alone;
- *opened*: an alert that was taken and seen for long enough is an incident;
- *complete*: an incident is told to every channel of its team, and each step of its chain that was due while nobody had
  answered is told, and no later one;
- *in time*: no process has known of something that was due for longer than the limit without telling it. A process
  counts from its start, so that what became due while there was none has the limit from the restart;
- *log*: what arrived was on record before, and what is on record as delivered arrived;
- *versions*: those of an incident are on record from the first on, each once and in their order.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from chaos.verifier import Violation

_TRANSIT_S = 2.0
"""What a process has sent may be taken a moment after its end; no other one has started by then."""
FIRING, OVER = "firing", "over"


def step(number: int) -> str:
    """What a call of an escalation step tells."""
    return f"step {number}"


class Life(NamedTuple):
    """A process: from its start to its end, epoch seconds; `live_at` is when it had read what is kept, if ever."""

    started: float
    live_at: float | None
    ended: float


class Break(NamedTuple):
    """From when to when it may not be known whether what was sent was heard: a kill, a hand-over, a cut cable."""

    began: float
    ended: float


class Telling(NamedTuple):
    """What somebody was told: when, of which alert, over which channel, what; under which key where it has one."""

    at: float
    alert: str
    channel: str
    what: str
    key: str | None = None


Place = tuple[str, str, str]
"""Alert, channel, what."""


@dataclass(frozen=True)
class Case:
    """What happened with one alert, epoch seconds; None for what did not.

    `taken` is when the program said first that it has the alert, `over` when its end was first sent; infinity where it
    was not. The rest is as the topics have it: `opened` and `resolved` of its incidents, which are one as a rule, `due`
    of each step, when it was `answered`.
    """

    alert: str
    taken: float | None
    over: float = math.inf
    opened: float | None = None
    resolved: float | None = None
    answered: float | None = None
    due: Mapping[int, float] = field(default_factory=dict)
    incidents: int = 1


@dataclass(frozen=True)
class Log:
    """What the topics say: when each telling was first to be sent, and delivered; the versions of each incident."""

    intended: Mapping[Place, float]
    delivered: Mapping[Place, float]
    versions: Mapping[str, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """The verdict; `late` has, for all that was told, how long a process had run since it was due.

    `late_live` has the same for the time since that process had read what is kept.
    """

    violations: Sequence[Violation]
    tellings: int
    repeats: int
    incidents: int
    late: Sequence[float]
    late_live: Sequence[float]


def verify(
    cases: Iterable[Case], tellings: Iterable[Telling], lives: Sequence[Life], *, breaks: Sequence[Break],
    team: Sequence[str], chain: Mapping[int, str], log: Log, within_s: float,
) -> Report:  # fmt: skip
    """Judge a run; `team` are the channels told of every incident, `chain` whom each step calls."""
    found: list[Violation] = []
    lives = tuple(lives)
    by_place: defaultdict[Place, list[Telling]] = defaultdict(list)
    for telling in sorted(tellings):
        by_place[telling.alert, telling.channel, telling.what].append(telling)
    repeats = 0
    late: list[float] = []
    late_live: list[float] = []
    reading = [life._replace(started=life.live_at or life.ended) for life in lives]
    known = {case.alert: case for case in cases}
    for place, same in by_place.items():
        repeats += len(same) - 1
        found += _repeated(place, same, breaks, log.delivered.get(place))
        if place[0] not in known:
            found.append(Violation("pairs", place[0], f"{place[1]} was told {place[2]} of an alert that never was"))
    for case in known.values():
        told = {(channel, what): same[0].at for (alert, channel, what), same in by_place.items() if alert == case.alert}
        found += _of(case, told, lives, team, chain, within_s)
        for (_, what), at in told.items():
            if (due := _due(case, what)) is not None:
                late.append(known_for(due, at, lives))
                late_live.append(known_for(due, at, reading))
    found += _logged(log, by_place)
    count = sum(case.incidents for case in known.values() if case.opened is not None)
    return Report(tuple(found), sum(map(len, by_place.values())), repeats, count, tuple(late), tuple(late_live))


def known_for(due: float, told: float, lives: Iterable[Life]) -> float:
    """The longest time that any one process has lived between when something was due and when it was told."""
    return max((min(life.ended, told) - max(life.started, due) for life in lives), default=0.0)


def _repeated(
    place: Place, same: Sequence[Telling], breaks: Sequence[Break], delivered: float | None
) -> Iterable[Violation]:
    alert, channel, what = place
    for before, after in pairwise(same):
        if before.key != after.key:
            yield Violation("once", alert, f"{channel} was told {what} under {before.key} and {after.key}")
        if not any(before.at - _TRANSIT_S <= one.ended and one.began <= after.at for one in breaks):
            yield Violation("once", alert, f"{channel} was told {what} twice by one process")
        late = delivered is not None and delivered < after.at
        if late and not any(one.began < delivered <= one.ended for one in breaks):  # what was cut off comes later
            yield Violation("once", alert, f"{channel} was told {what} again after that was on record as delivered")


def _logged(log: Log, arrived: Iterable[Place]) -> Iterable[Violation]:
    told = set(arrived)
    for alert, channel, what in sorted(told - log.intended.keys()):
        yield Violation("log", alert, f"{channel} was told {what}, which nobody had recorded before")
    for alert, channel, what in sorted(log.delivered.keys() - told):
        yield Violation("log", alert, f"{channel} was not told {what}, which is on record as delivered")
    for incident, versions in log.versions.items():
        if list(versions) != list(range(1, len(versions) + 1)):
            yield Violation("versions", incident, ", ".join(map(str, versions)))


def _of(
    case: Case, told: Mapping[tuple[str, str], float], lives: Sequence[Life], team: Sequence[str],
    chain: Mapping[int, str], within_s: float,
) -> Iterable[Violation]:  # fmt: skip
    if case.opened is None:
        seen = 0.0 if case.taken is None else known_for(case.taken, case.over, lives)
        if seen > within_s:
            yield Violation("opened", case.alert, f"it was taken, and known for {seen:.1f} s, and is no incident")
        return
    if case.incidents > 1:
        yield Violation("once", case.alert, f"it is {case.incidents} incidents")
    for channel in team:
        if (channel, FIRING) not in told:
            yield Violation("complete", case.alert, f"{channel} was never told that it fires")
    for number, person in chain.items():
        found = _called(case, number, told.get((person, step(number))), lives, within_s)
        if found is not None:
            yield Violation("complete", case.alert, f"{person}, {step(number)}: {found}")
    yield from _paired(case, told)
    for (channel, what), at in sorted(told.items()):
        due = _due(case, what)
        if due is not None and (known := known_for(due, at, lives)) > within_s:
            found = f"{channel} was told {what} {known:.1f} s after a process could know"
            yield Violation("in time", case.alert, found)


def _called(case: Case, number: int, at: float | None, lives: Sequence[Life], within_s: float) -> str | None:
    """What is wrong with a call, or with there being none."""
    due = case.due.get(number)
    if at is None:
        ends = case.over if case.answered is None else min(case.over, case.answered)
        missed = due is not None and known_for(due, ends, lives) > within_s
        return "was due and unanswered, and not made" if missed else None
    if due is None:
        return "was made and never due"
    if case.answered is not None and due > case.answered:
        after = known_for(case.answered, at, lives)
        return f"was made {after:.1f} s after a process could hear of an answer" if after > within_s else None
    return None


def _paired(case: Case, told: Mapping[tuple[str, str], float]) -> Iterable[Violation]:
    alert = case.alert
    begun: dict[str, float] = {}
    for (channel, what), at in told.items():
        if what != OVER:
            begun[channel] = min(at, begun.get(channel, at))
    for channel in sorted(begun):
        if (channel, OVER) not in told and case.over < math.inf:
            yield Violation("pairs", alert, f"{channel} was never told that it is over")
    for channel, what in sorted(told):
        if what == OVER and begun.get(channel, float("inf")) > told[channel, OVER]:
            yield Violation("pairs", alert, f"{channel} was told the end before the beginning")


def _due(case: Case, what: str) -> float | None:
    if what == FIRING:
        return case.opened
    if what == OVER:
        return case.resolved
    number = what.removeprefix("step ")
    return case.due.get(int(number)) if number.isdigit() else None
