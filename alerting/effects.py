"""Effects as values: what the engine wants done, in this order."""

from dataclasses import dataclass

import msgspec

from alerting.messages import Message


@dataclass(frozen=True, slots=True)
class Publish:
    """Write `value` under `key` on a topic (without any prefix); None removes what is there."""

    topic: str
    key: str
    value: msgspec.Struct | None


@dataclass(frozen=True, slots=True)
class Notify:
    """Send a message, and report how it went to `Engine.on_delivery`; its intent is published before."""

    message: Message


Effect = Publish | Notify
