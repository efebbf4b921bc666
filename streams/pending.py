"""Requests that wait in the fast lane for their native call: by priority, kernel and shape class. Pure."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from typing import Any

from streams.admit import Job
from streams.contracts import Priority
from streams.turns import Turns

MAX_BATCH = 256


class Pending:
    """Groups of requests that one native call computes; at most `max_batch`, of at most `max_cost` operations, a call.

    High priority goes first and none starves (`Turns`); of one priority, what came first, and of what came together
    the cheapest.
    """

    def __init__(self, max_batch: int = MAX_BATCH, max_cost: float = float("inf")) -> None:
        self._max_batch = max_batch
        self._max_cost = max_cost
        self._groups: dict[Hashable, list[Job]] = {}
        self._turns: Turns[Hashable] = Turns()

    def put(self, jobs: Iterable[Job]) -> None:
        """Let requests wait that came together."""
        groups = defaultdict[Any, list[Job]](list)
        for job in jobs:
            groups[job.request.priority, id(job.task), job.plan.group].append(job)
        for key, group in sorted(groups.items(), key=_cost):
            self._wait(key, group)

    def take(self) -> list[Job]:
        """Return what the next native call computes; nothing when nothing waits."""
        key = self._turns.take()
        if key is None:
            return []
        group = self._groups.pop(key)
        cost = group[0].plan.cost
        most = self._max_batch if cost <= 0 else int(min(self._max_batch, max(1.0, self._max_cost / cost)))
        if len(group) > most:
            self._wait(key, group[most:])
        return group[:most]

    def _wait(self, key: Any, group: list[Job]) -> None:
        waiting = self._groups.get(key)
        if waiting is None:
            self._groups[key] = group
            priority: Priority = key[0]
            self._turns.put(key, priority)
        else:
            waiting += group

    def __bool__(self) -> bool:
        return bool(self._groups)


def _cost(item: tuple[Any, list[Job]]) -> float:
    return float(item[1][0].plan.cost) * len(item[1])
