"""Durations as Prometheus writes them (`90s`, `1h30m`, `1w`), fractions of a unit allowed (`0.5s`)."""

import re

_SECONDS = {"y": 31_536_000.0, "w": 604_800.0, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PATTERN = re.compile("".join(rf"(?:(?P<{unit}>\d+(?:\.\d+)?){unit})?" for unit in _SECONDS))


def parse(text: str) -> float:
    """Read a duration in seconds; units go from large to small, each at most once. A bare `0` needs no unit.

    Raises:
        ValueError: it is no duration.

    """
    if text == "0":
        return 0.0
    found = _PATTERN.fullmatch(text)
    if not text or found is None:
        raise ValueError(f"{text!r} is no duration: write it like 90s, 0.5s, 1h30m, 1d or 1w")
    return sum(float(count) * _SECONDS[unit] for unit, count in found.groupdict().items() if count)


def show(seconds: float) -> str:
    """Write a duration so that `parse` reads it back to the millisecond."""
    left = round(seconds * 1000)
    parts = []
    for unit in ("w", "d", "h", "m", "s", "ms"):
        count, left = divmod(left, round(_SECONDS[unit] * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"
