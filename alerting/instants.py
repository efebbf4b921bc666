"""Points in time: epoch seconds inside, RFC 3339 in UTC on the topics."""

from datetime import UTC, datetime


def parse(text: str) -> float:
    """Read an RFC 3339 instant as epoch seconds.

    Raises:
        ValueError: it is none, or it has no offset from UTC.

    """
    read = datetime.fromisoformat(text)
    if read.tzinfo is None:
        raise ValueError(f"{text!r} has no offset from UTC: end it with Z")
    return read.timestamp()


def show(instant: float) -> str:
    """Write epoch seconds as RFC 3339, to the millisecond or, where needed, the microsecond."""
    moment = datetime.fromtimestamp(instant, UTC)
    precise = "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.isoformat(timespec=precise).replace("+00:00", "Z")


def normal(text: str) -> str:
    """Write an RFC 3339 instant as all are written here; raises `ValueError`."""
    return show(parse(text))


def minute(text: str) -> str:
    """Show an RFC 3339 instant as people read it: `2025-10-01 14:30 UTC`."""
    return datetime.fromtimestamp(parse(text), UTC).strftime("%Y-%m-%d %H:%M UTC")
