"""What divided work does next: every block comes, whoever answers when, whatever is lost or repeated."""

from hypothesis import given, settings
from hypothesis import strategies as st

from streams import division
from streams.division import TARGET_S, WINDOW, Answer, Merge, Send


def begun(blocks=100, seconds=1000.0, state_bytes=1000, message_bytes=10**6):
    return division.begin(blocks, seconds, state_bytes, message_bytes)


def took(send, each=1.0, failed=False):
    return Answer(send.high, each * (send.high - send.low), failed)


def test_each_lane_gets_its_window_and_no_more():
    state, sends = division.advance(begun(), 0.0, 3)
    assert [send.lane for send in sends] == [0, 1, 2] * WINDOW
    assert [send.low for send in sends] == [0, *(send.high for send in sends[:-1])]
    assert division.advance(state, 1.0, 3) == (state, [])


def test_an_answer_makes_room_in_its_lane():
    state, sends = division.advance(begun(), 0.0, 2)
    state = division.answered(state, sends[1].low, took(sends[1]))
    _, more = division.advance(state, 1.0, 2)
    assert [send.lane for send in more] == [sends[1].lane]


def test_shards_grow_or_shrink_to_what_takes_two_seconds():
    """The estimate says ten seconds a block; it is measured to be a tenth, and then twenty times as much."""
    for each, expected in ((0.1, int(TARGET_S / 0.1)), (20.0, 1)):
        state, sends = division.advance(begun(1000, 10_000.0), 0.0, 1)
        assert {send.high - send.low for send in sends} == {1}
        state = division.answered(state, 0, took(sends[0], each))
        _, (send,) = division.advance(state, 1.0, 1)
        assert send.high - send.low == expected


def test_no_shard_leaves_more_than_a_message():
    state = begun(1000, 1.0, state_bytes=300_000, message_bytes=10**6)
    _, sends = division.advance(state, 0.0, 1)
    assert {send.high - send.low for send in sends} == {3}


def test_the_last_shards_are_small():
    """So that no lane waits for another's last long one."""
    state = begun(100, 1.0)
    sizes = []
    for now in range(1000):
        state, commands = division.advance(state, float(now), 2)
        for command in commands:
            if isinstance(command, Send):
                sizes.append(command.high - command.low)
                state = division.answered(state, command.low, took(command, 0.001))
        if commands and isinstance(commands[-1], Merge):
            break
    assert sum(sizes) == 100
    assert sizes[-1] == 1
    assert sizes[0] > 5


def test_the_first_problem_ends_it_once_all_before_have_come():
    """A later shard's problem sends nothing behind it; it decides when nothing before it has one."""
    state, sends = division.advance(begun(), 0.0, 2)
    state = division.answered(state, sends[3].low, took(sends[3], failed=True))
    state, commands = division.advance(state, 1.0, 2)
    assert commands == []
    for send in sends[:3]:
        assert not state.complete
        state = division.answered(state, send.low, took(send))
    assert division.advance(state, 2.0, 2)[1] == [Merge()]


def test_one_that_stays_out_is_sent_to_an_idle_lane_too_and_once():
    state, sends = division.advance(begun(2, 10_000.0), 0.0, 2)
    first, second = sends
    state = division.answered(state, first.low, took(first))
    assert division.advance(state, 5.0, 2)[1] == []
    state, again = division.advance(state, 100.0, 2)
    assert again == [Send(second.low, second.high, first.lane)]
    assert division.advance(state, 200.0, 2)[1] == []
    state = division.answered(state, second.low, took(second))
    assert division.advance(state, 201.0, 2)[1] == [Merge()]


def test_what_was_noted_is_not_sent_again():
    state, sends = division.advance(begun(12, 10_000.0), 0.0, 1)
    taken_over = begun(12, 10_000.0)
    for send in sends:
        taken_over = division.noted(taken_over, send.name, 0.0)
    assert taken_over == state
    assert division.noted(state, division.MERGE, 1.0).merging
    for name in ("", "1-2", "a-b@c", "1-2@3@4", "-1-2@3"):
        assert division.noted(state, name, 0.0) == state


def test_what_makes_no_sense_changes_nothing():
    state = begun()
    for low, high in ((-1, 3), (5, 5), (6, 5), (90, 101)):
        assert division.answered(state, low, Answer(high, 1.0, failed=False)) == state


@settings(max_examples=300)
@given(random=st.randoms(use_true_random=False), blocks=st.integers(1, 60), lanes=st.integers(1, 5))
def test_every_block_comes_whatever_is_lost_repeated_or_taken_over(random, blocks, lanes):
    """Lanes answer in any order or never; owners change and may forget what they sent last. It ends, with no hole."""
    state, out, forgotten, came, now = begun(blocks), [], [], [], 0.0
    while not state.merging:
        state, commands = division.advance(state, now, lanes)
        sends = [command for command in commands if isinstance(command, Send)]
        out += sends
        now += 50.0
        if sends and random.random() < 0.1:  # the owner ends before the journal has what it sent
            forgotten = list(sends)
            before = begun(blocks)
            for send in out:
                if send not in forgotten:
                    before = division.noted(before, send.name, now)
            for low, answer in came:
                before = division.answered(before, low, answer)
            state = before
        if out and random.random() < 0.7:
            send = out.pop(random.randrange(len(out)))
            for _ in range(random.randint(1, 2)):
                came.append((send.low, took(send, 0.5)))
                state = division.answered(state, *came[-1])
    covered = {number for low, answer in came for number in range(low, answer.high)}
    assert covered == set(range(blocks))
    assert state.done == blocks
