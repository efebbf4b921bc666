"""The configuration: what it means, what is refused and where, and where secrets come from."""

import re
from pathlib import Path

import pytest

from alerting import config
from alerting.documents import ConfigError
from alerting.receivers import Http, OAuth2, Proxy, Secret
from alerting.routing import match
from streams.contracts import OpsEvent

ROOT = Path(__file__).parents[3]
DEFAULT = ROOT / "config" / "alerting.yaml"

BASE = """
global: {smtp_smarthost: "localhost:25", smtp_from: sci-agents@example.com}
route: {receiver: team}
receivers: [{name: team, email_configs: [{to: ops-team@example.com}]}]
"""


LATER = "not supported yet (leave it out)"


def test_the_default_file_loads_with_nothing_set_up_and_says_what_is_off():
    found = config.load(DEFAULT)
    assert [notice.partition(" is off")[0] for notice in found.notices] == ["slack of team", "pagerduty of on-call"]
    assert [name for name, _ in found.receivers["team"].channels] == ["email"]
    assert found.receivers["on-call"].drain is False


def test_every_key_of_the_default_file_is_commented():
    """On its line or above it, at one of the places where it stands."""
    commented, above = {}, False
    for line in DEFAULT.read_text().splitlines():
        code, _, comment = line.partition(" #")
        if line.lstrip().startswith("#"):
            above = True
            continue
        for key in re.findall(r"(?:^[ -]*|[{,] *)([A-Za-z0-9_]+):(?= |$)", code):
            commented[key] = commented.get(key, False) or bool(comment) or above
        above = False
    assert len(commented) > 50
    assert [key for key, said in commented.items() if not said] == []


@pytest.mark.parametrize(
    ("name", "severity", "after"),
    [
        ("CpuHigh", "P3", 300), ("CpuCritical", "P2", 300), ("MemoryHigh", "P3", 300), ("MemoryCritical", "P2", 300),
        ("DiskHigh", "P3", 600), ("DiskCritical", "P2", 600), ("ErrorRateElevated", "P3", 300),
        ("ErrorRateHigh", "P2", 300), ("AgentFailing", "P1", 300), ("ErrorRateHighOverall", "P1", 300),
        ("ExecutionSlow", "P3", 300), ("ExecutionCritical", "P1", 300), ("TestsFailing", "P3", 600),
        ("TestsCritical", "P2", 600), ("WorkflowsFailing", "P3", 300), ("WorkflowsCritical", "P2", 300),
        ("InstanceDown", "P2", 120), ("HalfOfInstancesDown", "P1", 120), ("NoInstanceUp", "P0", 120),
        ("DataLost", "P0", 0), ("DataCorrupted", "P0", 0),
    ],
)  # fmt: skip
def test_the_default_rules_are_the_runbooks(name, severity, after):
    rule = next(rule for rule in config.load(DEFAULT).rules if rule.name == name)
    assert (rule.severity, rule.wait) == (severity, after)


@pytest.mark.parametrize(
    ("signal", "value", "names"),
    [
        ("cpu_percent", 80, []), ("cpu_percent", 81, ["CpuHigh"]), ("cpu_percent", 96, ["CpuHigh", "CpuCritical"]),
        ("memory_percent", 85, []), ("memory_percent", 86, ["MemoryHigh"]),
        ("memory_percent", 96, ["MemoryHigh", "MemoryCritical"]),
        ("disk_percent", 81, ["DiskHigh"]), ("disk_percent", 91, ["DiskHigh", "DiskCritical"]),
        ("test_pass_rate", 0.97, []), ("test_pass_rate", 0.96, ["TestsFailing"]),
        ("test_pass_rate", 0.94, ["TestsFailing", "TestsCritical"]),
        ("workflow_success_rate", 0.97, ["WorkflowsFailing"]),
        ("workflow_success_rate", 0.94, ["WorkflowsFailing", "WorkflowsCritical"]),
        ("execution_time_mean", 60, []), ("execution_time_mean", 61, ["ExecutionSlow"]),
        ("execution_time_mean", 301, ["ExecutionSlow", "ExecutionCritical"]),
        ("error_rate", 0.01, []), ("error_rate", 0.02, ["ErrorRateElevated", "ErrorRateElevatedOverall"]),
        ("error_rate", 0.06,
         ["ErrorRateElevated", "ErrorRateHigh", "ErrorRateElevatedOverall", "ErrorRateHighOverall"]),
        ("instances_up_ratio", 1, []), ("instances_up_ratio", 0.6, ["InstanceDown"]),
        ("instances_up_ratio", 0.5, ["InstanceDown", "HalfOfInstancesDown"]),
        ("instances_up_ratio", 0, ["InstanceDown", "HalfOfInstancesDown", "NoInstanceUp"]),
        ("data_loss", 0, []), ("data_loss", 1, ["DataLost"]), ("data_corruption", 1, ["DataCorrupted"]),
    ],
)  # fmt: skip
def test_the_default_thresholds_are_the_runbooks(signal, value, names):
    rules = [rule for rule in config.load(DEFAULT).rules if [one.name for one in rule.expr.signals[:1]] == [signal]]
    assert [rule.name for rule in rules if rule.expr.evaluate(lambda _: value).truth] == names
    cleared = [rule.name for rule in rules if rule.clear is not None and rule.clear.evaluate(lambda _: value).truth]
    assert not set(names) & set(cleared)


def test_by_default_p0_and_p1_call_primary_then_secondary_then_manager():
    chain = config.load(DEFAULT).chains[0]
    assert [(step.after, step.notify[-1]) for step in chain.steps] == [
        (0.0, "primary"), (900.0, "secondary"), (1800.0, "manager"),
    ]  # fmt: skip
    assert chain.data_loss.notify == ("cto",)
    assert chain.ack_expires == {"P0": 1800.0, "P1": 3600.0}


def test_by_default_warning_and_critical_of_one_thing_are_one_incident():
    (route,) = match(config.load(DEFAULT).route, {"condition": "cpu", "alertname": "CpuHigh"})
    assert route.group_by == ("condition", "agent", "instance")


def test_defaults_are_alertmanagers(read):
    found = read(BASE)
    assert (found.route.group_wait, found.route.group_interval, found.route.repeat_interval) == (30, 300, 14_400)
    assert (found.resolve_timeout, found.reopen_window) == (300, 1800)
    email = found.receivers["team"].channel("email")
    assert (email.require_tls, email.send_resolved, email.hello) == (True, False, "localhost")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("{}", "alerting.yaml:1: Object missing required field `route`", id="nothing"),
        pytest.param(BASE + "rout: {}\n", "alerting.yaml:5: rout: unknown key (did you mean 'route'?)", id="a key"),
        pytest.param(
            BASE.replace("receiver: team", "receiver: teem"),
            "alerting.yaml:3: route.receiver: no receiver 'teem' (did you mean 'team'?)", id="a receiver",
        ),
        pytest.param(
            BASE.replace("{receiver: team}", "{receiver: team, group_wait: 5}"),
            "alerting.yaml:3: route.group_wait: '5' is no duration: write it like 90s, 0.5s, 1h30m, 1d or 1w",
            id="a number for a duration",
        ),
        pytest.param(
            BASE.replace("{receiver: team}", "{receiver: team, group_interval: 0s}"),
            "alerting.yaml:3: route.group_interval: must be more than nothing"
            " (such as 5m)", id="an interval of nothing",
        ),
        pytest.param(
            BASE.replace("{receiver: team}", "{receiver: team, matchers: ['a=1']}"),
            "alerting.yaml:3: route.matchers: the root route takes every alert (move it to a child)", id="the root",
        ),
        pytest.param(
            BASE + "rules:\n  - {name: a, expr: cpu_percent >, severity: P1}\n",
            "alerting.yaml:6: rules[0].expr: column 14: 'the end' stands where a number, a signal or a parenthesis is"
            " needed (such as error_rate > 0.05)", id="a formula",
        ),
        pytest.param(
            BASE + "rules:\n" + "  - {name: a, expr: cpu_percent > 1, severity: P1}\n" * 2,
            "alerting.yaml:7: rules[1].name: 'a' is there already (each rule has a name of its own)", id="a rule twice",
        ),
        pytest.param(
            BASE + "rules:\n  - name: a\n    expr: cpu_percent > 1\n    severity: P5\n",
            "alerting.yaml:8: rules[0].severity: Invalid enum value 'P5' (one of: P0, P1, P2, P3)", id="a severity",
        ),
        pytest.param(
            BASE + "escalation:\n  - steps:\n      - {after: 0s, notify: [adda]}\npeople: {ada: {}}\n",
            "alerting.yaml:7: escalation[0].steps[0].notify[0]: no person, rotation or receiver 'adda'"
            " (did you mean 'ada'?)",
            id="a person",
        ),
        pytest.param(
            BASE + "escalation:\n  - steps: [{after: 5m, notify: [team]}, {after: 1m, notify: [team]}]\n",
            "alerting.yaml:6: escalation[0].steps: the steps are not in order of time", id="steps out of order",
        ),
        pytest.param(
            BASE + "people:\n  team: {}\n",
            "alerting.yaml:6: people.team: a receiver has this name (names are shared)", id="one name for two",
        ),
        pytest.param(
            BASE.replace("ops-team@example.com", "ops-team"),
            "alerting.yaml:4: receivers[0].email_configs[0].to: 'ops-team' is no address"
            " (such as ops-team@example.com)", id="an address",
        ),
        pytest.param(
            BASE.replace("localhost:25", "localhost"),
            "alerting.yaml:2: global.smtp_smarthost: 'localhost' is no address"
            " (HOST:PORT, such as localhost:25)", id="a smarthost",
        ),
        *(
            pytest.param(BASE + f"{key}: {value}\n", f"alerting.yaml:5: {key}: {LATER}", id=key)
            for key, value in [
                ("silences", "[]"),
            ]
        ),
        pytest.param(
            BASE.replace("{receiver: team}", "{receiver: team, routes: [{mute_time_intervals: [x]}]}"),
            "alerting.yaml:3: route.routes[0].mute_time_intervals[0]: no time interval 'x'"
            " (time_intervals holds none)", id="a time interval that is not there",
        ),
        pytest.param(
            BASE.replace("{receiver: team}", "{receiver: team, mute_time_intervals: [x]}"),
            "alerting.yaml:3: route.mute_time_intervals: the root route is always heard (move it to a child)",
            id="the root muted",
        ),
        pytest.param(
            BASE + "time_intervals:\n  - name: x\n    time_intervals:\n      - weekdays: ['friday:monday']\n",
            "alerting.yaml:8: time_intervals[0].time_intervals[0].weekdays: 'friday:monday' ends before it begins",
            id="a range of weekdays",
        ),
        pytest.param(
            BASE + "inhibit_rules:\n  - source_match_re: {a: '('}\n",
            "alerting.yaml:6: inhibit_rules[0].source_match_re.a: '(' is no regular expression: missing ): (",
            id="a regular expression",
        ),
        pytest.param(
            BASE.replace("{receiver: team}", "{receiver: team, group_by: ['...', a]}"),
            "alerting.yaml:3: route.group_by: '...' stands for all labels, and alone"
            " (leave out the others)", id="all labels and another",
        ),
        pytest.param(
            BASE.replace("email_configs: [{to: ops-team@example.com}]", "opsgenie_configs: [{}]"),
            "alerting.yaml:4: receivers[0].opsgenie_configs: not supported yet (leave it out)", id="another channel",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(read, text, said):
    with pytest.raises(ConfigError) as error:
        read(text)
    assert str(error.value) == said


OAUTH2 = "oauth2: {client_id: a, token_url: 'http://login/token'}"
A_PROXY = "such as proxy_url: http://proxy.example.com:3128"


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("oauth2: {token_url: 'http://a'}", "oauth2: Object missing required field `client_id`"),
        ("oauth2: {client_id: a}", "oauth2: Object missing required field `token_url`"),
        ("oauth2: {client_id: '', token_url: 'http://a'}", "oauth2.client_id: Expected `str` of length >= 1"),
        (
            "oauth2: {client_id: a, token_url: login/token}",
            "oauth2.token_url: is no URL (such as https://login.example.com/oauth2/token)",
        ),
        (
            "oauth2: {client_id: a, token_url: 'http://a', client_secret: b, client_secret_file: c}",
            "oauth2.client_secret_file: there is client_secret already (one of them is enough)",
        ),
        (
            "oauth2: {client_id: a, token_url: 'http://a', scope: [b]}",
            "oauth2.scope: unknown key (did you mean 'scopes'?)",
        ),
        (
            "oauth2: {client_id: a, token_url: 'http://a', grant_type: 'jwt-bearer'}",
            "oauth2.grant_type: Invalid enum value 'jwt-bearer' (one of: client_credentials)",
        ),
        (
            "oauth2: {client_id: a, token_url: 'http://a', scopes: [b], endpoint_params: {scope: c}}",
            "oauth2.endpoint_params.scope: is asked for already (leave it out: scopes says it)",
        ),
        (
            "oauth2: {client_id: a, token_url: 'http://a', proxy_url: p}",
            "oauth2.proxy_url: is no proxy (such as http://proxy.example.com:3128)",
        ),
        (
            "oauth2: {client_id: a, token_url: 'http://a', tls_config: {ca_file: /nowhere.pem}}",
            "oauth2.tls_config: cannot be used: No such file or directory (/nowhere.pem)",
        ),
        (
            f"{OAUTH2}, bearer_token: b", "bearer_token: there is oauth2 already (one of them is enough)",
        ),
        (
            f"{OAUTH2}, basic_auth: {{username: b}}", "oauth2: there is basic_auth already (one of them is enough)",
        ),
        ("no_proxy: a.example.com", f"no_proxy: without a proxy ({A_PROXY})"),
        ("proxy_connect_header: {X-A: [b]}", f"proxy_connect_header: without a proxy ({A_PROXY})"),
        ("proxy_url: a://p, proxy_connect_header: {X-A: b}", "proxy_connect_header.X-A: Expected `array`, got `str`"),
        (
            "proxy_connect_header: {'X A': [b]}, proxy_url: 'http://p'",
            "proxy_connect_header.X A: is no name of a header (such as X-Team)",
        ),
        (
            'proxy_connect_header: {X-A: ["b\\nc"]}, proxy_url: "http://p"',
            "proxy_connect_header.X-A: the value of a header is one line of ASCII",
        ),
        (
            "proxy_from_environment: true, proxy_url: 'http://p'",
            "proxy_url: there is proxy_from_environment (one is enough)",
        ),
        (
            "proxy_from_environment: true, no_proxy: a", "no_proxy: there is proxy_from_environment (one is enough)",
        ),
        ("proxy_url: 'ftp://p'", "proxy_url: is no proxy (such as http://proxy.example.com:3128)"),
        ("http_headers: {Host: {values: [a]}}", "http_headers.Host: is the program's own header (leave it out)"),
        ("http_headers: {X-A: {files: [/nowhere]}}", "http_headers.X-A: no such file: /nowhere"),
        (
            "tls_config: {key: a, key_file: b, cert_file: c}",
            "tls_config.key_file: there is key already (one of them is enough)",
        ),
        ("tls_config: {key: a}", "tls_config: a key without its certificate (such as cert_file: client.pem)"),
        ("follow_redirects: maybe", "follow_redirects: Expected `bool`, got `str`"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("where", ["global.http_config", "receivers[0].webhook_configs[0].http_config"])
def test_what_is_wrong_in_an_http_config_is_told_with_its_place(read, section, said, where):
    """That of `global` too, where nobody uses it."""
    if where.startswith("global"):
        text = BASE.replace("global: {", f"global: {{http_config: {{{section}}}, ")
    else:
        text = BASE.replace(
            "email_configs: [", f"webhook_configs: [{{url: 'http://a', http_config: {{{section}}}}}], x: ["
        )
        text = text.replace(", x: [{to: ops-team@example.com}]", "")
    with pytest.raises(ConfigError) as error:
        read(text)
    line = 2 if where.startswith("global") else 4
    assert str(error.value) == f"alerting.yaml:{line}: {where}.{said}"


def test_a_certificate_that_is_none_is_told_with_its_place(read):
    text = BASE.replace("global: {", "global: {http_config: {tls_config: {cert: a, key: SECRET}}, ")
    with pytest.raises(
        ConfigError, match=r"^alerting.yaml:2: global.http_config.tls_config: cannot be used: "
    ) as error:
        read(text)
    assert "SECRET" not in str(error.value)


def test_an_http_config_is_read_as_a_whole(read):
    """Of `global`, for channels that have none of their own; relative files lie beside the configuration."""
    section = (
        "{oauth2: {client_id: a, client_secret: b, token_url: 'https://c/d?e', scopes: [f], endpoint_params: {g: h},"
        " no_proxy: i, proxy_url: 'http://j', proxy_connect_header: {X-K: [l, m]}}, proxy_from_environment: true,"
        " http_headers: {X-N: {values: [o]}}, follow_redirects: false}"
    )
    text = BASE.replace("global: {", f"global: {{http_config: {section}, ")
    text = text.replace("email_configs: [{to: ops-team@example.com}]", "webhook_configs: [{url: 'http://a'}]")
    http = read(text).receivers["team"].channel("webhook").http
    assert http == Http(
        oauth2=OAuth2(
            client_id="a", client_secret=Secret("b"), token_url=Secret("https://c/d?e"), scopes=("f",),
            params=(("g", Secret("h")),),
            proxy=Proxy(url=Secret("http://j"), no_proxy="i", connect_header=(("x-k", Secret("l, m")),)),
        ),
        headers=(("x-n", Secret("o")),), proxy=Proxy(), follow_redirects=False,
    )  # fmt: skip
    assert "'b'" not in repr(http)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("oauth2: {client_id: a, token_url: 'http://a', client_secret_file: /nowhere}", "client_secret"),
        ("authorization: {credentials_file: /nowhere}", "credentials"),
        ("bearer_token_file: /nowhere", "bearer_token"),
        ("basic_auth: {username: a, password_file: /nowhere}", "password"),
        ("basic_auth: {username_file: /nowhere}", "username"),
    ],
)
def test_a_channel_without_its_way_to_log_in_is_off(read, section, said):
    """Rather than to send what nobody takes; others are not."""
    text = BASE.replace("global: {", f"global: {{http_config: {{{section}}}, ")
    found = read(text.replace("email_configs: [", "webhook_configs: [{url: 'http://a'}], email_configs: ["))
    assert found.notices == (f"webhook of team is off: no {said} in /nowhere",)
    assert [name for name, _ in found.receivers["team"].channels] == ["email"]


def test_what_is_passed_over_is_said(read):
    """Headers of a mail that keep an incident's thread together are the program's own."""
    found = read(BASE.replace("{to:", "{headers: {Message-ID: y, Subject: z, Reply-To: z@example.com}, to:"))
    assert found.notices == (
        "receivers[0].email_configs[0].headers: Message-ID not used: the program writes these itself",
    )
    email = found.receivers["team"].channel("email")
    assert (email.headers, email.words["subject"].text) == ((("Reply-To", "z@example.com"),), "z")


def test_what_changes_nothing_is_said(read):
    """Keys of an alertmanager.yml that are taken and have no effect here."""
    text = BASE.replace("{to:", "{threading: {enabled: true}, to:")
    assert read(text).notices == (
        "receivers[0].email_configs[0].threading changes nothing: the mails of an incident are one thread",
    )
    text = BASE.replace("global: {", "global: {http_config: {enable_http2: false}, ")
    assert read(text).notices == (
        "global.http_config.enable_http2 changes nothing: receivers are spoken to in HTTP/1.1",
    )


def test_a_child_without_labels_to_group_by_inherits_them(read):
    found = read(BASE.replace("{receiver: team}", "{receiver: team, group_by: [a], routes: [{group_by: []}]}"))
    assert found.route.routes[0].group_by == ("a",)


def test_what_is_shown_is_alertmanagers_part_without_secrets(read):
    text = BASE.replace("global: {", "global: {slack_api_url: 'https://hooks/SECRET', evaluation_interval: 1s, ")
    text = text.replace("email_configs: [", "webhook_configs: [{url: 'http://a:8/SECRET'}], email_configs: [")
    shown = read(text + "people: {ada: {}}\n").original
    assert "SECRET" not in shown
    assert "http://a:8/" in shown
    assert "people" not in shown
    assert "- name: ada\n" in shown
    assert "evaluation_interval" not in shown


def test_of_an_http_config_no_secret_is_shown(read):
    login = (
        "oauth2: {client_id: a, client_secret: SECRET, token_url: 'http://a', grant_type: client_credentials,"
        " no_proxy: b, proxy_url: 'http://SECRET@p', endpoint_params: {password: SECRET}}"
    )
    proxy = "proxy_url: 'http://SECRET@p', proxy_connect_header: {X-A: [SECRET]}, http_headers: {X: {values: [SECRET]}}"
    shown = read(BASE.replace("global: {", f"global: {{http_config: {{{login}, {proxy}}}, ")).original
    assert "SECRET" not in shown


SLACK = BASE.replace("email_configs: [{to: ops-team@example.com}]", "slack_configs: [{}]")


def url_of(found):
    channel = found.receivers["team"].channel("slack")
    return None if channel is None else channel.api_url.reveal()


def test_the_environment_overrides_global(read):
    found = read(SLACK, {"SCI_AGENTS_SLACK_API_URL": "http://a", "SCI_AGENTS_RESOLVE_TIMEOUT": "7m"})
    assert (url_of(found), found.resolve_timeout) == ("http://a", 420)
    found = read(BASE, {"SCI_AGENTS_SMTP_SMARTHOST": "mail:26", "SCI_AGENTS_SMTP_REQUIRE_TLS": "false"})
    email = found.receivers["team"].channel("email")
    assert (email.smarthost, email.require_tls) == ("mail:26", False)


def test_a_wrong_variable_is_named_without_its_value(read):
    with pytest.raises(ConfigError, match="SCI_AGENTS_RESOLVE_TIMEOUT"):
        read(BASE, {"SCI_AGENTS_RESOLVE_TIMEOUT": "soon"})


def test_a_secret_comes_from_its_file_relative_to_the_configuration(tmp_path):
    path = tmp_path / "alerting.yaml"
    path.write_text(SLACK.replace("[{}]", "[{api_url_file: secrets/url}]"))
    assert url_of(config.load(path)) is None
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "url").write_text("http://hook\n")
    assert url_of(config.load(path)) == "http://hook"
    assert "hook" not in repr(config.load(path))
    path.write_text(SLACK.replace("[{}]", "[{api_url: http://b, api_url_file: secrets/url}]"))
    with pytest.raises(ConfigError, match="api_url_file: there is api_url already"):
        config.load(path)


def test_a_variable_with_a_value_wins_over_a_file_in_global(tmp_path):
    path = tmp_path / "alerting.yaml"
    path.write_text(SLACK.replace("global: {", "global: {slack_api_url_file: url, "))
    (tmp_path / "url").write_text("http://file")
    assert url_of(config.load(path)) == "http://file"
    assert url_of(config.load(path, {"SCI_AGENTS_SLACK_API_URL": "http://variable"})) == "http://variable"
    (tmp_path / "other").write_text("http://other")
    assert url_of(config.load(path, {"SCI_AGENTS_SLACK_API_URL_FILE": str(tmp_path / "other")})) == "http://other"


def test_a_receiver_without_channels_is_a_drain(read):
    assert read(BASE + "people: {ada: {}}\n").receivers["ada"].drain is True


def test_lookbacks_reach_as_far_as_the_rules_look(read):
    rules = """rules:
  - {name: a, expr: error_rate > 0.1, window: 5m, for: 10m, keep_firing_for: 1m, severity: P2}
  - {name: b, expr: cpu_percent > 1, window: 30m, severity: P2}
"""
    found = read(BASE + rules)
    assert (found.retention, found.events_lookback, found.results_lookback) == (1860, 1860, 1020)
    beats = "  - {name: c, expr: instances_up_ratio < 1, severity: P2}\n"
    assert read(BASE + rules + beats).events_lookback == 86_400


def test_a_rule_is_what_the_file_says(read):
    (rule,) = read(
        BASE
        + """rules:
  - name: ErrorRateHigh
    expr: error_rate > 0.05
    clear: error_rate < 0.04
    window: 5m
    by: [agent]
    for: 1m30s
    keep_firing_for: 0.5s
    no_data: alert
    no_data_for: 2m
    min_count: 3
    severity: P2
    labels: {service: compute}
    annotations: {summary: "{{ labels.agent }}: {{ value | percent }}"}
"""
    ).rules
    assert (rule.window, rule.by, rule.wait, rule.keep_firing_for) == (300, ("agent",), 90, 0.5)
    assert (rule.no_data, rule.no_data_for, rule.min_count) == ("alert", 120, 3)
    assert rule.annotations["summary"].render({"agent": "ode"}, 0.5) == "ode: 50%"
    assert rule.clear.text == "error_rate < 0.04"


def test_events_of_the_contract_are_known_to_the_default_rules():
    """Each signal of the default rules is one that events or results give."""
    names = {signal.name for rule in config.load(DEFAULT).rules for signal in rule.expr.signals}
    metrics = {"cpu_percent", "memory_percent", "disk_percent"}
    computed = {"error_rate", "execution_time_mean", "test_pass_rate", "workflow_success_rate", "instances_up_ratio"}
    assert names == metrics | computed | {"data_loss", "data_corruption"}
    assert OpsEvent.__struct_fields__


@pytest.mark.parametrize(
    ("key", "channel"),
    [
        ("receivers[0].webhook_configs[0].url", "webhook_configs: [{url: tickets.example.com/alerts}]"),
        ("receivers[0].slack_configs[0].api_url", "slack_configs: [{api_url: 'ftp://hooks.example.com/x'}]"),
        ("receivers[0].pagerduty_configs[0].url", "pagerduty_configs: [{routing_key: k, url: '/v2/enqueue'}]"),
        (
            "receivers[0].slack_configs[0].app_url",
            "slack_configs: [{channel: c, app_token: t, app_url: chat.postMessage}]",
        ),
    ],
)
def test_what_is_no_url_is_refused_and_not_shown(tmp_path, key, channel):
    """It may be a secret."""
    file = tmp_path / "alerting.yaml"
    file.write_text(f"route: {{receiver: r}}\nreceivers:\n- {{name: r, {channel}}}\n")
    with pytest.raises(ConfigError) as refused:
        config.load(file)
    assert str(refused.value) == f"{file}:3: {key}: is no URL (such as https://example.com/alerts)"


def test_a_slack_action_that_does_nothing_is_refused(tmp_path):
    file = tmp_path / "alerting.yaml"
    slack = "{api_url: 'http://h/x', actions: [{type: button, text: Ok}]}"
    file.write_text(f"route: {{receiver: r}}\nreceivers:\n- {{name: r, slack_configs: [{slack}]}}\n")
    with pytest.raises(ConfigError, match=r"actions\[0\]: no url and no name"):
        config.load(file)
