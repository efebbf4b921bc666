"""Restores the signals from the pieces of a snapshot, one after the other, and tells when some are missing."""

import numpy as np

from alerting import snapshot
from alerting.alerts import Labels
from alerting.families import Families, Labelled
from alerting.index import Integers, Mask
from alerting.reader import OF_RESULTS
from alerting.samples import Rows
from alerting.signals import Failure, Signals
from alerting.snapshot import DamagedError, Failed, Head, LabelSets, Piece, Points, Results, Sources

_UNNUMBERED, _NONE = -2, -1


class _Names:
    """What the label sets of a family are called, and their numbers, which they have once there is a sample."""

    def __init__(self, labelled: Labelled) -> None:
        self.labelled = labelled
        self._labels: dict[int, Labels] = {}
        self._new: dict[int, Labels] = {}
        self._ids: Integers = np.zeros(0, np.int64)
        self._numbers: Integers = np.zeros(0, np.int64)

    def add(self, ids: list[int], labels: list[Labels]) -> None:
        """Take names; raises `DamagedError` where they do not fit together."""
        if len(ids) != len(labels):
            raise DamagedError("names and label sets do not fit together")
        self._new.update(zip(ids, labels, strict=True))

    def numbers(self, ids: Integers, kept: Families) -> Integers:
        """The numbers of label sets by their ids; negative where there is none."""
        if self._new:
            self._sort()
        if not len(self._ids):
            return np.full(len(ids), _NONE)
        at = np.minimum(np.searchsorted(self._ids, ids), len(self._ids) - 1)
        named = self._ids[at] == ids
        for place in np.unique(at[named & (self._numbers[at] == _UNNUMBERED)]):
            name = int(self._ids[place])
            number = kept.number(self.labelled, self._labels[name], name)
            self._numbers[place] = _NONE if number is None else number
        return np.where(named, self._numbers[at], _NONE)

    def _sort(self) -> None:
        before = dict(zip(self._ids.tolist(), self._numbers.tolist(), strict=True))
        self._labels |= self._new
        self._new = {}
        self._ids = np.array(sorted(self._labels), np.int64)
        self._numbers = np.array([before.get(name, _UNNUMBERED) for name in self._ids.tolist()], np.int64)


class Restorer:
    """Puts a snapshot into signals that have taken nothing; the pieces of the first partition come before all others.

    Pieces may come from further back than is needed, and from behind the head, but none in between may be missing.
    """

    def __init__(self, signals: Signals, head: Head, now: float) -> None:
        self._signals = signals
        self._head = head
        self._now = now
        self._seen: dict[tuple[str, int], int] = {}
        self._names: dict[snapshot.Place | None, _Names] = {None: _Names(signals.kept.answered)}
        self._failed: dict[Failure, None] = {}

    def take(self, partition: int, piece: Piece) -> None:
        """Take a piece; raises `DamagedError`."""
        written = self._head.runs.get(piece.run)
        if written is None or piece.number >= written[partition][0]:
            return
        seen = self._seen.get((piece.run, partition))
        if seen is not None and piece.number != seen + 1:
            raise DamagedError(f"pieces are missing after {seen} in partition {partition}")
        self._seen[piece.run, partition] = piece.number
        match piece.body:
            case LabelSets() as body:
                self._name(body)
            case Points() as body:
                self._points(body)
            case Results() as body:
                self._results(body)
            case Sources() as body:
                heard = self._signals.workers if body.workers else self._signals.sources
                for source, at in snapshot.times_of(body).items():
                    heard.newest[source] = max(at, heard.newest.get(source, at))
            case Failed() as body:
                self._failed |= dict.fromkeys(Failure(*one) for one in body.requests)

    def end(self) -> None:
        """Look whether all has come; raises `DamagedError`."""
        for run, written in self._head.runs.items():
            for partition, (count, at) in enumerate(written):
                since = self._head.base_at - snapshot.reach(partition, self._head.scope)
                if count and at >= since and self._seen.get((run, partition), -1) != count - 1:
                    raise DamagedError(f"pieces are missing at the end of partition {partition}")
        self._signals.failed.extend(self._failed)
        kept = self._signals.kept
        kept.next_id = max(kept.next_id, self._head.next_id)
        kept.count()

    def _name(self, piece: LabelSets) -> None:
        place = None
        if piece.family is not None:
            kind, name, signal = piece.family
            family = self._signals.kept.get(kind, name, signal)
            if family is None:
                return
            place = kind, name
            self._names.setdefault(place, _Names(family))
        self._names[place].add(piece.ids, piece.labels)

    def _points(self, piece: Points) -> None:
        ids, times, values = snapshot.rows_of(piece)
        kind, name = piece.family
        family, names = self._signals.kept.families.get((kind, name)), self._names.get((kind, name))
        if family is None or names is None:
            return
        kept_s = self._signals.beats_kept if kind == "heartbeat" else self._signals.horizon(family.signal)
        young = times >= self._now - kept_s
        numbers = names.numbers(ids[young], self._signals.kept)
        known = numbers >= 0
        times, values = times[young][known], values[young][known]
        if len(times):
            family.samples.extend(times, numbers[known].astype(np.int32), values)
            self._signals.tell(family.signal, float(times.min()))
            self._signals.make_room(len(times))

    def _results(self, piece: Results) -> None:
        width = self._signals.kept.answered.tallies.width
        since = (self._now - max(self._signals.horizon(name) for name in OF_RESULTS)) // width
        counts, bins = (self._numbered(rows, rows[0] >= since) for rows in snapshot.results_of(piece))
        self._signals.kept.answered.tallies.extend(counts, bins)
        if len(counts[0]):
            for name in OF_RESULTS:
                self._signals.tell(name, float(counts[0].min()) * width)
            self._signals.make_room(len(counts[0]))

    def _numbered(self, rows: Rows, young: Mask) -> Rows:
        buckets, ids, *others = (column[young] for column in rows)
        numbers = self._names[None].numbers(ids, self._signals.kept)
        known = numbers >= 0
        return buckets[known], numbers[known].astype(np.int32), *(column[known] for column in others)
