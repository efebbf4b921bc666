"""The agent `pde`: partial differential equations on boxes of one to three dimensions."""

from agents.pde import poisson
from agents.task import Task

TASKS: tuple[Task, ...] = (poisson.TASK,)
