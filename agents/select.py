"""The agent `select`: chooses a method for another request, and says why."""

from agents.task import Task

TASKS: tuple[Task, ...] = ()
