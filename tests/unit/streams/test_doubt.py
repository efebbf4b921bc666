"""When answers wait, and when they go out."""

from streams.doubt import Doubt


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def _doubt():
    clock = Clock()
    return clock, Doubt(6.0, clock)


def test_a_member_is_certain_while_its_coordinator_is_heard():
    """And before anything is known of it; after a silence it is not."""
    clock, doubt = _doubt()
    assert (doubt.look(), doubt.certain) == (False, True)
    doubt.renew()
    clock.now += 1.0
    doubt.hear(0.4)
    doubt.hear(float("inf"))  # a new connection has heard nothing yet
    clock.now += 5.5
    assert (doubt.look(), doubt.certain) == (False, True)
    clock.now += 0.2
    assert (doubt.look(), doubt.certain, doubt.doubtful) == (True, False, True)
    assert (doubt.look(), doubt.certain) == (False, False)  # it has begun already


def test_a_process_that_was_frozen_is_not_certain_before_it_has_looked():
    """Whichever of its threads wakes first."""
    clock, doubt = _doubt()
    doubt.look()
    clock.now += 7.0
    assert not doubt.certain
    doubt.look()
    assert doubt.certain


def test_a_word_after_a_silence_does_not_count():
    """It may be a greeting, or that the session is over: a commit that is taken counts, or an assignment."""
    clock, doubt = _doubt()
    doubt.renew()
    clock.now += 10.0
    for _ in range(5):
        clock.now += 1.0
        doubt.hear(0.1)
        doubt.look()
        assert not doubt.certain
    doubt.renew()
    doubt.look()
    assert doubt.certain


def test_a_coordinator_that_is_heard_for_a_whole_session_is_believed():
    """A member that has nothing to commit would wait for ever; a gap in between begins it anew."""
    clock, doubt = _doubt()
    doubt.renew()
    clock.now += 10.0

    def hear_for(seconds):
        for _ in range(seconds):
            clock.now += 1.0
            doubt.hear(0.1)
            doubt.look()

    hear_for(9)
    clock.now += 7.0
    hear_for(10)
    assert not doubt.certain
    hear_for(1)
    assert doubt.certain


def test_what_waits_goes_out_in_its_order():
    """What was on its way already goes first; what comes meanwhile queues behind."""
    clock, doubt = _doubt()
    doubt.renew()
    clock.now += 7.0
    assert doubt.look()
    sent = []
    doubt.hold(lambda: sent.append("new"), again=False)
    doubt.hold(lambda: sent.append("withdrawn"), again=True)
    doubt.look()
    assert (sent, len(doubt)) == ([], 2)
    doubt.renew()
    assert not doubt.certain  # two wait
    doubt.look()
    assert (sent, len(doubt), doubt.certain) == (["withdrawn", "new"], 0, True)


def test_what_is_anothers_by_then_is_let_go_of():
    """Each is tried once when partitions go: what is still wanted waits again, in its order, and is not sent."""
    clock, doubt = _doubt()
    doubt.renew()
    clock.now += 7.0
    doubt.look()
    gone, sent = set(), []

    def answer(name):
        def send():
            if name in gone:
                return
            if doubt.certain:
                sent.append(name)
            else:
                doubt.hold(send, again=False)

        return send

    for name in ("a", "b", "c"):
        doubt.hold(answer(name), again=False)
    gone.add("b")
    doubt.sift()
    assert (len(doubt), sent) == (2, [])
    doubt.renew()
    doubt.look()
    assert sent == ["a", "c"]
