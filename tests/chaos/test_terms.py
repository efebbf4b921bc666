"""When there was an alerting process that could tell follows from who was elected, and what was hurt."""

from kills.verifier import Break, Life

from chaos.faults import Fault
from chaos.terms import Harm, Term, breaks, lives

TERMS = [Term(10.0, 0), Term(30.0, 1)]


def harm(kind, target, began, ended):
    return Harm(Fault(0.0, kind, target, 1.0), began, ended)


def test_a_term_lasts_until_the_next_one_or_the_death_of_who_has_it():
    """The other's death is nothing to it, nor one before it was elected."""
    assert lives(TERMS, [], 50.0) == [Life(10.0, 10.0, 30.0), Life(30.0, 30.0, 50.0)]
    deaths = [
        harm("alerting killed", 1, 12.0, 15.0), harm("alerting killed", 0, 5.0, 8.0),
        harm("alerting terminated", 0, 25.0, 33.0),
    ]  # fmt: skip
    assert lives(TERMS, deaths, 50.0) == [Life(10.0, 10.0, 25.0), Life(30.0, 30.0, 50.0)]


def test_what_freezes_or_cuts_off_the_writer_or_hurts_a_broker_parts_its_term():
    """From when all is good again it has its time anew."""
    hurt = [
        harm("alerting frozen", 0, 12.0, 14.0), harm("broker killed", 2, 28.0, 36.0),
        harm("alerting cut off", 0, 40.0, 45.0), harm("worker killed", 1, 20.0, 22.0),
    ]  # fmt: skip
    whole = [Life(10.0, 10.0, 12.0), Life(14.0, 14.0, 28.0), Life(36.0, 36.0, 50.0)]
    assert lives(TERMS, hurt, 50.0) == whole


def test_what_is_under_way_may_be_told_again_where_writers_change_or_one_is_hurt():
    """A broker that is away is no reason to tell anything again."""
    hurt = [harm("alerting frozen", 0, 12.0, 14.0), harm("broker killed", 2, 28.0, 36.0)]
    assert breaks(TERMS, hurt) == [Break(30.0, 30.0), Break(12.0, 14.0)]
