"""`routes test` and Alertmanager's own tool say the same of the same files."""

import random
import subprocess

import pytest
import yaml

from alerting import config as configuration
from alerting import routing
from sciagents import shipped

DEBIAN = """
global: {smtp_smarthost: 'localhost:25', smtp_from: 'alertmanager@example.org'}
templates: ['/etc/prometheus/alertmanager_templates/*.tmpl']
route:
  group_by: ['alertname', 'cluster', 'service']
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 3h
  receiver: team-X-mails
  routes:
  - match_re:
      service: ^(foo1|foo2|baz)$
    receiver: team-X-mails
    routes:
    - match:
        severity: critical
      receiver: team-X-pager
  - match:
      service: files
    receiver: team-Y-mails
    routes:
    - match:
        severity: critical
      receiver: team-Y-pager
  - match:
      service: database
    receiver: team-DB-pager
    group_by: [alertname, cluster, database]
    routes:
    - match:
        owner: team-X
      receiver: team-X-pager
    - match:
        owner: team-Y
      receiver: team-Y-pager
inhibit_rules:
- source_match:
    severity: 'critical'
  target_match:
    severity: 'warning'
  equal: ['alertname', 'cluster', 'service']
receivers:
- name: 'team-X-mails'
  email_configs:
  - to: 'team-X+alerts@example.org'
- name: 'team-X-pager'
  email_configs:
  - to: 'team-X+alerts-critical@example.org'
  pagerduty_configs:
  - service_key: <team-X-key>
- name: 'team-Y-mails'
  email_configs:
  - to: 'team-Y+alerts@example.org'
- name: 'team-Y-pager'
  pagerduty_configs:
  - service_key: <team-Y-key>
- name: 'team-DB-pager'
  pagerduty_configs:
  - service_key: <team-DB-key>
"""
"""The sample that Debian's package brings."""

QUOTED = """
route:
  receiver: root
  routes:
  - {receiver: a, matchers: [team = a b , 'note="x,\\"y\\""'], continue: true}
  - {receiver: b, matchers: ['team=~"a.*"', 'x!~"^$"'], mute_time_intervals: [night]}
  - {receiver: c, matchers: ['{team!=z,x=""}'], active_time_intervals: [night]}
  - {receiver: d, match: {team: z, n: 1}, match_re: {x: '[a-c]{2,}|\\d+'}}
time_intervals:
- name: night
  time_intervals: [{times: [{start_time: 00:00, end_time: '06:00'}, {start_time: 18:00, end_time: '24:00'}],
                    weekdays: ['monday:friday'], days_of_month: ['-7:-1', '1'], months: [1, 'march:may'], years: [2026],
                    location: Europe/Berlin}]
receivers: [{name: root}, {name: a}, {name: b}, {name: c}, {name: d}]
"""

CASES = [
    *((DEBIAN, labels) for labels in (
        "service=foo1", "service=foo12", "service=foo2 severity=critical", "service=files severity=warning",
        "service=files severity=critical", "service=database", "service=database owner=team-X",
        "service=database owner=team-Y severity=critical", "alertname=x", "",
    )),
    *((QUOTED, labels) for labels in (
        "", "team=z", "team=z n=1 x=abc", "team=z n=1 x=42", "team=z n=2 x=42", "team=a x=1", "team=ab", "team=b",
        "team=z x=y",
    )),
]  # fmt: skip


def by_amtool(amtool, file, labels):
    found = subprocess.run(
        [amtool, "config", "routes", "test", f"--config.file={file}", *labels], capture_output=True, text=True,
        check=True, timeout=30,
    )  # fmt: skip
    return found.stdout.strip()


@pytest.mark.parametrize(("text", "labels"), CASES)
def test_they_agree(amtool, shell, tmp_path, text, labels):
    file = tmp_path / "alertmanager.yml"
    file.write_text(text)
    code, out, _ = shell("routes", "test", "--config", file, *labels.split())
    assert (code, out.strip()) == (0, by_amtool(amtool, file, labels.split()))


VALUES = ("", "a", "b", "ab", "a1", "B")
PATTERNS = ("a|b", "a.*", ".+", "", "[ab]+", "^a$", "(?i)b", "a1?")


def _matcher(draw):
    name, op = draw.choice("xyz"), draw.choice(("=", "!=", "=~", "!~"))
    return f'{name}{op}"{draw.choice(PATTERNS if "~" in op else VALUES)}"'


def _route(draw, names, depth):
    name = f"r{len(names)}"
    names.append(name)
    made = {"receiver": name, "matchers": [_matcher(draw) for _ in range(draw.choice((0, 1, 1, 2)))]}
    if draw.random() < 0.2:
        del made["receiver"]  # inherited
    if draw.random() < 0.4:
        made["continue"] = True
    if depth:
        made["routes"] = [_route(draw, names, depth - 1) for _ in range(draw.choice((0, 1, 2, 3)))]
    return made


def test_they_agree_on_trees_that_nobody_thought_of(amtool, tmp_path):
    """40 trees of up to four levels, five alerts each, from a fixed seed."""
    draw = random.Random(8)
    for number in range(40):
        names = ["root"]
        tree = {"receiver": "root", "routes": [_route(draw, names, 2) for _ in range(draw.choice((1, 2, 3)))]}
        file = tmp_path / f"{number}.yml"
        file.write_text(yaml.safe_dump({"route": tree, "receivers": [{"name": name} for name in names]}))
        route = configuration.load(file).route
        for _ in range(5):
            labels = {name: value for name in "xyz" if (value := draw.choice(VALUES))}
            ours = ",".join(one.receiver for one in routing.match(route, labels))
            theirs = by_amtool(amtool, file, [f"{name}={value}" for name, value in labels.items()])
            assert ours == theirs, (file.read_text(), labels)


def test_what_is_shown_of_the_default_configuration_is_one_of_alertmanagers(amtool, tmp_path):
    """Its own sections left out, amtool reads it and routes as we do."""
    found = configuration.load(shipped.folder("config") / "alerting.yaml")
    file = tmp_path / "shown.yml"
    file.write_text(found.original)
    subprocess.run([amtool, "check-config", str(file)], capture_output=True, check=True, timeout=30)
    for labels in ({"alertname": "Watchdog"}, {"condition": "cpu"}, {}):
        ours = ",".join(one.receiver for one in routing.match(found.route, labels))
        assert by_amtool(amtool, file, [f"{name}={value}" for name, value in labels.items()]) == ours


def test_verified_receivers_decide_the_exit_code(shell, tmp_path):
    file = tmp_path / "alertmanager.yml"
    file.write_text(DEBIAN)
    assert shell("routes", "test", "--config", file, "--verify.receivers=team-Y-mails", "service=files")[0] == 0
    code, _, err = shell("routes", "test", "--config", file, "--verify.receivers=team-Z", "service=files")
    assert code == 1
    assert "expected team-Z, got team-Y-mails" in err
