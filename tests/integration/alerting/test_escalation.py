"""Escalation in real time through the running program: E1, E2, E3 and H1 side by side, a minute of theirs shortened."""

import contextlib
import functools
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from integration.alerting.running import WITHIN_S, alerting, webhooks
from listening import listening

from alerting import instants

MINUTE_S = 0.4
SOON_S = 5.0
"""Within which a step comes after its time, or after a restart that was later."""

CHAIN = """
global: {{resolve_timeout: 1h, evaluation_interval: 0.1s}}
route: {{receiver: log, group_by: [alertname], group_wait: 0s, group_interval: 5m, repeat_interval: 1d}}
receivers: [{{name: log}}]
people:
  A: {{webhook_configs: [{{url: '{url}/A'}}]}}
  B: {{webhook_configs: [{{url: '{url}/B'}}]}}
  C: {{webhook_configs: [{{url: '{url}/C'}}]}}
escalation: [{{steps: [{steps}]}}]
"""
LOG = "receivers: [{{name: log, webhook_configs: [{{url: '{url}/log'}}]}}]"


def chain(url, steps):
    said = ", ".join(f"{{after: {minutes * MINUTE_S:g}s, notify: [{who}]}}" for minutes, who in steps)
    return CHAIN.replace("receivers: [{{name: log}}]", LOG).format(url=url, steps=said)


def push(process, name="a", **fields):
    alert = {"labels": {"alertname": name, "severity": "critical"}, **fields}
    httpx.post(f"http://{process.url}/api/v2/alerts", json=[alert], timeout=WITHIN_S).raise_for_status()


def calls(hooks, since):
    """Who was called, by which step, in minutes of the case."""
    return [
        (path, body["commonAnnotations"].get("escalation_step"), (at - since) / MINUTE_S)
        for at, path, body in hooks.all()
        if path != "log"
    ]


def began(process):
    """When the incident was opened."""
    deadline = time.monotonic() + WITHIN_S
    while not (found := httpx.get(f"http://{process.url}/v1/incidents", timeout=WITHIN_S).json()["incidents"]):
        assert time.monotonic() < deadline
    return instants.parse(found[0]["timeline"][0]["at"])


def wait_until(instant):
    threading.Event().wait(max(0.0, instant - time.time()))


def to(who, step):
    return lambda path, body: path == who and body["commonAnnotations"].get("escalation_step") == step


def e1(folder):
    with webhooks() as hooks, alerting(folder, chain(hooks.url, [(0, "A"), (30, "B"), (60, "C")])) as process:
        push(process)
        since = began(process)
        hooks.first(to("C", "3"))
        return calls(hooks, since), None


def e2(folder):
    """Killed at 29 m; the next one is there when the step is overdue."""
    with webhooks() as hooks:
        text = chain(hooks.url, [(0, "A"), (30, "B"), (60, "C")])
        with alerting(folder, text) as process:
            push(process)
            since = began(process)
            process.recorded(receiver="A", status="delivered")
            wait_until(since + 29 * MINUTE_S)
            process.child.send_signal(signal.SIGKILL)
            process.child.wait(WITHIN_S)
        wait_until(since + 31 * MINUTE_S)
        with alerting(folder, text):
            ready = (time.time() - since) / MINUTE_S
            hooks.first(to("C", "3"))
            return calls(hooks, since), ready


def e3(folder):
    """Stalled over two steps of one target."""
    text_of = functools.partial(chain, steps=[(0, "A"), (10, "B"), (20, "B"), (90, "C")])
    with webhooks() as hooks, alerting(folder, text_of(hooks.url)) as process:
        push(process)
        since = began(process)
        hooks.first(to("A", "1"))  # whose answer comes during the stall, which is longer than a message's time
        process.child.send_signal(signal.SIGSTOP)
        wait_until(since + 30 * MINUTE_S)
        process.child.send_signal(signal.SIGCONT)
        resumed = (time.time() - since) / MINUTE_S
        hooks.first(to("C", "4"))
        return calls(hooks, since), resumed


BEATS = """
global: {{evaluation_interval: 0.1s}}
route: {{receiver: r1, group_by: [alertname], group_wait: 0s, group_interval: 0.2s, repeat_interval: 1d}}
receivers: [{{name: r1, webhook_configs: [{{url: '{url}/r1'}}]}}]
rules: [{{name: a, expr: instances_up_ratio < 1, by: [source], severity: P2}}]
"""


def h1(folder):
    """A beat that holds for 60 m at 0, the next at 70 m; over HTTP, in the place of a broker's client."""
    with webhooks() as hooks, alerting(folder, BEATS.format(url=hooks.url)) as process:

        def beat():
            now = time.time()
            event = {
                "id": f"{now}", "time": instants.show(now), "source": "host-1", "kind": "heartbeat",
                "ttl_s": 60 * MINUTE_S if now < since + MINUTE_S else 3600,
            }  # fmt: skip
            httpx.post(f"http://{process.url}/v1/events", json=event, timeout=WITHIN_S).raise_for_status()

        since = time.time()
        beat()
        wait_until(since + 70 * MINUTE_S)
        beat()
        hooks.first(lambda _, body: body["status"] == "resolved")
        return [(body["status"], None, (at - since) / MINUTE_S) for at, _, body in hooks.all()], None


WANTED = {
    "E1": lambda _: [("A", "1", 0, 0), ("B", "2", 30, 0), ("C", "3", 60, 0)],
    "E2": lambda ready: [("A", "1", 0, 0), ("B", "2", 31, ready), ("C", "3", 60, ready)],
    "E3": lambda resumed: [("A", "1", 0, 0), ("B", "3", 30, resumed), ("C", "4", 90, 0)],
    "H1": lambda _: [("firing", None, 60, 0), ("resolved", None, 70, 0)],
}
"""Who, which step, when, and when the process was there again."""


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What came in each case, side by side; once more where the machine was too busy to keep time."""
    cases = {"E1": e1, "E2": e2, "E3": e3, "H1": h1}
    for _ in range(2):
        with ThreadPoolExecutor(len(cases)) as pool:
            running = {name: pool.submit(case, tmp_path_factory.mktemp(name)) for name, case in cases.items()}
            came = {name: found.result() for name, found in running.items()}
        with contextlib.suppress(AssertionError):
            for name, (found, again) in came.items():
                compare(found, WANTED[name](again))
            break
    return came


def compare(found, wanted):
    """Each in its order, not before its time, and soon after it or after the process was there again."""
    assert [one[:2] for one in found] == [one[:2] for one in wanted], found
    for (_, _, at), (_, _, due, again) in zip(found, wanted, strict=True):
        assert due - 0.1 <= at <= max(due, again) + SOON_S / MINUTE_S, found


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("E1", id="E1: a chain goes on while nobody answers"),
        pytest.param("E2", id="E2: killed before a step it happens at the start, the next one at its time, none twice"),
        pytest.param("E3", id="E3: stalled over two steps of one target it is told once"),
        pytest.param("H1", id="H1: a source that falls silent is an incident until it speaks again"),
    ],
)
def test_what_is_wanted_comes_in_its_order_and_time(told, name):
    """And nothing else."""
    found, again = told[name]
    compare(found, WANTED[name](again))


def test_an_incident_keeps_its_chain_through_a_kill_and_another_configuration(tmp_path):
    """What is opened afterwards goes by the new one."""
    with webhooks() as hooks:
        with alerting(tmp_path, chain(hooks.url, [(0, "A"), (15, "B")])) as process:
            push(process)
            process.recorded(receiver="A", status="delivered")
            process.child.send_signal(signal.SIGKILL)
            process.child.wait(WITHIN_S)
        with alerting(tmp_path, chain(hooks.url, [(0, "C")])) as process:
            hooks.first(to("B", "2"))
            push(process, "b")
            hooks.first(to("C", "1"))
        assert [found[:2] for found in calls(hooks, 0)] == [("A", "1"), ("B", "2"), ("C", "1")]


PAGER = """
route: {{receiver: pager, group_by: [alertname], group_wait: 0s, group_interval: 1s, repeat_interval: 1d}}
receivers: [{{name: pager, pagerduty_configs: [{{routing_key: R0UT1NG, url: '{url}/v2/enqueue'}}]}}]
"""


def test_a_message_that_fails_is_tried_again_after_a_kill_and_then_no_more(tmp_path):
    """Under the same key; its attempts go on counting."""
    came, up = [], threading.Event()
    changed = threading.Condition()

    def answer(_path, _headers, body):
        with changed:
            came.append((up.is_set(), httpx.Response(200, content=body).json()))
            changed.notify_all()
        return (202 if up.is_set() else 500), {}, b""

    def until(wanted):
        with changed:
            assert changed.wait_for(wanted, WITHIN_S), came

    with listening(answer) as url:
        text = PAGER.format(url=url)
        with alerting(tmp_path, text) as process:
            push(process)
            until(lambda: len(came) >= 2)
            process.child.send_signal(signal.SIGKILL)
            process.child.wait(WITHIN_S)
        up.set()
        with alerting(tmp_path, text) as process:
            until(lambda: any(taken for taken, _ in came))
            push(process, endsAt="2026-01-02T00:00:00Z", startsAt="2026-01-01T00:00:00Z")
            until(lambda: came[-1][1]["event_action"] == "resolve")
            log = (tmp_path / "log").read_text()
    assert [event["event_action"] for taken, event in came if taken] == ["trigger", "resolve"]
    assert len({event["dedup_key"] for _, event in came}) == 1
    attempts = [int(line.split("attempt=")[1].split()[0]) for line in log.splitlines() if "attempt=" in line]
    assert attempts[0] >= 3
