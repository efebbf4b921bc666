"""Partitions whose place to read on is not known yet."""

from streams.astray import Astray

A, B = ("requests", 0), ("requests", 1)


class Consumer:
    """Remembers from where partitions are read."""

    def __init__(self):
        self.begins = {}

    def incremental_unassign(self, places):
        pass

    def incremental_assign(self, places):
        self.begins |= {place.partition: place.offset for place in places}


def test_each_is_asked_for_until_it_is_known():
    """One that is not answered for does not keep the others waiting; then it is left alone for a moment."""
    astray, consumer, asked = Astray(), Consumer(), []
    astray.add(A)
    astray.add(B)
    since, answers = astray.since, {B: 7}

    def begin(_, partition):
        asked.append(partition)
        return answers.get(partition)

    astray.bring_back(consumer, since, begin)
    assert (asked, consumer.begins, list(astray), astray.since) == ([A, B], {1: 7}, [A], since)
    astray.bring_back(consumer, since, begin)
    assert asked == [A, B]
    answers[A] = 3
    astray.bring_back(consumer, since + 60.0, begin)
    assert (consumer.begins, list(astray), astray.since) == ({0: 3, 1: 7}, [], None)


def test_what_is_anothers_now_is_asked_for_no_more():
    astray = Astray()
    astray.add(A)
    astray.drop([A, B])
    assert (list(astray), astray.since) == ([], None)
