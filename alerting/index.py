"""Label sets as integers: what is known of each of them is a column, and so is the group that each belongs to."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from alerting.alerts import Labels

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Index:
    """Numbers label sets from 0, in the order in which they come."""

    __slots__ = ("_numbers", "labels")

    def __init__(self) -> None:
        self._numbers: dict[Labels, int] = {}
        self.labels: list[Labels] = []
        """The label sets, by their numbers."""

    def __len__(self) -> int:
        return len(self.labels)

    def get(self, labels: Labels) -> int | None:
        """The number of a label set that is known."""
        return self._numbers.get(labels)

    def number(self, labels: Labels) -> int:
        """The number of a label set, the next one if it is new."""
        number = self._numbers.setdefault(labels, len(self.labels))
        if number == len(self.labels):
            self.labels.append(labels)
        return number


class Grouping:
    """Which group of `groups` each label set of an index belongs to; `project` gives the group's labels, None for none.

    Each label set is looked at once, however often the column is asked for.
    """

    __slots__ = ("_column", "_index", "_project", "groups")

    def __init__(self, index: Index, groups: Index, project: Callable[[Labels], Labels | None]) -> None:
        self.groups = groups
        self._index = index
        self._project = project
        self._column: Integers = np.zeros(0, np.int64)

    def column(self) -> Integers:
        """By label set: the number of its group and one, or 0 for one that is left out."""
        new = self._index.labels[len(self._column) :]
        if new:
            number, project = self.groups.number, self._project
            found = [0 if (group := project(labels)) is None else number(group) + 1 for labels in new]
            self._column = np.concatenate([self._column, np.array(found, np.int64)])
        return self._column
