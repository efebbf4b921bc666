"""The agent `validate`: checks a result by another road than the one it came by."""

from agents.task import Task

TASKS: tuple[Task, ...] = ()
