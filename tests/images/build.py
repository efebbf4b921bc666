"""Finds, pulls or builds the images that the tests run, and prints their names: `build.py [NAME …]`, all by default.

Where an image can be pulled it is; where not, it is built on a Debian made by debootstrap. Nothing in a build asks the
network: jars, wheels and packages are fetched outside. A tag is the hash of what went in, so a second run only looks.
`SCI_AGENTS_BUILD_IMAGES=1` builds without trying to pull.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import distributions
from pathlib import Path
from typing import IO

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from requests.exceptions import RequestException

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
UPSTREAM_KAFKA = "apache/kafka:4.1.0"
UPSTREAM_REDIS = "redis:7-alpine"
UPSTREAM_POSTGRES = "postgres:16-alpine"
_SUITE = "bookworm"
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
_SUITE_PYTHON = "3.11"
_POSTGRES = ("postgresql-15", "postgresql-client-15")
_POSTGRES_NEEDS = (
    "libgssapi-krb5-2", "libicu72", "libldap-2.5-0", "liblz4-1", "libpq5", "libreadline8", "libssl3", "libxml2",
    "libxslt1.1", "libzstd1", "tzdata",
)  # fmt: skip
_REGISTRY_TIMEOUT_S = 15
_LABEL = "sci-agents.tests"
_SOURCES = ("sciagents", "streams", "agents", "native", "alerting", "config", "examples")
_BUILD_FILES = ("pyproject.toml", "hatch_build.py", "README.md")
_MADE = {".so", ".pyc", ".stamp"}


def kafka() -> str:
    """Return the name of an image of Apache Kafka that is configured by environment, as `apache/kafka` is."""
    tag = f"sci-agents-kafka:{_digest(_files(HERE / 'kafka'))}"
    if _upstream(UPSTREAM_KAFKA, instead=tag):
        return UPSTREAM_KAFKA
    if not _present(tag):
        base = _debian("jre", ["openjdk-17-jre-headless", "ca-certificates"])
        with _context(_files(HERE / "kafka"), HERE / "kafka") as folder:
            copied = [f"-DoutputDirectory={folder / 'libs'}", "-DincludeScope=runtime"]
            _run("mvn", "-q", "-B", "-f", str(folder / "pom.xml"), "dependency:copy-dependencies", *copied)
            _build(folder, tag, base)
    return tag


def redis() -> str:
    """Return the name of an image of Redis whose command is `redis-server`, as that of `redis` is."""
    tag = f"sci-agents-redis:{_digest(_files(HERE / 'redis'))}"
    if _upstream(UPSTREAM_REDIS, instead=tag):
        return UPSTREAM_REDIS
    if not _present(tag):
        base = _debian("redis-base", ["redis-server"])
        with _context(_files(HERE / "redis"), HERE / "redis") as folder:
            _build(folder, tag, base)
    return tag


def postgres() -> str:
    """Return the name of an image of PostgreSQL that is configured by environment, as `postgres` is."""
    tag = f"sci-agents-postgres:{_digest(_files(HERE / 'postgres'), *_POSTGRES, *_POSTGRES_NEEDS)}"
    if _upstream(UPSTREAM_POSTGRES, instead=tag):
        return UPSTREAM_POSTGRES
    if not _present(tag):
        base = _debian("postgres-base", list(_POSTGRES_NEEDS))
        with _context(_files(HERE / "postgres"), HERE / "postgres") as folder:
            _unpack(_POSTGRES, folder / "root")
            _build(folder, tag, base)
    return tag


def application() -> str:
    """Return the name of the project's own image, made by the Dockerfile of the project from this checkout."""
    sources = [ROOT / name for name in ("Dockerfile", *_BUILD_FILES)]
    sources += [path for name in _SOURCES for path in _files(ROOT / name)]
    installed = sorted(f"{found.name}=={found.version}" for found in distributions() if found.name != "sci-agents")
    tag = f"sci-agents-test:{_digest(sources, *installed)}"
    if not _present(tag):
        base = python()
        with _context([ROOT / "Dockerfile"], ROOT) as folder:
            _wheels(folder / "wheels", installed)
            _build(folder, tag, base)
    return tag


def python() -> str:
    """Return the name of an image with the version of Python that runs here: `python3` is it."""
    upstream = f"python:{_PYTHON}-slim"
    if _upstream(upstream, instead=None):
        return upstream
    if _PYTHON != _SUITE_PYTHON:
        raise SystemExit(f"{upstream} cannot be pulled, and Debian {_SUITE} has Python {_SUITE_PYTHON} only")
    return _debian("python", ["python3", "python3-venv", "ca-certificates"])


def _wheels(folder: Path, versions: list[str]) -> None:
    """Collect the project's wheel and those of its dependencies, in the versions that this environment tests."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(folder)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as constraints:
        constraints.write("\n".join(versions))
        constraints.flush()
        _run(*pip, "--constraint", constraints.name, *project["dependencies"])
    _run(*pip, "--no-deps", "--no-build-isolation", str(ROOT))


def _debian(name: str, packages: list[str]) -> str:
    """Return the name of a minimal Debian that holds `packages`."""
    tag = f"sci-agents-{name}:{_digest([], _SUITE, *packages)}"
    if not _present(tag):
        with tempfile.TemporaryDirectory() as folder:
            _run("debootstrap", "--variant=minbase", f"--include={','.join(packages)}", _SUITE, folder, _mirror())
            for unused in ("var/cache/apt/archives", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale"):
                shutil.rmtree(Path(folder, unused), ignore_errors=True)
            with subprocess.Popen(["tar", "-C", folder, "-c", "."], stdout=subprocess.PIPE) as tar:
                _run("docker", "import", "-", tag, stdin=tar.stdout)
    return tag


def _unpack(packages: Iterable[str], root: Path) -> None:
    """Unpack Debian packages below `root` as they are: nothing of theirs runs, no server starts."""
    with tempfile.TemporaryDirectory() as folder:
        wanted = [f"{package}/{_SUITE}" for package in packages]
        try:
            _run("apt-get", "download", "--quiet=2", *wanted, cwd=folder)
        except SystemExit:  # its lists are old, or it has none yet
            _run("apt-get", "update", "--quiet=2")
            _run("apt-get", "download", "--quiet=2", *wanted, cwd=folder)
        root.mkdir()
        for package in Path(folder).glob("*.deb"):
            _run("dpkg-deb", "--extract", str(package), str(root))


def _mirror() -> str:
    """Return the mirror that this machine's apt uses for the suite."""
    asked = ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Identifier: Packages"]
    for line in subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines():
        release, _, address = line.partition(" ")
        if release == _SUITE:
            return address
    raise SystemExit(f"apt knows no mirror of Debian {_SUITE}: the images are built on Debian {_SUITE}")


def _upstream(name: str, *, instead: str | None) -> bool:
    """Whether an image is here or can be pulled; not asked again once the one built `instead` is here."""
    if os.environ.get("SCI_AGENTS_BUILD_IMAGES") == "1":
        return False
    if _present(name):
        return True
    if instead is not None and _present(instead):
        return False
    with contextlib.closing(docker.from_env(timeout=_REGISTRY_TIMEOUT_S)) as client:
        try:
            client.images.get_registry_data(name)
        except (DockerException, RequestException):  # no such host, refused, timed out: cannot be pulled
            return False
    _run("docker", "pull", "--quiet", name)
    return True


def _present(name: str) -> bool:
    with contextlib.closing(docker.from_env()) as client:
        try:
            client.images.get(name)
        except ImageNotFound:
            return False
        return True


def _build(folder: Path, tag: str, base: str) -> None:
    """Build an image; drop the earlier ones of its name that no container uses, and what only the build needed."""
    arguments = ["--build-arg", f"BASE={base}", "--label", _LABEL, "--tag", tag, str(folder)]
    _run("docker", "build", "--quiet", *arguments, env=os.environ | {"DOCKER_BUILDKIT": "0"})
    with contextlib.closing(docker.from_env()) as client:
        for earlier in client.images.list(tag.partition(":")[0], filters={"label": _LABEL}):
            for name in set(earlier.tags) - {tag}:
                with contextlib.suppress(APIError):
                    client.images.remove(name)
        client.images.prune({"dangling": True, "label": "sci-agents.stage"})


@contextlib.contextmanager
def _context(files: Iterable[Path], root: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        for path in files:
            target = Path(name, path.relative_to(root))
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
        yield Path(name)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in _MADE)


def _digest(files: Iterable[Path], *words: str) -> str:
    found = hashlib.sha256("\0".join(words).encode())
    for path in files:
        found.update(f"\0{path.relative_to(ROOT)}\0".encode())
        found.update(path.read_bytes())
    return found.hexdigest()[:16]


def _run(
    *command: str, stdin: IO[bytes] | None = None, env: dict[str, str] | None = None, cwd: str | None = None
) -> None:
    """Run a command quietly; its output is told when it fails."""
    if shutil.which(command[0]) is None:
        raise SystemExit(f"{command[0]} is not installed: it is needed to build the images of the tests")
    done = subprocess.run(
        command, stdin=stdin, env=env, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: exit {done.returncode}\n{done.stdout.decode(errors='replace')[-4000:]}")


if __name__ == "__main__":
    kinds = {
        "kafka": kafka,
        "redis": redis,
        "postgres": postgres,
        "application": application,
    }
    for kind in sys.argv[1:] or kinds:
        print(kinds[kind]())  # noqa: T201 - its output
