"""Writes post-mortems for the routes: in a thread, since topics are read, and few at once."""

import asyncio
from collections.abc import Sequence

from confluent_kafka import KafkaException

from sciagents import postmortem
from sciagents.api.problems import HttpProblem
from sciagents.errors import SciAgentsError
from sciagents.postmortem import Postmortem
from streams.contracts import Incident, Notification

_AT_ONCE = 2


class Scribe:
    """Knows where the records are; `earlier` are notifications of before the topics begin."""

    def __init__(self, bootstrap: str, prefix: str, earlier: Sequence[Notification] = ()) -> None:
        self._bootstrap = bootstrap
        self._prefix = prefix
        self._earlier = earlier
        self._room = asyncio.Semaphore(_AT_ONCE)

    async def write(self, incident: Incident) -> Postmortem:
        """Write the post-mortem of an incident; raises `HttpProblem` (503) when the records cannot be read."""
        async with self._room:
            try:
                return await asyncio.to_thread(postmortem.of, self._bootstrap, self._prefix, incident, self._earlier)
            except (SciAgentsError, KafkaException, TimeoutError) as error:
                raise HttpProblem(
                    503, "unavailable", f"the records cannot be read: {error}"[:300], headers={"Retry-After": "5"}
                ) from None
