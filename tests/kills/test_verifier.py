"""The verifier finds what is planted, and nothing where nothing is."""

import math
from dataclasses import replace

import pytest

from kills.verifier import FIRING, OVER, Break, Case, Life, Log, Telling, step, verify

LIVES = [Life(0.0, 1.0, 13.0), Life(13.5, 15.0, 40.0)]
CASE = Case("A", taken=10.0, over=20.0, opened=10.1, resolved=20.5, answered=16.0, due={1: 10.1, 2: 12.9, 3: 18.0})
TOLD = [
    Telling(10.2, "A", "email", FIRING, "m1"),
    Telling(10.2, "A", "ada", step(1)),
    Telling(12.95, "A", "bob", step(2)),
    Telling(15.2, "A", "bob", step(2)),  # under way when the first process was killed
    Telling(20.6, "A", "email", OVER, "m2"),
    Telling(20.6, "A", "ada", OVER),
    Telling(20.6, "A", "bob", OVER),
]


INTENDED = {(one.alert, one.channel, one.what): one.at for one in TOLD}
DIED = [Break(life.ended, life.ended) for life in LIVES]


def judge(case=CASE, told=TOLD, delivered=None, *, intended=None, versions=(1, 2, 3), breaks=DIED):
    recorded = {(one.alert, one.channel, one.what): one.at for one in told} if intended is None else intended
    return verify(
        [case], told, LIVES, breaks=breaks, team=["email"], chain={1: "ada", 2: "bob", 3: "carol"},
        log=Log(recorded, delivered or {}, {"INC-2026-000001": versions}), within_s=5.0,
    )  # fmt: skip


def without(channel, what):
    return [one for one in TOLD if (one.channel, one.what) != (channel, what)]


def test_a_run_that_kept_its_promises():
    report = judge()
    assert report.violations == ()
    assert (report.tellings, report.repeats) == (7, 1)
    assert max(report.late) == pytest.approx(0.1)


def moved(channel, what, at):
    return [one._replace(at=at) if (one.channel, one.what) == (channel, what) else one for one in TOLD]


UNANSWERED = replace(CASE, answered=None, over=30.0, resolved=30.1)
LATER = [one._replace(at=30.2) if one.what == OVER else one for one in TOLD]


@pytest.mark.parametrize(
    ("promise", "case", "told", "delivered"),
    [
        pytest.param("complete", UNANSWERED, LATER, {}, id="a step that is missing"),
        pytest.param("complete", CASE, without("email", FIRING), {}, id="a channel that never heard of it"),
        pytest.param("once", CASE, [*TOLD, Telling(10.9, "A", "ada", step(1))], {}, id="a step twice by one process"),
        pytest.param("once", CASE, [*TOLD, Telling(15.9, "A", "email", FIRING, "m3")], {}, id="another key"),
        pytest.param("once", CASE, TOLD, {("A", "bob", step(2)): 12.98}, id="a repeat of what was delivered"),
        pytest.param("in time", CASE, moved("ada", OVER, 26.0), {}, id="a late resolution"),
        pytest.param("in time", CASE, moved("bob", step(2), 19.0), {}, id="a late step, from the restart"),
        pytest.param("complete", CASE, [*TOLD, Telling(21.5, "A", "carol", step(3))], {}, id="a step after the answer"),
        pytest.param("complete", replace(CASE, due={1: 10.1}), TOLD, {}, id="a step that was never due"),
        pytest.param("pairs", CASE, without("bob", OVER), {}, id="a firing without its resolution"),
        pytest.param("pairs", CASE, [*TOLD, Telling(20.6, "A", "carol", OVER)], {}, id="an orphan resolution"),
        pytest.param("pairs", CASE, moved("ada", step(1), 20.7), {}, id="the end before the beginning"),
        pytest.param("pairs", CASE, [*TOLD, Telling(20.6, "B", "email", OVER)], {}, id="of an alert that never was"),
        pytest.param(
            "opened", Case("A", taken=14.0, over=20.0), [], {}, id="an alert that was taken and is no incident"
        ),
    ],
)  # fmt: skip
def test_what_is_planted_is_found(promise, case, told, delivered):
    assert promise in {one.promise for one in judge(case, told, delivered).violations}


@pytest.mark.parametrize("versions", [(1, 3), (2, 3), (1, 2, 2), (1, 3, 2)])
def test_versions_that_are_missing_or_written_twice_are_found(versions):
    assert [one.promise for one in judge(versions=versions).violations] == ["versions"]


def test_a_record_and_an_inbox_that_differ_are_found():
    """Somebody was told what nobody had recorded; something is on record as delivered that never arrived."""
    missing = {place: at for place, at in INTENDED.items() if place != ("A", "ada", OVER)}
    assert [one.promise for one in judge(intended=missing).violations] == ["log"]
    assert [one.promise for one in judge(delivered={("A", "carol", step(3)): 19.0}).violations] == ["log"]


def test_one_alert_that_two_writers_made_two_incidents_of_is_found():
    assert {one.promise for one in judge(replace(CASE, incidents=2)).violations} == {"once"}


def test_what_was_cut_off_may_arrive_after_its_repeat_and_no_other():
    """A process that is frozen while it sends is no more the writer when it goes on; a whole one sends once."""
    told = [*TOLD, Telling(17.0, "A", "email", FIRING, "m1")]
    frozen = [*DIED, Break(10.15, 17.5)]
    delivered = {("A", "email", FIRING): 12.0}
    assert judge(told=told, breaks=frozen, delivered=delivered).violations == ()
    assert {one.promise for one in judge(told=told, delivered=delivered).violations} == {"once"}


def test_what_is_not_over_has_no_end():
    """An alert that goes on when the run ends is told to no one as over."""
    told = [one for one in TOLD if one.what != OVER]
    assert judge(replace(CASE, over=math.inf, resolved=None), told).violations == ()


def test_what_is_short_between_two_kills_need_not_be_known():
    """An alert that came and went within five seconds of any one process is no broken promise."""
    assert judge(Case("A", taken=12.0, over=16.0), []).violations == ()
