"""The agent `optimize`: minima, roots, least squares, linear and integer programs, and fits of curves."""

from agents.task import Task

TASKS: tuple[Task, ...] = ()
