"""The agent `workflow`: several requests as one: a graph of steps whose outputs feed each other.

`document` reads a workflow, `references` finds and fills what its steps take from each other, `machine` decides what is
to be done next, `run` drives it in this process; the stream drives the same machine over Kafka (`streams.conductor`).
"""

from agents.task import Task
from agents.workflow import run

TASKS: tuple[Task, ...] = (run.TASK,)
