"""The alerting process that is measured: `sci-agents alerting` as people start it, with a webhook to tell."""

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from sciagents.errors import NoAnswerError

_CONFIG = """
global: {{evaluation_interval: 15s}}
route: {{receiver: hook, group_by: [alertname, source, instance], group_wait: 30s}}
receivers: [{{name: hook, webhook_configs: [{{url: "http://127.0.0.1:{port}/"}}]}}]
rules:
  - {{name: CpuHigh, expr: cpu_percent > 95, window: 5m, by: [instance], for: 5m, severity: P3}}
  - {{name: Down, expr: instances_up_ratio < 1, window: 5m, by: [instance], for: 2m, severity: P3}}
  - {{name: Lost, expr: data_loss > 0, window: 15m, by: [source], severity: P0}}
"""


@contextlib.contextmanager
def alerting(kafka: str, prefix: str, port: int) -> Iterator[psutil.Process]:
    """Run it until the end of the block, its webhook on a port of this machine; gives the process once it is live.

    Raises:
        NoAnswerError: it ended before; what it said is in the text.

    """
    with tempfile.TemporaryDirectory() as folder:
        file, log = Path(folder, "alerting.yaml"), Path(folder, "log")
        file.write_text(_CONFIG.format(port=port), encoding="utf-8")
        command = [sys.executable, "-m", "sciagents", "alerting", "--kafka", kafka, "--topic-prefix", prefix]
        command += ["--config", str(file), "--listen", "127.0.0.1:0", "--dir", folder, "--log-level", "ERROR"]
        with log.open("wb") as said:
            child = subprocess.Popen(  # noqa: S603 - this program
                command, stdout=subprocess.PIPE, stderr=said, text=True, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"}
            )
        try:
            if child.stdout is None or not any(line.strip() == "ready" for line in child.stdout):
                raise NoAnswerError(f"the alerting process ended: {log.read_text(encoding='utf-8')[-2000:]}")
            yield psutil.Process(child.pid)
        finally:
            child.terminate()
            try:
                child.wait(20.0)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
            if child.stdout is not None:
                child.stdout.close()
