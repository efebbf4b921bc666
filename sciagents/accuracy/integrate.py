"""Integrals with closed forms."""

import math
from collections.abc import Iterator

from sciagents.accuracy.case import Case


def cases() -> Iterator[Case]:
    """Iterate over the cases."""
    yield Case(
        name="Gauss's integral", agent="integrate", task="quad", source="√π",
        inputs={"integrand": "exp(-x**2)", "bounds": ["-Infinity", "Infinity"]},
        pick=lambda outputs: outputs["value"], truth=math.sqrt(math.pi),
    )  # fmt: skip
