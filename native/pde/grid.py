"""A grid of nodes on a box, and its coarser and finer relatives."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]
PERIODIC, VALUE, SLOPE = range(3)
"""What is known at an end of an axis: that it meets the other, the solution, or its derivative."""


@dataclass(frozen=True)
class Axis:
    """Equal cells from `low` to `high`; a periodic axis has no node at `high`, which is `low` again."""

    low: float
    high: float
    cells: int
    ends: tuple[int, int] = (VALUE, VALUE)

    @property
    def periodic(self) -> bool:
        """Whether the ends meet."""
        return self.ends[0] == PERIODIC

    @property
    def count(self) -> int:
        """How many nodes."""
        return self.cells if self.periodic else self.cells + 1

    @property
    def spacing(self) -> float:
        """The distance of neighbours."""
        return (self.high - self.low) / self.cells

    @cached_property
    def nodes(self) -> Array:
        """The coordinates of the nodes."""
        return self.low + (self.high - self.low) * (np.arange(self.count) / self.cells)

    @cached_property
    def volumes(self) -> Array:
        """How much of the axis belongs to each node, in cells."""
        volumes = np.ones(self.count)
        if not self.periodic:
            volumes[[0, -1]] = 0.5
        return volumes


@dataclass(frozen=True)
class Grid:
    """One to three axes."""

    axes: tuple[Axis, ...]

    @property
    def ndim(self) -> int:
        """How many axes."""
        return len(self.axes)

    @cached_property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an array, with axes of one node in front."""
        counts = tuple(axis.count for axis in self.axes)
        return ((1,) * (3 - len(counts)) + counts)[0:3]  # type: ignore[return-value]

    @property
    def size(self) -> int:
        """How many nodes."""
        return math.prod(self.shape)

    @cached_property
    def weights(self) -> Array:
        """1 / h² of the three axes, 0 for one that is none."""
        found = [0.0] * (3 - self.ndim) + [1.0 / axis.spacing**2 for axis in self.axes]
        return np.array(found)

    @cached_property
    def ends(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The kinds of the six ends, as the kernels take them; an axis that is none is periodic."""
        flat = [end for axis in self.axes for end in axis.ends]
        return np.array([PERIODIC] * (6 - len(flat)) + flat, dtype=np.int64)

    @cached_property
    def points(self) -> Array:
        """The coordinates of all nodes, (ndim, size)."""
        mesh = np.meshgrid(*(axis.nodes for axis in self.axes), indexing="ij")
        return np.stack([one.ravel() for one in mesh])

    def side(self, axis: int, high: bool) -> tuple[Any, ...]:
        """The index of one side in an array."""
        index: list[Any] = [slice(None)] * 3
        index[3 - self.ndim + axis] = -1 if high else 0
        return tuple(index)

    def side_points(self, axis: int, high: bool) -> Array:
        """The coordinates of the nodes of one side, (ndim, nodes of the side)."""
        lines = [one.nodes for one in self.axes]
        lines[axis] = lines[axis][-1:] if high else lines[axis][:1]
        return np.stack([one.ravel() for one in np.meshgrid(*lines, indexing="ij")])

    @cached_property
    def volumes(self) -> Array:
        """The volume of each node in cells: a half at a face, a quarter at an edge, an eighth at a corner."""
        lines = [np.ones(1)] * (3 - self.ndim) + [axis.volumes for axis in self.axes]
        return lines[0][:, None, None] * lines[1][:, None] * lines[2]

    def clear(self, values: Array) -> None:
        """Set what belongs to nodes with given values to 0."""
        for place, axis in enumerate(self.axes):
            for high in (False, True):
                if axis.ends[high] == VALUE:
                    values[self.side(place, high)] = 0.0

    def halved(self) -> "Grid":
        """The grid with half as many cells on each axis, rounded up."""
        return Grid(tuple(replace(axis, cells=-(-axis.cells // 2)) for axis in self.axes))

    def refined(self, factor: int) -> "Grid":
        """The grid with `factor` times as many cells on each axis: its nodes contain these."""
        return Grid(tuple(replace(axis, cells=axis.cells * factor) for axis in self.axes))
