"""Random numbers by counter: sample i is the same however the samples are cut up, and wherever they are drawn."""

import numpy as np

from agents.arrays import Array

_BLOCK = 4
"""Philox gives four numbers a step of its counter."""


def generator(seed: int, stream: int = 0) -> np.random.Generator:
    """Return the generator of a request's seed; different streams of one seed are independent (Philox4x64-10)."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, stream], dtype=np.uint64)))


def spawning(seed: int, stream: int = 0) -> np.random.Generator:
    """Return a generator that can spawn others, as SciPy's low-discrepancy engines ask for."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, stream])))


def uniforms(seed: int, first: int, count: int, dimensions: int, stream: int = 0) -> Array:
    """Uniform numbers inside (0, 1) of the samples from `first`: (count, dimensions).

    Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011).
    """
    steps = -(-dimensions // _BLOCK)
    bits = np.random.Philox(key=np.array([seed, stream], dtype=np.uint64))
    bits.advance(first * steps)
    numbers = np.random.Generator(bits).random((count, _BLOCK * steps))[:, :dimensions]
    return np.ascontiguousarray(numbers) + 2.0**-54  # inside: no quantile is infinite
