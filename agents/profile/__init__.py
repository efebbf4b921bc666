"""The agent `profile`."""

from agents.task import Task

TASKS: tuple[Task, ...] = ()
