"""The process in the place of an Alertmanager through reloads, restarts and its end."""

import signal
import subprocess

import httpx
import pytest
from integration.alerting.running import WITHIN_S, alerting, webhooks

CONFIG = """
global: {{resolve_timeout: 1h}}
route: {{receiver: {receiver}, group_by: [alertname], group_wait: 0.1s, group_interval: 0.3s, repeat_interval: 1h}}
receivers:
- {{name: one, webhook_configs: [{{url: '{url}/one'}}]}}
- {{name: two, webhook_configs: [{{url: '{url}/two'}}]}}
"""


@pytest.fixture
def hooks():
    with webhooks() as found:
        yield found


def push(process, *names, **fields):
    alerts = [{"labels": {"alertname": name}, **fields} for name in names]
    httpx.post(f"http://{process.url}/api/v2/alerts", json=alerts, timeout=WITHIN_S).raise_for_status()


def told(name, receiver="one", status="firing"):
    return lambda path, body: (
        path == receiver and body["commonLabels"].get("alertname") == name and body["status"] == status
    )


def reload(process, how):
    if how == "http":
        return httpx.post(f"http://{process.url}/-/reload", timeout=WITHIN_S)
    process.child.send_signal(signal.SIGHUP)
    return None


@pytest.mark.parametrize("how", ["http", "SIGHUP"])
def test_a_reload_takes_the_file_as_it_is_and_a_bad_one_is_an_incident(hooks, tmp_path, how):
    """What was told stays told; the old configuration stays in force while the new one is wrong."""
    with alerting(tmp_path, CONFIG.format(url=hooks.url, receiver="one")) as process:
        push(process, "First")
        hooks.first(told("First"))
        process.config.write_text(CONFIG.format(url=hooks.url, receiver="nobody"))
        answer = reload(process, how)
        if answer is not None:
            assert answer.status_code == 500
            assert "no receiver 'nobody'" in answer.text
            assert f"{process.config}:3" in answer.text
        summary = hooks.first(told("ConfigReloadFailed"))["commonAnnotations"]["summary"]
        assert "no receiver 'nobody'" in summary
        push(process, "Second")
        hooks.first(told("Second"))
        process.config.write_text(CONFIG.format(url=hooks.url, receiver="two"))
        answer = reload(process, how)
        assert answer is None or answer.status_code == 200
        hooks.first(told("First", "two"))
        push(process, "Third")
        hooks.first(told("Third", "two"))
        health = httpx.get(f"http://{process.url}/health").json()
        assert health == {"status": "healthy", "role": "writer"}
        assert "Open incidents" in httpx.get(f"http://{process.url}/").text
    assert sum(told("First")(path, body) for _, path, body in hooks.all()) == 1


def test_a_reload_that_comes_while_it_starts_does_not_end_it(hooks, tmp_path):
    """SIGHUP ends a process that has no use for it."""

    def hang_up(child):
        child.send_signal(signal.SIGHUP)

    with alerting(tmp_path, CONFIG.format(url=hooks.url, receiver="one"), meanwhile=hang_up) as process:
        push(process, "First")
        hooks.first(told("First"))


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_knows_who_was_told_and_what_is_silenced(hooks, tmp_path, end):
    """Also after SIGKILL, with no broker but its own: nothing is told twice, and the end of what was told is told."""
    text = CONFIG.format(url=hooks.url, receiver="one")
    with alerting(tmp_path, text) as process:
        push(process, "Told")
        hooks.first(told("Told"))
        silence = {"matchers": ['alertname="Quiet"'], "created_by": "ada", "duration": "1h"}
        name = httpx.post(f"http://{process.url}/v1/silences", json=silence).json()["id"]
        process.child.send_signal(end)
        process.child.wait(WITHIN_S)
    with alerting(tmp_path, text) as process:
        (kept,) = httpx.get(f"http://{process.url}/v1/silences").json()["silences"]
        assert (kept["id"], kept["status"]) == (name, "active")
        push(process, "Told", "Quiet", "New")
        hooks.first(told("New"))
        push(process, "Told", endsAt="2020-01-02T00:00:00Z", startsAt="2020-01-01T00:00:00Z")
        hooks.first(told("Told", status="resolved"))
        (incident,) = (
            one for one in httpx.get(f"http://{process.url}/v1/incidents").json()["incidents"] if one["title"] == "Told"
        )
        assert incident["status"] == "resolved"
    seen = [(body["commonLabels"]["alertname"], body["status"]) for _, _, body in hooks.all()]
    assert sorted(seen) == [("New", "firing"), ("Told", "firing"), ("Told", "resolved")]


def test_a_wrong_configuration_ends_the_start_with_file_and_line(tmp_path, shell):
    file = tmp_path / "alertmanager.yml"
    file.write_text("route:\n  receiver: team\nreceivers:\n- name: teem\n")
    code, out, err = shell("alerting", "--embedded", "--alertmanager-config", file)
    assert (code, out) == (2, "")
    assert err == f"error: {file}:2: route.receiver: no receiver 'team' (did you mean 'teem'?)\n"


def test_without_tokens_it_listens_on_this_machine_alone(tmp_path, shell):
    file = tmp_path / "alertmanager.yml"
    file.write_text("route: {receiver: team}\nreceivers: [{name: team}]\n")
    code, _, err = shell("alerting", "--embedded", "--config", file, "--listen", "0.0.0.0:0")
    assert (code, "on this machine alone" in err) == (2, True)


def test_tokens_open_what_their_scopes_say(tmp_path, monkeypatch, amtool):
    """Whoever may read sees alerts and sends none; amtool logs in as Prometheus does."""
    monkeypatch.setenv("SCI_AGENTS_TOKENS", "prometheus-token submit\noncall-token read,operate")
    http = tmp_path / "http.yml"
    http.write_text("authorization: {credentials: oncall-token}\n")
    with alerting(tmp_path, "route: {receiver: team}\nreceivers: [{name: team}]\n") as process:
        url = f"http://{process.url}/api/v2"
        alert = [{"labels": {"alertname": "Told"}}]

        def post(path, token, body):
            return httpx.post(f"{url}/{path}", json=body, headers={"authorization": f"Bearer {token}"}).status_code

        assert httpx.get(f"{url}/alerts").status_code == 401
        assert post("alerts", "prometheus-token", alert) == 200
        assert post("alerts", "oncall-token", alert) == 403
        assert post("silences", "prometheus-token", {}) == 403
        assert httpx.get(f"http://{process.url}/-/ready").status_code == 200
        command = [amtool, f"--alertmanager.url=http://{process.url}", f"--http.config.file={http}", "alert", "query"]
        found = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=True)
        assert "Told" in found.stdout
