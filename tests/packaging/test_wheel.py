"""The wheel is what users get: it is whole, and installed by itself it computes."""

import contextlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from containers.container import free_port

import native
import sciagents

ROOT = Path(__file__).parents[2]
PACKAGES = ("sciagents", "streams", "agents", "native", "alerting")
_CLIENT = """
import sys
import sciagents
assert all(hasattr(sciagents, name) for name in sciagents.__all__)
with sciagents.connect(sys.argv[1]) as client:
    result = client.submit("linalg", "solve", {"a": [[2, 1], [1, 3]], "b": [3, 5]}).result(60)
print(result.outputs["x"].round(12).tolist(), result.provenance.compiled, result.provenance.version)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the kernels of this checkout as they are compiled already."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT))
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def home(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment `venv` that holds the wheel and what it depends on, nothing for developers."""
    folder = tmp_path_factory.mktemp("home")
    _run(sys.executable, "-m", "venv", "venv", cwd=folder)
    _run("venv/bin/pip", "install", "--quiet", str(wheel), cwd=folder)
    return folder


def test_the_wheel_is_whole(wheel: Path) -> None:
    held = set(zipfile.ZipFile(wheel).namelist())
    assert wheel.name.split("-")[-1].startswith(("linux_", "macosx_")), "compiled code is for one platform"
    compiled = {
        name.split("/")[-1].partition(".")[0]
        for name in held
        if name.startswith("native/kernels/") and name.endswith(".so")
    }
    assert compiled == set(native.kernel_names())
    assert {f"{package}/py.typed" for package in PACKAGES} <= held
    assert _files("alerting/templates") <= held
    share = f"sci_agents-{sciagents.__version__}.data/data/share/sci-agents"
    assert {f"{share}/{name}" for name in _files("config") | _files("examples")} <= held


def test_the_wheel_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    version = sciagents.__version__
    assert tops == {*PACKAGES, f"sci_agents-{version}.dist-info", f"sci_agents-{version}.data"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--version"], sciagents.__version__),
        (["--help"], "worker"),
    ],
)
def test_the_installed_command_starts(home: Path, arguments: list[str], expected: str) -> None:
    assert expected in _run("venv/bin/sci-agents", *arguments, cwd=home)


def test_the_installed_processes_answer_the_installed_client(home: Path) -> None:
    kafka = f"127.0.0.1:{free_port()}"
    with _process(home, "broker", "--listen", kafka) as broker:
        assert broker.stdout is not None
        assert [broker.stdout.readline() for _ in range(2)] == [f"kafka {kafka} (embedded)\n", "ready\n"]
        with _process(home, "worker", "--kafka", kafka, "--embedded"):
            answer = _run("venv/bin/python", "-c", _CLIENT, kafka, cwd=home)
    assert answer == f"[0.8, 1.4] True {sciagents.__version__}\n"


def test_the_installed_demo_tells_the_whole_story_and_leaves_only_var(home: Path) -> None:
    _run("venv/bin/sci-agents", "demo", cwd=home)
    assert {path.name for path in home.iterdir()} == {"venv", "var"}


def _files(folder: str) -> set[str]:
    found = {str(path.relative_to(ROOT)) for path in (ROOT / folder).rglob("*.*") if path.suffix != ".pyc"}
    assert found, f"{folder} is empty"
    return found


def _environment() -> dict[str, str]:
    """This process's, without what would let the checkout's packages be seen."""
    return {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}


def _run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextlib.contextmanager
def _process(home: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = ["venv/bin/sci-agents", *arguments]
    with subprocess.Popen(command, cwd=home, env=_environment(), stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
