"""Families: the samples of one name, whatever their labels are; together they take no more memory than they may.

Labels come from whoever sends events. A family takes no more label sets than are left for all others, so that one which
is flooded leaves room for the rest; of samples the largest family loses its oldest.
"""

import sys
from array import array
from collections.abc import Callable, Container, Iterator
from typing import Literal

import numpy as np

from alerting.alerts import Labels
from alerting.index import Grouping, Index, Integers
from alerting.matchers import Matcher, all_match
from alerting.samples import Rows, Samples, Tallies

LABEL_SETS = 600_000
"""So many label sets are known in all; half of them, at most, of one family."""
LABEL_BYTES = 512 << 20
"""So much memory label sets take in all; half of it, at most, those of one family."""
SAMPLES = 12_000_000
"""So many samples are kept in all."""
NOTED = 8_000_000
"""So many samples, and no more, are remembered until a snapshot asks for them."""
_NAMES = 20_000
_TRIMMED = 4
"""One part of so many is what the largest family loses when there are too many samples."""
_WASTE = 1_000

Kind = Literal["metric", "fault", "heartbeat", "tests", "log"]
By = tuple[str, ...] | None


class Labelled:
    """Label sets with columns to them, and the groups that rules put them in."""

    __slots__ = ("_groupings", "bytes", "ids", "index")

    def __init__(self) -> None:
        self.index = Index()
        self.ids = array("q")
        """What each label set is called in a snapshot: unlike its number that stays, and is nobody else's later."""
        self.bytes = 0
        self._groupings: dict[tuple[object, ...], Grouping] = {}

    def grouping(
        self, by: By, matchers: tuple[Matcher, ...], groups: Index, statuses: frozenset[str] | None = None
    ) -> Integers:
        """The column of groups of the label sets that match, and whose `status` is one of these."""
        key = (by, matchers, statuses)
        found = self._groupings.get(key)
        if found is None or found.groups is not groups:
            found = self._groupings[key] = Grouping(self.index, groups, _projection(by, matchers, statuses))
        return found.column()

    def set_aside(self) -> None:
        """Lay by what has been taken under the numbers that are valid now."""

    def targets(self) -> Iterator[Index]:
        """The indexes that its label sets are grouped in."""
        for grouping in self._groupings.values():
            yield grouping.groups

    def renumbered(self, alive: Integers) -> Integers | None:
        """Forget label sets without a sample, once they are many; returns the new number for each, if there are any."""
        alive = np.flatnonzero(alive)
        dead = len(self.index) - len(alive)
        if dead <= min(_WASTE, len(alive)):
            return None
        self.set_aside()
        self.ids = array("q", np.array(self.ids)[alive].tobytes())
        numbers = np.zeros(len(self.index), np.int64)
        numbers[alive] = np.arange(len(alive))
        old, self.index = self.index, Index()
        for number in alive:
            self.index.number(old.labels[number])
        self.bytes = sum(map(weight, self.index.labels))
        self._groupings.clear()
        return numbers


class Family(Labelled):
    """The samples of one name."""

    __slots__ = ("_aside", "oldest", "samples", "signal")

    def __init__(self, signal: str) -> None:
        super().__init__()
        self.signal = signal
        """The signal that is computed of it."""
        self.samples = Samples()
        self.oldest = float("inf")
        """Event time of the oldest sample that is news."""
        self._aside: list[Rows] = []

    def set_aside(self) -> None:
        """Lay by what has been taken under the numbers that are valid now."""
        if not self.samples.untold:
            return
        times, rows, values = self.samples.taken()
        if len(times):
            self._aside.append((np.array(self.ids)[rows], times, values))

    def note(self, *, on: bool = True) -> None:
        """Remember from now on what comes, for `taken`; or do not any more."""
        self._aside = []
        self.samples.note(on=on)

    def taken(self) -> list[Rows]:
        """Ids, times and values of what was taken since the last call."""
        self.set_aside()
        aside, self._aside = self._aside, []
        return aside

    def forget(self, before: float) -> None:
        """Drop what is older than `before`."""
        self.samples.forget(before)
        numbers = self.renumbered(self.samples.counts(len(self.index)))
        if numbers is not None:
            self.samples.renumber(numbers, len(self.index))


class Answered(Labelled):
    """The tallies of results."""

    __slots__ = ("_aside", "tallies")

    def __init__(self, width: float) -> None:
        super().__init__()
        self.tallies = Tallies(width)
        self._aside: list[tuple[Rows, Rows]] = []

    def set_aside(self) -> None:
        """Lay by what has been taken under the numbers that are valid now."""
        counts, bins = self.tallies.taken()
        if len(counts[0]):
            ids = np.array(self.ids)
            columns = ((buckets, ids[rows], *others) for buckets, rows, *others in (counts, bins))
            self._aside.append((next(columns), next(columns)))

    def note(self, *, on: bool = True) -> None:
        """Remember from now on what comes, for `taken`; or do not any more."""
        self._aside = []
        self.tallies.note(on=on)

    def taken(self) -> list[tuple[Rows, Rows]]:
        """What was taken since the last call: results and bins, by bucket and id."""
        self.set_aside()
        aside, self._aside = self._aside, []
        return aside

    def forget(self, before: float) -> bool:
        """Drop what is older than `before`; returns whether label sets have other numbers now."""
        self.tallies.forget(before)
        numbers = self.renumbered(self.tallies.present(len(self.index)))
        if numbers is not None:
            self.tallies.renumber(numbers)
        return numbers is not None


class Families:
    """All families of events, and the results: what they hold together is bounded."""

    def __init__(self, width: float) -> None:
        self.families: dict[tuple[Kind, str], Family] = {}
        self.answered = Answered(width)
        self.read: Container[str] = ()
        """The signals that rules read: their names are taken, however many others there are."""
        self.next_id = 0
        """The id that the next label set gets."""
        self.noting = False
        """Whether what comes is remembered until a snapshot asks for it."""
        self._noted = 0
        self._label_sets = 0
        self._bytes = 0
        self._samples = 0

    def note(self, *, on: bool = True) -> None:
        """Remember from now on what comes, for snapshots; or do not any more."""
        self.noting, self._noted = on, 0
        self.answered.note(on=on)
        for family in self.families.values():
            family.note(on=on)

    def written(self) -> None:
        """Take note that a snapshot has asked for all that was remembered."""
        self._noted = 0

    def get(self, kind: Kind, name: str, signal: str) -> Family | None:
        """The family of a name, made where there is none; None where there are too many."""
        family = self.families.get((kind, name))
        if family is None and (len(self.families) < _NAMES or signal in self.read):
            family = self.families[kind, name] = Family(signal)
            if self.noting:
                family.note()
        return family

    def number(self, family: Labelled, labels: Labels, known_as: int | None = None) -> int | None:
        """The number of a label set in a family; None where it is one too many. `known_as` is its id in a snapshot."""
        number = family.index.get(labels)
        if number is not None:
            return number
        size = weight(labels)
        if len(family.index) >= LABEL_SETS - self._label_sets or family.bytes + size > LABEL_BYTES - self._bytes:
            return None
        self._label_sets += 1
        self._bytes += size
        family.bytes += size
        family.ids.append(self.next_id if known_as is None else known_as)
        self.next_id = max(self.next_id, family.ids[-1] + 1)
        return family.index.number(labels)

    def took(self, samples: int) -> int:
        """Take note of new samples; returns how many old ones made room for them."""
        self._samples += samples
        if self.noting:
            self._noted += samples
            if self._noted > NOTED:
                self.note(on=False)
        if self._samples <= SAMPLES:
            return 0
        self.count()
        dropped = 0
        while self._samples > SAMPLES:
            largest = max(self.families.values(), key=lambda family: len(family.samples), default=None)
            if largest is None or len(largest.samples) < len(self.answered.tallies):
                gone = len(self.answered.tallies)
                dropped += self.answered.tallies.forget_oldest(1 / _TRIMMED)
                gone -= len(self.answered.tallies)
            else:
                gone = len(largest.samples)
                largest.samples.forget_oldest(gone // _TRIMMED)
                gone -= len(largest.samples)
                dropped += gone
            self._samples -= max(1, gone)
        return dropped

    def count(self) -> None:
        """Count again what there is."""
        every: list[Labelled] = [*self.families.values(), self.answered]
        self._label_sets = sum(len(one.index) for one in every)
        self._bytes = sum(one.bytes for one in every)
        self._samples = sum(len(family.samples) for family in self.families.values()) + len(self.answered.tallies)


def weight(labels: Labels) -> int:
    """Bytes that a label set takes, its groups and its place in the tables included."""
    return 200 + sum(72 + len(name) + sys.getsizeof(value) for name, value in labels)


def projected(labels: Labels, by: By) -> Labels:
    """The labels that are kept apart; without `by` all of them, the instance where it says more than the source."""
    if by is not None:
        return tuple(pair for pair in labels if pair[0] in by)
    source = next((value for name, value in labels if name == "source"), None)
    return tuple(pair for pair in labels if pair[0] != "instance" or pair[1] != source)


def _projection(
    by: By, matchers: tuple[Matcher, ...], statuses: frozenset[str] | None
) -> Callable[[Labels], Labels | None]:
    def project(labels: Labels) -> Labels | None:
        if matchers or statuses is not None:
            mapping = dict(labels)
            if not all_match(matchers, mapping) or (statuses is not None and mapping.get("status") not in statuses):
                return None
        return projected(labels, by)

    return project
