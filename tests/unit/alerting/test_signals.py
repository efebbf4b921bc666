"""Signals: what rules read, by label set, in event time; what is late or nonsense is counted and not taken."""

import msgspec
import pytest
from unit.alerting.making import NOW

from alerting import answers, instants
from alerting.expressions import Signal
from alerting.matchers import parse
from alerting.signals import Signals
from streams.contracts import OpsEvent


def event(kind, at=0.0, source="host-1", **fields):
    return OpsEvent(id=f"{kind}{at}", time=instants.show(NOW + at), source=source, kind=kind, **fields)


def metric(name, value, at=0.0, **fields):
    return event("metric", at, name=name, value=value, **fields)


def result(status="succeeded", at=0.0, agent="ode", code=None, run_s=1.0, **fields):
    return answers.decode(
        msgspec.json.encode(
            {
                "id": f"r{at}", "agent": agent, "task": "ivp", "status": status, "outputs": {"x": [1.0] * 100},
                "error": code and {"code": code, "message": "m"}, "warnings": [], "diagnostics": None,
                "provenance": {"version": "0", "worker": "w", "run_s": run_s, "lane": "fast", "cached": False},
                "labels": {"team": "fluids"}, "completed_at": instants.show(NOW + at),
            }
            | fields
        )
    )  # fmt: skip


def signals(*happened, labels=()):
    made = Signals(3600.0, labels)
    for one in happened:
        if isinstance(one, OpsEvent):
            made.add_event(one, NOW)
        else:
            made.add_results([one], NOW)
    return made


def read(made, name, by=(), window=300.0, at=0.0, matchers="", **fields):
    return made.read(Signal(name, parse(matchers)), by, window, NOW + at, **fields)


ONE, TWO = (("instance", "host-1"),), (("instance", "host-2"),)
ODE, PDE = (("agent", "ode"),), (("agent", "pde"),)
MANY = [result(at=-n) for n in range(10)]
BAD = [result("failed", at=-20 - n, code="singular") for n in range(10)]


@pytest.mark.parametrize(
    ("happened", "name", "by", "expected"),
    [
        pytest.param([metric("cpu_percent", 90, -10), metric("cpu_percent", 70, -5)], "cpu_percent", (), {(): 80.0},
                     id="a metric: its mean"),
        pytest.param([metric("cpu_percent", 90, -10), metric("cpu_percent", 70, source="host-2")], "cpu_percent",
                     ("instance",), {ONE: 90.0, TWO: 70.0}, id="a metric: each instance"),
        pytest.param([metric("cpu_percent", 90, -301)], "cpu_percent", (), {(): None}, id="a metric: too old"),
        pytest.param([metric("queue_lag", 5, -9, labels={"p": "0"}), metric("queue_lag", 7, -8, labels={"p": "0"}),
                      metric("queue_lag", 3, -9, labels={"p": "1"})], "queue_lag", (), {(): 10.0},
                     id="lag: the latest of each, added"),
        pytest.param([], "data_loss", (), {(): 0.0}, id="no fault is 0"),
        pytest.param([event("fault", what="data_loss")], "data_loss", (), {(): 1.0}, id="a fault"),
        pytest.param([event("fault", what="disk_gone")], "disk_gone", (), {(): 1.0}, id="any fault by its name"),
        pytest.param([event("log", level="ERROR"), event("log", level="info")], "log_errors", (), {(): 1.0}, id="logs"),
        pytest.param([event("test_run", passed=95, failed=5, skipped=100)], "test_pass_rate", (), {(): 0.95},
                     id="tests: skipped ones do not count"),
        pytest.param([event("heartbeat", -30, ttl_s=60), event("heartbeat", -61, "host-2", ttl_s=60)],
                     "instances_up_ratio", (), {(): 0.5}, id="heartbeats: one is overdue"),
        pytest.param([*MANY, *BAD], "error_rate", ("agent",), {ODE: 0.5}, id="errors: failed of all"),
        pytest.param(MANY[:9], "error_rate", ("agent",), {ODE: None}, id="errors: too few to say"),
        pytest.param([*MANY, *(result("rejected", at=-n) for n in range(30, 90))], "error_rate", (), {(): 0.0},
                     id="errors: a client's mistakes do not count"),
        pytest.param([*MANY, *BAD], "error_rate", ("code",), {(("code", "singular"),): 0.5}, id="errors: by code"),
        pytest.param([result(run_s=2.0), result(run_s=4.0, at=-1)], "execution_time_mean", (), {(): 3.0}, id="times"),
        pytest.param([metric("error_rate", 0.5)], "error_rate", (), {(): 0.5}, id="a metric stands in for results"),
    ],
)  # fmt: skip
def test_value(happened, name, by, expected):
    assert read(signals(*happened, labels=("code",)), name, by) == pytest.approx(expected)


def test_the_99th_percentile_is_right_within_one_percent():
    made = signals(*(result(run_s=float(n), at=-n / 10) for n in range(1, 101)))
    assert read(made, "execution_time_p99")[()] == pytest.approx(99.0, rel=0.01)


def test_cached_results_ran_for_no_time():
    made = signals(result(run_s=2.0), result(at=-1, provenance={"cached": True, "run_s": 9.0, "worker": "w"}))
    assert read(made, "execution_time_mean") == {(): pytest.approx(2.0)}


def test_the_labels_of_requests_are_kept_apart_when_a_rule_looks_at_them():
    other = [result("failed", at=-n, code="x", labels={"team": "solids"}) for n in range(10)]
    made = signals(*MANY, *other, labels=("team",))
    assert read(made, "error_rate", ("team",)) == {(("team", "fluids"),): 0.0, (("team", "solids"),): 1.0}
    assert read(made, "error_rate", matchers='team="solids"') == {(): 1.0}


@pytest.mark.parametrize(
    ("happened", "reason"),
    [
        pytest.param([metric("a", 1, 31)], "future", id="from the future"),
        pytest.param([metric("a", 1, -3601)], "old", id="older than any window"),
        pytest.param([metric("a", 1, 0), metric("a", 1, -31)], "late", id="later than the allowed lateness"),
        pytest.param([metric("a", float("nan"))], "invalid", id="no number"),
        pytest.param([event("metric", name="a")], "invalid", id="a metric without a value"),
        pytest.param([result(completed_at="yesterday")], "invalid", id="a result without a time"),
    ],
)
def test_what_is_not_taken_is_counted(happened, reason):
    made = signals(*happened)
    assert made.dropped == {reason: 1}


def test_out_of_order_within_the_lateness_is_taken():
    assert read(signals(metric("a", 1, 0), metric("a", 3, -29)), "a") == {(): 2.0}


def test_a_heartbeat_is_known_for_a_day_after_a_restart():
    made = signals(event("heartbeat", -20_000, ttl_s=30_000))
    assert (read(made, "instances_up_ratio"), made.dropped) == ({(): 1.0}, {})


def test_the_same_event_twice_counts_once():
    assert read(signals(event("fault", what="x"), event("fault", what="x")), "x") == {(): 1.0}


def test_what_no_window_reaches_is_forgotten():
    made = signals(metric("a", 1), *MANY)
    made.forget(NOW + 4000)
    assert read(made, "a") == {}
    assert read(made, "error_rate") == {}


def test_failed_requests_are_found_by_labels_that_do_not_contradict():
    made = signals(*BAD, result("failed", at=-1, agent="pde", code="timed_out"))
    found = made.failures({"agent": "pde", "severity": "P1"}, NOW - 300)
    assert [(failure.id, failure.code) for failure in found] == [("r-1", "timed_out")]
    assert len(made.failures({}, NOW - 300, limit=3)) == 3


@pytest.mark.parametrize("value", [b"", b"{}", b"[]", b"\xff", b'{"id": 1}', b"null", b'{"id":"a","status":"x"}'])
def test_what_is_no_result_is_refused(value):
    with pytest.raises(msgspec.DecodeError):
        answers.decode(value)


def test_results_come_as_msgpack_too():
    packed = msgspec.msgpack.encode({"id": "a", "status": "failed", "completed_at": "t", "error": {"code": "x"}})
    assert answers.decode(packed).error.code == "x"


def test_labels_of_a_hostile_request_are_bounded():
    made = result(labels={f"{n}" * 1000: "v" * 100_000 for n in range(1000)})
    assert len(made.all_labels()) <= answers.LABELS_LIMIT + 6
    assert max(len(said) for said in made.all_labels().values()) <= answers.LABEL_LIMIT
