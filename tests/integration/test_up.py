"""`sci-agents up`: all of it as processes, ready when requests are answered, and gone when it ends."""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import httpx
import marked
import msgspec
import psutil
import pytest
import stamina

from sciagents import health, reach
from sciagents.tail import Tail

_TIMEOUT_S = 90.0


class Up:
    """`sci-agents up` on free ports; everything it starts carries a mark in its environment."""

    def __init__(self, folder, *arguments):
        self.mark = uuid.uuid4().hex
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sciagents", "up", "--listen", "127.0.0.1:0", "--dir", str(folder), *arguments],
            stdout=subprocess.PIPE, text=True, env={**os.environ, marked.MARK: self.mark},
        )  # fmt: skip
        self._lines = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        self.kafka = self.until("kafka ").split()[1]
        self.http = self.until("http ").split()[1]
        self.until("ready")

    def _read(self):
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line.rstrip())
        self._lines.put(None)

    def until(self, start):
        """Wait for a line that starts so, or in one of these ways."""
        while (line := self._lines.get(timeout=_TIMEOUT_S)) is not None:
            if line.startswith(start):
                return line
        raise AssertionError(f"it ended without {start!r}")

    def family(self):
        """All processes with the mark, the first one too."""
        return marked.processes(self.mark)

    def named(self, command):
        """The process that runs one of our commands."""
        return next(process for process in self.family() if process.cmdline()[2:4] == ["sciagents", command])

    def until_api_answers(self):
        """Connect until somebody listens again."""
        transport = httpx.HTTPTransport(retries=12)  # waits longer before each
        with httpx.Client(base_url=self.http, transport=transport, timeout=_TIMEOUT_S) as client:
            client.get("/health/live")

    def answers(self):
        """Whether a request over HTTP is answered."""
        request = {"id": uuid.uuid4().hex, "agent": "linalg", "task": "solve", "inputs": {"a": [[2]], "b": [1]}}
        found = httpx.post(f"{self.http}/v1/requests", params={"wait": 60}, json=request, timeout=_TIMEOUT_S)
        return found.status_code == 200 and found.json()["status"] == "succeeded"

    def end(self, number):
        """Send the first process a signal; returns its exit code once all of them are gone."""
        family = self.family()
        self.process.send_signal(number)
        code = self.process.wait(_TIMEOUT_S)
        _, left = psutil.wait_procs(family, _TIMEOUT_S)
        self._reader.join(_TIMEOUT_S)
        assert left == []
        assert self.family() == []
        return code


@pytest.fixture
def up(tmp_path):
    started = []

    def start(*arguments):
        started.append(Up(tmp_path / "var", *arguments))
        return started[-1]

    yield start
    for one in started:
        for process in one.family():
            process.kill()
        one.process.wait(_TIMEOUT_S)
        one._reader.join(_TIMEOUT_S)


def listens(address):
    host, _, port = address.removeprefix("http://").rpartition(":")
    with socket.socket() as caller:
        return caller.connect_ex((host, int(port))) == 0


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One that the tests share which leave it as it was."""
    one = Up(tmp_path_factory.mktemp("up") / "var", "--broker-listen", "127.0.0.1:0")
    yield one
    assert one.end(signal.SIGTERM) == 0


def test_requests_are_answered_once_it_is_ready(running):
    """Over HTTP, at the address it printed."""
    assert running.answers()


def test_each_process_has_a_log_in_the_folder(running):
    """And the folder is all that is written."""
    names = ("broker", "worker-1", "alerting", "api", "collect")
    assert {path.name for path in (running.folder / "logs").iterdir()} == {f"{name}.log" for name in names}
    assert [path.name for path in running.folder.parent.iterdir()] == ["var"]


def test_silences_rules_and_alertmanagers_api_are_at_the_same_address(running):
    """The API passes them on to the alerting process, which starts a little later."""
    with httpx.Client(base_url=running.http, timeout=_TIMEOUT_S) as client:
        for attempt in stamina.retry_context(on=AssertionError, timeout=_TIMEOUT_S, attempts=None, wait_max=0.5):
            with attempt:
                assert client.get("/v1/rules").status_code == 200
        assert len(client.get("/v1/rules").json()["rules"]) > 20
        new = {"matchers": ['alertname="Noise"'], "created_by": "ada", "duration": "1h"}
        made = client.post("/v1/silences", json=new)
        assert (made.status_code, made.json()["status"]) == (201, "active")
        (shown,) = client.get("/api/v2/silences", params={"filter": 'alertname="Noise"'}).json()
        assert shown["id"] == made.json()["id"]
        ended = client.delete(f"/v1/silences/{shown['id']}")
        assert (ended.status_code, ended.json()["status"]) == (200, "expired")
        assert client.delete(f"/v1/silences/{shown['id']}").status_code == 409
        assert client.post("/v1/silences", json=new | {"matchers": ["("]}).status_code == 400
        alerts = [{"labels": {"alertname": "Passed", "severity": "info"}}]
        assert client.post("/api/v2/alerts", json=alerts).status_code == 200
        (found,) = client.get("/api/v2/alerts", params={"filter": "alertname=Passed"}).json()
        assert found["receivers"] == [{"name": "team"}]


def test_how_the_machine_does_and_what_waits_is_collected(running):
    """`collect` is one of the processes: its events are on ops.events."""
    wanted, seen = {b"cpu_percent", b"queue_lag", b"dlq_rate"}, threading.Event()

    def look(records):
        wanted.difference_update([name for name in wanted for record in records if name in record.value()])
        if not wanted:
            seen.set()

    with Tail(running.kafka, ["ops.events"], look, start="beginning"):
        assert seen.wait(_TIMEOUT_S)


def test_the_health_check_prints_the_runbooks_lines_first(running):
    """`scripts/health_check.py` exits with 0; the API can be asked beside the five checks, and `--json` is a report."""
    script = [sys.executable, str(Path(__file__).parents[2] / "scripts" / "health_check.py")]
    options = ["--kafka", running.kafka, f"--dir={running.folder}"]
    done = subprocess.run([*script, *options], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[:4] == ["Status: HEALTHY ✓", "Total checks: 5", "Passed: 5", "Failed: 0"]
    options += ["--url", f"{running.http}/health/ready", "--json"]
    done = subprocess.run([*script, *options], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    report = msgspec.json.decode(done.stdout, type=health.Report)
    assert (report.status, len(report.checks)) == ("healthy", 6)


def test_a_killed_worker_is_started_again(running):
    """It is said, and requests are answered as before."""
    killed = running.named("worker")
    killed.kill()
    assert "was killed by SIGKILL" in running.until("worker-1")
    assert running.answers()
    assert running.named("worker").pid != killed.pid


def test_a_killed_broker_is_started_again_and_all_with_it(up):
    """Its records are gone, which is said; requests are answered as before, and an interrupt ends it."""
    one = up("--broker-listen", "127.0.0.1:0")
    one.named("broker").kill()
    one.until("the embedded broker keeps nothing")
    others = {"worker-1", "alerting", "api", "collect"}
    while others:
        others -= {one.until(tuple(others)).split(" was killed by SIGKILL")[0]}
    one.until_api_answers()
    assert one.answers()
    assert one.end(signal.SIGINT) == 0


def test_nothing_outlives_a_parent_that_is_killed(up):
    """kill -9 leaves no time to stop anybody: the children end by themselves."""
    one = up("--broker-listen", "127.0.0.1:0")
    assert one.end(signal.SIGKILL) == -signal.SIGKILL
    assert not listens(one.kafka)
    assert not listens(one.http)


def test_a_broker_of_ones_own_is_used_and_left_alone(up, broker, topic_prefix):
    """With `--kafka` no broker is started, nor stopped; on either kind requests are answered and health sees it."""
    one = up("--kafka", broker.bootstrap, "--topic-prefix", topic_prefix)
    assert one.kafka == broker.bootstrap
    assert one.answers()
    verdicts = {check.name: check.verdict for check in health.examine(broker.bootstrap, topic_prefix, ".").checks}
    assert [verdicts[name] for name in ("broker", "topics", "workers")] == ["passed"] * 3
    assert one.end(signal.SIGTERM) == 0
    assert reach.is_embedded(reach.metadata(broker.bootstrap)) is broker.embedded


@pytest.mark.parametrize("option", ["--broker-listen", "--listen"])
def test_a_taken_port_is_a_clear_error(option, tmp_path):
    """Exit code 1, one message that says which and what would do, and nothing left."""
    other = {"--broker-listen": "--listen", "--listen": "--broker-listen"}[option]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        command = [
            sys.executable, "-m", "sciagents", "up", option, address, other, "127.0.0.1:0",
            "--dir", str(tmp_path / "var"),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    assert done.returncode in {1, 2}
    assert f"cannot listen on {address}" in done.stderr
    assert "port" in done.stderr
