"""The agent `optimize`: minima, roots, least squares, linear and integer programs, and fits of curves."""

from agents.optimize import curve_fit, minimize
from agents.task import Task

TASKS: tuple[Task, ...] = (minimize.TASK, curve_fit.TASK)
