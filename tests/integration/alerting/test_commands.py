"""`silence`, `rules` and the alerting process's own files, as they are called."""

import json
from xml.etree import ElementTree as ET

import httpx
import pytest
from integration.alerting.running import alerting, webhooks

from sciagents.broker import EmbeddedBroker

CONFIG = """
route: {receiver: nobody}
receivers: [{name: nobody}]
"""


def test_silences_are_made_listed_and_expired(shell, tmp_path):
    """Over Kafka, by the process that keeps them; what cannot be is refused before it is sent."""
    with EmbeddedBroker() as broker, alerting(tmp_path, CONFIG, "--kafka", broker.bootstrap):
        kafka = ("--kafka", broker.bootstrap)
        code, out, err = shell(
            "silence", "add", "alertname=Noise", 'agent=~"a|b"', "--for", "2h", "--by", "ada", *kafka
        )
        assert (code, err) == (0, "")
        name = out.strip()
        code, out, _ = shell("silence", "list", "--json", *kafka)
        assert (code, f'"id":"{name}"' in out, '"status":"active"' in out) == (0, True, True)
        assert shell("silence", "expire", name, *kafka)[:2] == (0, f"{name} is over\n")
        assert shell("silence", "expire", name, *kafka)[0] == 1
        assert shell("silence", "list", *kafka)[1] == "no silences\n"
        assert name in shell("silence", "list", "--all", *kafka)[1]
        for wrong in (["a=~("], ["a=~.*"], ["a=1", "--for", "soon"], ["a=1", "--until", "2020-01-01T00:00:00Z"]):
            assert shell("silence", "add", *wrong, "--by", "ada", *kafka)[0] == 2
        assert shell("silence", "expire", "none", *kafka)[0] == 1
        code, out, _ = shell("silence", "add", "alertname=Other", "--json", *kafka)
        made = json.loads(out)
        assert (code, made["matchers"], made["status"]) == (0, ['alertname="Other"'], "active")
        code, out, _ = shell("silence", "expire", made["id"], "--json", *kafka)
        assert (code, json.loads(out)["status"]) == (0, "expired")


LOUD = """
route: {{receiver: team, group_wait: 0s}}
receivers: [{{name: team, webhook_configs: [{{url: "{url}/team"}}]}}]
people: {{boss: {{webhook_configs: [{{url: "{url}/boss"}}]}}}}
escalation: [{{steps: [{{after: 0s, notify: [team]}}]}}]
"""
ALERT = [{"labels": {"alertname": "Down", "severity": "critical"}}]


def test_an_incident_is_given_to_somebody_and_escalated_to_whom_one_names(shell, tmp_path):
    """What was refused says who there is; with --json the incident is printed as it stands then."""
    with (
        webhooks() as endpoint,
        EmbeddedBroker() as broker,
        alerting(tmp_path, LOUD.format(url=endpoint.url), "--kafka", broker.bootstrap) as process,
    ):
        assert httpx.post(f"http://{process.url}/api/v2/alerts", json=ALERT).status_code == 200
        endpoint.first(lambda path, _: path == "team")
        by = ("--by", "ada", "--kafka", broker.bootstrap)
        name = json.loads(shell("incidents", "list", "--json", *by[2:])[1])["id"]
        assert shell("incidents", "assign", name, "boss", *by)[:2] == (0, f"{name} is triggered: assign by ada\n")
        code, _, err = shell("incidents", "escalate", name, "--to", "bos", *by)
        assert (code, "did you mean 'boss'?" in err) == (1, True)
        code, out, _ = shell("incidents", "escalate", name, "--to", "boss", "--json", *by)
        shown = json.loads(out)
        assert (code, shown["id"], shown["timeline"][-1]["what"]) == (0, name, "escalate")
        assert endpoint.first(lambda path, _: path == "boss")["commonAnnotations"]["incident_id"] == name
        assert shell("incidents", "snooze", name, "--for", "9999999y", *by)[0] == 2


RULES = "rules: [{name: Hot, expr: t > 1, window: 1m, by: [], severity: P2}]\n"
TESTS = """
rule_files: [rules.yaml]
tests:
  - interval: 1m
    input_series: [{series: t, values: "0x5 1x10 2"}]
    alert_rule_test:
      - {eval_time: 15m, alertname: Hot}
      - {eval_time: 17m, alertname: Hot, exp_alerts: [{exp_labels: {severity: SEVERITY}}]}
"""


@pytest.mark.parametrize(("severity", "code", "failures"), [("P2", 0, 0), ("P1", 1, 1)])
def test_rules_are_tested_with_a_junit_report(shell, tmp_path, severity, code, failures):
    (tmp_path / "rules.yaml").write_text(RULES)
    file = tmp_path / "tests.yaml"
    file.write_text(TESTS.replace("SEVERITY", severity))
    found = shell("rules", "test", file, "--junit", tmp_path / "junit.xml")
    assert found[0] == code
    assert ("SUCCESS" if code == 0 else "FAILED") in found[1]
    suite = ET.parse(tmp_path / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures"), len(suite.findall("*/failure"))) == (
        "2",
        str(failures),
        failures,
    )


def test_rules_are_checked(shell, tmp_path):
    assert "ok, 23 rules" in shell("rules", "check")[1]
    file = tmp_path / "rules.yaml"
    file.write_text(RULES.replace("t > 1", "t >"))
    code, _, err = shell("rules", "check", file)
    assert (code, f"{file}:1: rules[0].expr: column 4" in err) == (2, True)
