"""What the demo shows is what the program does by default, only sooner."""

from pathlib import Path

import sciagents.demo
from alerting import config
from sciagents import shipped

_MAY_DIFFER = ("window", "wait", "keep_firing_for")
_ENVIRONMENT = {"SCI_AGENTS_SMTP_SMARTHOST": "127.0.0.1:2525", "SCI_AGENTS_SLACK_API_URL": "http://127.0.0.1:1/"}


def _rule(path, environment):
    found = {rule.name: rule for rule in config.load(path, environment).rules}["ErrorRateHigh"]
    return {name: getattr(found, name) for name in found.__slots__ if name not in _MAY_DIFFER}


def test_its_rule_is_the_default_one_with_shorter_times():
    """Same condition, severity and words."""
    folder = Path(sciagents.demo.__file__).parent
    assert _rule(folder / "alerting.yaml", _ENVIRONMENT) == _rule(shipped.folder("config") / "alerting.yaml", {})


def test_both_channels_are_on_when_the_environment_says_where_they_are():
    """Nothing is left out for want of an address."""
    folder = Path(sciagents.demo.__file__).parent
    found = config.load(folder / "alerting.yaml", _ENVIRONMENT)
    assert found.notices == ()
    assert [name for name, _ in found.receivers["team"].channels] == ["email", "slack"]
