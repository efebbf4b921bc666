"""The programs of Prometheus's house that the alerting stream is tried against; Debian's packages have them."""

import shutil

import pytest
from containers import engine

from sciagents import cli


def _program(name: str, package: str) -> str:
    return shutil.which(name) or engine.absent(f"{name} is not installed (Debian's {package})")


@pytest.fixture(scope="session")
def amtool() -> str:
    """Alertmanager's own command-line tool."""
    return _program("amtool", "prometheus-alertmanager")


@pytest.fixture(scope="session")
def prometheus() -> str:
    """Prometheus itself."""
    return _program("prometheus", "prometheus")


@pytest.fixture
def shell(capsys, monkeypatch):
    """Call `sci-agents` in this process: returns the exit code, what was printed, what was said on standard error."""

    def call(*arguments):
        monkeypatch.setattr("sys.argv", ["sci-agents", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        found = capsys.readouterr()
        return ended.value.code or 0, found.out, found.err

    return call
