"""Who has to see to a partition that nobody reads, and when."""

import pytest

from streams.ownership import Member, Reader, Seat, standing_still, without_reader

A, B, C = (("compute.requests", number) for number in range(3))
ALL = [A, B, C]


def _member(name, has, given=None):
    return Member(name, frozenset(has), frozenset(has if given is None else given))


@pytest.mark.parametrize(
    ("members", "reads", "nobodys", "mine", "why"),
    [
        ([_member("me", ALL)], ALL, [], [], "all is well"),
        ([_member("me", [A]), _member("other", [B, C])], [A], [], [], "what another has is its own affair"),
        ([_member("me", ALL)], [A, B], [], [C], "the coordinator has given it, and this member does not know"),
        ([_member("me", [A], [A, B]), _member("other", [B, C], [C])], [A], [], [], "another has still to let go of it"),
        ([_member("me", [A], [A, B]), _member("other", [C])], [A], [B], [B], "let go of, given, and not taken"),
        ([_member("me", [A]), _member("other", [C], [B, C])], [A], [B], [], "given to another, who sees to it"),
        ([_member("me", [A]), _member("other", [C])], [A], [B], [B], "given to nobody: the first by its id"),
        ([_member("me", [A]), _member("and", [C])], [A], [B], [], "given to nobody, and another is the first"),
        ([_member("you", [A, C])], [], [B], [], "the coordinator does not know this member, and somebody is there"),
        ([], [A], ALL, ALL, "the coordinator knows nobody"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else "",
)
def test_one_member_sees_to_each_partition_without_a_reader(members, reads, nobodys, mine, why):
    found = without_reader(members, ALL, Reader("me", frozenset(reads)))
    assert found == (frozenset(nobodys), frozenset(mine)), why


def test_a_member_joins_again_after_its_patience_and_not_twice_in_it():
    """What goes well takes a moment; leaving and joining again does too."""
    seat = Seat(patience_s=20.0)
    seat.joined(0.0)
    seat.look(5.0, [A])
    seat.look(10.0, [A, B])
    assert (seat.overdue(24.9), seat.overdue(25.0), seat.since) == (frozenset(), {A}, 5.0)
    seat.joined(25.0)
    for now in (26.0, 36.0):
        seat.look(now, [A])
    assert (seat.overdue(44.9), seat.overdue(45.0), seat.since) == (frozenset(), {A}, 5.0)


def test_what_is_read_again_is_forgotten():
    """So is what nobody could look at for a while: it may have been well in between."""
    seat = Seat(patience_s=20.0)
    seat.look(0.0, [A])
    seat.look(5.0, [])
    assert (seat.since, seat.overdue(100.0)) == (None, frozenset())
    seat.look(10.0, [A])
    seat.look(40.0, [A])
    assert (seat.since, seat.overdue(50.0)) == (40.0, frozenset())


def test_a_partition_that_has_more_and_does_not_go_on_stands_still():
    """One with something unfinished is not among them; one that goes on is another each time, and never overdue."""
    me = Reader("me", frozenset(ALL), {A: 5, B: 7})
    assert standing_still(me, {A: 5, B: 9, C: 20}) == {(B, 7)}
    assert standing_still(me, {}) == frozenset()
    seat = Seat(patience_s=20.0)
    for at in range(0, 30, 5):
        seat.look(float(at), [(A, at), (B, 7)])
    assert seat.overdue(25.0) == {(B, 7)}
