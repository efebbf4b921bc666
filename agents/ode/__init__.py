"""The agent `ode`: ordinary differential equations."""

from agents.ode import bvp, ensemble, ivp, stability
from agents.task import Task

TASKS: tuple[Task, ...] = (ivp.TASK, ensemble.TASK, bvp.TASK, stability.TASK)
