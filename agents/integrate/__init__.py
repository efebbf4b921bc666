"""The agent `integrate`: integrals of formulas."""

from agents.integrate import quad
from agents.task import Task

TASKS: tuple[Task, ...] = (quad.TASK,)
