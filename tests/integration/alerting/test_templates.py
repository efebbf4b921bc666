"""Templates give the same here as in Alertmanager's own tool, and its configurations speak in their own words."""

import json
import queue
import subprocess

import documented
import httpx
import pytest
from integration.alerting.running import WITHIN_S, alerting
from listening import listening
from mailing import mailing
from unit.alerting.go.test_templates import NOW, PAYLOAD

from alerting.go import library
from alerting.go.data import of_payload

TEMPLATES = r"""
plain
{{ .Status }} {{ .Receiver }} {{ .ExternalURL }}
{{ .CommonLabels.alertname }}|{{ .CommonLabels.missing }}|
{{ .CommonLabels.SortedPairs.Names | join "," }} {{ .CommonLabels.Names }}
{{ (index .Alerts 0).Labels.instance }} {{ index .CommonLabels "job" }}
{{ range .Alerts }}{{ .Labels.severity | toUpper }} {{ .Annotations.summary }}; {{ end }}
{{ range $i, $a := .Alerts }}{{ if $i }}, {{ end }}{{ $a.Labels.instance }}{{ end }}
{{ range .Alerts.Firing }}f{{ else }}none{{ end }}{{ range .Alerts.Resolved }}r{{ end }}
{{ if eq .Status "firing" }}yes{{ else }}no{{ end }}
{{ if and (eq .Status "firing") (gt (len .Alerts) 1) }}both{{ else if .Alerts }}some{{ end }}
{{ if or (eq .Status "x" "firing") false }}any{{ end }}{{ if not .CommonLabels.missing }} not{{ end }}
{{ with .CommonLabels.job }}job {{ . }}{{ end }}{{ with .CommonLabels.no }}x{{ else }}none{{ end }}
{{ $s := .Status }}{{ range .Alerts }}{{ $s = .Status }}{{ end }}{{ $s }}
{{ len .Alerts }} {{ .Alerts.Firing | len }} {{ len "abc" }}
a   {{- " b " -}}   c
{{/* nothing */}}x{{- /* trimmed */ -}}  y
{{ printf "%s-%d-%v-%q-%5.2f|%-5s|%05d" .Status 3 true "a\"b" 3.14159 "x" 42 }}
{{ print 1 2 "a" "b" 3 }}
{{ println "x" }}
{{ "quoted \"x\" \n" }}{{ `raw \n` }}{{ 'a' }} {{ 1.5 }} {{ 0x10 }} {{ true }}
{{ block "b" .CommonLabels }}{{ .job }}{{ end }}
{{ template "__subject" . }}
{{ template "slack.default.title" . }} {{ template "slack.default.fallback" . }}
{{ template "slack.default.color" . }}
{{ template "pagerduty.default.instances" .Alerts }}
{{ template "__alertmanagerURL" . }}
{{ "a b&c" | urlquery }} {{ "<x>" | html }} {{ toLower "ABC" }} {{ title "hello world" }}
{{ match "^f.*g$" .Status }} {{ reReplaceAll "(f)(i)" "$2$1" .Status }} {{ reReplaceAll "x*" "-" "abc" }}
{{ stringSlice "a" "b" | join "+" }} {{ slice "abcdef" 1 3 }}
{{ ne 1 2 }} {{ lt 1 2 }} {{ le 2 2 }} {{ ge 1 2 }} {{ gt "b" "a" }}
{{ range $k, $v := .CommonLabels }}{{ $k }}={{ $v }} {{ end }}
{{ (index .Alerts 0).StartsAt.Format "Mon, 02 Jan 2006 15:04:05 MST" }} {{ (index .Alerts 0).StartsAt.Unix }}
{{ (index .Alerts 0).StartsAt }} {{ (index .Alerts 1).EndsAt.Format "2006-01-02T15:04:05.000Z07:00 3:04PM _2 Jan 06" }}
{{ range .Alerts }}{{ if eq .Status "resolved" }}{{ continue }}{{ end }}{{ .Fingerprint }}{{ break }}{{ end }}
{{ with $x := 5 }}{{ $x }}{{ end }}
{{ "a" | len | printf "%03d" }}
{{ not 0 }}{{ not "" }}{{ not .Alerts }}
{{ index .Alerts 5 }}
{{ .Nope }}
{{ nofunc }}
{{ if }}
{{ template "nope" . }}
{{ eq 1 "1" }}
""".strip("\n").split("\n")


@pytest.mark.parametrize("text", TEMPLATES)
@pytest.mark.parametrize("kind", ["text", "html"])
def test_they_agree(amtool, tmp_path, text, kind):
    data = tmp_path / "data.json"
    data.write_text(json.dumps(PAYLOAD))
    command = [amtool, "template", "render", f"--template.text={text}", f"--template.type={kind}"]
    command += [f"--template.data={data}", f"--template.glob={library.__file__.replace('library.py', 'default.tmpl')}"]
    theirs = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    try:
        ours = library.defaults().words(text).render(of_payload(PAYLOAD), NOW, html=kind == "html")
    except ValueError:
        ours = None
    assert ours == (theirs.stdout if theirs.returncode == 0 else None)


ALERTMANAGER = """
global:
  smtp_smarthost: '127.0.0.1:{smtp}'
  smtp_from: 'alertmanager@example.org'
  smtp_require_tls: false
  slack_api_url: '{url}/slack'
templates: ['templates/*.tmpl']
route:
  receiver: team
  group_by: [alertname]
  group_wait: 100ms
  group_interval: 200ms
  repeat_interval: 3h
receivers:
- name: team
  slack_configs:
  - channel: '#{{{{ .CommonLabels.team }}}}'
    title: '{{{{ template "slack.default.title" . }}}}'
    text: '{{{{ template "team.text" . }}}}'
    send_resolved: true
  email_configs:
  - to: '{{{{ .CommonLabels.team }}}}@example.org'
    headers: {{Subject: '{{{{ .Status | toUpper }}}} {{{{ .CommonLabels.alertname }}}}'}}
    html: '{{{{ template "email.default.html" . }}}}'
  pagerduty_configs:
  - routing_key: R0UT1NG
    url: '{url}/pagerduty'
    description: '{{{{ .CommonAnnotations.summary }}}}'
    severity: '{{{{ if eq .CommonLabels.severity "critical" }}}}critical{{{{ else }}}}warning{{{{ end }}}}'
tracing: {{endpoint: 'localhost:4317', insecure: true}}
"""
TEXT = """{{ define "team.text" }}{{ range .Alerts }}*{{ .Labels.instance }}*: {{ .Annotations.summary }}
{{ end }}{{ end }}"""


def test_an_unmodified_alertmanager_yml_speaks_in_its_own_words(tmp_path):
    """With a file of templates beside it; what it says is held to each provider's limits."""
    came = queue.Queue()

    def answer(path, _headers, body):
        check = documented.slack if path == "/slack" else documented.pagerduty
        came.put((path.strip("/"), check(body)))
        return 200, {}, b"ok"

    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "team.tmpl").write_text(TEXT)
    with listening(answer) as url, mailing(taken=lambda mail: came.put(("mail", mail))) as mail_server:
        text = ALERTMANAGER.format(url=url, smtp=mail_server.port)
        with alerting(tmp_path, text, flag="--alertmanager-config") as process:
            labels = {"alertname": "DiskFull", "team": "ops", "severity": "critical"}
            alerts = [
                {"labels": labels | {"instance": name}, "annotations": {"summary": "90% full"}} for name in ("a", "b")
            ]
            httpx.post(f"http://{process.url}/api/v2/alerts", json=alerts, timeout=WITHIN_S).raise_for_status()
            found = dict(came.get(timeout=WITHIN_S) for _ in range(3))
        log = (tmp_path / "log").read_text()
    (attachment,) = found["slack"]["attachments"]
    assert found["slack"]["channel"] == "#ops"
    assert attachment["title"] == "[FIRING:2] DiskFull (critical ops)"
    assert attachment["text"] == "*a*: 90% full\n*b*: 90% full\n"
    assert found["pagerduty"]["payload"]["summary"] == "90% full"
    assert found["pagerduty"]["payload"]["severity"] == "critical"
    mail = documented.mail(found["mail"].raw)
    assert (found["mail"].to, mail["Subject"]) == (["ops@example.org"], "FIRING DiskFull")
    assert "2 alerts for alertname=DiskFull" in mail.get_body(("html",)).get_content()
    assert "tracing is not used" in log


@pytest.mark.parametrize(
    ("text", "template", "said"),
    [
        ("text: '{{ .Status'", "", "alerting.yml:4: receivers[0].slack_configs[0].text: is no template"),
        ("text: '{{ template \"no\" . }}'", "", "is no template: line 1: no template 'no'"),
        ("text: x", "\n{{ if }}", "team.tmpl:2: is no template: a value is missing"),
    ],
)  # fmt: skip
def test_a_template_that_is_none_ends_the_start_at_its_line(tmp_path, shell, text, template, said):
    (tmp_path / "team.tmpl").write_text(template)
    file = tmp_path / "alerting.yml"
    file.write_text(
        "templates: ['*.tmpl']\nroute: {receiver: team}\nreceivers:\n"
        f"- {{name: team, slack_configs: [{{api_url: 'http://a', {text}}}]}}\n"
    )
    code, _, err = shell("alerting", "--embedded", "--alertmanager-config", file)
    assert (code, said in err) == (2, True), err
