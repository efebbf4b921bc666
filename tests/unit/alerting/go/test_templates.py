"""Templates in Go's language: what they give, what is refused, and what no template can do."""

import pytest

from alerting.go import library
from alerting.go.data import of_payload
from alerting.go.execute import SIZE_LIMIT, STEPS_LIMIT
from alerting.go.scan import GoError

PAYLOAD = {
    "receiver": "team-X", "status": "firing", "groupLabels": {"alertname": "HighCPU"},
    "commonLabels": {"alertname": "HighCPU", "job": "node"}, "commonAnnotations": {"runbook": "http://r"},
    "externalURL": "http://am",
    "alerts": [
        {
            "status": "firing", "labels": {"alertname": "HighCPU", "severity": "critical", "instance": "a<b>"},
            "annotations": {"summary": "it's \"hot\" & bad"}, "startsAt": "2026-01-02T03:04:05.678Z",
            "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "http://p/graph?g0.expr=up", "fingerprint": "abc",
        },
        {
            "status": "resolved", "labels": {"alertname": "HighCPU", "severity": "warning", "instance": "c"},
            "annotations": {}, "startsAt": "2026-01-02T03:04:05Z", "endsAt": "2026-01-02T04:00:00Z",
            "generatorURL": "javascript:alert(1)", "fingerprint": "def",
        },
    ],
}  # fmt: skip
"""One that fires and one that is over."""
NOW = 1767326645.0  # an hour after they began


def render(text, *, html=False, files=()):
    known = library.defaults()
    for file in files:
        known = known.having(file)
    return known.words(text).render(of_payload(PAYLOAD), NOW, html=html)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ('{{ .CommonLabels }}|{{ .CommonLabels.Remove (stringSlice "job") }}',
         "alertname=HighCPU, job=node|alertname=HighCPU"),
        ('{{ date "2006-01-02" (index .Alerts 0).StartsAt }}', "2026-01-02"),
        ('{{ (index .Alerts 0).StartsAt | tz "Europe/Berlin" | date "15:04 MST" }}', "04:04 CET"),
        ("{{ since (index .Alerts 1).StartsAt | humanizeDuration }}", "1h 0m 0s"),
        ('{{ now.Format "2006" }}', "2026"),
        ("{{ humanizeDuration 0.0012 }} {{ humanizeDuration 90 }} {{ humanizeDuration 90061 }}",
         "1.2ms 1m 30s 1d 1h 1m 1s"),
        ("{{ .CommonLabels | toJson }}", '{"alertname":"HighCPU","job":"node"}'),
        ('{{ "a/b?" | base64encode }} {{ "YS9iPw==" | base64decode }}', "YS9iPw== a/b?"),
        ('{{ $d := dict "a" 1 }}{{ $d.a }} {{ len (list 1 2) }} {{ append (list 1) 2 3 }}', "1 2 [1 2 3]"),
        ('{{ .GroupLabels.Values.Join "+" }}', "HighCPU"),
        ("{{ range 3 }}{{ . }}{{ end }}", "012"),
        ('{{ reReplaceAll "(f)(i)" "${2}$1" .Status }}', "ifring"),
        ('{{ template "__subject" . }}', "[FIRING:1] HighCPU (node)"),
    ],
)  # fmt: skip
def test_what_later_alertmanagers_know(text, wanted):
    """Debian's amtool, which the others are compared with, does not."""
    assert render(text) == wanted


def test_a_file_defines_and_the_later_one_counts():
    files = ('{{ define "a" }}1{{ end }}{{ define "b" }}b{{ end }}', '{{ define "a" }}2 {{ template "b" . }}{{ end }}')
    assert render('{{ template "a" . }}', files=files) == "2 b"


def test_html_is_escaped_where_a_value_stands_and_a_link_leads_to_the_web():
    assert render('<b title="{{ (index .Alerts 0).Annotations.summary }}">', html=True) == (
        '<b title="it&#39;s &#34;hot&#34; &amp; bad">'
    )
    assert render('<a href="{{ (index .Alerts 1).GeneratorURL }}">', html=True) == '<a href="#ZgotmplZ">'
    assert (
        render('<a href="{{ (index .Alerts 0).GeneratorURL }}">', html=True) == '<a href="http://p/graph?g0.expr=up">'
    )
    assert render('{{ "<b>" | safeHtml }}', html=True) == "<b>"
    assert "<script>" not in render('{{ template "email.default.html" . }}', html=True)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ if .Status }}x", "line 1: if has no end"),
        ("a\n{{ end }}", "line 2: end without a beginning"),
        ("{{ .Status", "line 1: an action is not closed"),
        ("{{ nofunc . }}", "function 'nofunc' is not defined"),
        ('{{ template "nope" . }}', "no template 'nope'"),
        ("{{ break }}", "break outside of range"),
        ("{{ (.Status }}", "a parenthesis is not closed"),
        ("{{ | len }}", "a value is missing"),
        ("{{ 1 2 }}", "1 is no function"),
        ("{{ if }}x{{ end }}", "a value is missing"),
        ("{{ @ }}", "'@' is not expected"),
        ("{{ " + "(" * 100 + "1" + ")" * 100 + " }}", "nested more than 50 deep"),
        ("{{ if true }}" * 100 + "{{ end }}" * 100, "nested more than 50 deep"),
    ],
)  # fmt: skip
def test_what_is_no_template_is_refused_when_it_is_read(text, said):
    with pytest.raises(GoError) as error:
        library.defaults().words(text)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ .Nope }}", "can't evaluate field Nope"),
        ("{{ index .Alerts 5 }}", "index out of range"),
        ('{{ eq 1 "1" }}', "incompatible types"),
        ("{{ .Status.X }}", "can't evaluate field X"),
        ("{{ .Alerts.append 1 }}", "can't evaluate field append"),
        ("{{ .__class__ }}", "can't evaluate field __class__"),
        ("{{ .Status.format }}", "can't evaluate field format"),
        ("{{ .Status.Upper }}", "can't evaluate field Upper"),
        ("{{ (index .Alerts 0).StartsAt.Format 1 }}", "Format: wrong arguments"),
        ('{{ tz "../etc/passwd" (index .Alerts 0).StartsAt }}', "no time zone"),
        ('{{ match "(" "x" }}', "is no regular expression"),
        ("{{ range .Status }}{{ end }}", "range cannot go over str"),
        ("{{ $x = 1 }}", "undefined variable $x"),
        ('{{ define "r" }}{{ template "r" . }}{{ end }}{{ template "r" . }}', "more than 50 deep"),
        (f"{{{{ range {STEPS_LIMIT} }}}}{{{{ range 1000 }}}}{{{{ end }}}}{{{{ end }}}}", "takes more than"),
        ('{{ $s := "0123456789" }}{{ range 20 }}{{ $s = print $s $s }}{{ end }}{{ $s }}', "is longer than"),
        ('{{ printf "%999d" 1 | len }}{{ range 1000 }}{{ printf "%999d" 1 }}{{ end }}', f"longer than {SIZE_LIMIT:,}"),
        ("{{ slice .Status 4 2 }}", "slice out of range"),
    ],
)  # fmt: skip
def test_what_cannot_be_filled_in_ends_in_bounds(text, said):
    with pytest.raises(GoError) as error:
        render(text)
    assert said in str(error.value)


def test_labels_that_are_named_like_methods_or_like_pythons_own_are_labels():
    words = library.defaults().words("{{ .CommonLabels.keys }}{{ .CommonLabels.__class__ }}|{{ .CommonLabels.values }}")
    payload = PAYLOAD | {"commonLabels": {"keys": "k", "__class__": "c"}}
    assert words.render(of_payload(payload), NOW) == "kc|"
