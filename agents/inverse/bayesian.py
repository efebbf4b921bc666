"""The task `inverse.bayesian`: what is known of parameters after observations, exactly or by Markov chains."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
import numpy as np

from agents import alone, arrays, distributions, formulas
from agents.alone import Alone
from agents.arrays import Array
from agents.inverse import convergence, gaussian, laplace, modes
from agents.inverse.hmc import Chains
from agents.inverse.marginals import FARTHEST, marginal
from agents.inverse.matrix import read as read_matrix
from agents.inverse.posterior import Posterior
from agents.outcome import Check, Diagnostics, Outcome, Problem
from agents.task import TaskOptions, Watch
from native.formula.program import COMPILED, Program

PARAMETERS_LIMIT = 50
OBSERVATIONS_LIMIT = 100_000
STATES_LIMIT = 1000
_ROUND = 250
_ERRORS = 4.0
"""Monte Carlo standard errors that the estimate is."""
_HOPELESS = 1.05
_SHOWN = 1000
_LINEAR = ("matrix", "observations", "prior_mean", "prior_covariance", "noise_covariance")
_NONLINEAR = ("model", "prior", "data", "observed", "noise")


class BayesianInputs(msgspec.Struct, forbid_unknown_fields=True):
    """The posterior of parameters: of a formula by sampling, or of a linear model exactly.

    Formula: `model` of the parameters and the columns of `data` {name: numbers}; `prior` {name: distribution} has all
    parameters; `observed` names a column; `noise` is the standard deviation of the observations about the model: a
    number, or a formula of columns and parameters, so also the name of a parameter that has a prior.
    Linear: `observations` (m) are `matrix` (m, n), dense or sparse, times x plus noise; `prior_mean` (n) or a number,
    `prior_covariance` and `noise_covariance`: a number, a diagonal or a matrix.

    Outputs: `mean`, `std`, `credible_intervals` (central 95 %), {name: …} for a formula, arrays for a matrix;
    `covariance` (in the order of `names`), `rhat` and `ess` {name: …} of the chains (null where nothing is sampled),
    `ess_tail`, `maximum` (the highest posterior density in the prior's normal variables). Linear also: `log_evidence`.

    `error_estimate` bounds the error of `mean`: four Monte Carlo standard errors of the worst parameter for chains,
    the rounding error for a linear model; null for `laplace`, whose error is not known. `converged` is true when
    every R̂ < 1.01 and every bulk and tail effective sample size > 400; R̂ > 1.05 is a failure.
    """

    model: str | None = None
    prior: dict[str, Any] | None = None
    data: dict[str, Any] | None = None
    observed: str | None = None
    noise: Any = None
    matrix: Any = None
    observations: Any = None
    prior_mean: Any = None
    prior_covariance: Any = None
    noise_covariance: Any = None


class BayesianOptions(TaskOptions, kw_only=True):
    """`auto` is exact for a matrix and mcmc (Hamiltonian Monte Carlo, all chains at once) for a formula.

    `n_draws` a chain are drawn after `n_warmup`; up to eight times as many until the chains have converged.
    `return_samples` gives up to 1,000 of them.
    """

    method: Literal["auto", "mcmc", "laplace", "exact"] = "auto"
    n_chains: Annotated[int, msgspec.Meta(ge=4, le=128)] = 32
    n_warmup: Annotated[int, msgspec.Meta(ge=100, le=5000)] = 300
    n_draws: Annotated[int, msgspec.Meta(ge=100, le=10_000)] = 500
    return_samples: bool = False


def prepare(inputs: BayesianInputs, options: BayesianOptions, seed: int) -> Alone:
    """Validate either kind of model; raises `Problem`."""
    if inputs.matrix is not None:
        return _prepare_linear(inputs, options)
    for name in _LINEAR[1:]:
        if getattr(inputs, name) is not None:
            raise Problem("invalid_input", f"{name} goes with a matrix", field=f"inputs.{name}", hint="give matrix too")
    if options.method == "exact":
        text = "a formula's posterior is not known exactly"
        raise Problem("invalid_input", text, field="options.method", hint="mcmc or laplace, or a matrix")
    return _prepare_formula(inputs, options, seed)


def _prepare_formula(inputs: BayesianInputs, options: BayesianOptions, seed: int) -> Alone:
    for name in _NONLINEAR:
        if getattr(inputs, name) is None:
            hint = f"{', '.join(_NONLINEAR)}; or {', '.join(_LINEAR)}"
            raise Problem("invalid_input", f"{name!r} is missing", field=f"inputs.{name}", hint=hint)
    prior = distributions.read_all(inputs.prior or {}, "inputs.prior")
    if len(prior) > PARAMETERS_LIMIT:
        text = f"{len(prior)} parameters"
        raise Problem("budget_exceeded", text, field="inputs.prior", hint=f"at most {PARAMETERS_LIMIT}")
    columns = read_columns(inputs.data or {}, taken=dict.fromkeys(prior, "a parameter already"))
    observed = str(inputs.observed)
    if observed not in columns:
        text = f"no column is called {observed[:80]!r}"
        raise Problem("invalid_input", text, field="inputs.observed", hint=f"known: {', '.join(columns)[:500]}")
    program = _compile(inputs, tuple(prior), tuple(columns))
    n = columns[observed].size
    draws = options.n_chains * (options.n_warmup + options.n_draws) if options.method != "laplace" else 1000
    cost = 2e7 + 1e4 * len(prior) + 4.0 * draws * (n * (len(program.code) + 3 * program.n_registers) + 2000.0)

    def work(watch: Watch, _kept: Any) -> Outcome:
        marginals = [marginal(one, f"inputs.prior.{name}") for name, one in prior.items()]
        posterior = Posterior(program, marginals, np.stack(list(columns.values())), columns[observed])
        found = modes.find(posterior, seed, watch)
        if options.method == "laplace":
            return _laplace(posterior, tuple(prior), found)
        return _sample(posterior, tuple(prior), found, options, seed, watch)

    return Alone("native.formula", work, max(cost, 3e8), compiled=COMPILED)


def read_columns(data: Mapping[str, Any], taken: Mapping[str, str]) -> dict[str, Array]:
    """Read columns of one length, each named as a variable can be."""
    if not 0 < len(data) <= 100:
        raise Problem("invalid_input", f"{len(data)} columns", field="inputs.data", hint="1 to 100")
    formulas.check_names(data, "inputs.data", taken=taken)
    columns = {name: arrays.gate(value, f"inputs.data.{name}", ndim=1) for name, value in data.items()}
    length = next(iter(columns.values())).size
    for name, column in columns.items():
        if column.size != length:
            text = f"{column.size} numbers, other columns have {length}"
            raise Problem("invalid_input", text, field=f"inputs.data.{name}", hint="columns of one length")
    if not 0 < length <= OBSERVATIONS_LIMIT:
        code, hint = ("invalid_input" if length == 0 else "budget_exceeded"), f"1 to {OBSERVATIONS_LIMIT}"
        raise Problem(code, f"{length} observations", field="inputs.data", hint=hint)  # type: ignore[arg-type]
    return columns


def _compile(inputs: BayesianInputs, names: tuple[str, ...], columns: tuple[str, ...]) -> Program:
    noise = inputs.noise
    if not isinstance(noise, str):
        value = arrays.number(noise, "inputs.noise")
        if not 1e-100 < value < 1e100:
            hint = "a standard deviation above 0, or a formula"
            raise Problem("invalid_input", f"the noise is {value:g}", field="inputs.noise", hint=hint)
        noise = repr(value)
    texts = {"inputs.model": str(inputs.model), "inputs.noise": noise}
    return formulas.compiled(texts, names, columns, derivatives="gradient")


def _laplace(posterior: Posterior, names: tuple[str, ...], found: list[modes.Mode]) -> Outcome:
    best = found[0]
    if best.flat:
        raise Problem(
            "singular", "the posterior has no curvature at its maximum, or the maximum lies at an edge",
            field="inputs.prior", hint="mcmc, or a narrower prior",
        )  # fmt: skip
    made = laplace.moments(posterior, best, 0.95)
    slope = float(np.abs(posterior.value(best.z[:, None])[1]).max())
    outputs = {
        **_named(names, made.mean, made.covariance, made.intervals),
        "rhat": None, "ess": None, "ess_tail": None, "maximum": _maximum(posterior, names, best), "n_samples": 0,
    }  # fmt: skip
    warnings = [] if len(found) == 1 else [f"{len(found)} maxima were found: this is the highest"]
    checks = [Check("gradient_vanishes", passed=slope < 1e-3 * max(1.0, abs(best.value)))]
    diagnostics = Diagnostics(converged=checks[0].passed, method="laplace", checks=checks)
    return Outcome(outputs, "native.formula", COMPILED, diagnostics, warnings)


def _named(names: tuple[str, ...], mean: Array, covariance: Array, intervals: Array) -> dict[str, Any]:
    return {
        "names": list(names),
        "mean": {name: float(mean[i]) for i, name in enumerate(names)},
        "std": {name: float(np.sqrt(covariance[i, i])) for i, name in enumerate(names)},
        "covariance": covariance,
        "credible_intervals": {name: [float(one) for one in intervals[i]] for i, name in enumerate(names)},
    }


def _maximum(posterior: Posterior, names: tuple[str, ...], mode: modes.Mode) -> dict[str, float]:
    theta, _ = posterior.parameters(mode.z[:, None])
    return {name: float(theta[i, 0]) for i, name in enumerate(names)}


def _sample(
    posterior: Posterior, names: tuple[str, ...], found: list[modes.Mode], options: BayesianOptions, seed: int,
    watch: Watch,
) -> Outcome:  # fmt: skip
    chains = Chains(posterior, found, options.n_chains, seed, watch)
    chains.warm_up(options.n_warmup)
    drawn = np.empty((0, posterior.size, options.n_chains))
    worst = {"rhat": np.inf, "ess": 0.0}
    wanted = options.n_draws
    while True:
        while len(drawn) < wanted:
            z = chains.draw(min(_ROUND, wanted - len(drawn)), 0.5 + 0.5 * len(drawn) / (8.0 * options.n_draws))
            drawn = np.concatenate([drawn, z])
        flat, _ = posterior.parameters(drawn.transpose(1, 2, 0).reshape(posterior.size, -1))
        theta = flat.reshape(posterior.size, options.n_chains, -1)
        rhat = [convergence.rhat(one) for one in theta]
        bulk = [convergence.ess_bulk(one) for one in theta]
        tail = [convergence.ess_tail(one) for one in theta]
        worst = {"rhat": max(rhat), "ess": min(*bulk, *tail)}
        converged = worst["rhat"] < convergence.RHAT_LIMIT and worst["ess"] > convergence.ESS_LIMIT
        if converged or len(drawn) >= 8 * options.n_draws:
            break
        wanted = min(2 * wanted, 8 * options.n_draws)
    if worst["rhat"] > _HOPELESS:
        raise Problem(
            "not_converged", f"the chains disagree after {len(drawn)} draws each: R̂ = {worst['rhat']:.3g}, "
            f"{len(found)} separate maxima were found", field="inputs.model",
            hint="a narrower prior, other parameters, or more n_warmup and n_draws",
        )  # fmt: skip
    return _sampled(names, posterior, found, chains, theta, (rhat, bulk, tail), converged=converged, options=options)


def _sampled(
    names: tuple[str, ...], posterior: Posterior, found: list[modes.Mode], chains: Chains, theta: Array,
    diagnosed: tuple[list[float], list[float], list[float]], *, converged: bool, options: BayesianOptions,
) -> Outcome:  # fmt: skip
    rhat, bulk, tail = (dict(zip(names, one, strict=True)) for one in diagnosed)
    flat = theta.reshape(len(names), -1)
    intervals = np.quantile(flat, [0.025, 0.975], axis=1).T
    error = _ERRORS * max(convergence.standard_error(one) for one in theta)
    outputs = {
        **_named(names, flat.mean(axis=1), np.atleast_2d(np.cov(flat)), intervals),
        "rhat": rhat, "ess": bulk, "ess_tail": tail, "maximum": _maximum(posterior, names, found[0]),
        "acceptance": float(np.mean(chains.accepted)), "n_samples": flat.shape[1], "n_chains": options.n_chains,
    }  # fmt: skip
    if options.return_samples:
        thin = flat[:, :: max(1, flat.shape[1] // _SHOWN)][:, :_SHOWN]
        outputs["samples"] = {name: thin[i] for i, name in enumerate(names)}
    warnings = []
    if not converged:
        text = f"not converged: R̂ is {max(rhat.values()):.4f} and the least effective sample size "
        warnings.append(f"{text}{min(*bulk.values(), *tail.values()):.0f}; more n_draws may do")
    if chains.divergences:
        warnings.append(f"{chains.divergences} trajectories diverged: part of the posterior may be missed")
    if float(np.abs(chains.z).max()) > FARTHEST - 1.0:
        warnings.append("the posterior lies in the farthest tail of a prior: the data contradict it")
    checks = [
        Check("rhat_below_1.01", passed=max(rhat.values()) < convergence.RHAT_LIMIT),
        Check("ess_above_400", passed=min(*bulk.values(), *tail.values()) > convergence.ESS_LIMIT),
        Check("no_divergences", passed=chains.divergences == 0),
    ]
    diagnostics = Diagnostics(
        converged=converged, iterations=theta.shape[2], evaluations=chains.evaluations, error_estimate=error,
        method="mcmc", checks=checks,
    )  # fmt: skip
    return Outcome(outputs, "native.formula", COMPILED, diagnostics, warnings)


def _prepare_linear(inputs: BayesianInputs, options: BayesianOptions) -> Alone:
    for name in _NONLINEAR:
        if getattr(inputs, name) is not None and name != "noise":
            raise Problem("invalid_input", f"{name} goes with a formula", field=f"inputs.{name}", hint="leave it out")
    if options.method not in {"auto", "exact"}:
        text = "the posterior of a linear model is known exactly"
        raise Problem("invalid_input", text, field="options.method", hint="auto or exact")
    matrix = read_matrix(inputs.matrix, "inputs.matrix", rows=4 * STATES_LIMIT, columns=STATES_LIMIT)
    m, n = matrix.shape
    observations = read_vector(inputs.observations, m, "inputs.observations")
    mean = np.zeros(n) if inputs.prior_mean is None else read_vector(inputs.prior_mean, n, "inputs.prior_mean")
    if inputs.prior_covariance is None:
        text = "'prior_covariance' is missing"
        raise Problem("invalid_input", text, field="inputs.prior_covariance", hint=f"a number, or {n} × {n}")
    noise_covariance: Any = inputs.noise_covariance
    if inputs.noise is not None:
        noise_covariance = arrays.number(inputs.noise, "inputs.noise") ** 2
    if noise_covariance is None:
        text = "'noise_covariance' is missing"
        raise Problem("invalid_input", text, field="inputs.noise_covariance", hint="a number, a diagonal or a matrix")
    prior = gaussian.factor(inputs.prior_covariance, n, "inputs.prior_covariance")
    field = "inputs.noise" if inputs.noise is not None else "inputs.noise_covariance"
    noise = gaussian.factor(noise_covariance, m, field)

    def work(watch: Watch, _kept: Any) -> Outcome:
        watch(0.0, "condition")
        return _linear(gaussian.condition(matrix, observations, mean, prior, noise))

    cost = 1e5 + 4.0 * (m + n) * n * n + float(m) * m * n
    return Alone("scipy.linalg.qr", work, cost, compiled=True)


def read_vector(value: Any, n: int, field: str) -> Array:
    """Read n numbers, or one for all of them."""
    if isinstance(value, int | float):
        return np.full(n, arrays.number(value, field))
    found = arrays.gate(value, field, ndim=1)
    if found.size != n:
        raise Problem("invalid_input", f"{found.size} numbers", field=field, hint=f"{n} numbers")
    if found.size and np.abs(found).max() > 1e100:
        raise Problem("invalid_input", "a number beyond 1e100", field=field, hint="scale the problem")
    return found


def _linear(found: gaussian.Gaussian) -> Outcome:
    std = np.sqrt(np.diag(found.covariance))
    half = 1.959963984540054 * std
    outputs = {
        "mean": found.mean, "std": std, "covariance": found.covariance,
        "credible_intervals": np.stack([found.mean - half, found.mean + half], axis=1), "rhat": None, "ess": None,
        "log_evidence": found.log_evidence, "observation_misfit": found.misfit, "prior_misfit": found.prior_misfit,
    }  # fmt: skip
    symmetric = bool(np.abs(found.covariance - found.covariance.T).max() <= 1e-14 * np.abs(found.covariance).max())
    checks = [Check("covariance_symmetric", passed=symmetric)]
    diagnostics = Diagnostics(error_estimate=found.rounding, method="exact", checks=checks)
    return Outcome(outputs, "scipy.linalg.qr", True, diagnostics)


TASK = alone.task(
    agent="inverse", name="bayesian", summary="Find the posterior of a model's parameters given observations.",
    inputs=BayesianInputs, options=BayesianOptions, methods=("auto", "mcmc", "laplace"),
    example={
        "model": "a + b*t", "prior": {
            "a": {"distribution": "norm", "loc": 0, "scale": 10}, "b": {"distribution": "norm", "loc": 0, "scale": 10},
        },
        "data": {"t": [0, 1, 2, 3], "y": [1.1, 2.9, 5.2, 6.8]}, "observed": "y", "noise": 0.2,
    },
    prepare=prepare,
)  # fmt: skip
