"""Sends a few messages and waits until Kafka has confirmed them."""

from collections.abc import Iterable

import msgspec

from sciagents.errors import BrokerError
from sciagents.reach import answering
from streams.codec import JSON
from streams.emit import Emitter, Outgoing
from streams.topics import names

_CONFIRM_WITHIN_S = 30.0


def publish(bootstrap: str, prefix: str, topic: str, messages: Iterable[tuple[str, msgspec.Struct]]) -> int:
    """Send (key, value) pairs as JSON; returns how many.

    Raises:
        BrokerError: Kafka does not answer, or did not take all of them.

    """
    refused: list[Exception] = []
    place, count = names(prefix)[topic], 0

    def confirmed(refusal: Exception | None) -> None:
        if refusal is not None:
            refused.append(refusal)

    with answering(bootstrap, prefix):
        emitter = Emitter(bootstrap)
        left = 0
        try:
            for key, value in messages:
                emitter.send(
                    [Outgoing(place, key.encode(), msgspec.json.encode(value), [("content-type", JSON)])], confirmed
                )
                count += 1
        finally:
            left = emitter.close(_CONFIRM_WITHIN_S)
    if left or refused:
        why = f": {refused[0]}" if refused else ""
        raise BrokerError(f"Kafka has not confirmed {left + len(refused)} of {count} messages{why}")
    return count
