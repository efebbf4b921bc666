"""The agent `optimize`: minima, roots, least squares, linear and integer programs, and fits of curves."""

from agents.optimize import curve_fit, global_search, integer_program, least_squares, linear_program, minimize, root
from agents.task import Task

TASKS: tuple[Task, ...] = (
    minimize.TASK, root.TASK, global_search.TASK, least_squares.TASK, curve_fit.TASK, linear_program.TASK,
    integer_program.TASK,
)  # fmt: skip
