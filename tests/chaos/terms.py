"""When was there an alerting process that could tell? Pure functions of who was elected, and what was hurt, when."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from kills.verifier import Break, Life

from chaos.faults import OF_BROKERS, Fault

_ENDS = frozenset({"alerting killed", "alerting terminated"})


class Term(NamedTuple):
    """Which replica writes from an instant on, epoch seconds."""

    since: float
    who: int


class Harm(NamedTuple):
    """A fault as it was done, epoch seconds: from its beginning until all was good again."""

    fault: Fault
    began: float
    ended: float


def lives(terms: Sequence[Term], harms: Iterable[Harm], until: float) -> list[Life]:
    """The times in which the writer was whole, and the brokers with it; what began in one goes on in no other."""
    found = []
    harms = list(harms)
    for term, following in pairwise([*terms, Term(until, -1)]):
        own = [harm for harm in harms if harm.fault.victim == ("alerting", term.who)]
        deaths = [harm.began for harm in own if harm.fault.kind in _ENDS and harm.began >= term.since]
        end = min([following.since, *deaths])
        pieces = [(term.since, end)]
        for harm in [*own, *(one for one in harms if one.fault.kind in OF_BROKERS)]:
            if harm.fault.kind not in _ENDS:
                pieces = [part for piece in pieces for part in _without(piece, harm)]
        found += [Life(began, began, ended) for began, ended in pieces]
    return found


def breaks(terms: Sequence[Term], harms: Iterable[Harm]) -> list[Break]:
    """The times in which what was sent may not be known to have been heard: a change of writers, a fault of one."""
    changes = [Break(term.since, term.since) for term in terms[1:]]
    return changes + [Break(harm.began, harm.ended) for harm in harms if harm.fault.victim[0] == "alerting"]


def _without(piece: tuple[float, float], harm: Harm) -> list[tuple[float, float]]:
    began, ended = piece
    parts = [(began, min(ended, harm.began)), (max(began, harm.ended), ended)]
    return [(since, until) for since, until in parts if since < until]
