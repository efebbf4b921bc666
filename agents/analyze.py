"""The agent `analyze`: measures another request: its type, stiffness, conditioning and cost."""

from agents.task import Task

TASKS: tuple[Task, ...] = ()
