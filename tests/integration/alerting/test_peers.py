"""Prometheus and amtool as Debian ships them, against the program in the place of an Alertmanager."""

import json
import subprocess
import time

import httpx
import pytest
import stamina
import yaml
from integration.alerting.running import WITHIN_S, alerting, webhooks

CONFIG = """
global: {{slack_api_url: 'https://hooks.slack.com/services/T0/B0/SECRET'}}
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 200ms
  repeat_interval: 1h
  routes: [{{receiver: other, matchers: ['team="other"']}}]
receivers:
- name: hook
  webhook_configs: [{{url: '{url}/hook', send_resolved: true}}]
- name: other
  slack_configs: [{{channel: '#other'}}]
- name: behind
  webhook_configs:
  - url: http://127.0.0.1:1/SECRET
    http_config:
      oauth2:
        {{client_id: sci, client_secret: SECRET, token_url: 'https://login.example.com/token', scopes: [pages],
          endpoint_params: {{password: SECRET}}, proxy_url: 'http://SECRET@proxy:1', no_proxy: a.example.com}}
      proxy_url: http://SECRET@proxy:1
      no_proxy: a.example.com
      proxy_connect_header: {{X-A: [SECRET]}}
inhibit_rules:
- {{source_matchers: ['severity="critical"'], target_matchers: ['severity="warning"'], equal: [cluster]}}
"""


@pytest.fixture(scope="module")
def hooks():
    with webhooks() as found:
        yield found


@pytest.fixture(scope="module")
def running(hooks, tmp_path_factory):
    with alerting(
        tmp_path_factory.mktemp("alerting"), CONFIG.format(url=hooks.url), flag="--alertmanager-config"
    ) as process:
        yield process


@pytest.fixture
def am(amtool, running):
    """Call amtool: returns what it printed."""

    def call(*arguments, ok=True):
        command = [amtool, f"--alertmanager.url=http://{running.url}", "--no-version-check", *arguments]
        found = subprocess.run(command, check=False, capture_output=True, text=True, timeout=WITHIN_S)
        assert (found.returncode == 0) is ok, (arguments, found.stdout, found.stderr)
        return found.stdout if ok else found.stderr

    return call


def names(text):
    return sorted(one["labels"]["alertname"] for one in json.loads(text))


def test_alerts_are_added_and_queried(am, hooks):
    am("alert", "add", "alertname=Added", "instance=host-1", "--annotation=summary=by hand")
    found = json.loads(am("-o", "json", "alert", "query", "alertname=~A.*", "instance=host-1"))
    assert [one["annotations"] for one in found] == [{"summary": "by hand"}]
    assert (found[0]["status"]["state"], found[0]["receivers"]) == ("active", [{"name": "hook"}])
    assert names(am("-o", "json", "alert", "query", "alertname=Missing")) == []
    assert names(am("-o", "json", "alert", "query", "--receiver=other", "alertname=Added")) == []
    body = hooks.first(lambda _, body: body["commonLabels"].get("alertname") == "Added")
    assert body["alerts"][0]["fingerprint"] == found[0]["fingerprint"]
    assert body["groupKey"] == '{}:{alertname="Added"}'


def test_an_alert_that_is_inhibited_is_suppressed(am):
    am("alert", "add", "alertname=Cause", "cluster=east", "severity=critical")
    am("alert", "add", "alertname=Effect", "cluster=east", "severity=warning")
    am("alert", "add", "alertname=Effect", "cluster=west", "severity=warning")
    found = json.loads(am("-o", "json", "alert", "query", "--inhibited", "alertname=Effect"))
    assert {(one["labels"]["cluster"], one["status"]["state"]) for one in found} == {("east", "suppressed")}


def test_silences_are_added_queried_changed_and_expired(am, hooks):
    am("alert", "add", "alertname=Noisy", "instance=a")
    hooks.first(lambda _, body: body["commonLabels"].get("alertname") == "Noisy")
    name = am("silence", "add", "alertname=Noisy", "instance=~a|b", "--comment=known", "--author=ada").strip()
    assert names(am("-o", "json", "alert", "query", "alertname=Noisy")) == []
    (one,) = json.loads(am("-o", "json", "alert", "query", "--silenced", "alertname=Noisy"))
    assert one["status"]["silencedBy"] == [name]
    (kept,) = json.loads(am("-o", "json", "silence", "query", "alertname=Noisy"))
    assert (kept["id"], kept["createdBy"], kept["comment"]) == (name, "ada", "known")
    assert kept["matchers"] == [
        {"name": "alertname", "value": "Noisy", "isRegex": False, "isEqual": True},
        {"name": "instance", "value": "a|b", "isRegex": True, "isEqual": True},
    ]
    am("silence", "update", "--duration=2h", "--comment=longer", name)
    (kept,) = json.loads(am("-o", "json", "silence", "query", "alertname=Noisy"))
    assert (kept["id"], kept["comment"]) == (name, "longer"), "changed in place"
    am("silence", "expire", name)
    assert names(am("-o", "json", "alert", "query", "alertname=Noisy")) == ["Noisy"]
    (over,) = json.loads(am("-o", "json", "silence", "query", "--expired", "alertname=Noisy"))
    assert (over["id"], over["status"]["state"]) == (name, "expired")
    assert "already expired" in am("silence", "expire", name, ok=False)
    assert am("silence", "add", "a=~.*", "--comment=all", ok=False).count("must not match the empty string") == 1


def test_a_silence_is_imported(am, tmp_path):
    am("silence", "add", "alertname=Imported", "--comment=c")
    text = am("-o", "json", "silence", "query", "alertname=Imported")
    file = tmp_path / "silences.json"
    file.write_text(text.replace("Imported", "Again"))
    am("silence", "import", "--force", str(file))
    assert len(json.loads(am("-o", "json", "silence", "query", "alertname=Again"))) == 1


def test_the_configuration_is_shown_without_secrets_and_amtool_reads_it(am, amtool, tmp_path):
    text = am("config", "show")
    assert "SECRET" not in text
    assert yaml.safe_load(text)["route"]["routes"][0]["receiver"] == "other"
    file = tmp_path / "shown.yml"
    file.write_text(text)
    command = [amtool, "check-config", str(file)]
    checked = subprocess.run(command, check=False, capture_output=True, text=True, timeout=WITHIN_S)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert am("config", "routes", "test", "team=other").strip() == "other"
    assert "disabled" in am("cluster", "show")


def test_groups_are_what_is_told_together(am, running):
    am("alert", "add", "alertname=Grouped", "instance=a")
    am("alert", "add", "alertname=Grouped", "instance=b")
    found = httpx.get(f"http://{running.url}/api/v2/alerts/groups", params={"filter": 'alertname="Grouped"'}).json()
    assert [(one["labels"], one["receiver"], len(one["alerts"])) for one in found] == [
        ({"alertname": "Grouped"}, {"name": "hook"}, 2)
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param("[{", "bad request", id="no JSON"),
        pytest.param("[[]]", "bad request", id="no alert"),
        pytest.param('[{"labels": {}}]', "at least one label pair required", id="no label"),
        pytest.param('[{"labels": {"a": ""}}]', "at least one label pair required", id="empty labels alone"),
        pytest.param('[{"labels": {"a\\u0007": "1"}}]', "invalid name", id="a name that is none"),
        pytest.param('[{"labels": {"a": "1"}, "startsAt": "yesterday"}]', "Invalid isoformat", id="no time"),
        pytest.param(
            '[{"labels": {"a": "1"}, "startsAt": "2026-01-02T00:00:00Z", "endsAt": "2026-01-01T00:00:00Z"}]',
            "start time must be before end time", id="an end before the start",
        ),
        pytest.param('[{"labels": {"a": "%s"}}]' % ("x" * 2000), "more than 1024 signs", id="a label without bound"),
        pytest.param(
            '[{"labels": {"a": "1"}, "annotations": {"b": "%s"}}]' % ("x" * 20_000), "more than 12288 bytes",
            id="an alert without bound",
        ),
    ],
)  # fmt: skip
def test_what_is_no_alert_is_refused_in_alertmanagers_words(running, body, said):
    answer = httpx.post(f"http://{running.url}/api/v2/alerts", content=body)
    assert answer.status_code == 400
    assert said in answer.json()


def test_labels_may_have_any_name_as_prometheus_3_gives_them(running, hooks):
    """Told, found and silenced by it."""
    url = f"http://{running.url}/api/v2"
    labels = {"alertname": "Utf8", "service.name": "a", "Σ": "c", "🙂": "dΘ"}
    httpx.post(f"{url}/alerts", json=[{"labels": labels}]).raise_for_status()
    (found,) = httpx.get(f"{url}/alerts", params={"filter": ['"service.name"="a"', "Σ=c", '"🙂"="dΘ"']}).json()
    assert found["labels"] == labels
    body = hooks.first(lambda _, body: body["commonLabels"].get("alertname") == "Utf8")
    assert body["commonLabels"] == labels
    matchers = [{"name": "service.name", "value": "a", "isRegex": False}, {"name": "Σ", "value": ".", "isRegex": True}]
    silence = {"matchers": matchers, "createdBy": "ada", "comment": "x"}
    silence |= {"startsAt": "2026-01-01T00:00:00Z", "endsAt": "2036-01-01T00:00:00Z"}
    name = httpx.post(f"{url}/silences", json=silence).raise_for_status().json()["silenceID"]
    (found,) = httpx.get(f"{url}/alerts", params={"filter": "Σ=c"}).json()
    assert found["status"]["silencedBy"] == [name]
    kept = httpx.get(f"{url}/silence/{name}").json()["matchers"]
    assert sorted(one["name"] for one in kept) == ["service.name", "Σ"]


def test_valid_alerts_are_taken_beside_others(running, am):
    alerts = [{"labels": {"alertname": "Beside"}}, {"labels": {}}]
    assert httpx.post(f"http://{running.url}/api/v2/alerts", json=alerts).status_code == 400
    assert names(am("-o", "json", "alert", "query", "alertname=Beside")) == ["Beside"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v2/alerts?filter=((", 400), ("/api/v2/alerts?receiver=((", 400), ("/api/v2/silence/none", 404),
        ("/api/v2/silences?filter=a", 400), ("/-/healthy", 200), ("/-/ready", 200), ("/metrics", 200),
    ],
)  # fmt: skip
def test_answers(running, path, status):
    assert httpx.get(f"http://{running.url}{path}").status_code == status


def test_a_page_of_another_origin_is_not_served(running):
    headers = {"origin": "http://evil.example", "host": "evil.example"}
    assert httpx.get(f"http://{running.url}/api/v2/alerts", headers=headers).status_code == 403


def test_incidents_are_answered_where_the_alerts_came_in(running, am):
    am("alert", "add", "alertname=Answered", "severity=critical")

    def incident():
        found = httpx.get(f"http://{running.url}/v1/incidents").json()["incidents"]
        return next(one for one in found if one["title"] == "Answered")

    name = next(one["id"] for one in [waited(incident)])
    command = {"action": "acknowledge", "by": "ada"}
    assert httpx.post(f"http://{running.url}/v1/incidents/{name}/commands", json=command).status_code == 202
    assert waited(lambda: incident() if incident()["status"] == "acknowledged" else None)["severity"] == "P1"


def waited(look):
    """What a look gives once it gives something."""

    @stamina.retry(on=LookupError, timeout=WITHIN_S, attempts=None, wait_max=0.2)
    def once():
        try:
            found = look()
        except StopIteration:
            found = None
        if found is None:
            raise LookupError
        return found

    return once()


PROMETHEUS = """
global: {{evaluation_interval: 500ms, scrape_interval: 1h}}
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{target}']}}]}}]}}
rule_files: [{rules}]
"""
RULES = """
groups:
- name: g
  rules:
  - alert: FromPrometheus
    expr: label_replace(vector(time()) < {until}, "team", "ops", "", "")
    for: 7s  # for the first 5 s Prometheus does not know whom to tell
    labels: {{severity: critical}}
    annotations: {{summary: "still {{{{ $labels.team }}}}"}}
"""


def test_an_unmodified_prometheus_sends_its_alerts_here(running, hooks, prometheus, tmp_path):
    """Its webhook's receiver hears in Alertmanager's words of the beginning and of the end."""
    rules, config = tmp_path / "rules.yml", tmp_path / "prometheus.yml"
    rules.write_text(RULES.format(until=time.time() + 15))
    config.write_text(PROMETHEUS.format(target=running.url, rules=rules))
    command = [prometheus, f"--config.file={config}", f"--storage.tsdb.path={tmp_path / 'data'}"]
    command += ["--web.listen-address=127.0.0.1:0", "--rules.alert.resend-delay=1s"]
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        begun = hooks.first(lambda _, body: body["commonLabels"].get("alertname") == "FromPrometheus")
        ended = hooks.first(
            lambda _, body: body["commonLabels"].get("alertname") == "FromPrometheus" and body["status"] == "resolved"
        )
    finally:
        child.terminate()
        child.wait(WITHIN_S)
    labels = {"alertname": "FromPrometheus", "severity": "critical", "team": "ops"}
    assert {name: value for name, value in begun.items() if name != "alerts"} == {
        "version": "4", "groupKey": '{}:{alertname="FromPrometheus"}', "truncatedAlerts": 0, "status": "firing",
        "receiver": "hook", "groupLabels": {"alertname": "FromPrometheus"}, "commonLabels": labels,
        "commonAnnotations": {"summary": "still ops"}, "externalURL": "",
    }  # fmt: skip
    (fires,), (over,) = begun["alerts"], ended["alerts"]
    assert (fires["status"], fires["endsAt"]) == ("firing", "0001-01-01T00:00:00Z")
    assert "/graph?g0.expr=" in fires["generatorURL"]
    assert (over["status"], over["startsAt"], over["fingerprint"]) == (
        "resolved", fires["startsAt"], fires["fingerprint"],
    )  # fmt: skip
    assert over["endsAt"] > over["startsAt"]
