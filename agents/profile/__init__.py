"""The agent `profile`: where the time and the memory of another request go."""

from agents.profile import request
from agents.task import Task

TASKS: tuple[Task, ...] = (request.TASK,)
