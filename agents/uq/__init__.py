"""The agent `uq`: what uncertain inputs do to a model."""

from agents.task import Task
from agents.uq import confidence, design, propagate, rare_event, sensitivity

TASKS: tuple[Task, ...] = (propagate.TASK, sensitivity.TASK, design.TASK, confidence.TASK, rare_event.TASK)
