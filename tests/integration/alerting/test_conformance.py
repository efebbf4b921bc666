"""The cases of notification through the running program: pushed over Alertmanager's API, told to webhooks, live.

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

from alerting import durations, instants, matchers

SLOWER = (1.0, 2.0, 4.0, 8.0)
"""Seconds of the clock for one of a case, the next where the last was too fast for this machine."""
DATA = yaml.safe_load((Path(__file__).parents[2] / "conformance" / "alerting.yaml").read_text())
AT_LEAST = 0.5
"""Seconds of a case that a window is wide: what takes no time in virtual time takes some here."""


KNOWN = {"id", "law", "config", "push", "silence", "hangs", "until", "want"}
SECTIONS = {"route", "receivers", "inhibit_rules", "global"}
LONGEST_S, ALIVE_S = 16, 10
"""Of a case nothing later is looked at, nor, where it does not refresh its alerts, what comes after their time."""


def _cut(case):
    """What of a case is over soon, and needs nothing but pushes and silences of a program that has many such routes."""
    timeout = case["config"].get("global")
    if not (
        case.keys() <= KNOWN and case["config"].keys() <= SECTIONS and timeout in (None, {"resolve_timeout": "10s"})
    ):
        return None
    last = ALIVE_S if timeout is None else LONGEST_S
    within = {who: [one for one in wants if one["window"][1] <= last] for who, wants in case["want"].items()}
    asked = [one for one in case["push"] if one["at"] <= last]
    if not any(within.values()):
        return None
    return case | {"want": within, "push": asked, "until": min(case["until"], last + 0.9)}


CASES = {case["id"].replace(" ", "-"): cut for case in DATA if (cut := _cut(case)) is not None}


def slowed(route, slower):
    found = dict(route)
    for name in ("group_wait", "group_interval", "repeat_interval"):
        if name in found:
            found[name] = f"{durations.parse(found[name]) * slower:g}s"
    return found


def config(url, slower):
    """One configuration with the routes of all cases; a case's receiver `r1` is `N1-r1`."""
    routes, receivers, rules = [], [{"name": "nobody"}], []
    for name, case in CASES.items():
        route = slowed(case["config"]["route"], slower)
        route["receiver"] = f"{name}-{route['receiver']}"
        children = [slowed(one, slower) | {"receiver": f"{name}-{one['receiver']}"} for one in route.get("routes", [])]
        routes.append(route | {"matchers": [f'case="{name}"'], "routes": children})
        for receiver in case["config"]["receivers"]:
            hook = {"url": f"{url}/{name}-{receiver['name']}", "send_resolved": receiver.get("send_resolved", True)}
            if "timeout" in receiver:
                hook["timeout"] = f"{durations.parse(receiver['timeout']) * slower:g}s"
            receivers.append({"name": f"{name}-{receiver['name']}", "webhook_configs": [hook]})
        for rule in case["config"].get("inhibit_rules", []):
            own = [f'case="{name}"']
            sides = ({side: rule.get(side, []) + own} for side in ("source_matchers", "target_matchers"))
            rules.append(rule | next(sides) | next(sides))
    return yaml.safe_dump(
        {
            "global": {"resolve_timeout": f"{10 * slower:g}s"},
            "route": {"receiver": "nobody", "routes": routes},
            "receivers": receivers,
            "inhibit_rules": rules,
        }
    )


def happenings(name, case, start, slower):
    """What is posted when."""

    def at(seconds):
        return instants.show(start + seconds * slower)

    for push in case["push"]:
        alerts = [
            {
                "labels": {"alertname": alert, "case": name, **push.get("labels", {})}, "startsAt": at(span[0]),
                "annotations": push.get("annotations", {}),
            }
            | ({"endsAt": at(span[1])} if len(span) == 2 else {})
            for alert, span in push["alerts"].items()
        ]  # fmt: skip
        yield start + push["at"] * slower, "alerts", name, alerts
    for one in case.get("silence", []):
        if "expire" in one:
            yield start + one["at"] * slower, "expire", f"{name} {one['expire']}", None
            continue
        first, last = one["span"]
        found = [
            *(one for text in one["matchers"] for one in matchers.parse(text)),
            matchers.matcher("case", "=", name),
        ]
        wanted = [
            {"name": one.name, "value": one.value, "isRegex": "~" in one.op, "isEqual": "!" not in one.op}
            for one in found
        ]
        body = {"matchers": wanted, "startsAt": at(first), "endsAt": at(last), "createdBy": "ada", "comment": ""}
        yield start + one["at"] * slower, "silences", f"{name} {one['id']}", body


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
        names = {}
        with httpx.Client(base_url=f"http://{process.url}/api/v2", timeout=30.0) as client:
            for at, path, which, body in sorted(
                (one for name, case in CASES.items() for one in happenings(name, case, start, slower)),
                key=lambda one: one[0],
            ):
                waits.wait(max(0.0, at - time.time()))
                if path == "expire":
                    client.delete(f"/silence/{names[which]}").raise_for_status()
                    continue
                answer = client.post(f"/{path}", content=msgspec.json.encode(body)).raise_for_status()
                names[which] = answer.json().get("silenceID") if path == "silences" else None
        end = max(want["window"][1] for case in CASES.values() for wants in case["want"].values() for want in wants)
        waits.wait(max(0.0, start + (end + 0.4) * slower - time.time()))
        found = defaultdict(list)
        for at, receiver, body in hooks.all():
            found[receiver].append(
                ((at - start) / slower, body["status"], body["version"], shown(body, start, slower), body["alerts"])
            )
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
    left = [one for one in found[f"{name}-{receiver}"] if one[0] < case["until"]]
    got = [one[:4] for one in left]
    for want in case["want"].get(receiver, []):
        begins, ends = want["window"]
        ends = max(ends, begins + AT_LEAST)
        match = next((one for one in left if begins <= one[0] <= ends and one[3].keys() == want["alerts"].keys()), None)
        assert match is not None, (want, got)
        left.remove(match)
        _, status, version, alerts, bodies = match
        assert version == "4"
        assert status == ("firing" if any(len(span) == 1 for span in want["alerts"].values()) else "resolved")
        for alert, span in want["alerts"].items():
            assert alerts[alert] == pytest.approx(span, abs=0.25), got
        assert all(one["annotations"] == want.get("annotations", one["annotations"]) for one in bodies)
    assert left == [], "nothing else"


@pytest.mark.parametrize(("name", "receiver"), RECEIVERS)
def test_a_receiver_gets_what_is_wanted_in_its_windows(told, name, receiver):
    """Exactly this, and nothing outside the windows."""
    judge(told, name, receiver)
