"""Snapshots: what was restored and then heard the rest is as one that has heard everything; or it says why not."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from unit.alerting.making import NOW
from unit.alerting.test_signals import event, metric, result

from alerting import config, documents, families, keeping, snapshot
from alerting.engine import Engine
from alerting.expressions import Signal
from alerting.keeping import Keeper
from alerting.restoring import Restorer
from alerting.snapshot import DamagedError, Head, Scope, decode
from streams.contracts import OpsEvent

CONFIG = """
global: {evaluation_interval: 15s}
route: {receiver: nobody}
receivers: [{name: nobody}]
rules:
  - {name: Cpu, expr: cpu > 50, clear: cpu < 30, window: 2m, by: [instance], for: 1m, severity: P2}
  - {name: Down, expr: instances_up_ratio < 1, by: [instance], window: 1m, for: 1m, severity: P2}
  - {name: Errors, expr: error_rate > 0.5, window: 2m, by: [agent, team], min_count: 1, severity: P3}
  - {name: Slow, expr: execution_time_p99 > 10, window: 2m, by: [], severity: P3}
  - {name: Lost, expr: data_loss > 0, window: 5m, by: [source], severity: P0}
  - {name: Gone, expr: disk_gone > 0, window: 1m, by: [], severity: P3}
  - {name: Tests, expr: test_pass_rate < 0.9, window: 30m, by: [], severity: P3}
  - {name: Lag, expr: queue_lag > 10, window: 1m, by: [], severity: P3}
"""
READ = config.read(documents.parse(CONFIG), {})
SIGNALS = ("cpu", "instances_up_ratio", "error_rate", "execution_time_mean", "execution_time_p99", "data_loss",
           "disk_gone", "test_pass_rate", "queue_lag", "log_errors")  # fmt: skip


class Log:
    """The partitions, as Kafka keeps them: each record with its time."""

    def __init__(self):
        self.partitions = [[] for _ in range(1 + len(snapshot.BOUNDS))]

    def write(self, keeper, positions, now, until=math.inf):
        """Write a snapshot, or the first pieces of one: who wrote it died."""
        taken = keeper.take(positions, now)
        for number, (partition, value) in enumerate(keeper.pieces(taken)):
            if number < until:
                self.partitions[partition].append((now, value))

    def head(self):
        """The last head."""
        found = [decode(value).body for _, value in self.partitions[0]]
        return next((one for one in reversed(found) if isinstance(one, Head)), None)

    def restore(self, signals, now):
        """Read what there is to read, as a restart does; the head that it was."""
        head = self.head()
        restorer = Restorer(signals, head, now)
        for partition, records in enumerate(self.partitions):
            since = head.base_at - snapshot.reach(partition, head.scope) - 60.0
            for at, value in records:
                if at >= since:
                    restorer.take(partition, decode(value))
        restorer.end()
        return head


def happened(kind, at, source, value):
    """One thing that happens `at` seconds after the beginning, of a kind."""
    name = f"host-{source}"
    match kind:
        case "metric":
            return metric(("cpu", "queue_lag", "unread")[value % 3], value * 20, at, source=name)
        case "beat":
            return event("heartbeat", at, name, ttl_s=(30, 600, 86_000)[value % 3])
        case "fault":
            return event("fault", at, name, what=("data_loss", "disk_gone", "odd")[value % 3])
        case "tests":
            return event("test_run", at, name, passed=value, failed=source)
        case "log":
            return event("log", at, name, level="error")
    status = ("succeeded", "failed", "expired")[value % 3]
    return result(status, math.floor(at), "ode", None if status == "succeeded" else "singular", run_s=4.0 * value,
                  labels={"team": name})  # fmt: skip


def feed(engine, things, now):
    engine.on_events([one for one in things if isinstance(one, OpsEvent)], now)
    engine.on_results([one for one in things if not isinstance(one, OpsEvent)], now)


def readings(signals, now):
    """Every signal by every grouping that matters, at some instants."""
    return {
        (name, by, window, at, key): value
        for name in SIGNALS for by in ((), ("instance",), ("agent", "team"), None)
        for window, at in ((60.0, 0.0), (120.0, 45.0))
        for key, value in signals.read(Signal(name), by, window, now - at, min_count=1).items()
        if value is not None
    }  # fmt: skip


def firing(engine, now):
    """What fires, judged from the same instant on: as far back as each rule looks."""
    for name in SIGNALS:
        engine.signals.tell(name, NOW - 100_000)
    engine.tick(now)
    return {(alert.labels, alert.starts_at) for alert in engine.store if alert.ends_at is None}


class Program:
    """Engines one after the other; the last one that `starts` has what is in the log, and hears the rest again."""

    def __init__(self):
        self.log, self.heard, self.runs, self.written_at = Log(), [], 0, NOW
        self.start(NOW)

    def start(self, now):
        self.engine = Engine(READ)
        head = self.log.head() and self.log.restore(self.engine.signals, now)
        self.keeper, self.runs = Keeper(self.engine.signals, f"run {self.runs}", head), self.runs + 1
        for things in self.heard[head.positions[0][2] if head else 0 :]:
            feed(self.engine, things, now)

    def hear(self, things, now):
        self.heard.append(things)
        feed(self.engine, things, now)

    def write(self, now, until=math.inf):
        self.log.write(self.keeper, {("ops.events", 0): len(self.heard)}, now, until)
        self.written_at = now if until == math.inf else self.written_at


STEP = st.tuples(
    st.sampled_from([1.0, 20.0, 90.0, 700.0, 4000.0]),  # until then
    st.lists(
        st.tuples(
            st.sampled_from(["metric", "beat", "fault", "tests", "log", "result"]),
            st.sampled_from([0.0, 0.25, 5.0, 29.0, 40.0, 500.0]),  # so late
            st.integers(0, 3),
            st.integers(0, 4),
        ),
        max_size=12,
    ),
    st.sampled_from(["nothing", "snapshot", "snapshot", "half a snapshot", "restart"]),
)


FORGOTTEN = [
    (1.0, [], "snapshot"),
    (1.0, [("fault", 0.0, 0, 1)], "nothing"),
    (700.0, [], "nothing"),
    (700.0, [], "restart"),
]


@settings(max_examples=150)
@example(FORGOTTEN, 2, 1)  # the name of a fault outlives its samples
@given(st.lists(STEP, min_size=1, max_size=12), st.integers(1, 3), st.integers(1, 4))
def test_after_restarts_signals_and_alerts_are_those_of_an_engine_that_heard_everything(steps, whole_every, a_piece):
    """Over gaps, late events, several restarts, and snapshots of which half was written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keeping, "WHOLE_EVERY", whole_every)
        patch.setattr(keeping, "SAMPLES_A_PIECE", a_piece)
        patch.setattr(families, "_WASTE", 1)  # label sets are renumbered soon
        program, whole, now = Program(), Engine(READ), NOW
        for gap, things, then in steps:
            if now + gap > program.written_at + 1000.0:  # what is older than that at a restart would not be taken
                program.write(now)
            now += gap
            made = [happened(kind, now - NOW - late, source, value) for kind, late, source, value in things]
            program.hear(made, now)
            feed(whole, made, now)
            for one in (program.engine, whole):
                one.signals.forget(now)
            match then:
                case "snapshot":
                    program.write(now)
                case "half a snapshot":
                    program.write(now, until=2)
                    program.start(now)
                case "restart":
                    program.start(now)
        for one in (program.engine, whole):
            one.signals.forget(now)
        assert readings(program.engine.signals, now) == pytest.approx(readings(whole.signals, now))
        failed = [one.signals.failures({}, now - 180.0, limit=1000) for one in (program.engine, whole)]
        assert list(dict.fromkeys(failed[0])) == list(dict.fromkeys(failed[1]))  # one that comes twice may be kept once
        assert firing(program.engine, now) == firing(whole, now)


@pytest.fixture
def written():
    """A program that has heard a little, and has written it."""
    program = Program()
    program.hear([metric("cpu", 90, at, source=f"host-{at}") for at in range(5)], NOW)
    program.hear([result("failed", -1.0, code="singular"), event("heartbeat", 0.0, "steady", ttl_s=600)], NOW)
    program.write(NOW)
    return program


def test_what_is_late_is_late_after_a_restart_too(written):
    """Until when a source was heard is in the snapshot."""
    written.start(NOW + 60)
    written.hear([metric("cpu", 1, -100, source="host-4"), result("failed", -100.0)], NOW + 60)
    assert written.engine.signals.dropped == {"late": 2}


def test_no_two_label_sets_have_one_id_after_restarts(written):
    """Also where those of the snapshot are over by then."""
    written.start(NOW + 5000)
    written.hear([metric("cpu", 1, 5000, source="other")], NOW + 5000)
    written.write(NOW + 5000)
    written.start(NOW + 5001)
    found = read_cpu(written.engine, NOW + 5001)
    assert found == {(("instance", "other"),): 1.0}


def read_cpu(engine, now):
    found = engine.signals.read(Signal("cpu"), ("instance",), 300.0, now)
    return {key: value for key, value in found.items() if value is not None}


SCOPE = Scope(1000.0, {"cpu": 600.0}, ["agent", "team"], 1.0)


@pytest.mark.parametrize(
    ("changes", "wanted", "why"),
    [
        pytest.param({}, {}, None, id="the same"),
        pytest.param({}, {"horizons": {"cpu": 300.0}, "labels": ["agent"]}, None, id="rules that need less"),
        pytest.param({}, {"horizons": {"cpu": 601.0}}, "back further at cpu", id="a longer window"),
        pytest.param({}, {"horizons": {"memory": 60.0}}, "memory, or did not look", id="another signal"),
        pytest.param({}, {"labels": ["code"]}, "not kept: code", id="other labels of results"),
        pytest.param({}, {"width": 5.0}, "other buckets", id="other buckets"),
        pytest.param({}, {"retention": 86_000.0}, "longer than snapshots are kept", id="more than a day"),
        pytest.param({"version": 0}, {}, "version 0", id="another version"),
        pytest.param({"at": NOW - 86_401}, {}, "older than a day", id="too old"),
        pytest.param({"at": NOW + 90_000}, {}, "older than a day", id="of the future"),
    ],
)
def test_a_snapshot_that_is_of_no_use_says_why(changes, wanted, why):
    """And one that keeps at least what is wanted is of use."""
    head = Head(snapshot.VERSION, NOW - 10, NOW - 20, {}, [], SCOPE, 0)
    found = snapshot.unusable(msgspec.structs.replace(head, **changes), msgspec.structs.replace(SCOPE, **wanted), NOW)
    assert found is None if why is None else why in found


def spoilt(program, partition, change):
    """Change the records of a partition."""
    records = program.log.partitions[partition]
    program.log.partitions[partition] = change(records)
    engine = Engine(READ)
    with pytest.raises(DamagedError) as failure:
        program.log.restore(engine.signals, NOW + 1)
    return engine, str(failure.value)


def with_body(kind, **fields):
    """Change the pieces of a kind."""

    def change(records):
        pieces = [(at, decode(value)) for at, value in records]
        return [
            (at, snapshot.encode(msgspec.structs.replace(one, body=msgspec.structs.replace(one.body, **fields))
                                 if isinstance(one.body, kind) else one))
            for at, one in pieces
        ]  # fmt: skip

    return change


@pytest.mark.parametrize(
    ("partition", "change", "says"),
    [
        pytest.param(1, lambda records: records[:-1], "at the end of partition 1", id="the last samples are missing"),
        pytest.param(1, lambda _: [], "at the end of partition 1", id="all samples are missing"),
        pytest.param(0, lambda records: records[:1] + records[2:], "after 0 in partition 0", id="a gap"),
        pytest.param(0, lambda records: [(NOW, b"\xff" * 100), *records], "cannot be read", id="no piece"),
        pytest.param(0, lambda records: [(NOW, b"\x91" * 5000), *records], "cannot be read", id="nested deep"),
        pytest.param(1, with_body(snapshot.Points, columns=[b"1234567"] * 3), "cut off", id="a column cut off"),
        pytest.param(1, with_body(snapshot.Points, columns=[b"", bytes(8), b""]), "lengths", id="columns of lengths"),
        pytest.param(1, with_body(snapshot.Points, columns=[b""]), "missing", id="columns are missing"),
        pytest.param(1, with_body(snapshot.Points, columns=[bytes(8), np.array([math.nan]).tobytes(), bytes(8)]),
                     "no number", id="a time that is none"),
        pytest.param(1, with_body(snapshot.Results, counts=[np.array([-1], kind).tobytes() for kind in (
            "i8", "i8", "i8", "i8", "f8")]), "no numbers", id="fewer results than none"),
        pytest.param(0, with_body(snapshot.LabelSets, ids=[1, 2, 3, 4, 5, 6, 7]), "fit together", id="ids too many"),
        pytest.param(0, with_body(snapshot.Sources, times=b""), "fit together", id="sources without times"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_found_and_the_signals_begin_anew(written, partition, change, says):
    """What was taken of it by then is forgotten, and the same is heard once more, as by an engine without a past."""
    engine, found = spoilt(written, partition, change)
    assert says in found
    engine.signals.begin_anew()
    for things in written.heard:
        feed(engine, things, NOW + 1)
    assert readings(engine.signals, NOW + 1) == readings(written.engine.signals, NOW + 1)
    assert firing(engine, NOW + 200) == firing(written.engine, NOW + 200)


def test_what_one_that_died_has_written_beyond_its_last_head_is_left_alone(written):
    """Half a snapshot, whose events the next one hears itself: results count once."""
    written.hear([result("failed", 1.0, code="singular")], NOW + 2)
    written.write(NOW + 2, until=3)
    written.start(NOW + 3)
    written.write(NOW + 4)
    written.start(NOW + 5)
    assert len(written.engine.signals.failures({}, 0.0)) == 2
    found = written.engine.signals.read(Signal("error_rate"), (), 300.0, NOW + 5, min_count=2)
    assert found == {(): 1.0}
    assert written.engine.signals.read(Signal("error_rate"), (), 300.0, NOW + 5, min_count=3) == {(): None}


def test_pieces_are_small_whatever_the_labels_are():
    """A label set that is larger than a piece may be is left out, with its samples."""
    program = Program()
    large = [metric("cpu", 90, 0, source=f"host-{n}", labels={"text": "x" * 60_000}) for n in range(50)]
    huge = metric("cpu", 90, 0, source="huge", labels={"text": "x" * 2_000_000})
    program.hear([*large, huge, metric("cpu", 10, 0, source="small")], NOW)
    program.write(NOW)
    assert max(len(value) for records in program.log.partitions for _, value in records) < 1 << 20
    program.heard.clear()
    program.heard.append([])
    program.start(NOW + 1)
    found = program.engine.signals.read(Signal("cpu"), ("instance",), 300.0, NOW + 1)
    assert {dict(key)["instance"] for key in found} == {f"host-{n}" for n in range(50)} | {"small"}


def test_what_is_too_much_to_be_remembered_ends_the_snapshots(monkeypatch):
    """The last one stands; memory is bounded whatever becomes of the writing."""
    monkeypatch.setattr(families, "NOTED", 10)
    program = Program()
    program.hear([metric("cpu", 1, at / 10) for at in range(11)], NOW)
    assert program.keeper.take({}, NOW) is None
    assert program.engine.signals.kept.families["metric", "cpu"].samples.taken()[0].tolist() == []
