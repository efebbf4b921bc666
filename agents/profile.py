"""The agent `profile`: says where the time and the memory of another request go."""

from agents.task import Task

TASKS: tuple[Task, ...] = ()
