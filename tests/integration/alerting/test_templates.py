"""Templates give the same here as in Alertmanager's own tool."""

import json
import subprocess

import pytest
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
