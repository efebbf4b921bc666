"""Which road there is to each task's answer, beside computing it again."""

from collections.abc import Mapping

import numpy as np

from agents.outcome import Problem
from agents.task import Watch
from agents.validate import (
    by_equation,
    by_expansions,
    by_factors,
    by_filtering,
    by_geometry,
    by_identity,
    by_integration,
    by_kernels,
    by_optimality,
    by_perturbation,
    by_recurrence,
    by_refinement,
    by_residual,
    by_sampling,
    by_simulation,
    by_steps,
    by_sums,
)
from agents.validate.findings import Claim, Road

ROADS: Mapping[tuple[str, str], Road] = {
    **by_residual.ROADS, **by_factors.ROADS, **by_identity.ROADS, **by_recurrence.ROADS, **by_sums.ROADS,
    **by_integration.ROADS, **by_refinement.ROADS, **by_perturbation.ROADS, **by_optimality.ROADS,
    **by_simulation.ROADS, **by_filtering.ROADS, **by_sampling.ROADS, **by_geometry.ROADS, **by_kernels.ROADS,
    **by_expansions.ROADS, **by_equation.ROADS, **by_steps.ROADS,
}  # fmt: skip
_STOPPED = {"timed_out", "cancelled"}


def look(claim: Claim, watch: Watch) -> None:
    """Look at the answer itself; a form of the inputs that is not known here is no reason to doubt the answer."""
    road = ROADS.get((claim.inner.task.agent, claim.inner.task.name))
    try:
        if road is not None:
            with np.errstate(all="ignore"):
                road(claim, watch)
    except Problem as problem:
        if problem.code in _STOPPED:
            raise
    except (KeyError, ValueError, TypeError, IndexError, AttributeError, ArithmeticError, np.linalg.LinAlgError):
        pass  # the structure holds: the outputs are as the task gives them, but the inputs are of another form
