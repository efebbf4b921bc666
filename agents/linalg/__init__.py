"""The agent `linalg`: linear algebra, dense, sparse and batched."""

from agents.linalg import analyze, eigen, expm, factorize, least_squares, solve, svd
from agents.task import Task

TASKS: tuple[Task, ...] = (
    solve.TASK, least_squares.TASK, eigen.TASK, svd.TASK, factorize.TASK, analyze.TASK, expm.TASK,
)  # fmt: skip
