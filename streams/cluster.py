"""Whether the cluster is still the one that the process began with: offsets of another mean nothing here."""

import threading
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaException

_log = structlog.get_logger(__name__)

EVERY_S = 5.0


class ClusterChangedError(Exception):
    """The same address leads to another cluster."""


class ClusterWatch:
    """Asks for the cluster's id now and then, from a thread of its own; `give_up` hears of a change, once.

    `ask` raises `KafkaException` while no broker answers.
    """

    def __init__(
        self, ask: Callable[[], str], give_up: Callable[[Exception], None], *, every_s: float = EVERY_S
    ) -> None:
        self._ask = ask
        self._give_up = give_up
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cluster", daemon=True)

    def begin(self) -> None:
        """Watch from now on: the first id that is heard is the one to keep."""
        self._thread.start()

    def close(self) -> None:
        """Watch no more."""
        self._stopping.set()

    def _run(self) -> None:
        known: str | None = None
        while not self._stopping.is_set():
            try:
                found = self._ask()
            except KafkaException as error:
                _log.debug("cluster_unknown", error=str(error))
            else:
                if known is not None and found != known:
                    text = f"Kafka's cluster was {known} and is {found} now; this process has to start anew"
                    self._give_up(ClusterChangedError(text))
                    return
                known = found
            self._stopping.wait(self._every_s)
