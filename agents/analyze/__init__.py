"""The agent `analyze`."""

from agents.task import Task

TASKS: tuple[Task, ...] = ()
