"""A rule's state machine: each cell of the table in `alerting.rules`."""

import pytest

from alerting import expressions
from alerting.rules import Rule, State, advance, due


def rule(**fields):
    own = {"name": "a", "expr": expressions.parse("cpu_percent > 80"), "severity": "P2", "wait": 60.0}
    return Rule(**own | fields)


PENDING = State("pending", since=0.0, value=90.0)
FIRING = State("firing", since=0.0, fired_at=60.0, value=90.0)
KEPT = State("firing", since=0.0, fired_at=60.0, false_since=70.0, value=90.0)


@pytest.mark.parametrize(
    ("state", "truth", "now", "fields", "phase", "reason"),
    [
        pytest.param(State(), True, 0, {}, "pending", "became_true", id="inactive, true: pending"),
        pytest.param(State(), True, 0, {"wait": 0.0}, "firing", "for_over", id="for 0 fires at the first evaluation"),
        pytest.param(State(), False, 0, {}, "inactive", "false", id="inactive, false: as it was"),
        pytest.param(State(), None, 0, {}, "inactive", "unknown", id="inactive, unknown: as it was"),
        pytest.param(PENDING, True, 59, {}, "pending", "for_not_over", id="pending, true for less than `for`"),
        pytest.param(PENDING, True, 60, {}, "firing", "for_over", id="pending, true for `for`: firing"),
        pytest.param(PENDING, False, 30, {}, "inactive", "dropped", id="pending, false: dropped"),
        pytest.param(PENDING, None, 90, {}, "pending", "unknown", id="pending, unknown: neither fires nor drops"),
        pytest.param(FIRING, True, 90, {}, "firing", "true", id="firing, true: as it was"),
        pytest.param(FIRING, True, 90, {"wait": 120.0}, "pending", "for_longer", id="a longer `for`: pending again"),
        pytest.param(FIRING, False, 90, {}, "inactive", "cleared", id="firing, false: resolved"),
        pytest.param(FIRING, False, 90, {"keep_firing_for": 30.0}, "firing", "kept", id="kept for a while"),
        pytest.param(KEPT, False, 99, {"keep_firing_for": 30.0}, "firing", "kept", id="still kept"),
        pytest.param(KEPT, False, 100, {"keep_firing_for": 30.0}, "inactive", "cleared", id="kept long enough"),
        pytest.param(KEPT, True, 99, {"keep_firing_for": 30.0}, "firing", "true", id="true again while kept"),
        pytest.param(FIRING, None, 1e6, {}, "firing", "unknown", id="firing, unknown: not resolved"),
    ],
)
def test_advance(state, truth, now, fields, phase, reason):
    step = advance(rule(**fields), state, truth, now, value=91.0)
    assert (step.state.phase, step.reason) == (phase, reason)


def test_true_again_while_kept_begins_keeping_anew():
    again = advance(rule(keep_firing_for=30.0), KEPT, True, 99.0, value=91.0).state
    assert again.false_since is None


@pytest.mark.parametrize(
    ("clear", "phase", "reason"),
    [
        pytest.param(False, "firing", "not_clear", id="below the threshold and not clear: fires on"),
        pytest.param(None, "firing", "not_clear", id="clear is unknown: fires on"),
        pytest.param(True, "inactive", "cleared", id="clear: resolved"),
    ],
)
def test_clear_gives_hysteresis(clear, phase, reason):
    step = advance(rule(clear=expressions.parse("cpu_percent < 70")), FIRING, False, 90.0, clear=clear)
    assert (step.state.phase, step.reason) == (phase, reason)


@pytest.mark.parametrize(
    ("no_data", "now", "phase", "stopped", "reason"),
    [
        pytest.param("keep", 1e6, "firing", False, "unknown", id="keep: for ever"),
        pytest.param("ok", 399, "firing", False, "unknown", id="ok: not yet"),
        pytest.param("ok", 400, "inactive", False, "no_data_ok", id="ok: resolved after no_data_for"),
        pytest.param("alert", 399, "firing", False, "unknown", id="alert: not yet"),
        pytest.param("alert", 400, "firing", True, "no_data_alert", id="alert: said beside, after no_data_for"),
    ],
)
def test_data_that_stays_away(no_data, now, phase, stopped, reason):
    own = rule(no_data=no_data, no_data_for=300.0)
    silent = advance(own, FIRING, None, 100.0).state
    step = advance(own, silent, None, now)
    assert (step.state.phase, step.state.stopped, step.reason) == (phase, stopped, reason)


def test_data_that_comes_back_ends_the_silence():
    own = rule(no_data="alert", no_data_for=300.0)
    silent = advance(own, FIRING, None, 100.0).state
    assert advance(own, advance(own, silent, None, 400.0).state, True, 410.0).state.stopped is False


@pytest.mark.parametrize(
    ("state", "fields", "expected"),
    [
        pytest.param(State(), {}, None, id="inactive: nothing by itself"),
        pytest.param(PENDING, {}, 60.0, id="pending: when `for` is over"),
        pytest.param(FIRING, {}, None, id="firing: nothing by itself"),
        pytest.param(KEPT, {"keep_firing_for": 30.0}, 100.0, id="kept: when that is over"),
        pytest.param(State(unknown_since=5.0), {"no_data": "alert"}, 305.0, id="silent: when that is said"),
        pytest.param(State(unknown_since=5.0), {}, None, id="silent and kept: never"),
    ],
)
def test_due(state, fields, expected):
    assert due(rule(**fields), state) == expected
