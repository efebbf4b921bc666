"""What comes in: a member of a group in a thread (`streams.polling`), which hands record batches to a Faust channel.

Offsets are received into a frontier per partition before a batch is handed out, and only the frontier is committed.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, cast

import faust
import structlog
from confluent_kafka import Consumer, Message
from mode import Service

from streams.admit import Partition
from streams.answered import Answered
from streams.brake import Brake
from streams.flight import Flight, Record
from streams.handout import BATCH_LIMIT, Handout
from streams.lag import Lag
from streams.liveness import Pulse
from streams.membership import Membership
from streams.ownership import Reader, Seat
from streams.polling import Outbox, Poller
from streams.resume import OnLoss, find
from streams.statistics import Statistics

_log = structlog.get_logger(__name__)

MAX_DELAY_MS = 2.0
"""How long a batch takes what comes, in a stream of records; one alone waits for nothing."""
_COMMIT_EVERY_S = 0.2
_CONFIRMED_S = 60.0
"""How long a partition that goes to another waits for the broker to confirm what was answered of it."""
_CONFIRMED_AT_THE_END_S = 10.0
_COMMITTED_S = 2.0


class Intake(Service):
    """Feeds `channel`, a bounded one, with record batches of `topics`.

    Stops reading while `in_flight_limit` records, or `bytes_limit` bytes of large ones, are unfinished. When partitions
    go to another worker, or the process ends, what was handed out has `budget_s` to finish; the rest is dropped.
    `release`, where there is one, is told which partitions go (None: all), and says how many of their records it gives
    back unfinished: those are not waited for. What is `answered` already when a partition is taken over is done.
    What was answered is waited for in the `outbox` longer than that, and then withdrawn: whoever is given the
    partition next would answer it too.
    """

    def __init__(
        self,
        channel: faust.ChannelT[Any],
        bootstrap: str,
        topics: Sequence[str],
        group_id: str,
        *,
        membership: Membership,
        in_flight_limit: int = 20_000,
        bytes_limit: int = 256 * 1024 * 1024,
        batch_limit: int = BATCH_LIMIT,
        max_delay_ms: float = MAX_DELAY_MS,
        budget_s: float = 5.0,
        release: Callable[[Collection[Partition] | None], int] | None = None,
        answered: Answered | None = None,
        outbox: Outbox | None = None,
        embedded: bool = False,
        on_loss: OnLoss = lambda *_: None,
    ) -> None:
        super().__init__()
        self._group_id = group_id
        self._budget_s = budget_s
        self._release = release
        self._answered = answered
        self._on_loss = on_loss
        self._flight = Flight(in_flight_limit, bytes_limit, time.monotonic)
        self._poller = Poller(
            self, bootstrap, topics, group_id, membership=membership, batch_limit=batch_limit,
            commit_every_s=_COMMIT_EVERY_S, outbox=outbox, embedded=embedded,
        )  # fmt: skip
        self._brake = Brake(self._flight, self._poller.stopping)
        self._lag = Lag(self._flight)
        self._handout = Handout(channel, batch_limit, max_delay_ms / 1000)
        self._failure: Exception | None = None
        self._thread: threading.Thread | None = None

    def done(self, finished: Iterable[tuple[Partition, int]]) -> None:
        """Mark (partition, offset) pairs done; those of a partition that is no longer ours change nothing."""
        self._flight.done(finished)

    def owns(self, partition: Partition) -> bool:
        """Whether an answer to a record of this partition is still ours to give."""
        return self._flight.owns(partition)

    def certain(self) -> bool:
        """Whether it can be known now what is this member's; otherwise answers are to be held."""
        return self._poller.doubt.certain

    def hold(self, send: Callable[[], None], *, again: bool) -> None:
        """Hold an answer until that is known."""
        self._poller.doubt.hold(send, again=again)

    @property
    def in_flight(self) -> int:
        """How many records are handed out and not done."""
        return self._flight.count()

    @property
    def seat(self) -> Seat:
        """What this member has to see to."""
        return self._poller.seat

    @property
    def pulse(self) -> Pulse:
        """How it does, for whoever judges whether the process lives."""
        waiting_since = self._lag.waiting_since(self._flight.standings())
        return self._poller.pulse(started=self._thread is not None, waiting_since=waiting_since)

    def as_reader(self) -> Reader:
        """Return what this member reads of its topics; at its bounds it may stand still."""
        return self._poller.as_reader(self._flight.standings(), may_stand_still=self._brake.on)

    async def on_start(self) -> None:
        """Join the group: not before, for what is assigned to a process that is still starting waits for it."""
        self._handout.loop = asyncio.get_running_loop()
        if self._failure is not None:  # what ended it was found before there was a loop to end
            raise self._failure
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self._thread.start()

    async def on_stop(self) -> None:
        """Read no more, let what was handed out finish within the budget, commit the frontier, leave the group."""
        self._poller.stopping.set()
        thread = self._thread
        if thread is not None:
            await asyncio.get_running_loop().run_in_executor(None, thread.join, 30.0 + self._budget_s)

    def _run(self) -> None:
        try:
            self._poller.run()
        except Exception as failure:  # whatever it is, the process must not live on deaf
            self.fail(failure)

    def fail(self, failure: Exception) -> None:
        """End the process, from any thread: what is not committed is read again after a restart."""
        _log.critical("intake_failed", error=str(failure), exc_info=failure)
        self._failure = failure
        loop = self._handout.loop
        if loop is not None:
            loop.call_soon_threadsafe(lambda: loop.create_task(self.crash(failure)))

    # what follows is called by the thread that polls

    def wait_s(self, consumer: Consumer) -> float | None:
        """Read nothing at the bounds, and soon again while records wait to be handed out."""
        if self._brake.must_wait(consumer):
            return None
        return 0.001 if len(self._handout) else 0.05

    def gather(self) -> None:
        """In a stream of records, take what a few milliseconds bring; one alone goes at once."""
        self._poller.stopping.wait(self._handout.waiting_s)

    def take(self, messages: Sequence[Message]) -> None:
        """Receive records, and let those wait for the channel that are not answered already."""
        found = [(message, (message.topic(), message.partition()), message.offset()) for message in messages]
        records = cast("list[Record]", found)  # in one call: it is one for each message otherwise
        owned = {partition for _, partition, _ in records if self._flight.owns(partition)}
        # what was read in the moment in which its partition was taken away is another's
        records = [record for record in records if record[1] in owned]
        if not records:
            return
        self._flight.received(records)
        if self._answered is not None and (repeats := self._answered.among(records)):
            _log.info("answered_already", group=self._group_id, records=len(repeats))
            self.done(repeats)
            known = set(repeats)
            records = [record for record in records if record[1:] not in known]
        self._handout.add(records)

    def go_on(self, consumer: Consumer, now: float) -> None:  # noqa: ARG002 - as it is called
        """Hand out."""
        if self._answered is not None:
            self._answered.find_ends()
        self._handout.hand_out()

    def look(self, found: Statistics) -> None:
        """Tell how far behind it is."""
        self._lag.look(found)

    def begin(self, consumer: Consumer, partition: Partition) -> int | None:
        """Go on after what was received, past what is lost."""
        found = find(consumer, partition, self._flight.following(partition), self._on_loss)
        if found is None:
            return None
        if found.at.lost:
            self._flight.skipped(partition, found.at.offset)
        return found.at.offset

    def unread(self) -> list[Partition]:
        """Return those of which nothing has come yet."""
        return [partition for partition, found in self._flight.standings().items() if found.position is None]

    def standing(self) -> Mapping[Partition, int | None]:
        """Return where each is read on that has nothing unfinished."""
        return self._lag.idle()

    def to_commit(self, partitions: Collection[Partition] | None, *, again: bool) -> Mapping[Partition, int]:
        """Return the frontier."""
        return self._flight.to_commit(partitions, again=again)

    def committed(self, positions: Iterable[tuple[Partition, int]]) -> None:
        """Take note of what the broker has confirmed."""
        self._flight.committed(positions)

    def assigned(self, _: Consumer, partitions: Sequence[Partition]) -> None:
        """Take partitions over; what the last owner has answered of them is looked up when their records come."""
        self._flight.take(partitions)
        if self._answered is not None:
            self._answered.taken_over(partitions)
        self._brake.release()

    def give_back(self, consumer: Consumer, partitions: Collection[Partition] | None) -> None:
        """Take back what was not handed out, let the rest finish within the budget, and commit."""
        deadline = time.monotonic() + self._budget_s
        self._flight.retracted(self._handout.take_back(partitions))
        given_back = 0
        while time.monotonic() < deadline:
            if self._release is not None:
                given_back += self._release(partitions)
            if self._flight.count(partitions) <= given_back:
                break
            self._handout.hand_out()  # of the others
            self._poller.turn()
            time.sleep(0.005)
        self._flight.leave(partitions)
        at_most_s = _CONFIRMED_AT_THE_END_S if partitions is None else _CONFIRMED_S
        self._poller.until_confirmed(at_most_s, meanwhile=self._handout.hand_out)
        self._poller.commit_now(consumer, partitions, max(deadline, time.monotonic() + _COMMITTED_S))

    def let_go(self, partitions: Collection[Partition] | None) -> None:
        """Own them no longer, and what waits of them."""
        gone = list(self._flight.standings()) if partitions is None else partitions
        self._flight.drop(gone)
        self._handout.take_back(partitions)
        self._lag.forget(gone)
        if partitions is None:
            self._brake.reset()
