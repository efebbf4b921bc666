"""The agent `physics_ml`: networks trained on equations and on data."""

from agents.task import Task

TASKS: tuple[Task, ...] = ()
