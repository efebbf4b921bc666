"""Whether chains have converged: rank-normalised split R̂, bulk and tail effective sample sizes, Monte Carlo errors.

Source: Vehtari, Gelman, Simpson, Carpenter & Bürkner, Rank-normalization, folding, and localization: an improved R̂
for assessing convergence of MCMC (2021).
"""

import numpy as np
import scipy
from scipy import fft, special

from agents.arrays import Array

RHAT_LIMIT = 1.01
ESS_LIMIT = 400.0


def rhat(draws: Array) -> float:
    """The larger of the R̂ of ranks and of folded ranks, for draws (chains, n)."""
    halves = split(draws)
    folded = np.abs(halves - np.median(halves))
    return max(_rhat(_normal_ranks(halves)), _rhat(_normal_ranks(folded)))


def ess_bulk(draws: Array) -> float:
    """Effective sample size of the ranks."""
    return _ess(_normal_ranks(split(draws)))


def ess_tail(draws: Array) -> float:
    """The smaller of the effective sample sizes of the 5 % and 95 % quantiles."""
    halves = split(draws)
    low, high = np.quantile(halves, [0.05, 0.95])
    return min(_ess((halves <= low).astype(np.float64)), _ess((halves <= high).astype(np.float64)))


def standard_error(draws: Array) -> float:
    """Monte Carlo standard error of the mean."""
    return float(draws.std(ddof=1) / np.sqrt(_ess(split(draws))))


def split(draws: Array) -> Array:
    """Cut each chain into its halves: (2 chains, n // 2)."""
    half = draws.shape[1] // 2
    return np.concatenate([draws[:, :half], draws[:, -half:]])


def _normal_ranks(draws: Array) -> Array:
    ranks = scipy.stats.rankdata(draws, method="average").reshape(draws.shape)
    return np.asarray(special.ndtri((ranks - 0.375) / (draws.size + 0.25)), dtype=np.float64)


def _rhat(draws: Array) -> float:
    n = draws.shape[1]
    within = float(draws.var(axis=1, ddof=1).mean())
    between = float(draws.mean(axis=1).var(ddof=1))
    if within == 0.0:
        return 1.0 if between == 0.0 else np.inf
    return float(np.sqrt((n - 1) / n + between / within))


def _ess(draws: Array) -> float:
    """Geyer's initial monotone sequence over chains (m, n)."""
    m, n = draws.shape
    centred = draws - draws.mean(axis=1, keepdims=True)
    size = int(fft.next_fast_len(2 * n))
    spectrum = np.fft.rfft(centred, size, axis=1)
    covariance = np.fft.irfft(spectrum * np.conj(spectrum), size, axis=1)[:, :n].mean(axis=0) / n
    within = float(covariance[0]) * n / (n - 1)
    pooled = within * (n - 1) / n + (float(draws.mean(axis=1).var(ddof=1)) if m > 1 else 0.0)
    if pooled <= 0.0:
        return float(m * n)
    correlation = 1.0 - (within - covariance * n / (n - 1)) / pooled
    correlation[0] = 1.0
    pairs = correlation[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0.0)
    pairs = np.minimum.accumulate(pairs[: negative[0] if negative.size else len(pairs)])
    time = max(-1.0 + 2.0 * float(pairs.sum()), 1.0 / np.log10(m * n))
    return float(m * n / time)
