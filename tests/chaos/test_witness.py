"""What lies on the topics is read with the instants at which it came."""

from unit.alerting.making import NOW, make_incident

from alerting import incidents
from chaos.terms import Term
from chaos.witness import Seen
from sciagents.replicas import Office


def test_how_far_a_writers_clock_was_ahead_follows_from_when_its_record_came():
    """By the nearest of the steps that were made; a record that came late for another reason is none of them."""
    opened = make_incident()
    later = incidents.linked(opened, [{"id": "r-1"}])
    seen = Seen({"ops.incidents": [(NOW - 599.0, opened), (NOW + 20.0, later), (NOW + 4.0, make_incident(number=43))]})
    assert [version.ahead for version in seen.versions((600.0, -30.0))] == [600.0, 600.0, 0.0]


def test_a_writer_that_says_again_that_it_writes_has_one_term():
    """Its term began when its first record came."""
    one, other = (
        Office(name="alerting1:9093", http=None, since="a"),
        Office(name="alerting0:9093", http=None, since="b"),
    )
    seen = Seen({"ops.alerting": [(1.0, one), (2.0, one), (3.0, other), (4.0, other)]})
    assert seen.terms() == [Term(1.0, 1), Term(3.0, 0)]
