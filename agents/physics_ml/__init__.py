"""The agent `physics_ml`: networks trained on equations and on data, and whether data keep what they should."""

from agents.physics_ml import conservation, inverse, operator, pinn
from agents.task import Task

TASKS: tuple[Task, ...] = (pinn.TASK, operator.TASK, inverse.TASK, conservation.TASK)
