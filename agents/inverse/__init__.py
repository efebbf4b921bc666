"""The agent `inverse`: from observations back to what made them, and how well it is known.

`gaussian` is exact for linear models; `posterior`, `modes` and `hmc` sample any other.
"""

from agents.inverse import bayesian, enkf, ode_parameters, regularized, variational
from agents.task import Task

TASKS: tuple[Task, ...] = (bayesian.TASK, regularized.TASK, ode_parameters.TASK, enkf.TASK, variational.TASK)
