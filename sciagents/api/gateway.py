"""The way to the broker: what a client sends is confirmed (acks=all) before it is answered."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from sciagents.api.problems import HttpProblem
from streams import spans
from streams.emit import Emitter, Headers, Outgoing
from streams.topics import names


class Gateway:
    """Sends and waits for the broker's confirmation, `timeout_s` at most; holds `max_bytes` unconfirmed at most."""

    def __init__(
        self, bootstrap: str, prefix: str, timeout_s: float = 10.0, max_bytes: int = 128 * 1024 * 1024
    ) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self._emitter = Emitter(bootstrap)
        self._spans = spans.from_environment("sci-agents-api")
        self._topics = names(prefix)
        self._timeout_s = timeout_s
        self._max_bytes = max_bytes
        self._unconfirmed = 0

    async def send(self, topic: str, messages: Sequence[tuple[str, bytes]], headers: Sequence[tuple[str, str]]) -> None:
        """Send values under their keys to one topic, named without its prefix; raises `HttpProblem` (503)."""
        size = sum(1000 + len(value) for _, value in messages)
        if self._unconfirmed + size > self._max_bytes:
            raise _unavailable("the broker is behind: too much waits to be confirmed")
        loop = asyncio.get_running_loop()
        confirmed: asyncio.Future[Exception | None] = loop.create_future()

        def settle(failure: Exception | None) -> None:
            self._unconfirmed -= size
            if not confirmed.done():
                confirmed.set_result(failure)

        def report(failure: Exception | None) -> None:
            with suppress(RuntimeError):  # the server has stopped: nobody is told any more
                loop.call_soon_threadsafe(settle, failure)

        carried: Headers = [*headers]
        if self._spans is not None and topic == "compute.requests":
            carried, ended = self._spans.publish(self._topics[topic], carried)
            confirmed.add_done_callback(lambda _: ended())
        outgoing = [Outgoing(self._topics[topic], key.encode(), value, [*carried]) for key, value in messages]
        self._unconfirmed += size
        self._emitter.send(outgoing, report)
        try:
            async with asyncio.timeout(self._timeout_s):
                failure = await asyncio.shield(confirmed)
        except TimeoutError:
            raise _unavailable(f"the broker has not confirmed within {self._timeout_s:g} s") from None
        if failure is not None:
            raise _unavailable(f"the broker refuses it: {failure}")

    def close(self) -> None:
        """Wait a moment for what is queued."""
        self._emitter.close(2.0)
        if self._spans is not None:
            self._spans.close()


def _unavailable(message: str) -> HttpProblem:
    hint = "send it again with the same id: a repeat does no harm"
    return HttpProblem(503, "unavailable", message, hint=hint, headers={"Retry-After": "5"})
