"""What the measuring of a request comes to; what does not apply is None."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Measured:
    """`kind` is the problem in words, each of which was measured; the others are as in the task's outputs."""

    kind: str
    properties: dict[str, Any] = field(default_factory=dict)
    unknowns: int | None = None
    order: str | None = None
    stiffness: dict[str, Any] | None = None
    conditioning: dict[str, Any] | None = None
    sparsity: dict[str, Any] | None = None


def sparsity_of(nonzero: Any) -> dict[str, Any]:
    """Describe a boolean matrix: its share of nonzeros, and the widths of its band."""
    rows, columns = nonzero.nonzero()
    below = int((rows - columns).max(initial=0))
    above = int((columns - rows).max(initial=0))
    return {
        "nonzeros": len(rows), "density": len(rows) / max(1, nonzero.size),
        "lower_bandwidth": below, "upper_bandwidth": above,
    }  # fmt: skip
