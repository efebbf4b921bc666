"""Requests that wait in the fast lane for their native call: by priority, kernel and shape class. Pure."""

from collections.abc import Hashable, Iterable
from typing import Any, NamedTuple

from confluent_kafka import Message

from streams.admit import Job
from streams.contracts import Priority
from streams.turns import Turns

MAX_BATCH = 256


class Admitted(NamedTuple):
    """A request that may run, and the record that it came as."""

    job: Job
    record: Message


class Pending:
    """Groups of requests that one native call computes; at most `max_batch`, of at most `max_cost` operations, a call.

    High priority goes first and none starves (`Turns`); of one priority, what came first, and of what came together
    the cheapest.
    """

    def __init__(self, max_batch: int = MAX_BATCH, max_cost: float = float("inf")) -> None:
        self._max_batch = max_batch
        self._max_cost = max_cost
        self._groups: dict[Hashable, list[Admitted]] = {}
        self._turns: Turns[Hashable] = Turns()

    def put(self, admitted: Iterable[Admitted]) -> None:
        """Let requests wait that came together."""
        groups: dict[Any, list[Admitted]] = {}
        for one in admitted:
            groups.setdefault((one[0].request.priority, one[0].group), []).append(one)
        for key, group in sorted(groups.items(), key=_cost):
            self._wait(key, group)

    def take(self) -> list[Admitted]:
        """Return what the next native call computes; nothing when nothing waits."""
        key = self._turns.take()
        if key is None:
            return []
        group = self._groups.pop(key)
        cost = group[0].job.plan.cost
        most = self._max_batch if cost <= 0 else int(min(self._max_batch, max(1.0, self._max_cost / cost)))
        if len(group) > most:
            self._wait(key, group[most:])
        return group[:most]

    def _wait(self, key: Any, group: list[Admitted]) -> None:
        waiting = self._groups.get(key)
        if waiting is None:
            self._groups[key] = group
            priority: Priority = key[0]
            self._turns.put(key, priority)
        else:
            waiting += group

    def __bool__(self) -> bool:
        return bool(self._groups)


def _cost(item: tuple[Any, list[Admitted]]) -> float:
    return float(item[1][0].job.plan.cost) * len(item[1])
