"""What the alerting process's routes work with: one value, made at the start."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alerting.config import Config
from alerting.engine import Engine
from alerting.stream import Stream
from streams.contracts import Notification


@dataclass
class Desk:
    """A running alerting stream; `load` reads its configuration again, `started_at` is in epoch seconds."""

    stream: Stream
    load: Callable[[], Config]
    started_at: float
    earlier: Sequence[Notification] = ()
    """Notifications of before the topics begin, where these are not kept."""

    @property
    def engine(self) -> Engine:
        """What decides; to be looked at."""
        return self.stream.engine
