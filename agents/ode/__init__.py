"""The agent `ode`: ordinary differential equations."""

from agents.ode import ensemble, ivp
from agents.task import Task

TASKS: tuple[Task, ...] = (ivp.TASK, ensemble.TASK)
