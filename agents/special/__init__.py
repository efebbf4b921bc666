"""The agent `special`: special functions, transforms and orthogonal polynomials."""

from agents.task import Task

TASKS: tuple[Task, ...] = ()
