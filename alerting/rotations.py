"""Rotations: who of several people is on call at an instant.

Shift k belongs to member k modulo their number. A length of whole days is counted on the calendar of the time zone, so
that a hand-over at 09:00 stays at 09:00 over a daylight-saving change; any other length is counted in seconds. A
hand-over that the clock skips happens as much later as it skips, one that the clock repeats happens the first time.
Before `start` nobody is on call. Of overrides that hold at once the one written last counts.
"""

import calendar
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from alerting.escalation import Chain, Step

_DAY_S = 86_400.0
_HANDOVER = re.compile(r"(?:(?P<day>[A-Za-z]+)\s+)?(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9])")


@dataclass(frozen=True, slots=True)
class Handover:
    """When shifts change: a weekday (Monday is 0; None for any) and a time of day."""

    weekday: int | None = None
    at: time = time()


@dataclass(frozen=True, slots=True)
class Override:
    """`person` is on call from `begins` until before `ends` (epoch seconds), whatever the turn; None is nobody."""

    person: str | None
    begins: float
    ends: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """Members in their order, each for `length` seconds at a time."""

    members: tuple[str, ...]
    start: date
    length: float = 7 * _DAY_S
    handover: Handover = Handover()
    zone: tzinfo = UTC
    overrides: tuple[Override, ...] = ()

    def on_call(self, now: float) -> str | None:
        """Who is on call at an instant, epoch seconds; None is nobody."""
        for override in reversed(self.overrides):
            if override.begins <= now < override.ends:
                return override.person
        shift = self.shift(now)
        return None if shift is None or not self.members else self.members[shift % len(self.members)]

    def shift(self, now: float) -> int | None:
        """The number of the shift that an instant lies in, from 0; None before the first."""
        if now < self._instant(datetime.combine(self.start, time())):
            return None
        first = self._first()
        if self.length % _DAY_S:
            number = int((now - self._instant(first)) // self.length)
        else:
            days = timedelta(seconds=self.length).days
            passed = (datetime.fromtimestamp(now, self.zone).date() - first.date()).days
            number = passed // days
            # the day of a hand-over belongs to both; a clock that was set back shows a day twice
            number += self._instant(first + timedelta(days=days * (number + 1))) <= now
            number -= self._instant(first + timedelta(days=days * number)) > now
        return number if number >= 0 else None

    def _first(self) -> datetime:
        """The hand-over, in local time, that begins the shift of the first member: on `start` or last before it."""
        weekday = self.handover.weekday
        back = 0 if weekday is None else (self.start.weekday() - weekday) % 7
        return datetime.combine(self.start - timedelta(days=back), self.handover.at)

    def _instant(self, local: datetime) -> float:
        return local.replace(tzinfo=self.zone).timestamp()


def parse_handover(text: str) -> Handover:
    """Read `Mon 09:00`, `monday 09:00` or `09:00`; raises `ValueError`."""
    found = _HANDOVER.fullmatch(text.strip())
    day = (found["day"] or "").lower() if found else ""
    names = [name.lower() for name in calendar.day_name]
    weekday = next((number for number, name in enumerate(names) if day in {name, name[:3]}), None)
    if found is None or (day and weekday is None):
        raise ValueError(f"{text!r} is no hand-over: write it like 'Mon 09:00' or '09:00'")
    return Handover(weekday, time(int(found["hour"]), int(found["minute"])))


def staffed(chain: Chain | None, rotations: Mapping[str, Rotation], now: float) -> Chain | None:
    """The chain with whoever is on call now in the place of each rotation; a step may be left with nobody."""
    if chain is None or not rotations:
        return chain
    beside = None if chain.data_loss is None else _staffed(chain.data_loss, rotations, now)
    return replace(chain, steps=tuple(_staffed(step, rotations, now) for step in chain.steps), data_loss=beside)


def unstaffed(rotations: Mapping[str, Rotation], now: float) -> list[str]:
    """The rotations that have nobody on call."""
    return sorted(name for name, rotation in rotations.items() if rotation.on_call(now) is None)


def _staffed(step: Step, rotations: Mapping[str, Rotation], now: float) -> Step:
    people = (rotations[name].on_call(now) if name in rotations else name for name in step.notify)
    return replace(step, notify=tuple(dict.fromkeys(person for person in people if person is not None)))
