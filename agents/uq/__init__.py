"""The agent `uq`: what uncertain inputs do to a model."""

from agents.task import Task

TASKS: tuple[Task, ...] = ()
