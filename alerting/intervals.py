"""Time intervals, as Alertmanager has them: times of day, weekdays, days of the month, months, years, in a time zone.

An interval holds when each of its parts does; a part that is not there always does. Wall-clock time decides, so that
09:00 is 09:00 on both sides of a daylight-saving change; an hour that is repeated is in twice, a skipped one never.
"""

import calendar
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

Range = tuple[int, int]
"""First and last, both included; of times of day, minutes from midnight, the last excluded."""

_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_WEEKDAYS = {name.lower(): (number + 1) % 7 for number, name in enumerate(calendar.day_name)}
"""Sunday is 0, as in Alertmanager: `sunday:saturday` is the whole week."""
_MONTHS = {name.lower(): number for number, name in enumerate(calendar.month_name) if name}


@dataclass(frozen=True, slots=True)
class Interval:
    """One interval; an empty part holds always."""

    times: tuple[Range, ...] = ()
    weekdays: tuple[Range, ...] = ()
    days_of_month: tuple[Range, ...] = ()
    months: tuple[Range, ...] = ()
    years: tuple[Range, ...] = ()
    zone: tzinfo = UTC

    def contains(self, now: float) -> bool:
        """Whether an instant (epoch seconds) lies within it."""
        at = datetime.fromtimestamp(now, self.zone)
        minute = at.hour * 60 + at.minute
        return (
            (not self.times or any(first <= minute < last for first, last in self.times))
            and (not self.days_of_month or _on_day(self.days_of_month, at))
            and _within(self.months, at.month)
            and _within(self.weekdays, at.isoweekday() % 7)
            and _within(self.years, at.year)
        )


def contains(intervals: Sequence[Interval], now: float) -> bool:
    """Whether one of some intervals holds."""
    return any(interval.contains(now) for interval in intervals)


def _within(ranges: Sequence[Range], value: int) -> bool:
    return not ranges or any(first <= value <= last for first, last in ranges)


def _on_day(ranges: Sequence[Range], at: datetime) -> bool:
    """Negative days count from the month's end; what lies beyond it is cut off."""
    length = calendar.monthrange(at.year, at.month)[1]
    for first, last in ranges:
        begins, ends = (day + length + 1 if day < 0 else day for day in (first, last))
        if begins <= length and max(begins, 1) <= at.day <= min(ends, length):
            return True
    return False


def minutes(text: str) -> int:
    """Read a time of day, `00:00` to `24:00`, as minutes from midnight; raises `ValueError`."""
    if _TIME.fullmatch(text) is None:
        raise ValueError(f"{text!r} is no time of day: write it like 09:00 or 24:00")
    return int(text[:2]) * 60 + int(text[3:])


def times(start: str, end: str) -> Range:
    """Read a range of times of day; raises `ValueError`."""
    found = minutes(start), minutes(end)
    if found[0] >= found[1]:
        raise ValueError(f"{start} is not before {end}: write one range until 24:00 and one from 00:00")
    return found


def weekdays(text: str) -> Range:
    """Read `monday` or `monday:friday`; raises `ValueError`."""
    return _range(text, lambda word: _named(word, _WEEKDAYS, "a weekday"))


def months(text: str) -> Range:
    """Read `january`, `1` or `may:8`; raises `ValueError`."""

    def month(word: str) -> int:
        return int(word) if word.isascii() and word.isdigit() and 1 <= int(word[:3]) <= 12 else _named(
            word, _MONTHS, "a month"
        )  # fmt: skip

    return _range(text, month)


def days_of_month(text: str) -> Range:
    """Read `1`, `1:5` or `-3:-1`, the last three days; raises `ValueError`."""

    def day(word: str) -> int:
        number = _integer(word)
        if number == 0 or not -31 <= number <= 31:
            raise ValueError(f"{word!r} is no day of a month: 1 to 31, or -31 to -1 from its end")
        return number

    words = _words(text)
    first, last = day(words[0]), day(words[-1])
    if first < 0 < last:
        raise ValueError(f"{text!r}: the last day must be negative where the first one is")
    shortest = [number + 28 if number < 0 else number for number in (first, last)]  # as Alertmanager looks at it
    if shortest[0] > shortest[1]:
        raise ValueError(f"{text!r} ends before it begins")
    return first, last


def years(text: str) -> Range:
    """Read `2026` or `2026:2028`; raises `ValueError`."""
    return _range(text, _integer)


def zone(name: str) -> tzinfo:
    """Find a time zone of the IANA data base, or `Local`; none is UTC. Raises `ValueError`."""
    if not name:
        return UTC
    if name == "Local":
        return _local()
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone: write it like Europe/Berlin") from None


def _local() -> tzinfo:
    """The zone of this machine, with its daylight-saving rules; without one, UTC."""
    try:
        with Path("/etc/localtime").open("rb") as file:
            return ZoneInfo.from_file(file, "Local")
    except (OSError, ValueError):
        return UTC


def _range(text: str, read: Callable[[str], int]) -> Range:
    first, *rest = (read(word) for word in _words(text))
    last = rest[0] if rest else first
    if first > last:
        raise ValueError(f"{text!r} ends before it begins")
    return first, last


def _words(text: str) -> list[str]:
    words = text.lower().split(":")
    if len(words) > 2:
        raise ValueError(f"{text!r} is no range: write it like FIRST:LAST")
    return words


def _named(word: str, names: dict[str, int], what: str) -> int:
    if word not in names:
        raise ValueError(f"{word!r} is not {what}: one of {', '.join(names)}")
    return names[word]


def _integer(word: str) -> int:
    if re.fullmatch(r"-?[0-9]{1,6}", word) is None:
        raise ValueError(f"{word!r} is no number")
    return int(word)
