"""`sci-agents benchmark alerting` measures the whole program, whatever the figures are."""

import subprocess
import sys

import msgspec


def test_figures_of_the_alerting_stream_are_those_of_a_real_run():
    """On a broker of its own: every fault was told of, and each figure is there as JSON."""
    command = [sys.executable, "-m", "sciagents", "benchmark", "alerting", "--rate", "200", "--seconds", "2"]
    command += ["--rounds", "1", "--label-sets", "500", "--label-sets", "1500", "--json"]
    done = subprocess.run(command, capture_output=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found = msgspec.json.decode(done.stdout)
    (flow,) = found["flows"]
    assert (found["broker"], flow["rate"], flow["events"]) == ("embedded", 200, 1000)
    assert flow["faults"] > 0
    assert 0 < flow["p50_ms"] <= flow["p99_ms"] <= flow["max_ms"]
    assert min(flow["events_per_s"], flow["cpu_share"], flow["mib"]) > 0
    assert [(one["label_sets"], one["samples"], one["firing"]) for one in found["passes"]] == [
        (500, 10_000, 500), (1500, 30_000, 1000)
    ]  # fmt: skip
    assert all(min(one["pass_s"], one["firing_pass_s"], one["ingest_us"], one["mib"]) > 0 for one in found["passes"])
