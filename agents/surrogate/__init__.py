"""The agent `surrogate`: models fitted to samples, which stand in for what made them."""

from agents.task import Task

TASKS: tuple[Task, ...] = ()
