"""The state machine over columns does what `rules.advance` says, whatever happens in whatever order."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting import expressions, rules, states
from alerting.rules import Rule, State
from alerting.states import States

SECONDS = st.sampled_from([0.0, 5.0, 10.0, 30.0])
TRUTH = st.sampled_from([True, False, None])
RULES = st.builds(
    Rule,
    name=st.just("a"),
    expr=st.just(expressions.parse("a > 1")),
    severity=st.just("P2"),
    clear=st.sampled_from([None, expressions.parse("a < 1")]),
    wait=SECONDS,
    keep_firing_for=SECONDS,
    no_data=st.sampled_from(["keep", "ok", "alert"]),
    no_data_for=SECONDS,
)
VERDICT = st.tuples(TRUTH, TRUTH, st.sampled_from([None, 1.0, 2.5]))


@st.composite
def histories(draw, label_sets=4):
    """Rules as they are loaded in turn, and at each instant a verdict for each label set."""
    steps = draw(st.integers(1, 12))
    now, found = 1_000.0, []
    rule = draw(RULES)
    for _ in range(steps):
        now += draw(st.sampled_from([1.0, 5.0, 10.0, 40.0]))
        rule = draw(RULES) if draw(st.integers(0, 9)) == 0 else rule
        found.append((now, rule, draw(st.lists(VERDICT, min_size=label_sets, max_size=label_sets))))
    return found


def column(values):
    return np.array([np.nan if value is None else value for value in values], np.float64)


@settings(max_examples=300)
@given(histories())
def test_columns_move_as_each_label_set_does_by_itself(history):
    """Phases, times, values and what is due are those of the scalar law, for `clear`, `no_data` and reloads too."""
    alone = [State() for _ in history[0][2]]
    together = States.inactive(len(alone))
    for now, rule, verdicts in history:
        alone = [
            rules.advance(rule, state, truth, now, clear=None if rule.clear is None else clear, value=value).state
            for state, (truth, clear, value) in zip(alone, verdicts, strict=True)
        ]
        true, false = (np.array([one[0] is wanted for one in verdicts]) for wanted in (True, False))
        clear = None if rule.clear is None else np.array([one[1] is True for one in verdicts])
        value = column([one[2] for one in verdicts])
        together = states.advance(rule, together, true, false, now, clear=clear, value=value)
        assert list(together) == alone
        moves = [at for state in alone if (at := rules.due(rule, state)) is not None and at > now]
        assert states.due(rule, together, now) == min(moves, default=None)
        assert together.idle().tolist() == [state == State() for state in alone]


def test_what_was_there_is_left_as_it_was():
    """A step makes new columns: the old ones still say what was."""
    before = States.inactive(2)
    every = np.ones(2, np.bool_)
    rule = Rule(name="a", expr=expressions.parse("a > 1"), severity="P2")
    after = states.advance(rule, before, every, ~every, 10.0, value=np.array([2.0, 3.0]))
    assert [state.phase for state in before] == ["inactive", "inactive"]
    assert [(state.phase, state.value) for state in after] == [("firing", 2.0), ("firing", 3.0)]
