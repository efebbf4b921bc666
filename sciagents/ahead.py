"""What a starting alerting process asks of Kafka while it is still importing: who answers, and what the topics hold.

Nothing of it has an effect that others could see, so it can be done before the configuration has been looked at.
"""

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException
from confluent_kafka.admin._metadata import ClusterMetadata

from sciagents import reach
from streams.topics import TOPICS

if TYPE_CHECKING:
    from sciagents.past import Topics


class Ahead:
    """Asks in a thread of its own."""

    def __init__(self, kafka: str, prefix: str) -> None:
        self._kafka = kafka
        self._prefix = prefix
        self._cluster: Future[ClusterMetadata] = Future()
        self._topics: Future[Topics | None] = Future()
        threading.Thread(target=self._ask, name="ahead", daemon=True).start()

    def cluster(self) -> ClusterMetadata:
        """Return who answers; raises as `reach.metadata` does."""
        return self._cluster.result()

    def has_all_topics(self) -> bool:
        """Whether every topic of ours was there; raises as `reach.metadata` does."""
        return {self._prefix + spec.name for spec in TOPICS} <= set(self.cluster().topics)

    def topics(self) -> "Topics | None":
        """Hand over what the topics held, to be read on; None where it was not read."""
        topics = self._topics.result()
        self._topics = Future()
        return topics

    def _ask(self) -> None:
        found = None
        try:
            cluster = reach.metadata(self._kafka)
            self._cluster.set_result(cluster)
            if not reach.is_embedded(cluster) and self.has_all_topics():
                found = self._read()
        except Exception as failure:  # raised again where the answer is asked for
            if not self._cluster.done():
                self._cluster.set_exception(failure)
        finally:
            self._topics.set_result(found)

    def _read(self) -> "Topics | None":
        from sciagents.past import Topics  # noqa: PLC0415 - the thread that imports is at other things

        try:
            topics = Topics(self._kafka, self._prefix)
            topics.read()
        except (KafkaException, TimeoutError):  # it is read again when it is needed, and that failure is told
            return None
        return topics
