"""What `events publish` does: checks ops events and sends them."""

from collections.abc import Iterator

import msgspec

from alerting import instants
from sciagents.console.items import read
from sciagents.console.tables import print_json, say
from sciagents.errors import UsageError
from sciagents.publish import publish as send
from streams.contracts import OpsEvent

_decoder = msgspec.json.Decoder(OpsEvent)


def publish(kafka: str, prefix: str, file: str, *, as_json: bool) -> None:
    """Send the events of a file; all of them are checked before the first is sent, but for standard input."""
    if file != "-":
        for _ in _events(file):
            pass
    count = send(kafka, prefix, "ops.events", ((event.source, event) for event in _events(file)))
    if as_json:
        print_json({"published": count})
    else:
        say(f"{count} published")


def _events(file: str) -> Iterator[OpsEvent]:
    for place, value in read(file):
        try:
            yield checked(value)
        except ValueError as error:
            raise UsageError(f"{place}: {error}", hint="needed: id, time, source, kind") from None


def checked(value: bytes) -> OpsEvent:
    """Read an event; raises `ValueError` for one that no rule could use."""
    try:
        event = _decoder.decode(value)
    except RecursionError:
        raise ValueError("nested too deep") from None
    instants.parse(event.time)
    if event.missing:
        raise ValueError(f"a {event.kind} event needs {', '.join(event.missing)}")
    if not event.source:
        raise ValueError("source is empty")
    return event
