"""Special functions by mpmath, to 40 digits: what the bounds of errors are measured and tested against."""

from collections.abc import Callable

import mpmath
import numpy as np
from mpmath import mp, mpf

mp.dps = 40
_E = mp.exp
_HALF = mpf(1) / 2


def _ei_scale(x):
    return mp.sqrt(x) ** 3 * 2 / 3


def _airy(x):
    return [mp.airyai(x), mp.airyai(x, derivative=1), mp.airybi(x), mp.airybi(x, derivative=1)]


def _airye(x):
    ai, aip, bi, bip = _airy(x)
    up = _E(mpf(2) / 3 * x * mp.sqrt(x)) if x >= 0 else mpf(1)
    return [ai * up, aip * up, bi / up, bip / up]


def _itairy(x):
    def of(f, t):
        return f(t, derivative=-1)

    return [of(mp.airyai, x), of(mp.airybi, x), -of(mp.airyai, -x), -of(mp.airybi, -x)]


def _ellipj(u, m):
    sn, cn, dn = (mp.ellipfun(name, u, m=m) for name in ("sn", "cn", "dn"))
    return [sn, cn, dn, mp.atan2(sn, cn) + 2 * mp.pi * mp.nint(u / (4 * mp.ellipk(m)))]


def _lower(a, x):
    return mp.gammainc(a, 0, x, regularized=True)


def _upper(a, x):
    return mp.gammainc(a, x, regularized=True)


def _beta(a, b, x):
    return mp.betainc(a, b, 0, x, regularized=True)


def _beta_c(a, b, x):
    return mp.betainc(b, a, 0, 1 - x, regularized=True)


def _student(df, t):
    tail = _beta(df / 2, _HALF, df / (df + t * t)) / 2
    return tail if t < 0 else 1 - tail


def _binomial_tail(k, n, p):
    return _beta(k + 1, n - k, p)


def _faddeeva(z):
    return _E(-z * z) * mp.erfc(-1j * z)


def _voigt(x, sigma, gamma):
    return (_faddeeva((x + 1j * gamma) / (sigma * mp.sqrt(2)))).real / (sigma * mp.sqrt(2 * mp.pi))


def _kolmogorov(x):
    return (
        2 * mp.nsum(lambda k: (-1) ** (int(k) - 1) * _E(-2 * k * k * x * x), [1, mp.inf])
        if x > 0.3
        else 1
        - mp.sqrt(2 * mp.pi) / x * mp.fsum(_E(-((2 * k - 1) ** 2) * mp.pi**2 / (8 * x * x)) for k in range(1, 20))
    )


def _owens(h, a):
    return mp.quad(lambda t: _E(-h * h * (1 + t * t) / 2) / (1 + t * t), [0, a]) / (2 * mp.pi)


def _spherical(f, factor=None):
    return lambda n, x: mp.sqrt(mp.pi / (2 * x)) * f(n + _HALF, x)


def _hypu(a, b, x):
    return mp.hyperu(a, b, x)


def _diff(f):
    return lambda x: mp.diff(f, x)


def inverse(forward, place, slope=None):
    """What a function inverts: `forward` of the same arguments, its `place` replaced by the answer."""

    def refine(answer, *args):
        def f(t):
            return forward(*args[:place], t, *args[place + 1 :])

        x = mpf(answer)
        for _ in range(3):
            x = x - (f(x) - args[place]) / mp.diff(f, x)
        return x

    refine.answer = True
    return refine


REFERENCES: dict[str, Callable] = {
    "agm": mp.agm, "airy": _airy, "airye": _airye, "itairy": _itairy,
    "bdtr": lambda k, n, p: _beta(n - mp.floor(k), mp.floor(k) + 1, 1 - p),
    "bdtrc": lambda k, n, p: _binomial_tail(mp.floor(k), n, p),
    "bei": lambda x: mp.bei(0, x), "ber": lambda x: mp.ber(0, x), "kei": lambda x: mp.kei(0, x),
    "ker": lambda x: mp.ker(0, x),
    "beip": _diff(lambda x: mp.bei(0, x)), "berp": _diff(lambda x: mp.ber(0, x)),
    "keip": _diff(lambda x: mp.kei(0, x)), "kerp": _diff(lambda x: mp.ker(0, x)),
    "beta": mp.beta, "betaln": lambda a, b: mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b),
    "betainc": _beta, "betaincc": _beta_c, "binom": mp.binomial,
    "boxcox": lambda x, p: (mp.expm1(p * mp.log(x)) / p if p else mp.log(x)),
    "boxcox1p": lambda x, p: (mp.expm1(p * mp.log1p(x)) / p if p else mp.log1p(x)),
    "inv_boxcox": lambda y, p: (_E(mp.log1p(p * y) / p) if p else _E(y)),
    "inv_boxcox1p": lambda y, p: (mp.expm1(mp.log1p(p * y) / p) if p else mp.expm1(y)),
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "chdtr": lambda v, x: _lower(v / 2, x / 2), "chdtrc": lambda v, x: _upper(v / 2, x / 2),
    "cosdg": lambda x: mp.cos(x * mp.pi / 180), "sindg": lambda x: mp.sin(x * mp.pi / 180),
    "tandg": lambda x: mp.tan(x * mp.pi / 180), "cotdg": lambda x: mp.cot(x * mp.pi / 180),
    "cosm1": lambda x: -2 * mp.sin(x / 2) ** 2,
    "dawsn": lambda x: mp.sqrt(mp.pi) / 2 * _E(-x * x) * mp.erfi(x),
    "digamma": mp.digamma, "psi": mp.digamma,
    "ellipe": mp.ellipe, "ellipeinc": mp.ellipe, "ellipk": mp.ellipk,
    "ellipkinc": mp.ellipf, "ellipkm1": lambda p: mp.pi / (2 * mp.agm(1, mp.sqrt(p))),
    "ellipj": _ellipj, "elliprc": mp.elliprc, "elliprd": mp.elliprd, "elliprf": mp.elliprf,
    "elliprg": mp.elliprg, "elliprj": mp.elliprj,
    "entr": lambda x: -x * mp.log(x) if x else mpf(0),
    "erf": mp.erf, "erfc": mp.erfc, "erfcx": lambda x: _E(x * x) * mp.erfc(x), "erfi": mp.erfi,
    "erfinv": inverse(mp.erf, 0), "erfcinv": inverse(mp.erfc, 0),
    "eval_chebyt": mp.chebyt, "eval_chebyu": mp.chebyu, "eval_legendre": mp.legendre,
    "eval_chebyc": lambda n, x: 2 * mp.chebyt(n, x / 2), "eval_chebys": lambda n, x: mp.chebyu(n, x / 2),
    "eval_sh_chebyt": lambda n, x: mp.chebyt(n, 2 * x - 1), "eval_sh_chebyu": lambda n, x: mp.chebyu(n, 2 * x - 1),
    "eval_sh_legendre": lambda n, x: mp.legendre(n, 2 * x - 1),
    "eval_hermite": mp.hermite, "eval_hermitenorm": lambda n, x: mp.hermite(n, x / mp.sqrt(2)) / mp.sqrt(2) ** n,
    "eval_laguerre": lambda n, x: mp.laguerre(n, 0, x), "eval_genlaguerre": mp.laguerre,
    "eval_gegenbauer": mp.gegenbauer, "eval_jacobi": mp.jacobi,
    "exp1": mp.e1, "exp10": lambda x: mpf(10) ** x, "exp2": lambda x: mpf(2) ** x, "expi": mp.ei,
    "expit": lambda x: 1 / (1 + _E(-x)), "expm1": mp.expm1, "expn": mp.expint,
    "exprel": lambda x: mp.expm1(x) / x if x else mpf(1),
    "fdtr": lambda n, d, x: _beta(n / 2, d / 2, n * x / (d + n * x)),
    "fdtrc": lambda n, d, x: _beta(d / 2, n / 2, d / (d + n * x)),
    "fresnel": lambda x: [mp.fresnels(x), mp.fresnelc(x)],
    "gamma": mp.gamma, "gammainc": _lower, "gammaincc": _upper,
    "gammaln": lambda x: mp.log(abs(mp.gamma(x))) if x < 0 else mp.loggamma(x),
    "gammaincinv": inverse(_lower, 1), "gammainccinv": inverse(_upper, 1), "betaincinv": inverse(_beta, 2),
    "betainccinv": inverse(_beta_c, 2), "chdtri": inverse(lambda v, x: _upper(v / 2, x / 2), 1),
    "stdtrit": inverse(_student, 1), "ndtri": inverse(mp.ncdf, 0),
    "gammasgn": lambda x: mp.sign(mp.gamma(x)),
    "gdtr": lambda a, b, x: _lower(b, a * x), "gdtrc": lambda a, b, x: _upper(b, a * x),
    "hankel1": mp.hankel1, "hankel2": mp.hankel2,
    "huber": lambda d, r: r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2),
    "pseudo_huber": lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1),
    "hyp0f1": mp.hyp0f1, "hyp1f1": mp.hyp1f1, "hyp2f1": mp.hyp2f1, "hyperu": _hypu,
    "i0": lambda x: mp.besseli(0, x), "i1": lambda x: mp.besseli(1, x),
    "i0e": lambda x: mp.besseli(0, x) * _E(-abs(x)), "i1e": lambda x: mp.besseli(1, x) * _E(-abs(x)),
    "k0": lambda x: mp.besselk(0, x), "k1": lambda x: mp.besselk(1, x),
    "k0e": lambda x: mp.besselk(0, x) * _E(x), "k1e": lambda x: mp.besselk(1, x) * _E(x),
    "j0": mp.j0, "j1": mp.j1, "y0": lambda x: mp.bessely(0, x), "y1": lambda x: mp.bessely(1, x),
    "jv": mp.besselj, "jn": mp.besselj, "jve": mp.besselj, "yv": mp.bessely, "yn": mp.bessely, "yve": mp.bessely,
    "iv": mp.besseli, "kv": mp.besselk, "kn": mp.besselk,
    "ive": lambda v, x: mp.besseli(v, x) * _E(-abs(x)), "kve": lambda v, x: mp.besselk(v, x) * _E(x),
    "kl_div": lambda x, y: x * mp.log(x / y) - x + y, "rel_entr": lambda x, y: x * mp.log(x / y),
    "kolmogorov": _kolmogorov,
    "log1p": mp.log1p, "log_expit": lambda x: -mp.log1p(_E(-x)),
    "log_ndtr": lambda x: mp.log(mp.ncdf(x)) if x < 0 else mp.log1p(-mp.ncdf(-x)),
    "loggamma": mp.loggamma, "logit": lambda p: mp.log(p) - mp.log1p(-p),
    "lpmv": lambda m, v, x: mp.legenp(v, m, x).real,
    "modstruve": mp.struvel, "struve": mp.struveh,
    "nbdtr": lambda k, n, p: _beta(n, k + 1, p), "nbdtrc": lambda k, n, p: _beta_c(n, k + 1, p),
    "ndtr": mp.ncdf, "owens_t": _owens,
    "pbdv": lambda v, x: [mp.pcfd(v, x), mp.diff(lambda t: mp.pcfd(v, t), x)],
    "pbvv": lambda v, x: [mp.pcfv(-v - _HALF, x), mp.diff(lambda t: mp.pcfv(-v - _HALF, t), x)],
    "pbwa": lambda a, x: [mp.pcfw(a, x), mp.diff(lambda t: mp.pcfw(a, t), x)],
    "pdtr": lambda k, m: _upper(mp.floor(k) + 1, m), "pdtrc": lambda k, m: _lower(mp.floor(k) + 1, m),
    "poch": mp.rf, "powm1": lambda x, y: mp.expm1(y * mp.log(x)),
    "rgamma": mp.rgamma, "round": mp.nint,
    "shichi": lambda x: [mp.shi(x), mp.chi(x).real], "sici": lambda x: [mp.si(x), mp.ci(x).real],
    "spence": lambda x: mp.polylog(2, 1 - x).real,
    "stdtr": _student, "voigt_profile": _voigt, "wofz": _faddeeva,
    "wrightomega": lambda x: mp.lambertw(_E(x)), "xlog1py": lambda x, y: x * mp.log1p(y),
    "xlogy": lambda x, y: x * mp.log(y), "zetac": lambda x: mp.zeta(x) - 1,
    "zeta": mp.zeta, "polygamma": mp.psi, "lambertw": mp.lambertw,
    "sinc": lambda x: mp.sinc(mp.pi * x), "comb": mp.binomial, "factorial": mp.factorial,
    "perm": mp.ff,
    "spherical_jn": _spherical(mp.besselj), "spherical_yn": _spherical(mp.bessely),
    "spherical_in": _spherical(mp.besseli),
    "spherical_kn": _spherical(mp.besselk),
}  # fmt: skip


def reference(name, answer, args):
    """The true values of all outputs at one point: a list."""
    found = REFERENCES[name]
    exact = [mpf(float(one)) for one in args]
    made = found(answer, *exact) if getattr(found, "answer", False) else found(*exact)
    return list(made) if isinstance(made, list) else [made]


def error(name, values, args):
    """The errors of all outputs at one point, as numbers; NaN where mpmath does not find the value."""
    try:
        truth = reference(name, values[0], args)
        return [
            float(abs(mpmath.mpmathify(complex(v) if np.iscomplexobj(v) else float(v)) - t))
            for v, t in zip(values, truth, strict=True)
        ]
    except (ValueError, ZeroDivisionError, mpmath.libmp.NoConvergence, OverflowError, TypeError):
        return [float("nan")] * len(values)


def sample(rng, ranges, whole, count):
    """Points of the ranges: evenly, by size, at small integers and at the ends."""
    return [_sample(rng, low, high, i in whole, count) for i, (low, high) in enumerate(ranges)]


def _sample(rng, low, high, whole, count):
    most = max(abs(low), abs(high))
    least = low if low > 0 else min(1e-3, most / 10)
    signs = np.where((rng.uniform(size=count) < 0.5) & (low < 0), -1, 1)
    by_size = np.clip(np.exp(rng.uniform(np.log(least), np.log(most), count)) * signs, low, high)
    small = np.clip(np.round(rng.uniform(max(low, -30), max(min(high, 30), low + 1), count)), low, high)
    ends = np.where(rng.uniform(size=count) < 0.5, low, high)
    kind = rng.integers(0, 12, count)
    points = np.select([kind < 4, kind < 9, kind < 11], [rng.uniform(low, high, count), by_size, small], ends)
    return np.round(points) if whole else points
