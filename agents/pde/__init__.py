"""The agent `pde`: partial differential equations on boxes of one to three dimensions."""

from agents.pde import heat, poisson
from agents.task import Task

TASKS: tuple[Task, ...] = (heat.TASK, poisson.TASK)
