"""Which requests are cancelled: a bounded memory of ids, shared by the control agent and the compute threads."""

from collections import OrderedDict
from collections.abc import Iterable


class Cancels:
    """Remembers the last `limit` cancelled ids; safe to read from any thread."""

    def __init__(self, limit: int = 100_000) -> None:
        self._ids: OrderedDict[str, None] = OrderedDict()
        self._limit = limit

    def add(self, request_id: str) -> None:
        """Cancel the request of this id, whether it is waiting, running or not here yet."""
        self._ids[request_id] = None
        while len(self._ids) > self._limit:
            self._ids.popitem(last=False)

    def __contains__(self, request_id: object) -> bool:
        return request_id in self._ids

    def any_of(self, ids: Iterable[str]) -> bool:
        """Whether one of them is cancelled."""
        return not self._ids.keys().isdisjoint(ids)

    def __bool__(self) -> bool:
        return bool(self._ids)
