"""Unit tests of rules: how values are written, and what passes."""

import pytest

from alerting import config, trials
from alerting.documents import ConfigError

RULES = """
rules:
  - {name: Hot, expr: t > 1, window: 1m, by: [instance], for: 5m, severity: P2, annotations: {summary: "{{ value }}"}}
  - {name: Lost, expr: data_loss > 0, window: 5m, by: [], severity: P0}
  - {name: Gone, expr: instances_up_ratio < 1, by: [], severity: P1}
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("1 2.5 -3", [1, 2.5, -3], id="values"),
        pytest.param("0x2 1", [0, 0, 0, 1], id="repeated: one more than is said"),
        pytest.param("1+2x3", [1, 3, 5, 7], id="rising"),
        pytest.param("1-1x2", [1, 0, -1], id="falling"),
        pytest.param("1 _ 2 _x2 stale 3", [1, None, 2, None, None, None, 3], id="gaps"),
    ],
)
def test_values(text, expected):
    assert trials.values(text) == expected


@pytest.mark.parametrize("text", ["a", "1x", "1+x2", "--1", "0x99999999"])
def test_what_are_no_values(text):
    with pytest.raises(ValueError, match=r"no value|more than"):
        trials.values(text)


@pytest.fixture
def run(tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(RULES)

    def go(text):
        file = tmp_path / "tests.yaml"
        file.write_text(text)
        return list(trials.load(str(file)).run(config.load_rules(rules)))

    return go


HOT = """
tests:
  - name: heat
    interval: 1m
    input_series: [{series: 't{instance="a"}', values: "0x2 2x20"}]
    alert_rule_test: [CHECK]
"""


@pytest.mark.parametrize(
    ("check", "failure"),
    [
        pytest.param("{eval_time: 7m, alertname: Hot}", None, id="not yet"),
        pytest.param(
            "{eval_time: 8m, alertname: Hot, exp_alerts: [{exp_labels: {instance: a, severity: P2}}]}", None,
            id="after `for`",
        ),
        pytest.param(
            "{eval_time: 8m, alertname: Hot, exp_alerts: [{exp_labels: {instance: a, severity: P2},"
            " exp_annotations: {summary: '2.0'}}]}", None, id="with its texts",
        ),
        pytest.param(
            "{eval_time: 8m, alertname: Hot}", '{instance="a", severity="P2"} fires', id="fires and was not expected"
        ),
        pytest.param(
            "{eval_time: 7m, alertname: Hot, exp_alerts: [{exp_labels: {instance: a, severity: P2}}]}",
            '{instance="a", severity="P2"} does not fire', id="expected too early",
        ),
        pytest.param(
            "{eval_time: 8m, alertname: Hot, exp_alerts: [{exp_labels: {instance: a, severity: P2},"
            " exp_annotations: {summary: '3.0'}}]}",
            "{instance=\"a\", severity=\"P2\"} says {'summary': '2.0'}, not {'summary': '3.0'}", id="other texts",
        ),
    ],
)  # fmt: skip
def test_a_check(run, check, failure):
    (outcome,) = run(HOT.replace("CHECK", check))
    assert (outcome.test, outcome.failure) == ("heat", failure)


def test_series_of_faults_and_heartbeats_are_events(run):
    outcomes = run("""
evaluation_interval: 30s
tests:
  - interval: 30s
    input_series:
      - {series: data_loss, values: "0 0 2"}
      - {series: 'heartbeat{source="a"}', values: "60"}
      - {series: 'heartbeat{source="b"}', values: "60x10"}
    alert_rule_test:
      - {eval_time: 30s, alertname: Lost}
      - {eval_time: 1m, alertname: Lost, exp_alerts: [{exp_labels: {severity: P0, data_loss: true}}]}
      - {eval_time: 30s, alertname: Gone}
      - {eval_time: 1m, alertname: Gone, exp_alerts: [{exp_labels: {severity: P1}}]}
""")
    assert [outcome.failure for outcome in outcomes] == [None] * 4


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("2x20", "2xy", "tests.yaml:5: tests[0].input_series[0].values: '2xy' is no value", id="a value"),
        pytest.param("t{", "t(", "tests.yaml:5: tests[0].input_series[0].series:", id="a series"),
        pytest.param("input_series", "input_serie", "unknown key (did you mean 'input_series'?)", id="a key"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place(run, old, new, said):
    with pytest.raises(ConfigError) as error:
        run(HOT.replace(old, new).replace("CHECK", "{eval_time: 1m, alertname: Hot}"))
    assert said in str(error.value)


def test_the_order_of_groups_is_passed_over(run):
    """Rules have none; promtool's files often name one."""
    (found,) = run("group_eval_order: [a]" + HOT.replace("CHECK", "{eval_time: 7m, alertname: Hot}"))
    assert found.failure is None


def test_tests_of_promql_are_refused_rather_than_passed_over(run):
    with pytest.raises(ConfigError, match=r"tests\[0\]\.promql_expr_test: PromQL is not spoken here"):
        run("tests: [{promql_expr_test: [{expr: t, eval_time: 1m}]}]")


def test_rules_of_prometheus_are_refused_with_what_would_do(tmp_path):
    file = tmp_path / "rules.yaml"
    file.write_text("groups: [{name: g, rules: [{alert: Down, expr: up == 0}]}]")
    with pytest.raises(ConfigError, match=r"rules\.yaml:1: groups: rules of Prometheus, in PromQL \(let it send"):
        config.load_rules(file)
