"""The cases N1 to N6 through the running program: pushed over Alertmanager's API, told to webhooks, in real time.

All of them run side by side in one process, each on a route of its own, at the speed at which they are written. A
machine that is too busy for that takes all of it again at half of the speed, and the windows are as much wider.
"""

import contextlib
import threading
import time
from collections import defaultdict
from pathlib import Path

import httpx
import msgspec
import pytest
import yaml
from integration.alerting.running import alerting, webhooks

from alerting import durations, instants

SLOWER = (1.0, 2.0, 4.0, 8.0)
"""Seconds of the clock for one of a case, the next where the last was too fast for this machine."""
DATA = yaml.safe_load((Path(__file__).parents[2] / "conformance" / "alerting.yaml").read_text())
CASES = {case["id"]: case for case in DATA if case["id"] in {"N1", "N2", "N3", "N4", "N5", "N6"}}


def slowed(route, slower):
    found = dict(route)
    for name in ("group_wait", "group_interval", "repeat_interval"):
        if name in found:
            found[name] = f"{durations.parse(found[name]) * slower:g}s"
    return found


def config(url, slower):
    """One configuration with the routes of all cases; a case's receiver `r1` is `N1-r1`."""
    routes, receivers = [], [{"name": "nobody"}]
    for name, case in CASES.items():
        route = slowed(case["config"]["route"], slower)
        route["receiver"] = f"{name}-{route['receiver']}"
        children = [one | {"receiver": f"{name}-{one['receiver']}"} for one in route.get("routes", [])]
        routes.append(route | {"matchers": [f'case="{name}"'], "routes": children})
        for receiver in case["config"]["receivers"]:
            hook = {"url": f"{url}/{name}-{receiver['name']}", "send_resolved": receiver["send_resolved"]}
            if "timeout" in receiver:
                hook["timeout"] = f"{durations.parse(receiver['timeout']) * slower:g}s"
            receivers.append({"name": f"{name}-{receiver['name']}", "webhook_configs": [hook]})
    timeouts = {case["config"].get("global", {}).get("resolve_timeout", "10s") for case in CASES.values()}
    assert timeouts == {"10s"}
    return yaml.safe_dump(
        {
            "global": {"resolve_timeout": f"{10 * slower:g}s"},
            "route": {"receiver": "nobody", "routes": routes},
            "receivers": receivers,
        }
    )


def happenings(name, case, start, slower):
    """What is posted when."""

    def at(seconds):
        return instants.show(start + seconds * slower)

    for push in case["push"]:
        alerts = [
            {"labels": {"alertname": alert, "case": name}, "startsAt": at(span[0])}
            | ({"endsAt": at(span[1])} if len(span) == 2 else {})
            for alert, span in push["alerts"].items()
        ]
        yield start + push["at"] * slower, "alerts", alerts
    for one in case.get("silence", []):
        first, last = one["span"]
        alert = one["matchers"][0].split('"')[1]
        matchers = [
            {"name": "alertname", "value": alert, "isRegex": False}, {"name": "case", "value": name, "isRegex": False},
        ]  # fmt: skip
        body = {"matchers": matchers, "startsAt": at(first), "endsAt": at(last), "createdBy": "ada", "comment": ""}
        yield start + one["at"] * slower, "silences", body


def run(folder, slower):
    """By receiver, when (in seconds of the case) and what."""
    with webhooks() as hooks, alerting(folder, config(hooks.url, slower)) as process:
        start = time.time() + 0.5
        for name, case in CASES.items():
            for receiver, hang in case.get("hangs", {}).items():
                hooks.hangs[f"{name}-{receiver}"] = lambda now, hang=hang: (
                    hang["for"] * slower if now < start + hang["while_before"] * slower else 0.0
                )
        waits = threading.Event()
        with httpx.Client(base_url=f"http://{process.url}/api/v2", timeout=30.0) as client:
            for at, path, body in sorted(
                (one for name, case in CASES.items() for one in happenings(name, case, start, slower)),
                key=lambda one: one[0],
            ):
                waits.wait(max(0.0, at - time.time()))
                client.post(f"/{path}", content=msgspec.json.encode(body)).raise_for_status()
        end = max(want["window"][1] for case in CASES.values() for wants in case["want"].values() for want in wants)
        waits.wait(max(0.0, start + (end + 0.4) * slower - time.time()))
        found = defaultdict(list)
        for at, receiver, body in hooks.all():
            found[receiver].append(((at - start) / slower, body["status"], body["version"], shown(body, start, slower)))
        return found


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """What each receiver got."""
    for slower in SLOWER:
        found = run(tmp_path_factory.mktemp("alerting"), slower)
        with contextlib.suppress(AssertionError):
            for name, receiver in RECEIVERS:
                judge(found, name, receiver)
            break
    return found


RECEIVERS = [(name, one["name"]) for name, case in CASES.items() for one in case["config"]["receivers"]]


def shown(body, start, slower):
    return {
        alert["labels"]["alertname"]: [
            (instants.parse(instant) - start) / slower
            for instant in (alert["startsAt"], alert["endsAt"])
            if not instant.startswith("0001")
        ]
        for alert in body["alerts"]
    }


def judge(found, name, receiver):
    """Look at what came until the case's end: afterwards alerts that nobody refreshes go their way."""
    case = CASES[name]
    got = [one for one in found[f"{name}-{receiver}"] if one[0] < case["until"]]
    wanted = case["want"].get(receiver, [])
    assert len(got) == len(wanted), got
    for (at, status, version, alerts), want in zip(got, wanted, strict=True):
        begins, ends = want["window"]
        assert begins <= at <= ends, got
        assert version == "4"
        assert status == ("firing" if any(len(span) == 1 for span in want["alerts"].values()) else "resolved")
        assert alerts.keys() == want["alerts"].keys(), got
        for alert, span in want["alerts"].items():
            assert alerts[alert] == pytest.approx(span, abs=0.25), got


@pytest.mark.parametrize(("name", "receiver"), RECEIVERS)
def test_a_receiver_gets_what_is_wanted_in_its_windows(told, name, receiver):
    """Exactly this, and nothing outside the windows."""
    judge(told, name, receiver)
