"""Fills in what a channel says in words of its own; what cannot be filled in is never in the way of an alert."""

from typing import Any

from alerting.go.data import Data, of_payload
from alerting.go.library import Words
from alerting.messages import Message
from alerting.notify import webhook
from alerting.wording import Shape


def data_of(message: Message) -> Data:
    """What templates see of a message: what a webhook gets."""
    return of_payload(webhook.payload(message), message.reason)


def filled(shape: Shape, data: Data, now: float) -> Any:
    """Fill in all texts of a shape; raises `GoError`."""
    if isinstance(shape, Words):
        return shape.render(data, now)
    if isinstance(shape, dict):
        return {key: filled(one, data, now) for key, one in shape.items()}
    return [filled(one, data, now) for one in shape] if isinstance(shape, list) else shape
