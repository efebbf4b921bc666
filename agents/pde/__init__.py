"""The agent `pde`: partial differential equations on boxes of one to three dimensions."""

from agents.pde import advection_diffusion, heat, poisson, reaction_diffusion, wave
from agents.task import Task

TASKS: tuple[Task, ...] = (heat.TASK, wave.TASK, poisson.TASK, advection_diffusion.TASK, reaction_diffusion.TASK)
