"""Asking Kafka again: a broker that has just gone, or a client that has just begun, is passing trouble."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from confluent_kafka import KafkaException

Answer = TypeVar("Answer")

_PAUSE_S = 0.2


def patiently(ask: Callable[[], Answer], seconds: float) -> Answer:
    """Return what `ask` does, asked again while it raises `KafkaException`; when the time is over, that is raised."""
    until, pause = time.monotonic() + seconds, threading.Event()
    while True:
        try:
            return ask()
        except KafkaException:
            if time.monotonic() >= until:
                raise
        pause.wait(_PAUSE_S)
