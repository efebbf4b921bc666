"""The agent `linalg`: linear algebra, dense and sparse."""

from agents.linalg import solve
from agents.task import Task

TASKS: tuple[Task, ...] = (solve.TASK,)
