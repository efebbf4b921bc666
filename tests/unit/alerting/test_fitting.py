"""What is lenient in a document: numbers where texts are wanted, and keys without a value."""

import pytest

from alerting import config, documents, trials
from alerting.documents import ConfigError

ROUTES = """
route: {{receiver: "7", routes: [{{match: {{label: {written}}}}}]}}
receivers: [{{name: "7"}}]
"""


def read(text):
    return config.read(documents.parse(text), {})


@pytest.mark.parametrize(
    ("written", "meant"),
    [("1.10", "1.10"), ("0644", "0644"), ("1e3", "1e3"), ("True", "True"), ("yes", "yes"), ("", "")],
)
def test_a_text_without_quotes_is_what_is_written(written, meant):
    """As Alertmanager reads it: a matcher of `1.10` is not one of `1.1`."""
    found = read(ROUTES.format(written=written))
    assert found.route.receiver == "7"
    assert [matcher.value for matcher in found.route.routes[0].matchers] == [meant]


def test_a_value_behind_an_alias_or_a_merge_is_what_is_written_too():
    text = """
route:
  receiver: r
  routes: [&a {match: {version: 1.10}}, *a, {<<: *a, receiver: r}]
receivers: [{name: r}]
"""
    assert {route.matchers[0].value for route in read(text).route.routes} == {"1.10"}


def test_a_key_without_a_value_is_not_there():
    """Whoever comments out everything below a key leaves such a file."""
    text = """
global:
route:
  receiver: r
  group_by:
  routes:
receivers:
- name: r
  email_configs:
  slack_configs:
inhibit_rules:
time_intervals:
templates:
"""
    found = read(text)
    assert found.route.group_by == read("{route: {receiver: r}, receivers: [{name: r}]}").route.group_by
    assert found.receivers["r"].channels == ()


def test_what_has_to_be_there_is_missed_without_its_value():
    with pytest.raises(ConfigError, match="route: Expected `object`, got `null`"):
        read("{route: , receivers: [{name: r}]}")


def test_the_programs_own_sections_are_not_lenient():
    """A rule, a rotation or a chain that fell out of a file is no accident to pass over."""
    with pytest.raises(ConfigError, match="rules: Expected `array`, got `null`"):
        read("{route: {receiver: r}, receivers: [{name: r}], rules: }")


def test_a_number_of_seconds_is_no_duration_but_nothing_is():
    assert read("{route: {receiver: r, group_wait: 0}, receivers: [{name: r}]}").route.group_wait == 0
    with pytest.raises(ConfigError, match="'5' is no duration"):
        read("{route: {receiver: r, group_wait: 5}, receivers: [{name: r}]}")


def test_headers_and_secrets_may_be_numbers():
    text = """
global: {smtp_smarthost: "localhost:25", smtp_from: a@example.com, smtp_auth_username: 17, smtp_auth_password: 0123}
route: {receiver: r}
receivers: [{name: r, email_configs: [{to: b@example.com, headers: {X-Priority: 1}}]}]
"""
    ((_, mail),) = read(text).receivers["r"].channels
    assert (mail.username, mail.password.reveal(), dict(mail.headers)) == ("17", "0123", {"X-Priority": "1"})


def test_expected_labels_of_a_rule_test_are_what_is_written(tmp_path):
    file = tmp_path / "tests.yaml"
    file.write_text("""
rule_files:
tests:
- alert_rule_test: [{eval_time: 0, alertname: A, exp_alerts: [{exp_labels: {version: 1.10}}]}]
""")
    (test,) = trials.load(str(file)).section.tests
    assert test.alert_rule_test[0].exp_alerts[0].exp_labels == {"version": "1.10"}
