"""What differs between two configurations, for the record of a reload."""

import pytest

from alerting import changes

BASE = """
route: {receiver: team, group_wait: 10s}
receivers: [{name: team, webhook_configs: [{url: "http://a"}]}, {name: log, webhook_configs: [{url: "http://b"}]}]
rules: [{name: Hot, expr: t > 1, severity: P2}, {name: Cold, expr: t < 0, severity: P3}]
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("", "", "nothing has changed", id="the same"),
        pytest.param("t > 1", "t > 2", "rules changed: Hot", id="a threshold"),
        pytest.param("name: Cold", "name: Icy", "rules added: Icy; rules removed: Cold", id="a rule of another name"),
        pytest.param("http://b", "http://c", "receivers changed: log", id="where a receiver is"),
        pytest.param("group_wait: 10s", "group_wait: 20s", "route changed", id="the route"),
        pytest.param("rules:", "severities: {P2: {ack_within: 9m}}\nrules:", "severities changed: P2", id="a promise"),
        pytest.param("rules:", "global: {resolve_timeout: 1h}\nrules:", "resolve_timeout changed", id="a setting"),
    ],
)
def test_it_is_said_by_name(read, old, new, said):
    assert changes.between(read(BASE), read(BASE.replace(old, new, 1) if old else BASE)) == said


def test_no_secret_is_shown(read):
    """An address may be one."""
    assert "hooks" not in changes.between(read(BASE), read(BASE.replace("http://a", "http://hooks/secret")))


def test_many_are_counted(read):
    rules = ", ".join(f"{{name: R{number:02}, expr: t > 1, severity: P3}}" for number in range(30))
    said = changes.between(read(BASE), read(BASE.replace("rules: [", f"rules: [{rules}, ")))
    assert said.startswith("rules added: R00, R01")
    assert said.endswith("R19 and 10 more")
