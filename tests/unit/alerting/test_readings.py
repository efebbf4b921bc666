"""Signals read in columns are what a plain loop over everything that happened says."""

import math
from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.alerting.making import NOW

from alerting import answers, instants
from alerting.expressions import Signal
from alerting.families import projected
from alerting.matchers import all_match, parse
from alerting.signals import Signals
from streams.contracts import OpsEvent

AGES = st.integers(0, 80).map(lambda quarter: quarter / 4)
SOURCES = st.sampled_from(["h1", "h2", "h3"])
LABELS = st.sampled_from([{}, {"rack": "a"}, {"rack": "b"}, {"rack": "a", "instance": "h9"}])
BY = st.sampled_from([None, (), ("instance",), ("rack",), ("rack", "instance")])
OF_RESULTS_BY = st.sampled_from([None, (), ("agent",), ("code",), ("agent", "code"), ("team",)])
MATCHERS = st.sampled_from(["", 'rack="a"', 'rack!="a",instance=~"h."'])
VALUES = st.sampled_from([0.0, 0.05, 1.0, 50.0, 1e6, -3.25])
WINDOWS = st.sampled_from([2.0, 5.0, 10.0, 30.0])
LEAST = st.sampled_from([None, 1, 3])
KEPT = 3600.0


@st.composite
def happenings(draw, kind, **fields):
    """Events of one kind: age, source, labels, and drawn fields."""
    found = []
    for _ in range(draw(st.integers(0, 25))):
        own = {name: draw(values) for name, values in fields.items()}
        found.append((draw(AGES), draw(SOURCES), draw(LABELS), own))
    return [
        (
            OpsEvent(id="e", time=instants.show(NOW - age), source=source, kind=kind, labels=labels, **own),
            NOW - age,
            dict({"instance": source, "source": source} | labels),
        )
        for age, source, labels, own in sorted(found, key=lambda one: -one[0])
    ]


def grouped(found, matchers, by):
    """The groups, each with its label sets, each with the (instant, event) pairs of its samples."""
    groups = defaultdict(lambda: defaultdict(list))
    for event, instant, labels in found:
        if all_match(parse(matchers), labels):
            own = tuple(sorted(labels.items()))
            groups[projected(own, by)][own].append((instant, event))
    return groups


def told(found, name, by, window, at, matchers="", min_count=None):
    made = Signals(KEPT)
    made.add_events([event for event, _, _ in found], NOW)
    assert not made.dropped
    return made.read(Signal(name, parse(matchers)), by, window, at, min_count)


def alike(got, wanted, rel=1e-9):
    """The same groups, and values that are the same but for rounding; None is None."""
    assert got.keys() == wanted.keys()
    for key, value in wanted.items():
        assert got[key] == (None if value is None else pytest.approx(value, rel=rel)), key
    return True


@settings(max_examples=150)
@given(happenings("metric", name=st.just("cpu"), value=VALUES), BY, MATCHERS, WINDOWS, AGES, LEAST)
def test_a_metric_is_its_mean(found, by, matchers, window, age, least):
    """Over the window, of each group; unknown while there are too few samples."""
    wanted = {}
    for key, samples in grouped(found, matchers, by).items():
        distinct = {(own, at, event.value) for own, of in samples.items() for at, event in of}
        values = [value for _, at, value in distinct if NOW - age - window < at <= NOW - age]
        wanted[key] = math.fsum(values) / len(values) if len(values) >= (least or 1) else None
    assert alike(told(found, "cpu", by, window, NOW - age, matchers, least), wanted, rel=1e-15)


@settings(max_examples=150)
@given(happenings("metric", name=st.just("queue_lag"), value=VALUES), BY, MATCHERS, WINDOWS, AGES)
def test_lag_is_the_latest_of_each_series_added(found, by, matchers, window, age):
    """A series without a sample in the window adds nothing; of equal instants the larger value counts."""
    wanted = {}
    for key, samples in grouped(found, matchers, by).items():
        latest = [
            max((at, event.value) for at, event in of if at <= NOW - age)
            for of in samples.values()
            if any(NOW - age - window < at <= NOW - age for at, _ in of)
        ]
        wanted[key] = math.fsum(value for _, value in latest) if latest else None
    assert alike(told(found, "queue_lag", by, window, NOW - age, matchers), wanted)


@settings(max_examples=150)
@given(happenings("fault", what=st.just("data_loss")), BY, MATCHERS, WINDOWS, AGES)
def test_faults_are_counted(found, by, matchers, window, age):
    """Each once; 0 where there is none in the window, and over all also where there never was one."""
    wanted = {(): 0.0} if by == () else {}
    for key, samples in grouped(found, matchers, by).items():
        distinct = {(own, at) for own, of in samples.items() for at, _ in of}
        wanted[key] = float(sum(NOW - age - window < at <= NOW - age for _, at in distinct))
    assert told(found, "data_loss", by, window, NOW - age, matchers) == wanted


@settings(max_examples=150)
@given(happenings("heartbeat", ttl_s=st.sampled_from([None, 0.5, 5.0, 100.0])), BY, MATCHERS, AGES)
def test_instances_are_up_while_their_last_beat_is_young(found, by, matchers, age):
    """The share of the label sets that are known by then; of two beats at once the longer one counts."""
    at, wanted = NOW - age, {}
    for key, samples in grouped(found, matchers, by).items():
        beats = [
            max((when, 60.0 if event.ttl_s is None else event.ttl_s) for when, event in of if when <= at)
            for of in samples.values()
            if any(when <= at for when, _ in of)
        ]
        if beats:
            wanted[key] = sum(at < when + ttl_s for when, ttl_s in beats) / len(beats)
    assert told(found, "instances_up_ratio", by, 300.0, at, matchers) == wanted


COUNTS = st.sampled_from([None, 0, 1, 7])


@settings(max_examples=150)
@given(happenings("test_run", passed=COUNTS, failed=COUNTS), BY, WINDOWS, AGES, LEAST)
def test_the_pass_rate_is_of_all_tests(found, by, window, age, least):
    """Passed of passed and failed; a run that comes twice counts once."""
    wanted = {(): None} if by == () else {}
    for key, samples in grouped(found, "", by).items():
        totals = [
            sum(
                count
                for _, at, count in {
                    (own, at, getattr(event, name) or 0) for own, of in samples.items() for at, event in of
                }
                if NOW - age - window < at <= NOW - age
            )
            for name in ("passed", "failed")
        ]
        wanted[key] = totals[0] / sum(totals) if sum(totals) >= (least or 1) else None
    assert told(found, "test_pass_rate", by, window, NOW - age, min_count=least) == wanted


RESULTS = st.lists(
    st.tuples(
        AGES, st.sampled_from(["ode", "pde"]), st.sampled_from(["succeeded", "failed", "expired", "rejected"]),
        st.sampled_from(["x", "y"]), st.sampled_from(["fluids", "solids"]), st.sampled_from([0.5, 1.0, 8.0]),
        st.booleans(),
    ),
    max_size=40,
)  # fmt: skip


def answered(found):
    for age, agent, status, code, team, run_s, cached in sorted(found, key=lambda one: -one[0]):
        yield answers.Answer(
            id="r", status=status, completed_at=instants.show(NOW - age), agent=agent, labels={"team": team},
            error=answers.Reason(code) if status in {"failed", "expired"} else None,
            provenance=answers.Origin(worker="w", run_s=run_s, cached=cached),
        )  # fmt: skip


def counted(found, by, window, at, statuses):
    """The results of each group whose second lies in the window."""
    groups = defaultdict(list)
    for age, agent, status, code, team, run_s, cached in found:
        second = math.floor(NOW - age)
        if status in statuses and math.floor(at - window) < second <= math.floor(at):
            named = {"agent": agent, "code": code if status in {"failed", "expired"} else "", "team": team}
            own = tuple(sorted((name, value) for name, value in named.items() if value))
            groups[projected(own, by or ())].append(None if cached else run_s)
    return groups


@settings(max_examples=200)
@given(RESULTS, OF_RESULTS_BY, WINDOWS, AGES, st.sampled_from([None, 1, 3]))
def test_the_error_rate_is_of_all_that_was_answered(found, by, window, age, least):
    """By code, too: the share of that code in all results of the other labels; unknown where there are too few."""
    made, at = Signals(KEPT, ("agent", "code", "team")), NOW - age
    made.add_results(answered(found), NOW)
    base = tuple(name for name in by or () if name != "code")
    totals = counted(found, base, window, at, {"succeeded", "failed", "expired"})
    errors = counted(found, by, window, at, {"failed", "expired"})
    wanted = {}
    for key in errors if "code" in (by or ()) else totals:
        total = len(totals[projected(key, base)])
        wanted[key] = len(errors.get(key, ())) / total if total >= (10 if least is None else least) else None
    assert made.read(Signal("error_rate"), by, window, at, least) == wanted


@settings(max_examples=200)
@given(RESULTS, OF_RESULTS_BY, WINDOWS, AGES, LEAST)
def test_execution_times_are_of_what_was_computed(found, by, window, age, least):
    """Mean, and nearest-rank quantile within 1 %; what was cached counts in neither."""
    made, at = Signals(KEPT, ("agent", "code", "team")), NOW - age
    made.add_results(answered(found), NOW)
    groups = counted(found, by, window, at, {"succeeded", "failed"})
    runs = {key: sorted(one for one in of if one is not None) for key, of in groups.items()}
    known = {key: of if len(of) >= (least or 1) else None for key, of in runs.items()}
    mean = {key: of and math.fsum(of) / len(of) for key, of in known.items()}
    p99 = {key: of and of[math.ceil(0.99 * len(of)) - 1] for key, of in known.items()}
    assert alike(made.read(Signal("execution_time_mean"), by, window, at, least), mean)
    assert alike(made.read(Signal("execution_time_p99"), by, window, at, least), p99, rel=0.01)


def test_workflows_that_nobody_ran_are_what_a_metric_says():
    """A metric of a signal's name stands in for results, whatever its labels are."""
    event = OpsEvent(
        id="e", time=instants.show(NOW), source="h", kind="metric", name="workflow_success_rate", value=0.97,
        labels={"agent": "workflow"},
    )  # fmt: skip
    assert told([(event, NOW, {})], "workflow_success_rate", (), 60.0, NOW) == {(): 0.97}
