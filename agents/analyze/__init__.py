"""The agent `analyze`: measures another request before it is run: its type, stiffness, conditioning and cost.

`problem` is the task; `systems`, `matrices` and `functions` measure what a request has in it: equations, a matrix, or
formulas of several variables. Nothing is concluded from names.
"""

from agents.analyze import problem
from agents.task import Task

TASKS: tuple[Task, ...] = (problem.TASK,)
