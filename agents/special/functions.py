"""The functions of `scipy.special` that take real arguments and broadcast: their arguments, and what they can bear."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from scipy import special

FAST, SLOW = 400.0, 40_000.0
"""Operations a value, about."""
_ORDER = 100_000.0
"""The largest integer order: recurrences take a step for each."""


@dataclass(frozen=True, kw_only=True)
class Function:
    """One function: how many arguments and outputs, which arguments are integers, how large each may be, its cost.

    `orders` may be fractions, but where all of them are integers a recurrence is used: it is more exact.
    """

    name: str
    call: Callable[..., Any]
    n_arguments: int
    n_outputs: int
    integers: frozenset[int] = frozenset()
    orders: frozenset[int] = frozenset()
    largest: Mapping[int, float] = field(default_factory=dict)
    cost: float = FAST


def _undifferentiated(call: Callable[..., Any]) -> Callable[..., Any]:
    """The values alone of a function that lists them with its derivatives."""
    return lambda *arguments: call(*arguments)[0]


_PLAIN: dict[str, tuple[Callable[..., Any], int]] = {
    "comb": (special.comb, 2), "diric": (special.diric, 2), "factorial": (special.factorial, 1),
    "factorial2": (special.factorial2, 1), "lambertw": (special.lambertw, 1), "perm": (special.perm, 2),
    "polygamma": (special.polygamma, 2), "sinc": (special.sinc, 1), "zeta": (special.zeta, 2),
    "spherical_jn": (special.spherical_jn, 2), "spherical_yn": (special.spherical_yn, 2),
    "spherical_in": (special.spherical_in, 2), "spherical_kn": (special.spherical_kn, 2),
    "jvp": (special.jvp, 2), "yvp": (special.yvp, 2), "ivp": (special.ivp, 2), "kvp": (special.kvp, 2),
    "legendre_p": (_undifferentiated(special.legendre_p), 2),
    "assoc_legendre_p": (_undifferentiated(special.assoc_legendre_p), 3),
    "sph_legendre_p": (_undifferentiated(special.sph_legendre_p), 3), "sph_harm_y": (special.sph_harm_y, 4),
}  # fmt: skip
"""What broadcasts and is no ufunc: the function and how many arguments it needs."""

_BEARS: dict[str, float] = {
    **dict.fromkeys((
        "chndtr", "chndtridf", "chndtrinc", "chndtrix", "eval_genlaguerre", "eval_laguerre", "hyp1f1", "hyperu",
        "lpmv", "mathieu_a", "mathieu_b", "mathieu_cem", "mathieu_modcem1", "mathieu_modcem2", "mathieu_modsem1",
        "mathieu_modsem2", "mathieu_sem", "ncfdtr", "ncfdtri", "ncfdtridfd", "ncfdtridfn", "ncfdtrinc", "nctdtr",
        "struve", "yn", "yv", "yve", "yvp",
    ), 100_000.0),
    **dict.fromkeys(("nctdtrit", "smirnovi", "pbdv", "pbvv"), 1000.0),
    **dict.fromkeys(("nctdtridf", "nctdtrinc"), 100.0),
    **dict.fromkeys(("obl_ang1", "obl_ang1_cv", "obl_cv", "pro_ang1", "pro_ang1_cv", "pro_cv"), 100.0),
    **dict.fromkeys(("obl_rad1", "obl_rad1_cv", "pro_rad1", "pro_rad1_cv"), 30.0),
    **dict.fromkeys(("obl_rad2", "obl_rad2_cv", "pro_rad2", "pro_rad2_cv"), 10.0),
}  # fmt: skip
"""Up to what size of their arguments these end, and end soon: beyond, some loop for ever and some end the process."""
SMALLEST = 1e-200
"""Smaller arguments but 0 are refused where `_BEARS` has an entry: hyp1f1 ends the process for a = 1e-300."""

_BOTH = frozenset({0, 1})
_WHOLE: dict[str, frozenset[int]] = {
    **dict.fromkeys(("mathieu_a", "mathieu_b", "mathieu_cem", "mathieu_sem"), frozenset({0})),
    **dict.fromkeys(("mathieu_modcem1", "mathieu_modcem2", "mathieu_modsem1", "mathieu_modsem2"), frozenset({0})),
    **dict.fromkeys(("pro_cv", "pro_ang1", "pro_ang1_cv", "pro_rad1", "pro_rad1_cv", "pro_rad2", "pro_rad2_cv"), _BOTH),
    **dict.fromkeys(("obl_cv", "obl_ang1", "obl_ang1_cv", "obl_rad1", "obl_rad1_cv", "obl_rad2", "obl_rad2_cv"), _BOTH),
    "lpmv": frozenset({0}), "diric": frozenset({1}), "factorial2": frozenset({0}), "polygamma": frozenset({0}),
    **dict.fromkeys(("spherical_jn", "spherical_yn", "spherical_in", "spherical_kn", "legendre_p"), frozenset({0})),
    **dict.fromkeys(("assoc_legendre_p", "sph_legendre_p", "sph_harm_y"), _BOTH),
}  # fmt: skip
"""Integers that no loop declares as such."""


@cache
def functions() -> Mapping[str, Function]:
    """Every function, by its name."""
    found = {}
    for name in sorted(dir(special)):
        call = getattr(special, name)
        if isinstance(call, np.ufunc) and (loop := _loop(call)) is not None:
            found[name] = _described(name, call, loop[: call.nin], call.nout)
    for name, (call, count) in _PLAIN.items():
        found[name] = _described(name, call, "d" * count, 1)
    return dict(sorted(found.items()))


def _loop(call: np.ufunc) -> str | None:
    """The types of the loop for real arguments in double precision; with integers where there is a choice."""
    loops = [kind.split("->")[0] for kind in call.types]
    real = [kinds for kinds in loops if set(kinds) <= set("dl") and "d" in kinds]
    mixed = [kinds for kinds in real if "l" in kinds]
    if mixed and (len(mixed) == len(real) or not call.__name__.startswith("eval_")):
        return mixed[0]  # the loop beside it would cut off fractions
    if real:
        return "d" * call.nin
    return next(("d" * call.nin for kinds in loops if set(kinds) <= set("dD")), None)


def _described(name: str, call: Callable[..., Any], loop: str, n_outputs: int) -> Function:
    integers = _WHOLE.get(name, frozenset()) | {i for i, kind in enumerate(loop) if kind == "l"}
    bears = _BEARS.get(name)
    orders = frozenset({0}) - integers if name.startswith("eval_") else frozenset[int]()
    largest = dict.fromkeys(range(len(loop)), bears) if bears else dict.fromkeys(integers | orders, _ORDER)
    return Function(
        name=name, call=call, n_arguments=len(loop), n_outputs=n_outputs, integers=integers, orders=orders,
        largest=largest, cost=SLOW if bears else FAST,
    )  # fmt: skip
