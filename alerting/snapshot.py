"""Snapshots of the signals as they lie in a log: pieces of what was taken, and heads that say which pieces count.

A piece is of one kind: label sets and what they are called (`LabelSets`), samples of a family (`Points`), results
(`Results`), until when sources were heard (`Sources`), requests that failed (`Failed`). All that was taken since the
last head is in pieces before the next one, and a head says how far in the topics that is. Every so often label sets,
sources, and the last beats of old are written whole, so that nothing before that needs to be read but samples.

Samples lie in partitions by how long they are kept, so that a restart reads little that is over; all else in the first.
What is read was written by us, and is looked at all the same.
"""

import math
from collections.abc import Mapping
from typing import Any, cast

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

from alerting.alerts import Labels
from alerting.families import Kind
from alerting.index import Floats, Integers
from alerting.samples import Rows
from alerting.signals import Signals

VERSION = 1
MAIN = 0
"""The partition of heads, label sets, sources, failures, and beats of old."""
BOUNDS = (600.0, 1800.0, 7200.0, math.inf)
"""Samples that are kept for no more than so many seconds lie in the partition of this place, and one."""
KEPT_S = 86_400.0
"""For so long snapshots are kept: rules that look back further have to read what happened."""

Place = tuple[Kind, str]
"""A family: its kind and its name."""
Position = tuple[str, int, int]
"""A topic's own name, a partition, and the offset to read on from."""
_COUNTS: tuple[DTypeLike, ...] = (np.int64, np.int64, np.int64, np.int64, np.float64)
_BINS: tuple[DTypeLike, ...] = (np.int64, np.int64, np.int16, np.int64)
_POINTS: tuple[DTypeLike, ...] = (np.int64, np.float64, np.float64)


class DamagedError(ValueError):
    """What was read is no snapshot, or not all of one."""


class Body(msgspec.Struct, frozen=True, array_like=True):
    """What a piece holds."""


class LabelSets(Body, frozen=True, tag="labels"):
    """Label sets of a family (of results: None), each with its id; a family that has none is known all the same."""

    family: tuple[Kind, str, str] | None
    ids: list[int]
    labels: list[Labels]


class Points(Body, frozen=True, tag="points"):
    """Samples of a family: ids, times, values, in the order of their times."""

    family: Place
    columns: list[bytes]


class Results(Body, frozen=True, tag="results"):
    """Results by bucket and id, and the bins of their run times."""

    counts: list[bytes]
    bins: list[bytes]


class Sources(Body, frozen=True, tag="sources"):
    """Until when each source of events, or each worker, was heard."""

    workers: bool
    names: list[str]
    times: bytes


class Failed(Body, frozen=True, tag="failed"):
    """Requests that failed: instant, labels, id, code."""

    requests: list[tuple[float, Labels, str, str]]


class Scope(msgspec.Struct, frozen=True):
    """What is kept: for how many seconds at most, and of each signal that rules read; which labels of results."""

    retention: float
    horizons: dict[str, float]
    labels: list[str]
    width: float

    @classmethod
    def of(cls, signals: Signals) -> "Scope":
        """What signals keep now."""
        width = signals.kept.answered.tallies.width
        return cls(signals.retention, dict(signals.horizons), sorted(signals.result_labels), width)

    def lacks(self, other: "Scope") -> str | None:
        """Why what is kept by this is too little for another; None when it is enough."""
        if self.width != other.width:
            return "seconds were counted in other buckets"
        if missing := set(other.labels) - set(self.labels):
            return f"rules look at labels of results that were not kept: {', '.join(sorted(missing))}"
        for name, horizon in other.horizons.items():
            if horizon > self.horizons.get(name, 0.0):
                return f"rules look back further at {name}, or did not look at it"
        return None


class Head(Body, frozen=True, tag="head"):
    """All pieces up to here are one snapshot.

    `runs` are the processes that wrote it: how many pieces in each partition, and when the last one. `base_at` is when
    what is written whole was.
    """

    version: int
    at: float
    base_at: float
    runs: dict[str, list[tuple[int, float]]]
    positions: list[Position]
    scope: Scope
    next_id: int


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A record: the process that wrote it, its number among those of its partition, and what it holds."""

    run: str
    number: int
    body: Head | LabelSets | Points | Results | Sources | Failed


_decoder = msgspec.msgpack.Decoder(Piece)
encode = msgspec.msgpack.Encoder().encode


def decode(value: bytes | None) -> Piece:
    """Read a record; raises `DamagedError`."""
    try:
        return _decoder.decode(value or b"")
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"a record cannot be read: {error}") from None


def unusable(head: Head, wanted: Scope, now: float) -> str | None:
    """Why a snapshot is of no use to signals that keep `wanted`; None when it is."""
    if head.version != VERSION:
        return f"it is of version {head.version}, this program reads {VERSION}"
    if not now - KEPT_S < head.at < now + KEPT_S:
        return "it is older than a day"
    if wanted.retention > KEPT_S - 3600.0:
        return "rules look back longer than snapshots are kept"
    return head.scope.lacks(wanted)


def partition_of(horizon: float) -> int:
    """Where samples lie that are kept for so many seconds."""
    return 1 + next(place for place, bound in enumerate(BOUNDS) if horizon <= bound)


def reach(partition: int, scope: Scope) -> float:
    """How long before what was written whole the samples of a partition are to be read, in seconds."""
    return 0.0 if partition == MAIN else min(BOUNDS[partition - 1], scope.retention)


def packed(rows: Rows, kinds: tuple[DTypeLike, ...]) -> list[bytes]:
    """Columns as bytes, little-endian."""
    return [column.astype(np.dtype(kind).newbyteorder("<")).tobytes() for column, kind in zip(rows, kinds, strict=True)]


def points(family: Place, rows: Rows) -> Points:
    """Samples (ids, times, values) as a piece."""
    return Points(family, packed(rows, _POINTS))


def results(counts: Rows, bins: Rows) -> Results:
    """Results as a piece."""
    return Results(packed(counts, _COUNTS), packed(bins, _BINS))


def rows_of(piece: Points) -> tuple[Integers, Floats, Floats]:
    """Ids, times and values; raises `DamagedError`."""
    ids, times, values = _unpacked(piece.columns, _POINTS)
    if not (np.isfinite(times).all() and np.isfinite(values).all()):
        raise DamagedError("a sample is no number")
    return cast("Integers", ids), cast("Floats", times), cast("Floats", values)


def results_of(piece: Results) -> tuple[Rows, Rows]:
    """Counts and bins, by bucket and id; raises `DamagedError`."""
    counts, bins = _unpacked(piece.counts, _COUNTS), _unpacked(piece.bins, _BINS)
    if not np.isfinite(counts[4]).all() or any((column < 0).any() for column in (counts[2], counts[3], bins[3])):
        raise DamagedError("results are no numbers")
    return counts, bins


def times_of(piece: Sources) -> Mapping[str, float]:
    """Until when each source was heard; raises `DamagedError`."""
    (times,) = _unpacked([piece.times], (np.float64,))
    if len(times) != len(piece.names) or not np.isfinite(times).all():
        raise DamagedError("sources and times do not fit together")
    return dict(zip(piece.names, times.tolist(), strict=True))


def _unpacked(columns: list[bytes], kinds: tuple[DTypeLike, ...]) -> Rows:
    if len(columns) != len(kinds):
        raise DamagedError("columns are missing")
    made: list[NDArray[Any]] = []
    for column, kind in zip(columns, kinds, strict=True):
        wanted = np.dtype(kind)
        if len(column) % wanted.itemsize:
            raise DamagedError("a column is cut off")
        made.append(np.frombuffer(column, wanted.newbyteorder("<")).astype(wanted, copy=False))
    if len({len(column) for column in made}) > 1:
        raise DamagedError("columns are of several lengths")
    return tuple(made)
