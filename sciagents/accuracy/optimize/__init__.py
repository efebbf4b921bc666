"""Problems of optimisation whose answers are known: published, certified, or exact."""

from collections.abc import Iterator
from itertools import chain

from sciagents.accuracy.case import Case
from sciagents.accuracy.optimize import constrained, fits, more_garbow_hillstrom, programs, roots, searches


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    return chain(
        fits.cases(), more_garbow_hillstrom.cases(), roots.cases(), constrained.cases(), searches.cases(),
        programs.cases(),
    )  # fmt: skip
