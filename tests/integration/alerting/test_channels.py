"""Every kind of channel through the running program, at receivers that hold messages to their limits and misbehave.

One process has a receiver for each channel and fault; each is told of an alert, and of its end. A message that failed
comes again, the same, until it is taken, and then no more.
"""

import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field

import certificates
import documented
import httpx
import msgspec
import pytest
import yaml
from integration.alerting.running import WITHIN_S, alerting
from listening import Broken, listening
from mailing import DISCONNECT, HANG, mailing

from alerting import instants

FAULTS = {
    "none": None, "429": (429, {"retry-after": "2"}, b"slow down"), "500": (500, {}, b"oops"), "hang": Broken.HANG,
    "reset": Broken.RESET, "closed": Broken.CLOSED, "garbage": Broken.GARBAGE,
}  # fmt: skip
MAIL_FAULTS = {"none": None, "451": "451 later", "hang": HANG, "disconnect": DISCONNECT, "554": "554 no"}
KINDS = ("slack", "bot", "pagerduty", "webhook")
GOOD = {"pagerduty": (202, {}, b'{"status":"success"}'), "bot": (200, {}, b'{"ok":true,"channel":"C1","ts":"1.2"}')}
CHECKS = {"slack": documented.slack, "bot": documented.slack, "pagerduty": documented.pagerduty}


@dataclass
class Came:
    """One request: when, what, and whether it was taken."""

    at: float
    path: str
    headers: dict
    body: dict
    taken: bool


@dataclass
class Ends:
    """What came, by case; `faults` are answered first."""

    got: dict[str, list] = field(default_factory=lambda: defaultdict(list))
    faults: dict[str, list] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def answer(self, path, headers, body):
        case = path.strip("/").split("/")[0]
        kind = case.split("-")[0]
        try:
            body = CHECKS.get(kind, msgspec.json.decode)(body)
        except AssertionError as error:
            self.wrong.append(f"{case}: {error}")
            return 400, {}, b"beyond the limits"
        with self.changed:
            fault = self.faults[case].pop(0) if self.faults.get(case) else None
            self.got[case].append(Came(time.monotonic(), path, headers, body, fault is None))
            self.changed.notify_all()
        return fault or GOOD.get(kind, (200, {}, b"ok"))

    def mail(self, mail):
        with self.changed:
            (to,) = {address.partition("@")[0] for address in mail.to}
            self.got[to].append(Came(time.monotonic(), to, dict(mail.message.items()), mail, True))
            self.changed.notify_all()

    def taken(self, case):
        return [one for one in self.got[case] if one.taken]

    def until(self, wanted):
        """Wait until something holds of what came."""
        with self.changed:
            assert self.changed.wait_for(wanted, WITHIN_S), {case: len(self.taken(case)) for case in self.got}


PATIENCE = "3s"
"""With who hangs; with the others so much that a busy machine is no fault."""
LOGIN = {"username": "a", "password": "b"}
OTHERS = {
    "quiet": {"webhook_configs": [{"url": "{url}/quiet", "send_resolved": False}]},
    "twice": {"webhook_configs": [{"url": "{url}/twice-a"}, {"url": "{url}/twice-b"}]},
    "all": {"webhook_configs": [{"url": "{url}/all"}]},
    "first": {"webhook_configs": [{"url": "{url}/first"}]},
    "second": {"webhook_configs": [{"url": "{url}/second"}]},
    "file": {"webhook_configs": [{"url_file": "url"}]},
    "basic": {"webhook_configs": [{"url": "{url}/basic", "http_config": {"basic_auth": LOGIN}}]},
    "few": {"webhook_configs": [{"url": "{url}/few", "max_alerts": 1}]},
    "again": {"webhook_configs": [{"url": "{url}/again"}]},
    "ignored": {},
}  # fmt: skip


def config(url, ports, certificate):
    """Each case is a label; its receiver has the case's name."""
    smtp = {"from": "sci-agents@example.com", "send_resolved": True, "timeout": "60s"}
    receivers = dict(OTHERS) | {"none": {}, "next": {"webhook_configs": [{"url": "{url}/next"}]}}
    for fault in FAULTS:
        where = {"send_resolved": True, "timeout": PATIENCE if fault == "hang" else "60s"}
        receivers[f"slack-{fault}"] = {"slack_configs": [where | {"api_url": f"{{url}}/slack-{fault}/services/T/S"}]}
        bot = {"app_token": "xoxb-1", "channel": "#a", "app_url": f"{{url}}/bot-{fault}/api/chat.postMessage"}
        receivers[f"bot-{fault}"] = {"slack_configs": [where | bot]}
        event = {"routing_key": "R0UT1NG", "url": f"{{url}}/pagerduty-{fault}/v2/enqueue"}
        receivers[f"pagerduty-{fault}"] = {"pagerduty_configs": [where | event]}
        receivers[f"webhook-{fault}"] = {"webhook_configs": [where | {"url": f"{{url}}/webhook-{fault}"}]}
    for fault in MAIL_FAULTS:
        plain = {"to": f"mail-{fault}@example.com", "smarthost": f"127.0.0.1:{ports['plain']}", "require_tls": False}
        plain |= {"timeout": PATIENCE} if fault == "hang" else {}
        receivers[f"mail-{fault}"] = {"email_configs": [smtp | plain]}
    secure = {
        "to": "mail-secure@example.com", "smarthost": f"localhost:{ports['secure']}", "auth_username": "ada",
        "auth_password": "l0ve", "tls_config": {"ca_file": str(certificate.file)},
    }  # fmt: skip
    receivers["mail-secure"] = {"email_configs": [smtp | secure]}
    routes = [{"receiver": name, "matchers": [f'case="{name}"']} for name in receivers]
    own = {
        "all": {"group_by": ["..."]}, "first": {"continue": True, "matchers": ['case="second"']},
        "again": {"repeat_interval": "1s"},
    }  # fmt: skip
    routes = [route | own.get(route["receiver"], {}) for route in routes]
    made = {
        "global": {"resolve_timeout": "1h"},
        "route": {
            "receiver": "none", "group_by": ["case"], "group_wait": "0s", "group_interval": "1s",
            "repeat_interval": "1h", "routes": routes,
        },
        "receivers": [{"name": name} | one for name, one in receivers.items()],
        "escalation": [
            {
                "matchers": ['case="mail-554"'],
                "steps": [{"after": "0s", "notify": ["mail-554"]}, {"after": "1h", "notify": ["next"]}],
            }
        ],
    }  # fmt: skip
    cases = [name for name in receivers if name != "next"]  # which only a step calls
    return yaml.safe_dump(made).replace("{url}", url), cases


def push(process, cases, over_at=None):
    """All in one request; two alerts for those whose grouping is at stake."""
    alerts = [
        {"labels": {"alertname": name, "case": case, "severity": "critical"}, "startsAt": "2026-01-01T00:00:00Z"}
        | ({} if over_at is None else {"endsAt": over_at})
        for case in cases
        for name in (("A", "B") if case in {"all", "few"} else ("A",))
    ]
    httpx.post(f"http://{process.url}/api/v2/alerts", json=alerts, timeout=WITHIN_S).raise_for_status()


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """Everything that came, from the first alert until well after the last end was taken."""
    folder = tmp_path_factory.mktemp("channels")
    certificate = certificates.make(folder)
    ends = Ends(faults={f"{kind}-{name}": [one] for kind in KINDS for name, one in FAULTS.items() if one is not None})
    with (
        listening(ends.answer) as url,
        mailing(taken=ends.mail) as plain,
        mailing(taken=ends.mail, tls=certificate.server(), password="l0ve") as secure,
    ):
        tried = defaultdict(int)

        def say(stage, address):
            if stage != "RCPT":
                return None
            case = address.partition("@")[0]
            fault = case.removeprefix("mail-")
            with ends.changed:
                tried[case] += 1
                ends.changed.notify_all()
            return MAIL_FAULTS[fault] if tried[case] == 1 or fault == "554" else None

        plain.say = say
        text, cases = config(url, {"plain": plain.port, "secure": secure.port}, certificate)
        (folder / "url").write_text(f"{url}/file\n")
        loud = [f"{kind}-{fault}" for kind in KINDS for fault in FAULTS]
        loud += [f"mail-{fault}" for fault in MAIL_FAULTS if fault != "554"]
        loud += ["mail-secure", "twice-a", "twice-b", "first", "second", "file", "basic", "few"]
        with alerting(folder, text) as process:
            push(process, cases)
            ends.until(lambda: all(len(ends.taken(case)) >= 1 for case in [*loud, "quiet", "next"]))
            ends.until(lambda: len(ends.taken("again")) >= 3)
            ends.until(lambda: len(ends.taken("all")) >= 2)
            push(process, cases, over_at=instants.show(time.time()))
            bots = {case for case in loud if case.startswith("bot")}  # which change the first message as well
            ends.until(lambda: all(len(ends.taken(case)) >= (3 if case in bots else 2) for case in loud))
            ends.until(lambda: len(ends.taken("all")) >= 4)
            ends.until(lambda: tried["mail-554"] >= 2)
            log = (folder / "log").read_text()
    return ends, log, dict(tried)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_failed_comes_again_the_same_until_it_is_taken(told, kind, fault):
    ends, _, _ = told
    came = [one for one in ends.got[f"{kind}-{fault}"] if not one.path.endswith("chat.update")]
    assert [one.taken for one in came] == ([False] if FAULTS[fault] else []) + [True, True]
    *first, last = came
    match kind:
        case "webhook":
            assert {one.body["status"] for one in first} == {"firing"}
            assert last.body["status"] == "resolved"
            assert len({(one.body["groupKey"], str(one.body["alerts"])) for one in first}) == 1
        case "pagerduty":
            assert {one.body["event_action"] for one in first} == {"trigger"}
            assert last.body["event_action"] == "resolve"
            assert len({one.body["dedup_key"] for one in came}) == 1
            assert {one.body["payload"]["severity"] for one in first} == {"error"}
        case "bot":
            assert {one.headers["authorization"] for one in came} == {"Bearer xoxb-1"}
            assert [one.body.get("thread_ts") for one in came] == [None] * len(first) + ["1.2"]
        case "slack":
            assert len({str(one.body["blocks"]) for one in first}) == 1
            assert "RESOLVED" in str(last.body["blocks"])


@pytest.mark.parametrize("kind", KINDS)
def test_retry_after_is_waited_for(told, kind):
    first, second, *_ = told[0].got[f"{kind}-429"]
    assert second.at - first.at >= 2


@pytest.mark.parametrize("fault", [name for name in MAIL_FAULTS if name != "554"])
def test_a_mail_that_failed_comes_again_under_the_same_id(told, fault):
    """Once: the beginning, and the end in its thread."""
    ends, _, tried = told
    first, last = (documented.mail(one.body.raw) for one in ends.got[f"mail-{fault}"])
    assert tried[f"mail-{fault}"] == (2 if MAIL_FAULTS[fault] is None else 3)
    assert first["Message-ID"] != last["Message-ID"]
    assert first["References"] == last["References"]
    assert "Status: RESOLVED" in last.get_body(("plain",)).get_content()


def test_a_mail_that_is_refused_for_good_makes_way_for_the_next_step(told):
    ends, _, tried = told
    assert ends.got["mail-554"] == []
    assert tried["mail-554"] >= 2, "for its group when it began and when it ended, and at flushes between, as there"
    body = ends.got["next"][0].body
    assert body["commonAnnotations"]["escalation_step"] == "2"
    assert body["commonAnnotations"]["escalation_reason"] == "the step before reached nobody"


def test_starttls_and_a_login(told):
    assert [(one.body.tls, one.body.user) for one in told[0].got["mail-secure"]] == [(True, "ada")] * 2


def test_nothing_was_beyond_a_limit(told):
    assert told[0].wrong == []


def test_who_wants_no_ends_gets_none(told):
    assert [one.body["status"] for one in told[0].got["quiet"]] == ["firing"]


def test_a_receiver_without_channels_is_told_nothing(told):
    assert told[0].got["ignored"] == []


def test_two_channels_of_one_kind_are_both_told(told):
    for case in ("twice-a", "twice-b"):
        assert [one.body["status"] for one in told[0].got[case]] == ["firing", "resolved"]


def test_a_route_that_goes_on_tells_both(told):
    """`first` comes before `second` and goes on: the alerts of `second` go to both, those of `first` to nobody else."""
    for case in ("first", "second"):
        assert [one.body["commonLabels"]["case"] for one in told[0].got[case]] == ["second"] * 2


def test_grouped_by_everything_each_alert_is_told_alone(told):
    came = told[0].got["all"]
    assert sorted((one.body["alerts"][0]["labels"]["alertname"], one.body["status"]) for one in came) == [
        ("A", "firing"), ("A", "resolved"), ("B", "firing"), ("B", "resolved"),
    ]  # fmt: skip
    assert {len(one.body["alerts"]) for one in came} == {1}


def test_what_is_too_much_is_counted(told):
    assert [(len(one.body["alerts"]), one.body["truncatedAlerts"]) for one in told[0].got["few"]] == [(1, 1)] * 2


def test_what_still_fires_is_told_again_after_the_repeat_interval(told):
    came = told[0].got["again"]
    assert [one.body["status"] for one in came if one.body["status"] == "firing"][:3] == ["firing"] * 3


def test_an_url_in_a_file_and_a_login(told):
    assert [one.path for one in told[0].got["file"]] == ["/file"] * 2
    assert {one.headers["authorization"] for one in told[0].got["basic"]} == {"Basic YTpi"}


def test_no_secret_is_in_the_log(told):
    for secret in ("l0ve", "R0UT1NG", "xoxb-1", "/services/T/S"):
        assert secret not in told[1]
