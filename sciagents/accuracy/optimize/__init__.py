"""Problems of optimisation whose answers are known: published, certified, or exact."""

from collections.abc import Iterator
from itertools import chain

from sciagents.accuracy.case import Case
from sciagents.accuracy.optimize import fits


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    return chain(fits.cases())
