"""What a worker is computing, where it can be read after its death: pairs of partition and offset in shared memory.

Written before each native call, without a system call; the supervisor made the memory, and reads it when the worker has
died. What is noted then is suspected of it.
"""

import mmap
import struct
from collections.abc import Iterable
from itertools import chain

_HEAD = struct.Struct("<q")
_LIMIT = 4096
"""Most places that are noted: a batch, and what came while it was read."""

Place = tuple[int, int]
"""Number of the partition of `compute.requests`, and offset."""


class Note:
    """Survives the process that writes it, in whoever made it before the fork."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _HEAD.size * (1 + 2 * _LIMIT))

    def write(self, places: Iterable[Place]) -> None:
        """Replace what is noted."""
        numbers = list(chain.from_iterable(places))[: 2 * _LIMIT]
        # the count last: a death in between leaves no half of a note
        _HEAD.pack_into(self._memory, 0, 0)
        struct.pack_into(f"<{len(numbers)}q", self._memory, _HEAD.size, *numbers)
        _HEAD.pack_into(self._memory, 0, len(numbers))

    def clear(self) -> None:
        """Note that nothing is computed."""
        _HEAD.pack_into(self._memory, 0, 0)

    def read(self) -> frozenset[Place]:
        """Return what is noted."""
        (count,) = _HEAD.unpack_from(self._memory, 0)
        numbers = struct.unpack_from(f"<{count}q", self._memory, _HEAD.size)
        return frozenset(zip(numbers[::2], numbers[1::2], strict=True))
