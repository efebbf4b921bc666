"""What events may take of memory: label sets and samples are bounded, and a flooded name leaves room for others."""

import pytest
from unit.alerting.making import NOW

from alerting import families, instants
from alerting.families import Families, projected
from alerting.signals import Signals
from streams.contracts import OpsEvent

TEXT = instants.show(NOW)


def metric(name, value=1.0, source="host-1", time=TEXT, **labels):
    return OpsEvent(id="e", time=time, source=source, kind="metric", name=name, value=value, labels=labels)


@pytest.fixture
def signals():
    return Signals(600.0)


def test_a_flood_of_label_sets_leaves_room_for_other_names(signals, monkeypatch):
    """One name takes half of all label sets at most; what is too many is counted."""
    monkeypatch.setattr(families, "LABEL_SETS", 100)
    signals.add_events([metric("flood", pod=f"{n}") for n in range(1000)], NOW)
    assert signals.dropped == {"too_many": 950}
    signals.add_events([metric("cpu", source=f"host-{n}") for n in range(20)], NOW)
    assert signals.dropped == {"too_many": 950}
    assert len(signals._events["metric", "cpu"].index) == 20


def test_long_labels_count_by_their_size(signals, monkeypatch):
    """Labels of 50,000 signs fill the room of label sets long before their number does."""
    monkeypatch.setattr(families, "LABEL_BYTES", 1 << 20)
    signals.add_events([metric("flood", text=f"{n}" * 50_000) for n in range(100)], NOW)
    assert 0 < len(signals._events["metric", "flood"].index) < 20
    assert signals.dropped["too_many"] > 80


def test_names_are_bounded(signals, monkeypatch):
    """A flood of names is counted, and those that are there go on."""
    monkeypatch.setattr(families, "_NAMES", 10)
    signals.add_events([metric(f"name-{n}") for n in range(100)], NOW)
    signals.add_event(metric("name-3", 5.0), NOW)
    assert (len(signals._events), signals.dropped) == (10, {"too_many": 90})


def test_a_flood_of_names_leaves_those_that_rules_read(signals, monkeypatch):
    """They are taken however many others there are, and names of faults are forgotten with their last sample."""
    monkeypatch.setattr(families, "_NAMES", 10)
    signals.keep({"cpu": 300.0, "disk_gone": 300.0})
    faults = [OpsEvent(id="e", time=TEXT, source="h", kind="fault", what=f"f{n}") for n in range(10)]
    gone = OpsEvent(id="e", time=TEXT, source="h", kind="fault", what="disk_gone")
    signals.add_events([*faults, metric("cpu"), metric("other"), gone], NOW)
    assert signals.dropped == {"too_many": 1}
    signals.forget(NOW + 700)
    assert list(signals._events) == [("fault", "disk_gone")]


def test_too_many_samples_cost_the_largest_family_its_oldest(signals, monkeypatch):
    """The others keep theirs, and what came last is there."""
    monkeypatch.setattr(families, "SAMPLES", 1000)
    signals.add_events([metric("cpu", time=instants.show(NOW - n)) for n in range(20)], NOW)
    signals.add_events([metric("flood", float(n), time=instants.show(NOW + n / 1e3)) for n in range(2000)], NOW + 2)
    held = {name: len(family.samples) for (_, name), family in signals._events.items()}
    assert held["cpu"] == 20
    assert held["flood"] <= 1000
    assert signals.dropped == {"too_many": 2000 - held["flood"]}
    assert signals._events["metric", "flood"].samples.between(NOW, NOW + 5)[1][-1] == 1999.0


def test_label_sets_without_samples_give_their_room_back(signals):
    """Hosts that come and go leave nothing behind once no window reaches them."""
    for generation in range(5):
        now = NOW + 1000.0 * generation
        time = instants.show(now)
        signals.add_events([metric("cpu", 50.0, f"host-{generation}-{n}", time) for n in range(2000)], now)
        signals.forget(now)
        (reading,) = {len(signals.read(signal("cpu"), ("instance",), 300.0, now))}
        assert reading == 2000
    assert len(signals._events["metric", "cpu"].index) == 2000
    assert len(signals.groups(("instance",))) <= 8000


def signal(name):
    from alerting.expressions import Signal

    return Signal(name)


def test_the_number_of_a_label_set_is_not_reserved_for_ever():
    """What was counted is counted again when something is forgotten."""
    kept = Families(1.0)
    family = kept.get("metric", "a", "a")
    for n in range(10):
        kept.number(family, (("n", str(n)),))
    kept.families.clear()
    kept.count()
    assert kept._label_sets == 0


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        pytest.param(None, (("instance", "i"), ("source", "s")), id="all of them"),
        pytest.param(("source",), (("source", "s"),), id="those that are named"),
        pytest.param((), (), id="none"),
    ],
)
def test_projected(by, expected):
    """What is kept apart of a label set."""
    assert projected((("instance", "i"), ("source", "s")), by) == expected


def test_an_instance_that_is_the_source_says_nothing_more():
    """Without `by` it is left out."""
    assert projected((("instance", "s"), ("source", "s")), None) == (("source", "s"),)
