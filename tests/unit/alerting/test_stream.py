"""The edge: in its order, whatever comes in."""

import asyncio
import threading

import msgspec
import pytest
from unit.alerting.making import NOW, make_alert

from alerting import instants
from alerting.documents import ConfigError
from alerting.engine import Engine
from alerting.stream import Batch, CaughtUp, ClockError, Stream
from streams.contracts import Command, Incident, Notification, OpsEvent

TOPICS = {
    name: f"p.{name}"
    for name in (
        "compute.results",
        "ops.events",
        "ops.incidents",
        "ops.notifications",
        "ops.alerts",
        "ops.commands",
    )
}
CONFIG = """
route: {receiver: team, group_wait: 0s, group_interval: 1m}
receivers: [{name: team, webhook_configs: [{url: "http://127.0.0.1:1/"}]}]
global: {evaluation_interval: 1s}
rules: [{name: CpuHigh, expr: cpu_percent > 80, severity: P2}]
"""


class Record:
    def __init__(self, topic, value):
        self._topic, self._value = topic, value

    def topic(self):
        return self._topic

    def value(self):
        return self._value


class Records:
    """What was written."""

    def __init__(self):
        self.written = []
        self.changed = asyncio.Condition()

    async def send(self, records):
        async with self.changed:
            self.written += [(record.topic, msgspec.json.decode(record.value)) for record in records]
            self.changed.notify_all()

    async def until(self, status):
        async with asyncio.timeout(30), self.changed:
            await self.changed.wait_for(lambda: any(value.get("status") == status for _, value in self.written))

    def began(self):
        """How many alerts began."""
        return sum(topic == "p.ops.alerts" for topic, _ in self.written)


@pytest.fixture
def records():
    return Records()


@pytest.fixture
def stream(read, records):
    return Stream(Engine(read(CONFIG)), records.send, TOPICS, clock=lambda: NOW)


async def channel(*values):
    for value in values:
        yield value


def cpu(value):
    event = OpsEvent(id="e", time=instants.show(NOW), source="h", kind="metric", name="cpu_percent", value=value)
    return Record("p.ops.events", msgspec.json.encode(event))


async def test_nothing_is_sent_before_its_intent_is_on_the_broker(stream, records, monkeypatch):
    at_sending = []

    class Notifier:
        async def send(self, message):
            at_sending.append([(topic, value.get("status")) for topic, value in records.written])
            raise RuntimeError("a notifier that breaks its word")

    monkeypatch.setattr("alerting.notify.sendings.notifiers", lambda _: {"webhook": Notifier()})
    await stream.observe(channel(Batch([cpu(99.0)]), CaughtUp()))
    timer = asyncio.create_task(stream.keep_time())
    await records.until("failed")
    timer.cancel()
    await stream.stop()
    assert at_sending == [
        [("p.ops.alerts", "firing"), ("p.ops.incidents", "triggered"), ("p.ops.notifications", "intended")]
    ]
    assert stream.told == {("webhook", "retry"): 1}


async def test_the_loop_is_free_while_rules_are_looked_at_and_what_comes_waits(stream, records, monkeypatch):
    """Another thread looks: nothing of what it reads may change meanwhile, and nobody else is kept waiting."""
    begun, done = asyncio.Event(), threading.Event()
    loop, look, in_place = asyncio.get_running_loop(), stream.engine.look, []

    def looks(now):
        if stream.engine.looks_at(now) <= now and not in_place:
            loop.call_soon_threadsafe(begun.set)
            assert done.wait(30)
            in_place.append(stream.engine.signals.samples("cpu_percent"))
        look(now)

    monkeypatch.setattr(stream.engine, "look", looks)
    await stream.observe(channel(Batch([cpu(50.0)]), CaughtUp()))
    timer = asyncio.create_task(stream.keep_time())
    await begun.wait()
    hearing = asyncio.create_task(stream.observe(channel(Batch([cpu(99.0)]))))
    await asyncio.sleep(0)
    assert not hearing.done()
    done.set()
    await hearing
    assert in_place == [1]
    assert stream.engine.signals.samples("cpu_percent") == 2
    timer.cancel()


async def test_whoever_ends_it_waits_for_the_look_that_is_under_way(stream, monkeypatch):
    """Until then nobody else may touch what it reads."""
    begun, done, ended = asyncio.Event(), threading.Event(), []
    loop, look = asyncio.get_running_loop(), stream.engine.look

    def looks(now):
        loop.call_soon_threadsafe(begun.set)
        assert done.wait(30)
        look(now)
        ended.append(now)

    monkeypatch.setattr(stream.engine, "look", looks)
    stream.start()
    await stream.observe(channel(CaughtUp()))
    await begun.wait()
    stopping = asyncio.create_task(stream.stop())
    await asyncio.sleep(0)
    assert stream.hearing.locked()
    done.set()
    await stopping
    assert ended
    assert not stream.hearing.locked()


async def test_news_of_a_rule_without_for_is_looked_at_before_the_interval_is_over(read, records):
    """The timer sleeps for an hour, and a fault wakes it."""
    now = [NOW]
    rule = "rules: [{name: Lost, expr: data_loss > 0, severity: P0}]"
    slow = CONFIG.replace("evaluation_interval: 1s", "evaluation_interval: 1h").replace("rules: [", f"{rule} #")
    stream = Stream(Engine(read(slow)), records.send, TOPICS, clock=lambda: now[0])
    await stream.observe(channel(CaughtUp()))
    timer = asyncio.create_task(stream.keep_time())
    async with asyncio.timeout(30):
        while stream.engine.due(NOW) <= NOW:  # noqa: ASYNC110 - the timer sets it, beside
            await asyncio.sleep(0)
    now[0] = NOW + 60
    lost = OpsEvent(id="e", time=instants.show(now[0]), source="db", kind="fault", what="data_loss")
    await stream.observe(channel(Batch([Record("p.ops.events", msgspec.json.encode(lost))])))
    await records.until("triggered")
    timer.cancel()
    await stream.stop()


async def test_time_begins_once_the_past_is_read(stream, records):
    timer = asyncio.create_task(stream.keep_time())
    await stream.observe(channel(Batch([cpu(99.0)])))
    for _ in range(10):
        await asyncio.sleep(0)
    assert records.written == []
    timer.cancel()


@pytest.mark.parametrize(("set_back", "ends"), [(600.0, True), (2.0, False), (-600.0, False)])
async def test_a_wall_clock_that_is_set_back_far_ends_the_process(read, records, set_back, ends):
    """What was put off would rest until the clock is where it was; a clock that is set forward lets nothing rest."""
    now = [NOW]
    failures = []
    stream = Stream(Engine(read(CONFIG)), records.send, TOPICS, clock=lambda: now[0], steady=lambda: 100.0)
    stream.fail = failures.append
    stream.begin()
    await stream.observe(channel(CaughtUp()))
    timer = asyncio.create_task(stream.or_fail(stream.keep_time()))
    async with asyncio.timeout(30):
        while stream.engine.due(NOW) <= NOW:  # noqa: ASYNC110 - the timer sets it, beside
            await asyncio.sleep(0)
        now[0] = NOW - set_back
        await stream.observe(channel(CaughtUp()))
        while not (failures if ends else stream.engine.due(now[0]) > now[0]):  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
    assert [type(one) for one in failures] == ([ClockError] if ends else [])
    timer.cancel()
    await stream.stop()


async def test_what_is_due_at_the_start_has_been_sent_when_the_rest_goes_on(read, records, monkeypatch):
    """No timer has woken yet."""
    monkeypatch.setattr("alerting.notify.sendings.notifiers", lambda _: {"webhook": Delivered()})
    now = [NOW]
    waiting = CONFIG.replace("group_wait: 0s", "group_wait: 5s")
    stream = Stream(Engine(read(waiting)), records.send, TOPICS, clock=lambda: now[0])
    stream.begin()
    await stream.alert([make_alert("Lost")])
    assert not stream.told
    now[0] = NOW + 5
    await stream.tell_due(30.0)
    assert stream.told == {("webhook", "delivered"): 1}
    await stream.stop()


async def test_while_much_is_told_the_loop_is_others_too(read, records, monkeypatch):
    """A thousand groups at once: they are written in many goes, each outcome is on record, and a question gets in."""
    monkeypatch.setattr("alerting.notify.sendings.notifiers", lambda _: {"webhook": Delivered()})
    monkeypatch.setattr("alerting.stream._SLICE", 50)
    apart = CONFIG.replace("group_wait: 0s", "group_by: [alertname], group_wait: 0s")
    stream = Stream(Engine(read(apart)), records.send, TOPICS, clock=lambda: NOW)
    stream.begin()
    await stream.alert([make_alert(f"A{number}") for number in range(1000)])
    timer = asyncio.create_task(stream.keep_time())
    seen = []
    async with asyncio.timeout(60):
        while stream.told["webhook", "delivered"] < 1000:
            seen.append(stream.told["webhook", "delivered"])
            await asyncio.sleep(0)
    timer.cancel()
    await stream.stop()
    assert len(set(seen)) >= 10
    delivered = [value["id"] for _, value in records.written if value.get("status") == "delivered"]
    assert len(delivered) == len(set(delivered)) == 1000


async def test_timers_and_alerts_from_outside_do_not_wait_for_what_rules_read(stream, records, monkeypatch):
    """A long past is still being read: people are told, and no rule judges by half of what it reads."""
    monkeypatch.setattr("alerting.notify.sendings.notifiers", lambda _: {"webhook": Delivered()})
    stream.begin()
    timer = asyncio.create_task(stream.keep_time())
    await stream.observe(channel(Batch([cpu(99.0)])))
    await stream.alert([make_alert(n="1")])
    await records.until("delivered")
    assert (records.began(), stream.live) == (1, False)
    await stream.observe(channel(CaughtUp()))
    async with asyncio.timeout(30), records.changed:
        await records.changed.wait_for(lambda: records.began() == 2)
    timer.cancel()
    await stream.stop()


DEEP = b"[" * 9999 + b"]" * 9999
"""Deeper than Python can count: in a field that nobody knows, it is passed over all the same."""


@pytest.mark.parametrize(
    "value", [None, b"", b"\xff", b"[1]", b"{", b'{"id":1}', b"[" * 9999, b"{" + b" " * 70_000, b'{"x":%b}' % DEEP]
)
async def test_what_cannot_be_read_is_counted_and_what_is_beside_it_taken(stream, value):
    taken = []
    records = [Record("p.ops.events", value), Record("p.compute.results", value), cpu(50.0)]
    await stream.observe(channel(Batch(records, lambda: taken.append(1))))
    assert taken == [1]
    expected = {} if value is None else {"p.ops.events": 1, "p.compute.results": 1}
    assert stream.ignored == expected
    assert stream._engine.signals.dropped == {}
    assert len(stream._engine.signals._events) == 1


async def test_commands_are_done_and_nonsense_passed_over(stream, records):
    stream._engine.on_alerts([make_alert()], NOW)
    (incident,) = stream._engine.register
    command = Command(incident=incident.id, action="acknowledge", by="ada", at=instants.show(NOW))
    values = [b"{}", b'{"x":%b}' % DEEP, msgspec.msgpack.encode(command), msgspec.json.encode(command)]
    await stream.command(channel(*values))
    assert [(topic, value["status"]) for topic, value in records.written] == [("p.ops.incidents", "acknowledged")]
    assert stream.ignored == {"ops.commands": 2}


async def test_a_reload_is_recorded_with_who_wanted_it_and_what_has_changed(stream, records, read):
    """Among the commands, and after those that came before; read again, the record does nothing."""
    early = asyncio.create_task(stream.reload(lambda: read(CONFIG.replace("> 80", "> 70")), "ada"))
    await asyncio.sleep(0)
    assert not records.written
    stream.begin()
    await early

    def broken():
        raise ConfigError("alerting.yaml", 3, "rules", "no such thing")

    with pytest.raises(ConfigError):
        await stream.reload(broken, "SIGHUP")
    found = [value for topic, value in records.written if topic == "p.ops.commands"]
    assert [one["by"] for one in found] == ["ada", "SIGHUP"]
    assert {(one["incident"], one["action"], one["at"]) for one in found} == {
        ("configuration", "reload", instants.show(NOW))
    }
    assert found[0]["text"] == "rules changed: CpuHigh"
    assert found[1]["text"].startswith("refused: alerting.yaml:3: rules: no such thing")
    before = len(records.written)
    await stream.command(channel(*(msgspec.json.encode(one) for one in found)))
    assert (len(records.written), stream.ignored) == (before, {})


async def test_a_broker_that_refuses_for_good_ends_the_process(read):
    async def refuse(_):
        raise ConnectionError("refused")

    failures = []
    stream = Stream(Engine(read(CONFIG)), refuse, TOPICS, clock=lambda: NOW)
    stream.fail = failures.append
    await stream.observe(channel(Batch([cpu(99.0)]), CaughtUp()))
    with pytest.raises(ConnectionError):
        await stream.keep_time()


async def test_values_on_the_topics_are_the_contracts(stream, records, monkeypatch):
    monkeypatch.setattr("alerting.notify.sendings.notifiers", lambda _: {"webhook": Delivered()})
    await stream.observe(channel(Batch([cpu(99.0)]), CaughtUp()))
    timer = asyncio.create_task(stream.keep_time())
    await records.until("delivered")
    timer.cancel()
    await stream.stop()
    kinds = {"p.ops.incidents": Incident, "p.ops.notifications": Notification}
    for topic, value in records.written:
        if topic in kinds:
            assert msgspec.convert(value, kinds[topic])


async def test_a_channel_that_hangs_keeps_no_other_waiting(read, records, monkeypatch):
    """However many messages it has been sent."""
    text = CONFIG.replace(
        "group_wait: 0s", "group_by: [n], group_wait: 0s, routes: [{receiver: quick, matchers: [q=1]}]"
    )
    text = text.replace("receivers: [", "receivers: [{name: quick, webhook_configs: [{url: 'http://127.0.0.1:1/'}]}, ")

    class Hangs(Delivered):
        async def send(self, message):
            if message.receiver == "team":
                await asyncio.Event().wait()
            return await super().send(message)

    monkeypatch.setattr("alerting.notify.sendings.notifiers", lambda _: {"webhook": Hangs()})
    stream = Stream(Engine(read(text)), records.send, TOPICS, clock=lambda: NOW)
    stream.start()
    await stream.observe(channel(CaughtUp()))
    await stream.alert([make_alert(n=str(number)) for number in range(200)])
    await stream.alert([make_alert(q="1")])
    await records.until("delivered")
    await stream.stop()


class Delivered:
    async def send(self, message):
        from alerting.outbox import DELIVERED

        return DELIVERED
