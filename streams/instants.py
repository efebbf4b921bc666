"""Instants as the contracts write them: RFC 3339 in UTC, with milliseconds."""

from datetime import UTC, datetime


def to_text(seconds: float) -> str:
    """Write epoch seconds as `2026-11-24T10:00:00.123Z`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def from_text(text: str) -> float:
    """Read an RFC 3339 instant; raises `ValueError` for anything else, or when it names no time zone."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone")
    return instant.timestamp()
