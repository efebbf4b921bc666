"""`docs/metrics.md` lists the metrics there are, and a scraper can read them."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from prometheus_client import REGISTRY, generate_latest
from prometheus_client.metrics import MetricWrapperBase

import sciagents.alerting
import sciagents.api.service
from streams import telemetry
from streams.spread import Spread

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "metrics.md"


def _rows() -> dict[str, tuple[str, str, str]]:
    found = re.findall(r"^\| `(\w+)` \| (\w+) \|(.*?)\| (.*) \|$", PAGE.read_text(), re.MULTILINE)
    return {name: (kind, labels.replace("`", "").strip(), text) for name, kind, labels, text in found}


def _metrics() -> dict[str, tuple[str, str, str]]:
    """Every metric of ours, by its name as Prometheus has it."""
    found = {}
    for module in (telemetry, sciagents.alerting, sciagents.api.service):
        for value in vars(module).values():
            if isinstance(value, MetricWrapperBase | Spread):
                family = next(iter(value.describe()))
                name = f"{family.name}_total" if family.type == "counter" else family.name
                labels = [value.label] if isinstance(value, Spread) else value._labelnames
                found[name] = (family.type, ", ".join(labels), family.documentation)
    return found


def test_the_page_lists_every_metric_as_it_is():
    assert _rows() == _metrics()


def test_no_metric_is_made_elsewhere():
    """The server's own, `sci_agents_http_…`, are Litestar's."""
    sources = [path for package in ("streams", "sciagents", "alerting") for path in (ROOT / package).rglob("*.py")]
    named = {name for path in sources for name in re.findall(r'"(sci_agents_[a-z_]+)"', path.read_text())}
    assert named - {"sci_agents_http"} == set(_metrics())


def test_no_label_is_free():
    """Requests' ids, messages and workers' names would make series without bound."""
    labels = {label for _, of, _ in _metrics().values() for label in of.split(", ") if label}
    assert labels <= {
        "agent", "task", "status", "code", "lane", "kernel", "tier", "reason", "topic", "partition", "group", "change",
        "severity", "table",
    }  # fmt: skip


def test_promtool_finds_nothing_to_complain_of():
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    blocks = re.split(rb"(?=^# HELP )", generate_latest(REGISTRY), flags=re.MULTILINE)
    ours = b"".join(block for block in blocks if block.startswith(b"# HELP sci_agents_"))
    done = subprocess.run([promtool, "check", "metrics"], input=ours, capture_output=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
