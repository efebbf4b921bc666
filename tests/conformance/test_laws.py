"""The single decisions of routing and notification, row by row against tables of their laws."""

from pathlib import Path

import msgspec
import pytest
import yaml

from alerting import config as configuration
from alerting import documents, groups, instants, silences
from alerting.alerts import Alert, label_set, merge
from alerting.groups import Told
from alerting.inhibition import Inhibitor
from alerting.routing import match
from alerting.rules import State, advance
from streams.contracts import Silence

LAWS = yaml.safe_load((Path(__file__).parent / "laws.yaml").read_text())


def rows(table):
    return [pytest.param(row, id=row["law"]) for row in LAWS[table]]


def read(**sections):
    own = {"route": {"receiver": "r"}, "receivers": [{"name": "r"}]} | sections
    return configuration.read(documents.parse(msgspec.json.encode(own).decode()), {})


@pytest.mark.parametrize("row", rows("decide"))
def test_whether_a_group_is_told_again(row):
    last = row.get("last")
    told = None if last is None else Told(frozenset(last.get("fires", [])), frozenset(last.get("ended", [])), 0.0)
    found = groups.decide(
        told, frozenset(row.get("fires", [])), frozenset(row.get("ended", [])), repeat_interval=60.0,
        now=row.get("now", 1), send_resolved=row.get("send_resolved", True),
    )  # fmt: skip
    assert (found.tell, found.reason) == (row["tell"], row["reason"])


@pytest.mark.parametrize("row", rows("merge"))
def test_two_reports_of_one_alert(row):
    def report(which):
        start, end = row[which]
        timed = row.get(f"{which}_timeout", False)
        return Alert((), start, {which: ""}, None if timed else end, end if timed else None)

    merged = merge(report("old"), report("new"), row["now"])
    assert [merged.starts_at, merged.end] == row["merged"]
    assert dict(merged.annotations) == {"new": ""}, "the latest annotations"


@pytest.mark.parametrize("row", rows("inhibition"))
def test_who_is_inhibited(row):
    found = Inhibitor(read(inhibit_rules=[row["rule"]]).inhibit_rules)
    for labels in row.get("firing", []):
        found.put(Alert(label_set(labels), 0.0))
    for labels in row.get("over", []):
        found.put(Alert(label_set(labels), 0.0, ends_at=5.0))
    for wanted in ("muted", "heard"):
        for labels in row.get(wanted, []):
            assert (found.inhibited_by(labels, 10.0) is not None) == (wanted == "muted"), labels


@pytest.mark.parametrize("row", rows("silences"))
def test_who_is_silenced(row):
    kept = silences.Silences()
    first, last = instants.show(0.0), instants.show(100.0)
    kept.set(Silence(matchers=row["matchers"], starts_at=first, ends_at=last, created_by="ada"), "s", 0.0)
    for wanted in ("muted", "heard"):
        for labels in row.get(wanted, []):
            assert kept.silenced_by(labels, 50.0) == (("s",) if wanted == "muted" else ()), labels


@pytest.mark.parametrize("row", rows("intervals"))
def test_when_an_interval_holds(row):
    found = read(time_intervals=[{"name": "i", "time_intervals": [row["interval"]]}])
    (interval,) = found.time_intervals["i"]
    for wanted in ("inside", "outside"):
        for instant in row.get(wanted, []):
            assert interval.contains(instants.parse(instant)) == (wanted == "inside"), instant


@pytest.mark.parametrize("row", rows("no_intervals"))
def test_what_is_no_interval(row):
    with pytest.raises(documents.ConfigError, match="time_intervals"):
        read(time_intervals=[{"name": "i", "time_intervals": [row["interval"]]}])


def _names(route):
    return {route["receiver"]}.union(*(_names(one) for one in route.get("routes", [])))


@pytest.mark.parametrize("row", rows("routing"))
def test_where_an_alert_goes(row):
    found = read(route=row["route"], receivers=[{"name": name} for name in sorted(_names(row["route"]))])
    for wanted in row["rows"]:
        taken = match(found.route, wanted["labels"])
        assert [route.receiver for route in taken] == wanted["receivers"], wanted
        if "group_by" in wanted:
            assert list(taken[0].group_by) == wanted["group_by"], wanted


PHASES = {"inactive": "-", "pending": "p", "firing": "f"}


@pytest.mark.parametrize("row", rows("rules"))
def test_the_state_of_a_rule(row):
    """The scalar law, which that of the columns is held to elsewhere."""
    said = {"name": "a", "expr": "cpu_percent > 80", "severity": "P2"} | row["rule"]
    if said.get("clear"):
        said["clear"] = "cpu_percent < 70"
    (rule,) = read(rules=[said]).rules
    state, found = State(), ""
    for minute, sign in enumerate(row["truths"]):
        truth = {"T": True, "F": False, "C": False, "?": None}[sign]
        clear = None if rule.clear is None or truth is None else sign == "C"
        state = advance(rule, state, truth, 60.0 * minute, clear=clear).state
        found += "s" if state.stopped else PHASES[state.phase]
    assert found == row["states"]
