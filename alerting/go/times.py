"""Instants as Go has them: layouts are written as the reference time would be, `Mon Jan 2 15:04:05 MST 2006`."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerting.go.scan import GoError

_PARTS = re.compile(
    r"January|Jan|Monday|Mon|MST|2006|Z07:00|Z0700|-07:00|-0700|-07|01|02|03|04|05|06|_2|15|PM|pm|1|2|3|4|5"
    r"|[.,](?:0+|9+)(?!\d)"
)


@dataclass(frozen=True, slots=True)
class Time:
    """An instant in a time zone."""

    at: datetime

    @classmethod
    def parse(cls, text: str) -> "Time":
        """Read RFC 3339; raises `ValueError`."""
        return cls(datetime.fromisoformat(text))

    @classmethod
    def of(cls, seconds: float) -> "Time":
        """Make one of epoch seconds."""
        return cls(datetime.fromtimestamp(seconds, UTC))

    def Format(self, layout: str) -> str:  # noqa: N802 - as templates call it
        """Write it by a layout."""
        return _PARTS.sub(lambda found: self._part(found[0]), layout)

    def In(self, name: str) -> "Time":  # noqa: N802 - as templates call it
        """The same instant in another time zone; raises `GoError`."""
        try:
            return Time(self.at.astimezone(ZoneInfo(name)))
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise GoError(f"no time zone {name[:100]!r}") from error

    def UTC(self) -> "Time":  # noqa: N802 - as templates call it
        """The same instant in UTC."""
        return Time(self.at.astimezone(UTC))

    def Local(self) -> "Time":  # noqa: N802 - as templates call it
        """The same instant in UTC: an alert's words do not hang on the machine that writes them."""
        return self.UTC()

    def Unix(self) -> int:  # noqa: N802 - as templates call it
        """Epoch seconds."""
        return int(self.at.timestamp())

    def IsZero(self) -> bool:  # noqa: N802 - as templates call it
        """Whether it is no instant at all."""
        return self.at.year == 1

    def Year(self) -> int:  # noqa: N802 - as templates call it
        """The year."""
        return self.at.year

    def Month(self) -> str:  # noqa: N802 - as templates call it
        """The month's name."""
        return f"{self.at:%B}"

    def Day(self) -> int:  # noqa: N802 - as templates call it
        """The day of the month."""
        return self.at.day

    def Hour(self) -> int:  # noqa: N802 - as templates call it
        """The hour."""
        return self.at.hour

    def Minute(self) -> int:  # noqa: N802 - as templates call it
        """The minute."""
        return self.at.minute

    def Weekday(self) -> str:  # noqa: N802 - as templates call it
        """The day of the week."""
        return f"{self.at:%A}"

    def __str__(self) -> str:
        return self.Format("2006-01-02 15:04:05.999 -0700 MST")

    def _part(self, part: str) -> str:
        at = self.at
        if part[0] in ".,":
            digits = f"{at.microsecond:06d}"[: len(part) - 1].ljust(min(len(part) - 1, 9), "0")
            if part[1] == "9":
                digits = digits.rstrip("0")
            return part[0] + digits if digits else ""
        offset = at.utcoffset()
        minutes = int(offset.total_seconds() // 60) if offset else 0
        sign, hours, rest = "-" if minutes < 0 else "+", abs(minutes) // 60, abs(minutes) % 60
        twelve = at.hour % 12 or 12
        said = {
            "January": f"{at:%B}", "Jan": f"{at:%b}", "Monday": f"{at:%A}", "Mon": f"{at:%a}",
            "MST": at.tzname() or "UTC",
            "2006": f"{at.year:04d}", "06": f"{at.year % 100:02d}", "01": f"{at.month:02d}", "1": str(at.month),
            "02": f"{at.day:02d}", "_2": f"{at.day:2d}", "2": str(at.day), "15": f"{at.hour:02d}",
            "03": f"{twelve:02d}", "3": str(twelve), "04": f"{at.minute:02d}", "4": str(at.minute),
            "05": f"{at.second:02d}", "5": str(at.second), "PM": "PM" if at.hour >= 12 else "AM",
            "pm": "pm" if at.hour >= 12 else "am", "-07:00": f"{sign}{hours:02d}:{rest:02d}",
            "-0700": f"{sign}{hours:02d}{rest:02d}", "-07": f"{sign}{hours:02d}",
        }  # fmt: skip
        if part.startswith("Z"):
            return said["-07:00" if ":" in part else "-0700"] if minutes else "Z"
        return said[part]
