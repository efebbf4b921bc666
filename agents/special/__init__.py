"""The agent `special`: special functions, transforms and orthogonal polynomials."""

from agents.special import evaluate, polynomial, transform
from agents.task import Task

TASKS: tuple[Task, ...] = (evaluate.TASK, transform.TASK, polynomial.TASK)
