"""The commit frontier: how far a partition may be committed when work finishes out of order."""

from collections import deque
from collections.abc import Iterable


class Frontier:
    """Per partition, the end of the contiguous run of done offsets among those received.

    Offsets are received in increasing order, gaps allowed (compaction and transaction markers leave them), and finish
    in any order. `position` is what a commit may say: the first offset not known to be done. Unlike faust-streaming's
    `Consumer._new_offset` (its issue 606) an offset in flight is never passed, and 0 is an offset like any other.
    """

    __slots__ = ("_done", "_next", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[int] = deque()
        self._done: set[int] = set()
        self._next: int | None = None

    def received(self, offsets: Iterable[int]) -> None:
        """Take note of offsets handed out, in increasing order; raises `ValueError` when one goes back."""
        for offset in offsets:
            if self._next is not None and offset < self._next:
                raise ValueError(f"offset {offset} received after {self._next - 1}")
            self._waiting.append(offset)
            self._next = offset + 1

    def done(self, offsets: Iterable[int]) -> None:
        """Mark offsets whose results are confirmed; one that was never received, or is behind, changes nothing."""
        waiting, done = self._waiting, self._done
        done.update(offsets)
        while waiting and waiting[0] in done:
            done.discard(waiting.popleft())
        if not waiting:
            done.clear()
        elif len(done) > len(waiting):  # some were never received, or are behind
            done.intersection_update(waiting)

    def retracted(self, offset: int) -> None:
        """Take back what was received from `offset` on: it was handed out to nobody, and may be received again."""
        while self._waiting and self._waiting[-1] >= offset:
            self._done.discard(self._waiting.pop())
        if self._next is not None:
            self._next = min(self._next, offset)

    def skipped(self, offset: int) -> None:
        """Take note that nothing more comes before `offset`: the log begins there."""
        self._next = offset if self._next is None else max(self._next, offset)

    @property
    def following(self) -> int | None:
        """The offset after the last that was received, or None before any was."""
        return self._next

    @property
    def position(self) -> int | None:
        """The offset to commit (Kafka's meaning: the next one to read), or None before anything was received."""
        return self._waiting[0] if self._waiting else self._next

    @property
    def in_flight(self) -> int:
        """How many received offsets are not done."""
        return len(self._waiting) - len(self._done)

    @property
    def gap(self) -> int:
        """How many done offsets wait behind one that is not: what a crash now would repeat."""
        return len(self._done)
