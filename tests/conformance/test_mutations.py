"""Mutations of the default configuration, and of an `http_config`: refused with file, line, and what would do."""

import re
from collections import Counter
from pathlib import Path

import pytest

from alerting import config
from sciagents import cli

DEFAULT = (Path(__file__).parents[2] / "config" / "alerting.yaml").read_text().splitlines()
HTTP = """\
route: {receiver: team}
receivers:
- name: team
  webhook_configs:
  - url: http://127.0.0.1:1/
    http_config:
      oauth2:
        client_id: sci-agents
        client_secret: s3cret
        token_url: https://login.example.com/oauth2/token
        scopes: [alerts]
        endpoint_params: {audience: alerts}
        tls_config: {server_name: login.example.com, min_version: TLS12}
        proxy_url: http://proxy.example.com:3128
        no_proxy: 10.0.0.0/8
        proxy_connect_header: {X-Team: [sci-agents]}
      tls_config: {insecure_skip_verify: false, max_version: TLS13}
      http_headers: {X-Team: {values: [sci-agents]}}
      follow_redirects: true
      proxy_url: http://proxy.example.com:3128
      no_proxy: .example.com
      proxy_connect_header: {X-Team: [sci-agents]}
""".splitlines()
"""Everything that an `http_config` may say, but other ways to log in."""
_KEY = re.compile(r"(?P<before>^[ -]*|[{,] *)(?P<key>[a-z_]+): ")
_FREE = {"labels", "annotations", "people", "severities", "endpoint_params"}
"""Below these, keys are names that people choose, or severities, which are a closed list of their own."""
_DURATION = re.compile(r"(?<=: )(?:\d+(?:s|m|h|d))\b")
_NAME = re.compile(r"(?:(?<=receiver: )|(?<=notify: \[))(?P<name>[a-z-]+)")


_PAIR = re.compile(
    r"(?:^[ -]*|[{,] *)(?P<key>[a-z_]+): (?P<value>\[.*?\]|\{.*?\}|\"[^\"]*\"|[^,}#]+)"
)  # fmt: skip
_OFTEN = 2
"""How often a value is tried, of all the places that it could stand in."""
WRONG = {
    "severity": ["P5", "critical", "1", "[P1]"], "for": ["5", "-5m", '"5 minutes"', "[5m]"], "window": ["0s", "300"],
    "expr": ["cpu_percent >", "(cpu_percent > 80", "cpu_percent > > 1", '"x y"', "1 +", "[1]"],
    "clear": ["cpu_percent <", "5"], "by": ["instance", "[1]", "{a: 1}"], "labels": ["x", "[a]"], "annotations": ["x"],
    "name": ['""', "[x]", "5"], "notify": ["primary", "[]", "[1]"], "receiver": ["[team]", "5"],
    "matchers": ["severity=P0", """['severity=~"("']""", "['=x']", "[5]"],
    "group_by": ["alertname", '["a b"]', "[a, a]", "['...', a]"], "send_resolved": ["maybe", "1"],
    "smtp_smarthost": ["localhost", "localhost:mail", '"localhost:0"', "5"], "smtp_from": ["nobody", "5"],
    "smtp_require_tls": ["perhaps"], "to": ["nobody", '""'], "after": ["later", "5"], "update_every": ["5"],
    "ack_within": ["5"], "rotations": ["[]"], "escalation": ["{}"], "keep_firing_for": ["2"],
    "summary": ['"{{ value | rund(1) }}"', '"{{ value"', "[a]"], "title": ["[a]", '"{% if %}"'],
    "resolve_timeout": ["5"], "evaluation_interval": ["15"], "group_wait": ["-1s"], "group_interval": ["0s"],
    "repeat_interval": ["0s", "4"], "email_configs": ["{to: a@b.c}", "[{}]", "[to]"], "reopen_window": ["30"],
    "client_id": ['""', "[a]"], "client_secret": ["[a]", "{a: b}"], "token_url": ["login/token", "5", "[a]"],
    "scopes": ["alerts", "[[a]]"], "endpoint_params": ["a", "[a]", "{a: [b]}"], "proxy_url": ["proxy", "5", "ftp://p"],
    "no_proxy": ["[a]", "{a: b}"], "proxy_connect_header": ["a", "[a]", "{X-A: b}", "{'X A': [b]}", '{X-A: ["ä"]}'],
    "http_headers": ["a", "{X-A: b}", "{Host: {values: [a]}}", "{X A: {values: [b]}}"], "follow_redirects": ["maybe"],
    "min_version": ["TLS9", "12"], "max_version": ["tls13"], "insecure_skip_verify": ["2"], "server_name": ["[a]"],
    "slack_api_url_file": ["[a]"], "ack_expires": ["{P7: 30m}", "30m"], "P0": ["{}", "{ack_within: 0s, ack: 1}"],
}  # fmt: skip
LINES = {
    "a tab": "\tname: x", "a quote that is not closed": 'x: "', "a bracket that is not closed": "x: [a",
    "a brace that is not closed": "x: {a: 1", "a key twice": "route: {receiver: team}",
    "a tag": "x: !!python/name:os.system", "no key at all": "just words", "an alias of nothing": "x: *nothing",
}  # fmt: skip
"""Lines that are put at the end."""


def _free(lines, number):
    """Whether a line stands in a mapping whose keys are free."""
    line = lines[number]
    indent = len(line) - len(line.lstrip())
    for above in reversed(lines[:number]):
        if above.strip() and not above.lstrip().startswith("#") and len(above) - len(above.lstrip()) < indent:
            return above.partition(" #")[0].strip().rstrip(":").lstrip("- ") in _FREE
    return False


def mutations(lines):
    """Each as (what, line from 1, the text)."""
    for number, line in enumerate(lines):
        code = line.partition(" #")[0]
        if not code.strip() or code.lstrip().startswith("#"):
            continue
        free = _free(lines, number)
        for found in _KEY.finditer(code):
            within = {word for word in _FREE if re.search(rf"\b{word}: *\{{", code[: found.start("key")])}
            if not free and not within:
                wrong = code[: found.end("key")] + "x" + code[found.end("key") :]
                yield f"{found['key']}x", number, wrong
        for found in _DURATION.finditer(code):
            yield f"a duration {found[0]}", number, code[: found.start()] + "soon" + code[found.end() :]
        for found in _NAME.finditer(code):
            yield f"nobody for {found['name']}", number, code[: found.start()] + "nobodi" + code[found.end() :]


def values(lines):
    """Values that cannot stand where they do, each as (what, line from 1, the text)."""
    tried = Counter()
    for number, line in enumerate(lines):
        code = line.partition(" #")[0].rstrip()
        if not code.strip() or code.lstrip().startswith("#"):
            continue
        for found in _PAIR.finditer(code):
            for wrong in WRONG.get(found["key"], []):
                tried[found["key"], wrong] += 1
                if tried[found["key"], wrong] <= _OFTEN:
                    made = code[: found.start("value")] + wrong + code[found.end("value") :]
                    yield f"{found['key']}: {wrong}", number, made


WOULD_DO = re.compile(
    r"did you mean|one of|such as|write it like|required field|[Ee]xpected|leave (?:it )?out|one line|"
    r"each .* own|once is|put it"
)  # fmt: skip
FOUND = [
    pytest.param(number, [*lines[:number], wrong, *lines[number + 1 :]], id=f"{name}line {number + 1}: {what}")
    for name, lines in (("", DEFAULT), ("http_config, ", HTTP))
    for what, number, wrong in [*mutations(lines), *values(lines)]
]
ADDED = [pytest.param([*DEFAULT, line], id=what) for what, line in LINES.items()]


@pytest.fixture
def refused(tmp_path, capsys, monkeypatch):
    """Start the alerting process in this one; returns what it says on standard error when it ends at once."""

    def start(lines):
        file = tmp_path / "alerting.yaml"
        file.write_text("\n".join(lines))
        arguments = ["alerting", "--embedded", "--config", str(file), "--listen", "127.0.0.1:0", "--dir", str(tmp_path)]
        monkeypatch.setattr("sys.argv", ["sci-agents", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = capsys.readouterr()
        assert (ended.value.code, said.out) == (2, "")
        assert [one.name for one in tmp_path.iterdir()] == ["alerting.yaml"], "it ended before it did anything"
        assert "Traceback" not in said.err
        return said.err.replace(str(file), "alerting.yaml")

    return start


def test_there_are_hundreds():
    assert len(FOUND) > 300


def test_what_is_mutated_is_right(tmp_path):
    file = tmp_path / "alerting.yaml"
    file.write_text("\n".join(HTTP))
    assert config.load(file).notices == ()


@pytest.mark.parametrize(("number", "lines"), FOUND)
def test_a_mutation_is_refused_at_its_line_with_what_would_do(refused, number, lines):
    said = refused(lines)
    assert said.startswith(f"error: alerting.yaml:{number + 1}: "), said
    assert WOULD_DO.search(said), said


@pytest.mark.parametrize("lines", ADDED)
def test_what_is_no_yaml_or_does_not_belong_is_refused_near_its_line(refused, lines):
    """Where a reader notices it: at the line, or where something is missing that it began."""
    line = int(re.match(r"error: alerting\.yaml:(\d+): ", refused(lines))[1])
    assert len(lines) <= line <= len(lines) + 1
