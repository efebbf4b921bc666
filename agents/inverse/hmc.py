"""Hamiltonian Monte Carlo with all chains in one call: step size by dual averaging, metric from the chains.

Sources: Neal, MCMC using Hamiltonian dynamics (2011); Hoffman & Gelman, The No-U-Turn Sampler (2014), section 3.2.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from scipy import linalg

from agents.arrays import Array
from agents.draws import generator
from agents.inverse.modes import Mode
from agents.inverse.posterior import Posterior
from agents.task import Watch

_TARGET = 0.8
_LENGTH = 0.5 * math.pi
"""Of a trajectory, where the metric makes the posterior a standard normal: a quarter of a turn."""
_MOST_STEPS = 64
_DIVERGED = 1000.0


@dataclass(eq=False)
class Chains:
    """The state of all chains, `z` (p, c), and how they move."""

    posterior: Posterior
    modes: list[Mode]
    count: int
    seed: int
    watch: Watch
    step: float = 0.5
    divergences: int = 0
    evaluations: int = 0
    accepted: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = generator(self.seed, 2)
        p = self.posterior.size
        spread = self._random.standard_normal((p, self.count))
        self.factor = self.modes[0].factor
        self.z = np.stack(
            [(mode := self.modes[c % len(self.modes)]).z + 1.5 * mode.factor @ spread[:, c] for c in range(self.count)],
            axis=1,
        )
        self.value, self.gradient = self.posterior.value(self.z)
        for c in np.flatnonzero(~np.isfinite(self.value)):
            self.z[:, c] = self.modes[c % len(self.modes)].z
        self.value, self.gradient = self.posterior.value(self.z)

    def warm_up(self, iterations: int) -> None:
        """Adapt step size and metric; what is drawn meanwhile is forgotten."""
        seen: list[Array] = []
        averaging = _DualAveraging(self.step)
        for i in range(iterations):
            self.step = averaging.learn(self._move(i / (2 * iterations), "warm up"))
            if i >= iterations // 3:
                seen.append(self.z.copy())
            if i in {iterations * 2 // 3, iterations - 40}:
                self._learn_metric(np.stack(seen))
                averaging = _DualAveraging(self.step)
        self.step = averaging.settled
        self.divergences = 0
        self.accepted.clear()

    def draw(self, count: int, fraction: float) -> Array:
        """Draw so many from each chain: (count, p, c)."""
        made = np.empty((count, *self.z.shape))
        for i in range(count):
            self.accepted.append(self._move(fraction, "sample"))
            made[i] = self.z
        return made

    def _learn_metric(self, seen: Array) -> None:
        n, p, c = seen.shape
        flat = (seen - seen.mean(axis=0)).transpose(1, 0, 2).reshape(p, n * c)
        weight = n * c / (n * c + 5.0 * p)
        covariance = weight * (flat @ flat.T) / (n * c) + (1.0 - weight) * self.factor @ self.factor.T
        try:
            self.factor = linalg.cholesky(covariance, lower=True, check_finite=False)
        except linalg.LinAlgError:
            return

    def _move(self, fraction: float, stage: str) -> float:
        """Move every chain along its trajectory; gives the mean probability of acceptance."""
        self.watch(fraction, stage)
        momentum = self._random.standard_normal(self.z.shape)
        jitter = self._random.random(2)
        step = self.step * (0.8 + 0.4 * jitter[0])
        steps = min(_MOST_STEPS, max(1, round(_LENGTH * (0.6 + 0.8 * jitter[1]) / step)))
        chance = self._random.random(self.count)
        before = self.value - 0.5 * np.einsum("ij,ij->j", momentum, momentum)
        z, gradient = self.z, self.gradient
        momentum = momentum + 0.5 * step * (self.factor.T @ gradient)
        value = self.value
        for i in range(steps):
            z = z + step * (self.factor @ momentum)
            value, gradient = self.posterior.value(z)
            momentum = momentum + (step if i < steps - 1 else 0.5 * step) * (self.factor.T @ gradient)
            self.watch(fraction, stage)
        self.evaluations += steps * self.count
        change = value - 0.5 * np.einsum("ij,ij->j", momentum, momentum) - before
        change = np.where(np.isfinite(change), change, -np.inf)
        self.divergences += int((change < -_DIVERGED).sum())
        probability = np.exp(np.minimum(change, 0.0))
        taken = chance < probability
        self.z = np.where(taken, z, self.z)
        self.value = np.where(taken, value, self.value)
        self.gradient = np.where(taken, gradient, self.gradient)
        return float(probability.mean())


class _DualAveraging:
    """Nesterov's dual averaging towards the target acceptance."""

    def __init__(self, step: float) -> None:
        self._centre = math.log(2.0 * step)
        self._mean = self._log_mean = 0.0
        self._count = 0

    def learn(self, acceptance: float) -> float:
        """Take the acceptance of one iteration; gives the next step size."""
        self._count += 1
        weight = 1.0 / (self._count + 10.0)
        self._mean += weight * (_TARGET - acceptance - self._mean)
        log = min(0.7, self._centre - math.sqrt(self._count) / 0.1 * self._mean)
        share = self._count**-0.75
        self._log_mean = share * log + (1.0 - share) * self._log_mean
        return math.exp(log)

    @property
    def settled(self) -> float:
        """The averaged step size."""
        return math.exp(self._log_mean)
