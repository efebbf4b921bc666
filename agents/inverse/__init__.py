"""The agent `inverse`: causes from effects: parameters and states from observations."""

from agents.task import Task

TASKS: tuple[Task, ...] = ()
