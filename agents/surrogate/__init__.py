"""The agent `surrogate`: models fitted to samples, which stand in for what made them.

A task fits, `model` makes plain data of what was fitted, and `predict` reads it again; `kernel_model` is what Gaussian
processes, kriging and radial basis functions share.
"""

from agents.surrogate import gaussian_process, kriging, pod, polynomial_chaos, predict, rbf
from agents.task import Task

TASKS: tuple[Task, ...] = (gaussian_process.TASK, polynomial_chaos.TASK, kriging.TASK, rbf.TASK, pod.TASK, predict.TASK)
