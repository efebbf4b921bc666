"""Keeps the signals: takes what has come since the last snapshot, and writes it as pieces and a head.

To take is quick, for columns are handed on as they are; pieces are made of them afterwards, in any thread.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from alerting import snapshot
from alerting.alerts import Labels
from alerting.families import Family, Labelled, weight
from alerting.reader import OF_RESULTS
from alerting.samples import Rows
from alerting.signals import Failure, Signals
from alerting.snapshot import MAIN, Failed, Head, LabelSets, Piece, Place, Points, Scope, Sources

WHOLE_EVERY = 10
"""One in so many snapshots writes whole what is written as it changes otherwise."""
SAMPLES_A_PIECE = 8_192
_LABELS_A_PIECE = 2_000
_SOURCES_A_PIECE = 5_000
_FAILURES_A_PIECE = 20
_PIECE_BYTES = 512 * 1024
_LARGEST = 1 << 20
"""A label set that takes more memory is in no snapshot, nor are its samples."""

Positions = Mapping[tuple[str, int], int]
_Named = tuple[tuple[str, str, str] | None, list[int], list[Labels]]


@dataclass(slots=True)
class Taken:
    """What has come since the last snapshot."""

    at: float
    whole: bool
    next_id: int
    positions: Positions
    scope: Scope
    labels: list[_Named] = field(default_factory=list)
    samples: list[tuple[int, Place, Rows]] = field(default_factory=list)
    results: list[tuple[Rows, Rows]] = field(default_factory=list)
    of_results: int = MAIN
    sources: dict[str, float] = field(default_factory=dict)
    workers: dict[str, float] = field(default_factory=dict)
    failed: list[Failure] = field(default_factory=list)


class Keeper:
    """Writes the snapshots of one process, of what comes from its making on.

    `run` is the process's own name, `before` the head that its signals were restored from.
    """

    def __init__(self, signals: Signals, run: str, before: Head | None) -> None:
        self._signals = signals
        self._run = run
        self._before = {} if before is None else before.runs
        self._next_id = 0
        self._named: set[Place] = set()
        self._count = 0
        self._base_at = 0.0
        self._last_failed: Failure | None = None
        signals.kept.note()
        signals.sources.moved, signals.workers.moved = {}, {}
        self._written = [(0, 0.0)] * (1 + len(snapshot.BOUNDS))

    def take(self, positions: Positions, now: float) -> Taken | None:
        """Take what has come since the last call; None when that was too much to be remembered: this was the last."""
        kept = self._signals.kept
        if not kept.noting:
            return None
        whole = not self._count % WHOLE_EVERY
        self._count += 1
        taken = Taken(now, whole, kept.next_id, dict(positions), Scope.of(self._signals))
        for place, family in kept.families.items():
            horizon = self._signals.horizon(family.signal)
            self._take_family(taken, place, family, snapshot.partition_of(horizon))
            if whole and family.samples and place[0] == "heartbeat":
                rows, times, values = family.samples.latest(-math.inf, now - horizon)
                taken.samples.append((MAIN, place, (np.array(family.ids)[rows], times, values)))
        taken.results = kept.answered.taken()
        taken.of_results = snapshot.partition_of(max(self._signals.horizon(name) for name in OF_RESULTS))
        if taken.results or whole:
            self._name(taken, None, kept.answered)
        kept.written()
        self._next_id = kept.next_id
        self._named = set(kept.families)
        for heard, found in ((self._signals.sources, taken.sources), (self._signals.workers, taken.workers)):
            found.update(heard.newest if whole else heard.moved or {})
            heard.moved = {}
        self._take_failures(taken)
        return taken

    def pieces(self, taken: Taken) -> Iterator[tuple[int, bytes]]:
        """Make the pieces, each with its partition; the head is the last."""
        if taken.whole:
            self._base_at = taken.at
        for partition, body in _bodies(taken):
            yield self._piece(partition, body, taken.at)
        number = self._written[MAIN][0]
        self._written[MAIN] = number + 1, taken.at  # it counts itself
        since = taken.at - snapshot.KEPT_S
        before = {run: list(written) for run, written in self._before.items() if max(at for _, at in written) > since}
        head = Head(
            version=snapshot.VERSION, at=taken.at, base_at=self._base_at,
            runs={**before, self._run: list(self._written)},
            positions=[(topic, partition, offset) for (topic, partition), offset in taken.positions.items()],
            scope=taken.scope, next_id=taken.next_id,
        )  # fmt: skip
        yield MAIN, snapshot.encode(Piece(self._run, number, head))

    def _piece(
        self, partition: int, body: LabelSets | Points | Sources | Failed | snapshot.Results, at: float
    ) -> tuple[int, bytes]:
        number, _ = self._written[partition]
        self._written[partition] = number + 1, at
        return partition, snapshot.encode(Piece(self._run, number, body))

    def _take_family(self, taken: Taken, place: Place, family: Family, partition: int) -> None:
        pieces = family.taken()
        if pieces or taken.whole or place not in self._named:
            self._name(taken, (*place, family.signal), family)
        taken.samples += [(partition, place, rows) for rows in pieces]

    def _name(self, taken: Taken, family: tuple[str, str, str] | None, labelled: Labelled) -> None:
        """Take the label sets that no snapshot has named yet, or all of them."""
        ids, labels = np.array(labelled.ids, np.int64), labelled.index.labels
        if taken.whole:
            taken.labels.append((family, ids.tolist(), list(labels)))
        elif len(new := np.flatnonzero(ids >= self._next_id)) or (family and family[:2] not in self._named):
            taken.labels.append((family, ids[new].tolist(), [labels[at] for at in new]))

    def _take_failures(self, taken: Taken) -> None:
        failed = self._signals.failed
        for one in reversed(failed):
            if one is self._last_failed and not taken.whole:
                break
            taken.failed.append(one)
        taken.failed.reverse()
        self._last_failed = failed[-1] if failed else None


def _bodies(taken: Taken) -> Iterator[tuple[int, LabelSets | Points | Sources | Failed | snapshot.Results]]:
    """What is taken, cut up: names come before what bears them."""
    for family, ids, labels in taken.labels:
        yield from ((MAIN, LabelSets(family, *some)) for some in _label_sets(ids, labels))  # type: ignore[arg-type]
    for partition, place, rows in taken.samples:
        order = np.argsort(rows[1], kind="stable")
        for first in range(0, len(order), SAMPLES_A_PIECE):
            some = order[first : first + SAMPLES_A_PIECE]
            yield partition, snapshot.points(place, tuple(column[some] for column in rows))
    for counts, bins in taken.results:
        for first in range(0, max(len(counts[0]), len(bins[0])), SAMPLES_A_PIECE):
            yield taken.of_results, snapshot.results(*(_some(rows, first) for rows in (counts, bins)))
    for workers, heard in ((False, taken.sources), (True, taken.workers)):
        sources = iter(heard.items())
        while found := dict(islice(sources, _SOURCES_A_PIECE)):
            yield MAIN, Sources(workers, list(found), np.array(list(found.values()), "<f8").tobytes())
    for first in range(0, len(taken.failed), _FAILURES_A_PIECE):
        found_ones = taken.failed[first : first + _FAILURES_A_PIECE]
        small = [
            tuple(one) for one in found_ones if weight(one.labels) + len(one.id) + len(one.code) < _PIECE_BYTES // 8
        ]
        yield MAIN, Failed(small)  # type: ignore[arg-type]


def _some(rows: Rows, first: int) -> Rows:
    return tuple(column[first : first + SAMPLES_A_PIECE] for column in rows)


def _label_sets(ids: Iterable[int], labels: Iterable[Labels]) -> Iterator[tuple[list[int], list[Labels]]]:
    """Cut label sets into pieces of a bounded size; without any there is one piece, for the family's name."""
    some: tuple[list[int], list[Labels]] = [], []
    size, any_ = 0, False
    for number, one in zip(ids, labels, strict=True):
        large = weight(one)
        if large > _LARGEST:
            continue
        if some[0] and (size + large > _PIECE_BYTES or len(some[0]) >= _LABELS_A_PIECE):
            yield some
            some, size, any_ = ([], []), 0, True
        some[0].append(number)
        some[1].append(one)
        size += large
    if some[0] or not any_:
        yield some
