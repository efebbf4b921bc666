"""The commands that talk to running processes, each as it is called, on the embedded broker with a real worker."""

import contextlib
import io
import json
import os
import subprocess
import sys
import uuid
from importlib.metadata import version
from pathlib import Path

import msgspec
import pytest

from sciagents import cli
from sciagents.publish import publish
from sciagents.tail import Tail
from streams.contracts import EscalationState, Incident, Progress, Transition
from streams.topics import TOPICS

_TIMEOUT_S = 60.0
_EXAMPLES = Path(__file__).parents[2] / "examples" / "requests"
_REQUEST = {"id": "good", "agent": "linalg", "task": "solve", "inputs": {"a": [[3, 1], [1, 2]], "b": [9, 8]}}
_SINGULAR = {**_REQUEST, "id": "bad", "inputs": {"a": [[0]], "b": [1]}}
_EVENT = {
    "id": "e-1", "time": "2026-11-24T10:00:00Z", "source": "host-1", "kind": "metric", "name": "cpu_percent",
    "value": 97,
}  # fmt: skip
_INCIDENT = Incident(
    id="INC-2026-000042", group_key="{}", title="High CPU", severity="P1", status="triggered", phase="INVESTIGATING",
    started_at="2026-11-24T10:00:00Z", next_update_at="2026-11-24T10:15:00Z", affected="host-1",
    escalation=EscalationState(target="ada"), timeline=[Transition(at="2026-11-24T10:00:00Z", what="opened")],
)  # fmt: skip
_CONFIG = """
route: {receiver: nobody}
receivers: [{name: nobody}]
"""


class Shell:
    """Calls `sci-agents` in this process."""

    def __init__(self, bootstrap, prefix, capsys, monkeypatch):
        self.bootstrap, self.prefix = bootstrap, prefix
        self._capsys, self._monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments, stdin=b""):
        """Returns the exit code, what was printed, and what was said on standard error."""
        self._monkeypatch.setattr("sys.argv", ["sci-agents", *arguments])
        self._monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        found = self._capsys.readouterr()
        return ended.value.code or 0, found.out, found.err

    def __truediv__(self, words):
        """As a call, with the words of a text and the broker's address."""
        return lambda *more, stdin=b"": self(
            *words.split(), *more, "--kafka", self.bootstrap, "--topic-prefix", self.prefix, stdin=stdin
        )


@pytest.fixture
def shell(embedded_kafka, topic_prefix, capsys, monkeypatch):
    return Shell(embedded_kafka, topic_prefix, capsys, monkeypatch)


@contextlib.contextmanager
def process(folder, *arguments):
    """A process of `sci-agents`; it is asked to stop at the end."""
    with (folder / "log").open("wb") as log:
        command = [sys.executable, "-m", "sciagents", *arguments, "--dir", str(folder)]
        running = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield
        finally:
            running.terminate()
            running.wait(_TIMEOUT_S)


@pytest.fixture(scope="module")
def prefix_of_worker(embedded_kafka, tmp_path_factory):
    prefix = f"t{uuid.uuid4().hex[:12]}."
    with process(tmp_path_factory.mktemp("worker"), "worker", "--kafka", embedded_kafka, "--topic-prefix", prefix):
        yield prefix


@pytest.fixture
def answered(embedded_kafka, prefix_of_worker, capsys, monkeypatch):
    """A shell whose requests a worker answers."""
    return Shell(embedded_kafka, prefix_of_worker, capsys, monkeypatch)


@pytest.fixture
def open_incident(embedded_kafka, topic_prefix, tmp_path):
    """An open incident, and the alerting process that took it up."""
    publish(embedded_kafka, topic_prefix, "ops.incidents", [(_INCIDENT.id, _INCIDENT)])
    config = tmp_path / "alerting.yaml"
    config.write_text(_CONFIG)
    with process(
        tmp_path, "alerting", "--kafka", embedded_kafka, "--topic-prefix", topic_prefix, "--config", str(config)
    ):
        yield _INCIDENT


def _lines(text):
    return [json.loads(line) for line in text.splitlines()]


def test_a_request_is_submitted_and_its_result_printed(answered):
    code, out, _ = (answered / "submit -")(stdin=json.dumps(_REQUEST, indent=2).encode())
    assert code == 0
    assert "succeeded" in out
    assert "[2. 3.]" in out


def test_many_requests_are_a_table_with_counts(answered):
    code, out, _ = (answered / "submit -")(stdin=json.dumps([_REQUEST, _SINGULAR]).encode())
    assert code == 1
    assert "singular: a is singular" in out
    assert out.splitlines()[-1] == "1 succeeded, 1 failed"


def test_json_lines_give_json_lines(answered):
    code, out, err = (answered / "submit - --json")(
        stdin=b"\n".join([json.dumps(_REQUEST).encode(), b"", b'{"agent": "linalg"}', json.dumps(_SINGULAR).encode()])
    )
    assert code == 1
    assert [(found["id"], found["status"]) for found in _lines(out)] == [("good", "succeeded"), ("bad", "failed")]
    assert _lines(out)[0]["outputs"]["x"] == pytest.approx([2.0, 3.0])
    assert err.startswith("error: standard input:3: invalid_message: id: 'id' is missing")


def test_a_result_is_found_again(answered):
    value = {**_REQUEST, "id": "found-again"}
    assert (answered / "submit -")(stdin=json.dumps(value).encode())[0] == 0
    code, out, _ = (answered / "result found-again --json")()
    assert code == 0
    assert _lines(out)[0]["id"] == "found-again"
    assert (answered / "watch found-again")()[0] == 0


def test_a_result_is_drawn(answered, tmp_path):
    value = {**_REQUEST, "id": "drawn"}
    assert (answered / "submit -")(stdin=json.dumps(value).encode())[0] == 0
    assert (answered / "result drawn --plot")(str(tmp_path / "out.png"))[0] == 0
    assert (tmp_path / "out.png").read_bytes()[:4] == b"\x89PNG"
    code, _, err = (answered / "result drawn --plot")(str(tmp_path / "out.gif"))
    assert code == 2
    assert ".png, .svg, .pdf" in err


@pytest.mark.parametrize(
    ("example", "code", "word"),
    [
        ("lorenz", 0, "succeeded"),
        ("robertson", 0, "succeeded"),
        ("linear_system_500", 0, "succeeded"),
        ("improper_integral", 0, "succeeded"),
        ("malformed", 1, "did you mean 'timeout_s'?"),
        ("unsafe_formula", 1, "invalid_formula"),
    ],
)
def test_an_example_is_answered(answered, example, code, word):
    found, out, err = (answered / "submit")(str(_EXAMPLES / f"{example}.json"))
    assert (found, err) == (code, "")
    assert word in out


def test_not_to_wait_prints_the_ids(shell):
    code, out, _ = (shell / "submit - --no-wait")(stdin=json.dumps([_REQUEST, _SINGULAR]).encode())
    assert (code, out) == (0, "good\nbad\n")


def test_a_result_that_does_not_come_is_told(shell):
    code, out, err = (shell / "submit - --timeout 0.1")(stdin=json.dumps(_REQUEST).encode())
    assert (code, out) == (1, "")
    assert err.startswith("error: no result of good within 0.1 s (is a worker running?")


def test_watching_shows_progress_and_the_result(shell, embedded_kafka, topic_prefix):
    told = Progress(id="far", fraction=0.25, stage="steps", eta_s=12.0, at="2026-11-24T10:00:00Z")
    publish(embedded_kafka, topic_prefix, "compute.progress", [("far", told)])
    result = {
        "id": "far", "agent": "ode", "task": "ivp", "status": "cancelled", "outputs": None, "warnings": [],
        "error": {"code": "cancelled", "message": "by hand\x1b[2J"}, "diagnostics": {}, "provenance": {"version": "0"},
        "labels": {}, "completed_at": "2026-11-24T10:00:01Z",
    }  # fmt: skip
    publish(embedded_kafka, topic_prefix, "compute.results", [("far", result)])
    code, out, _ = (shell / "watch far")()
    assert code == 1
    assert "by hand [2J" in out
    assert "\x1b" not in out


def test_cancelling_sends_the_control(shell, embedded_kafka, topic_prefix):
    seen = []
    code, out, _ = (shell / "cancel some-id")()
    assert (code, out) == (0, "the workers are told to stop some-id\n")
    with Tail(embedded_kafka, [f"{topic_prefix}compute.control"], seen.extend, start="beginning") as tail:
        assert tail.caught_up.wait(_TIMEOUT_S)
    assert json.loads(seen[0].value()) == {"id": "some-id", "action": "cancel"}


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ("result nobody", 1, "error: no result of 'nobody' is kept"),
        ("incidents show INC-1", 1, "error: ID: no incident 'INC-1'"),
        ("incidents ack INC-1", 1, "error: ID: no incident 'INC-1'"),
        ("submit /nowhere.json", 2, "error: FILE: /nowhere.json cannot be read: No such file or directory"),
        ("submit -", 2, "error: FILE: standard input is empty"),
        ("events publish -", 2, "error: FILE: standard input is empty"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(shell, words, code, said):
    found, out, err = (shell / words)()
    assert (found, out) == (code, "")
    assert err.startswith(said)
    assert err.count("\n") == 1


@pytest.mark.parametrize("name", ["a\nb", "a" * 129, "\x1b[2J"])
def test_an_id_that_cannot_be_one_is_refused(shell, name):
    for command in ("result", "cancel", "watch"):
        code, _, err = (shell / command)(name)
        assert (code, err) == (2, "error: ID: an id has 1 to 128 printable characters\n")


def test_a_broker_that_does_not_answer_is_one_line(shell, monkeypatch):
    monkeypatch.setattr("sciagents.reach.ANSWER_WITHIN_S", 0.3)
    code, out, err = shell("topics", "describe", "--kafka", "127.0.0.1:1")
    assert (code, out) == (1, "")
    assert err.startswith("error: kafka: no Kafka answers at 127.0.0.1:1")


def test_topics_are_made_described_and_checked(shell):
    assert (shell / "topics check")()[0] == 1
    code, out, _ = (shell / "topics create --json")()
    assert code == 0
    assert f"{shell.prefix}compute.requests" in json.loads(out)["created"]
    assert (shell / "topics check")() == (0, f"all {len(TOPICS)} topics are as they should be\n", "")
    code, out, _ = (shell / "topics describe --json")()
    assert {row["topic"]: row["partitions"] for row in json.loads(out)}[f"{shell.prefix}ops.incidents"] == 4


def test_topics_on_kafka_are_made_described_and_checked(kafka, topic_prefix, capsys, monkeypatch):
    shell = Shell(kafka, topic_prefix, capsys, monkeypatch)
    code, out, _ = (shell / "topics check --json")()
    assert code == 1
    assert len(json.loads(out)["drift"]) == len(TOPICS)
    assert (shell / "topics create")()[1].endswith(f"{len(TOPICS)} created, 0 were there\n")
    assert (shell / "topics check")()[0] == 0
    assert (shell / "topics create")()[1] == f"0 created, {len(TOPICS)} were there\n"


def test_a_topic_that_is_not_there_is_told_with_what_to_do(kafka, topic_prefix, capsys, monkeypatch):
    code, _, err = (Shell(kafka, topic_prefix, capsys, monkeypatch) / "result some-id")()
    assert code == 1
    assert "topics create" in err


def test_events_are_published_by_their_source(shell, embedded_kafka, topic_prefix):
    seen = []
    code, out, _ = (shell / "events publish -")(stdin=json.dumps([_EVENT, {**_EVENT, "id": "e-2"}]).encode())
    assert (code, out) == (0, "2 published\n")
    with Tail(embedded_kafka, [f"{topic_prefix}ops.events"], seen.extend, start="beginning") as tail:
        assert tail.caught_up.wait(_TIMEOUT_S)
    assert {(record.key(), json.loads(record.value())["id"]) for record in seen} == {
        (b"host-1", "e-1"), (b"host-1", "e-2")
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "metrik"}, "Invalid enum value 'metrik'"),
        ({"value": None}, "a metric event needs value"),
        ({"time": "now"}, "Invalid isoformat string"),
        ({"time": "2026-11-24T10:00:00"}, "has no offset from UTC"),
        ({"source": ""}, "source is empty"),
        ({"kind": "fault"}, "a fault event needs what"),
    ],
)
def test_an_event_that_is_wrong_stops_all_of_them(shell, embedded_kafka, topic_prefix, tmp_path, change, said):
    file = tmp_path / "events.jsonl"
    file.write_text(f"{json.dumps(_EVENT)}\n{json.dumps({**_EVENT, **change})}\n")
    code, _, err = (shell / "events publish")(str(file))
    assert code == 2
    assert err.startswith(f"error: {file}:2: ")
    assert said in err


def test_incidents_are_listed_with_what_is_overdue(shell, open_incident):
    code, out, _ = (shell / "incidents list")()
    assert code == 0
    assert "INC-2026-000042" in out
    assert "OVERDUE since 2026-11-24 10:15 UTC" in out
    assert _lines((shell / "incidents list --json")()[1])[0]["severity"] == "P1"


def test_an_incident_is_acknowledged_noted_and_resolved(shell, open_incident):
    def answer(words, *more):
        return (shell / words)(*more, "--by", "ada", "--timeout", "60")

    assert answer("incidents ack INC-2026-000042") == (0, "INC-2026-000042 is acknowledged: acknowledge by ada\n", "")
    assert answer("incidents note INC-2026-000042", "a runaway job")[0] == 0
    assert answer("incidents resolve INC-2026-000042", "--text", "killed it")[0] == 0
    code, out, err = answer("incidents ack INC-2026-000042")
    assert (code, out) == (1, "")
    assert err == "error: INC-2026-000042: acknowledge: the incident is resolved\n"
    assert (shell / "incidents list")()[1] == "no open incidents\n"
    assert "INC-2026-000042" in (shell / "incidents list --all")()[1]
    code, out, _ = (shell / "incidents show INC-2026-000042")()
    assert code == 0
    assert all(word in out for word in ("resolved", "a runaway job", "killed it", "ada"))


def test_a_command_that_nobody_obeys_is_told(shell, embedded_kafka, topic_prefix):
    publish(embedded_kafka, topic_prefix, "ops.incidents", [(_INCIDENT.id, _INCIDENT)])
    code, _, err = (shell / "incidents escalate INC-2026-000042 --timeout 0.2")()
    assert code == 1
    assert "is `sci-agents alerting` running?" in err
    code, out, _ = (shell / "incidents escalate INC-2026-000042 --no-wait")()
    assert (code, out) == (0, "escalate is sent to INC-2026-000042\n")


def test_the_latest_version_of_an_incident_counts(shell, embedded_kafka, topic_prefix):
    later = msgspec.structs.replace(_INCIDENT, version=2, status="acknowledged")
    publish(embedded_kafka, topic_prefix, "ops.incidents", [(one.id, one) for one in (_INCIDENT, later, _INCIDENT)])
    assert _lines((shell / "incidents show INC-2026-000042 --json")()[1])[0]["status"] == "acknowledged"


def test_the_catalogue_is_printed(shell):
    code, out, _ = shell("agents")
    assert code == 0
    assert all(word in out for word in ("linalg", "ode", "integrate", "ensemble"))
    code, out, _ = shell("agents", "linalg")
    assert code == 0
    assert "[method]" in out
    assert {task["agent"] for task in json.loads(shell("agents", "linalg", "--json")[1])} == {"linalg"}
    code, _, err = shell("agents", "linag")
    assert (code, err) == (2, "error: NAME: no agent 'linag' (did you mean 'linalg'?)\n")


def test_the_settings_are_shown_with_their_sources(shell, monkeypatch):
    monkeypatch.setenv("SCI_AGENTS_MAX_WORKERS", "5")
    code, out, _ = shell("config", "show")
    row = next(line.split() for line in out.splitlines() if line.startswith("orchestration.max_workers"))
    assert (code, row[1:]) == (0, ["5", "SCI_AGENTS_MAX_WORKERS", "SCI_AGENTS_MAX_WORKERS"])
    assert json.loads(shell("config", "show", "--json")[1])["orchestration"]["max_workers"] == 5


@pytest.mark.parametrize(
    ("name", "text", "code", "said"),
    [
        ("SCI_AGENTS_MAX_WORKERS", "x", 2, "error: SCI_AGENTS_MAX_WORKERS: 'x': Expected `int`"),
        ("SCI_AGENTS_MAX_WORKER", "2", 1, "error: SCI_AGENTS_MAX_WORKER is no setting (did you mean"),
    ],
    ids=["a wrong value stops every command", "a misspelt variable is found"],
)
def test_a_mistake_in_the_settings_is_found(shell, monkeypatch, name, text, code, said):
    monkeypatch.setenv(name, text)
    found, _, err = shell("config", "check")
    assert found == code
    assert err.startswith(said)


def test_settings_are_checked(shell):
    code, out, _ = shell("config", "check")
    assert (code, out.endswith("agents.yaml: ok\n")) == (0, True)


def test_flags_default_from_dotenv_and_the_environment_wins(embedded_kafka, topic_prefix, tmp_path):
    (tmp_path / ".env").write_text(f"SCI_AGENTS_KAFKA={embedded_kafka}\nSCI_AGENTS_TOPIC_PREFIX=nowhere.\n")
    command = [sys.executable, "-m", "sciagents", "topics", "create"]
    environ = {**os.environ, "SCI_AGENTS_TOPIC_PREFIX": topic_prefix}
    found = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=True)
    assert f"created {topic_prefix}compute.requests" in found.stdout


def test_the_version_is_printed(shell):
    assert shell("--version") == (0, f"sci-agents {version('sci-agents')}\n", "")


@pytest.mark.parametrize(
    "words",
    [
        "submit",
        "result",
        "watch",
        "cancel",
        "agents",
        "topics create",
        "topics check",
        "events publish",
        "incidents ack",
    ],
)
def test_the_help_of_a_command_says_its_exit_codes(shell, words):
    code, out, _ = shell(*words.split(), "--help")
    assert code == 0
    assert "Exit codes" in out
