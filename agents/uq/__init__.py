"""The agent `uq`: what uncertain inputs do to a model."""

from agents.task import Task
from agents.uq import propagate, sensitivity

TASKS: tuple[Task, ...] = (propagate.TASK, sensitivity.TASK)
