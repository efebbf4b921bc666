"""The arrows of the architecture: who may import whom, and what a decision may not touch.

`sciagents → streams → agents → native`, `sciagents → alerting → streams.contracts`. `agents`, `native` and alerting's
decisions know no Kafka, no Faust, no clock and no network.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MAY_IMPORT = {
    "native": ("native",),
    "agents": ("agents", "native"),
    "streams": ("streams", "agents", "native"),
    "alerting": ("alerting", "streams.contracts"),
    "sciagents": ("sciagents", "streams", "agents", "native", "alerting"),
}
PURE = ("native", "agents", "alerting")
EDGES = ("alerting.stream", "alerting.notify", "alerting.tls")
OUTSIDE = {
    "Kafka": ("confluent_kafka", "aiokafka"),
    "Faust": ("faust", "mode"),
    "the clock": ("time", "sched"),
    "the network": (
        "socket", "ssl", "select", "selectors", "asyncio", "http", "urllib.request", "smtplib", "ftplib",
        "socketserver", "httpx", "aiohttp", "requests", "aiosmtplib", "redis", "asyncpg", "uvicorn", "litestar",
    ),
}  # fmt: skip
READS_OF_THE_CLOCK = {"now", "utcnow", "today"}


def _modules() -> Iterator[tuple[str, Path]]:
    for package in MAY_IMPORT:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _within(name: str, *roots: str) -> bool:
    return any(name == root or name.startswith(f"{root}.") for root in roots)


def _imported(module: str, tree: ast.AST, *, package: bool) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = module.split(".")[: len(module.split(".")) - node.level + package] if node.level else []
            origin = ".".join([*parents, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def violations(module: str, source: str, *, package: bool = False) -> list[str]:
    """Say, a sentence each, which imports and calls of a module go against the arrows."""
    tree = ast.parse(source)
    found = []
    top = module.partition(".")[0]
    pure = top in PURE and not _within(module, *EDGES)
    for line, name in _imported(module, tree, package=package):
        if _within(name, *MAY_IMPORT) and not _within(name, *MAY_IMPORT[top]):
            found.append(f"{module}:{line}: {top} must not import {name}")
        if pure:
            found += [f"{module}:{line}: {name} is {what}" for what, roots in OUTSIDE.items() if _within(name, *roots)]
    for node in ast.walk(tree):
        if pure and isinstance(node, ast.Attribute) and node.attr in READS_OF_THE_CLOCK:
            found.append(f"{module}:{node.lineno}: {ast.unparse(node)} reads the clock")
    return found


@pytest.mark.parametrize(("module", "path"), [pytest.param(*found, id=found[0]) for found in _modules()])
def test_a_module_imports_only_what_lies_below_it(module: str, path: Path) -> None:
    assert violations(module, path.read_text(), package=path.name == "__init__.py") == []


def test_every_package_is_looked_at() -> None:
    assert {module for module, _ in _modules()} >= set(MAY_IMPORT)


@pytest.mark.parametrize(
    ("rule", "module", "source", "expected"),
    [
        ("kernels know no agents", "native.dense", "import agents.task", ["native must not import agents.task"]),
        ("agents know no streams", "agents.ode", "from streams.codec import x",
         ["agents must not import streams.codec.x"]),
        ("streams know no front door", "streams.worker", "import sciagents", ["streams must not import sciagents"]),
        ("streams know no alerting", "streams.watch", "from alerting import rules",
         ["streams must not import alerting.rules"]),
        ("alerting knows contracts", "alerting.signals", "from streams import contracts", []),
        ("and their members", "alerting.signals", "from streams.contracts import OpsEvent", []),
        ("of streams nothing else", "alerting.stream", "from streams import emit",
         ["alerting must not import streams.emit"]),
        ("nor the whole", "alerting.stream", "import streams", ["alerting must not import streams"]),
        ("nor a name that begins alike", "alerting.stream", "import streams.contracts_v2",
         ["alerting must not import streams.contracts_v2"]),
        ("the front door knows all", "sciagents.up", "import streams, agents, native, alerting", []),
        ("a late import counts", "agents.ode", "def f():\n    import streams", ["agents must not import streams"]),
        ("a relative import stays inside", "agents.ode", "from . import task", []),
        ("no Kafka in an agent", "agents.ode", "from confluent_kafka import Producer",
         ["confluent_kafka.Producer is Kafka"]),
        ("no Faust in a decision", "alerting.rules", "import faust", ["faust is Faust"]),
        ("no clock in a kernel", "native.ode", "from time import monotonic", ["time.monotonic is the clock"]),
        ("no reading of it either", "alerting.rules", "t = datetime.now(UTC)", ["datetime.now reads the clock"]),
        ("no network in a decision", "alerting.engine", "import httpx", ["httpx is the network"]),
        ("a notifier is an edge", "alerting.notify.slack", "import httpx, time", []),
        ("so is the stream", "alerting.stream", "import faust, asyncio", []),
    ],
)  # fmt: skip
def test_a_planted_violation_is_found(rule: str, module: str, source: str, expected: list[str]) -> None:
    assert [found.split(": ", 1)[1] for found in violations(module, source)] == expected
