"""Whose turn it is: of what waits, high goes before normal and normal before low, and none starves. Pure."""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from streams.contracts import Priority

SHARES: dict[Priority, int] = {"high": 16, "normal": 4, "low": 1}
"""Turns that each priority gets of 21 while all of them wait."""

Item = TypeVar("Item")


class Turns(Generic[Item]):
    """A queue a priority, first come first served in each; smooth weighted round robin between them (as nginx has it).

    A priority that waits alone gets every turn; one whose queue was empty has saved up none.
    """

    def __init__(self) -> None:
        self._queues: dict[Priority, deque[Item]] = {priority: deque() for priority in SHARES}
        self._credit: dict[Priority, int] = dict.fromkeys(SHARES, 0)

    def put(self, item: Item, priority: Priority) -> None:
        """Let an item wait."""
        self._queues[priority].append(item)

    def take(self) -> Item | None:
        """Return the item whose turn it is; None when nothing waits."""
        waiting = [priority for priority, queue in self._queues.items() if queue]
        if not waiting:
            return None
        for priority in waiting:
            self._credit[priority] += SHARES[priority]
        chosen = max(waiting, key=self._credit.__getitem__)  # of equals the first, which is the higher
        self._credit[chosen] -= sum(SHARES[priority] for priority in waiting)
        queue = self._queues[chosen]
        item = queue.popleft()
        if not queue:
            self._credit[chosen] = 0
        return item

    def remove(self, unwanted: Callable[[Item], bool]) -> list[Item]:
        """Take out the items of which that holds, in the order in which they came."""
        removed = []
        for priority, queue in self._queues.items():
            if found := [item for item in queue if unwanted(item)]:
                removed += found
                gone = set(map(id, found))
                self._queues[priority] = deque(item for item in queue if id(item) not in gone)
        return removed

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def __iter__(self) -> Iterator[Item]:
        for queue in self._queues.values():
            yield from queue
