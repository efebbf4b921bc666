"""The agent `select`: which method a request is best computed by; each candidate is run.

`algorithm` is the task, `candidates` finds and runs what may be chosen, `work` counts what each took.
"""

from agents.select import algorithm
from agents.task import Task

TASKS: tuple[Task, ...] = (algorithm.TASK,)
