"""Looks for values that are not finite, and remembers where the first one was."""

from collections.abc import Sequence

import msgspec
import numpy as np

from agents.arrays import Array
from agents.outcome import Problem


class Seen(msgspec.Struct, frozen=True):
    """How many points were looked at, how many of them were not finite, and the first of these."""

    points: int
    not_finite: int
    first: str


class Finite:
    """Counts the points (d, k) where a formula of `names` is not finite."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._count = 0
        self._seen = 0
        self._first = ""

    def look(self, points: Array, values: Array) -> bool:
        """Look at the values (k,) at points (d, k); says whether all are finite."""
        good = np.isfinite(values)
        self._seen += values.size
        if good.all():
            return True
        if not self._count:
            place = points[:, int(np.argmin(good))]
            named = list(zip(self._names, place, strict=True))[:10]
            self._first = ", ".join(f"{name} = {float(value):.6g}" for name, value in named)
        self._count += int((~good).sum())
        return False

    @property
    def seen(self) -> Seen:
        """What was seen so far."""
        return Seen(self._seen, self._count, self._first)

    def add(self, seen: Seen) -> None:
        """Add what was seen of the points after those looked at."""
        self._first = self._first or seen.first
        self._seen += seen.points
        self._count += seen.not_finite

    def check(self, what: str, field: str, hint: str) -> None:
        """Raise `Problem` (`non_finite`) with the count and the first point, if any value was not finite."""
        if self._count:
            text = f"{what} is not finite at {self._count} of {self._seen} points, first at {self._first}"
            raise Problem("non_finite", text, field=field, hint=hint)
