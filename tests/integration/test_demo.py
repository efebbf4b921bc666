"""`sci-agents demo`, as its reader runs it: it ends by itself with 0, and nothing is left of it but `var/`."""

import os
import re
import signal
import subprocess
import sys
import uuid

import marked
import psutil
import pytest

_TIMEOUT_S = 150.0


class Place:
    """An empty machine to run in: a folder, a home and a place for temporary files that must stay empty."""

    def __init__(self, folder):
        self.folder = folder
        self.mark = uuid.uuid4().hex
        for name in ("home", "tmp"):
            (folder / name).mkdir()
        self.environment = {
            **os.environ, marked.MARK: self.mark, "HOME": str(folder / "home"), "TMPDIR": str(folder / "tmp"),
        }  # fmt: skip

    def start(self):
        return subprocess.Popen(
            [sys.executable, "-m", "sciagents", "demo"],
            cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def processes(self):
        """All processes with the mark."""
        return marked.processes(self.mark)

    def assert_clean(self):
        """No process, so no port either, and no file but in `var/`."""
        _, left = psutil.wait_procs(self.processes(), 10.0)
        assert left == []
        assert sorted(path.name for path in self.folder.iterdir()) == ["home", "tmp", "var"]
        assert [path for name in ("home", "tmp") for path in (self.folder / name).rglob("*")] == []


@pytest.fixture
def place(tmp_path):
    made = Place(tmp_path)
    yield made
    for process in made.processes():
        process.kill()


def test_twice_in_a_row_it_tells_the_whole_story(place):
    """Each result, the incident from its opening to its end, both messages each time; plain lines in a pipe."""
    for _ in range(2):
        process = place.start()
        text, _ = process.communicate(timeout=_TIMEOUT_S)
        assert process.returncode == 0, text
        for request_id in ("lorenz", "robertson", "linear-system-500", "improper-integral"):
            assert re.search(rf"{request_id}.*succeeded", text), text
        assert re.search(r"malformed.*rejected", text)
        assert re.search(r"unsafe-formula.*rejected", text)
        assert re.search(r"INC-\d+-\d+ P2", text)
        assert text.count("Subject: [P2] Scientific Computing Agents") == 2
        assert text.count("─ Slack ─") == 2
        assert "[10/10] all processes are stopped" in text
        assert "\x1b[" not in text
        place.assert_clean()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_nothing(place, number):
    """A signal in the middle stops all that it has started, and the demo says so."""
    process = place.start()
    for line in process.stdout:
        if line.startswith("[ 1/"):
            process.send_signal(number)
            break
    assert process.stdout.read().endswith("error: interrupted: everything is stopped\n")
    process.stdout.close()
    assert process.wait(_TIMEOUT_S) == 1
    place.assert_clean()
