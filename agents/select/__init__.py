"""The agent `select`."""

from agents.task import Task

TASKS: tuple[Task, ...] = ()
