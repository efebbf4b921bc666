"""The agent `workflow`: several requests as one: a graph of steps whose outputs feed each other."""

from agents.task import Task

TASKS: tuple[Task, ...] = ()
