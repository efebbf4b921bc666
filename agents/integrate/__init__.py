"""The agent `integrate`: integrals of formulas."""

from agents.integrate import cubature, monte_carlo, quad
from agents.task import Task

TASKS: tuple[Task, ...] = (quad.TASK, cubature.TASK, monte_carlo.TASK)
